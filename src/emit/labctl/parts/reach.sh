# ---------------------------------------------------------------- reach
# Asks the connections that the release promises or denies this machine, from where it stands.

REACH_WAIT=${LABWRIGHT_REACH_WAIT:-3} # seconds that nobody answers before a port counts as closed
REACH_AT_ONCE=32

# Says how a TCP connection to $1, port $2, is answered: open, refused or silent. The name of the tool is in $3.
answer_of() {
    status=0
    case $3 in
    bash)
        said=$(timeout "$REACH_WAIT" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1 </dev/null) || status=$?
        ;;
    nc) said=$(timeout "$REACH_WAIT" nc -v -z "$1" "$2" 2>&1 </dev/null) || status=$? ;;
    esac
    case $status,$said in
    0,*) echo open ;;
    *refused*) echo refused ;;
    *) echo silent ;;
    esac
}

# Names the program that connects; fails when this machine has none. Debian always has bash.
reach_tool() {
    for tool in bash nc; do
        if has "$tool" && has timeout; then
            echo "$tool"
            return
        fi
    done
    return 1
}

# Writes to WORK/reach what the generation folder $1 promises and what is so: "state promised answer machine address port
# what", in the order of the table. With a refusal, the packet came through and nobody listens.
ask_connections() {
    tool=$(reach_tool) || return 1
    mkdir -p "$WORK/asked"
    number=0
    while IFS=$TAB read -r promised address port machine what; do
        number=$((number + 1))
        (
            answer=$(answer_of "$address" "$port" "$tool")
            case $promised,$answer in open,open | closed,silent) state=ok ;; *) state=differs ;; esac
            printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$state" "$promised" "$answer" "$machine" "$address" "$port" "$what" \
                >"$WORK/asked/$number"
        ) &
        [ $((number % REACH_AT_ONCE)) -ne 0 ] || wait
    done <"$(table_path "$1" reach/connections.tsv)"
    wait
    : >"$WORK/reach"
    asked=0
    while [ "$asked" -lt "$number" ]; do
        asked=$((asked + 1))
        cat "$WORK/asked/$asked" >>"$WORK/reach" || return 1
    done
}

# Prints the rows of WORK/reach for a person: those that are not as promised, with --all every one.
reach_words() {
    awk -F'\t' -v all="$ALL" '
        all == 1 && $1 == "ok" { printf "%-8s  %s port %s (%s)\n", "ok", $4, $6, $7 " " $2 }
        $1 != "ok" {
            is = $3 == "open" ? "it is open" : $3 == "silent" ? "nobody answers" : "nobody listens there"
            if ($2 == "closed" && $3 == "refused") is = "packets come through, though nobody listens"
            printf "%-8s  %s port %s (%s): promised %s, %s\n", "differs", $4, $6, $7, $2, is
        }' "$WORK/reach"
}

verb_reach() {
    find_lab_or_refuse
    work_folder
    current=$(linked current)
    [ -n "$current" ] || refuse "no generation is current"
    ask_connections "$(generation "$current")" || refuse "this needs timeout, and bash or nc, to connect with"
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.reached/1\nS\tcurrent\t%s\nL\tconnections\n' "$current"
            awk -F'\t' '{ print "R\tconnections\tstate=" $1 "\tpromised=" $2 "\tanswer=" $3 "\tmachine=" $4 "\taddress=" $5 "\tport=" $6 "\twhat=" $7 }' "$WORK/reach"
        } | render_json
    else
        reach_words
        awk -F'\t' -v name="$(described "$current")" '
            $1 == "ok" { ok++ }
            END { printf "%s: %d of %d connections are as promised\n", name, ok, NR }' "$WORK/reach"
    fi
    ! grep -q "^differs$TAB" "$WORK/reach"
}

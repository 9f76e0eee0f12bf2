# ---------------------------------------------------------------- plan

# Writes to WORK/plan what changes from generation folder $2 (or "") to $1, in the form that render_json reads
# and render_plan lays out. CHANGES tells whether anything does, CONFIRM whether somebody has to confirm it.
make_plan() {
    file_changes "$1" "$2"
    host_plan "$1" "$2" >"$WORK/host"
    payload_changes
    table_changes "$1" "$2"
    data_changes "$1" "$2"
    data_back "$1"
    missing_secrets "$1" >"$WORK/missing"
    CHANGES=true CONFIRM=false from='' from_version=''
    if reaches_login; then CONFIRM=true; fi
    if [ -n "$2" ]; then from=$(printf %.12s "$(value_of "$2" content)") from_version=$(value_of "$2" version); fi
    to=$(printf %.12s "$(value_of "$1" content)")
    damaged=''
    if [ "$from" = "$to" ] && [ "$1" != "$2" ]; then
        # Nobody knows what its steps made of it, so all of them run again.
        damaged=$(closed_world "$2") && damaged='' || ALL_STEPS=1
    fi
    if [ "$from" = "$to" ] && [ "$ALL_STEPS" = 0 ] && ! grep -qv '^same' "$WORK/files" && [ ! -s "$WORK/drifted" ]; then CHANGES=false; fi
    obstacles "$1" "$2" >"$WORK/obstacles"
    {
        printf 'S\tformat\tlabwright.plan/1\nS\tlab\t%s\nS\tmachine\t%s\n' "$(value_of "$1" lab)" "$(value_of "$1" machine)"
        printf 'S\tfrom\t%s\nS\tfromVersion\t%s\nS\tto\t%s\nS\ttoVersion\t%s\n' "$from" "$from_version" "$to" "$(value_of "$1" version)"
        printf 'N\tchanges\t%s\nN\tconfirm\t%s\nS\tdamaged\t%s\n' "$CHANGES" "$CONFIRM" "$(one_line "$damaged")"
        for list in files containers data units flows steps oneWay secrets host refused; do echo "L${TAB}$list"; done
        awk -F'\t' '
            side == "missing" { print "R\tsecrets\top=" $5 "\tname=" $1 "\tpath=" $2 "\towner=" $3 "\tmode=" $4; next }
            side == "obstacles" { print "R\trefused\twhy=" $0; next }
            $1 == "same" { same++; next }
            { rows[$1] = rows[$1] "R\tfiles\top=" $1 "\tpath=" $2 "\n" }
            END {
                print "N\tunchangedFiles\t" same + 0
                # What a person should look at comes first.
                n = split("blocked edited takeover removed changed adopt new", ops, " ")
                for (i = 1; i <= n; i++) printf "%s", rows[ops[i]]
            }' side=missing "$WORK/missing" side=obstacles "$WORK/obstacles" side=files "$WORK/files"
        cat "$WORK/tables"
        data_rows "$1" "$2"
        [ "$CHANGES" = false ] || steps_to_run "$1" | sed "s|^activate.d/|R${TAB}steps${TAB}op=run${TAB}name=|"
        cat "$WORK/host"
    } >"$WORK/plan"
}

# Lets the bundle's own plan.d steps say what activate.d would do to the host: guests, datasets. They only read. One that has
# more to say than notes finds the host otherwise than declared: its activate step then runs, whatever changed in the bundle.
host_plan() {
    : >"$WORK/drifted"
    [ -d "$1/payload/plan.d" ] || return 0
    step_environment "$1" "$2"
    for step in "$1"/payload/plan.d/*.sh; do
        [ -f "$step" ] || continue
        name=${step##*/}
        if (cd "$1/payload" && LABWRIGHT_PLAN=1 sh "plan.d/$name" </dev/null 2>&1) >"$WORK/said"; then
            ! grep -qv -e '^note: ' -e '^$' "$WORK/said" || echo "activate.d/$name" >>"$WORK/drifted"
        else
            echo "$name cannot tell (exit $?)" >>"$WORK/said"
        fi
        tr '\t' ' ' <"$WORK/said" | sed -e '/^$/d' -e "s|^refused: |R${TAB}refused${TAB}why=|;t" -e "s|^|R${TAB}host${TAB}step=$name${TAB}line=|"
    done
}

render_plan() {
    awk -F'\t' -v all="$ALL" -v file="${FILE:+ $FILE}" '
        function column(name,    i) {
            for (i = 3; i <= NF; i++) if (index($i, name "=") == 1) return substr($i, length(name) + 2)
            return ""
        }
        function add(line) { lines[$2, ++count[$2]] = line; names[$2, count[$2]] = 1; op = column("op"); if (!(($2, op) in n)) ops[$2] = ops[$2] " " op; n[$2, op]++ }
        function cut_(line) { return (all || length(line) <= 80) ? line : substr(line, 1, 77) "..." }
        # Adds a name to the last line of its section while there is room.
        function pack(name) {
            if (count[$2] && length(lines[$2, count[$2]] "  " name) <= 78) {
                lines[$2, count[$2]] = lines[$2, count[$2]] "  " name
                names[$2, count[$2]]++
                n[$2, column("op")]++
            } else add(name)
        }
        function wrapped(text,    i, k, words, line, out) {
            k = split(text, words, " "); line = words[1]; out = ""
            for (i = 2; i <= k; i++) {
                if (length(line " " words[i]) > 78) { out = out line "\n"; line = "    " words[i] } else line = line " " words[i]
            }
            return out line
        }
        function base(image) { sub(/@.*/, "", image); sub(/:[^:\/]*$/, "", image); return image }
        function tag(image) { sub(/@.*/, "", image); return substr(image, length(base(image)) + 2) }
        function section(key, title, empty,    i, k, words, summary, limit, left) {
            if (!count[key]) { if (empty != "") printf "%-11s %s\n", title, empty; return }
            k = split(ops[key], words, " "); summary = ""
            for (i = 1; i <= k; i++) summary = summary (i > 1 ? ", " : "") n[key, words[i]] " " words[i]
            if (key == "files") summary = summary ", " s["unchangedFiles"] " unchanged"
            if (key ~ /^(host|secrets|refused)$/) summary = ""
            print (summary == "") ? title : sprintf("%-11s %s", title, summary)
            limit = (all || key ~ whole) ? count[key] : shown
            left = 0
            for (i = 1; i <= count[key]; i++) {
                if (i > limit) left += names[key, i]
                else print (key ~ /^(refused|data)$/) ? "  " lines[key, i] : cut_("  " lines[key, i])
            }
            if (left) print "  ... and " left " more (--all shows them)"
        }
        # How many rows of each section fit on a screen together.
        function fitting(rows,    key, sum) {
            for (rows = 20; rows > 1; rows--) {
                sum = 2
                for (key in count) if (key != "refused") sum += 1 + (count[key] > rows && key !~ whole ? rows + 1 : count[key])
                if (sum <= 23) break
            }
            return rows
        }
        BEGIN {
            whole = "^(refused|secrets|oneWay|data)$"
            sign["new"] = sign["created"] = sign["added"] = sign["opened"] = "+"
            sign["removed"] = sign["closed"] = "-"
            sign["takeover"] = sign["edited"] = sign["blocked"] = "!"
            note["takeover"] = "  there already, not by labctl: kept"
            note["edited"] = "  edited on this machine: kept"
            note["adopt"] = "  there already, the same"
            note["blocked"] = "  is a folder"
        }
        function mark() { op = column("op"); return ((op in sign) ? sign[op] : "~") " " }
        $1 == "S" || $1 == "N" { s[$2] = $3; next }
        $1 != "R" { next }
        $2 == "files" { add(mark() column("path") note[column("op")]) }
        $2 == "containers" { add(mark() column("name") "  " column("image")) }
        $2 == "data" {
            was = column("was"); is = column("is")
            if (base(was) == base(is)) { was = tag(was); is = tag(is) }
            text = "~ " column("container") ": " was " -> " is "; "
            text = text (column("saved") == "" ? "nothing of it can be saved first" : "saved first: " column("saved"))
            if (column("left") != "") text = text "; a snapshot of " column("left") " is yours to take"
            if (column("uncopied") != "") text = text "; no copy is made of the files in " column("uncopied")
            if (column("dump") != "") text = text "; a dump of what that image left is there"
            add(wrapped(text))
        }
        $2 == "units" { add(mark() column("name") "  " column("action")) }
        $2 == "flows" { add(mark() column("from") " -> " column("proto") "/" column("port") "  " column("reason")) }
        $2 == "steps" { pack(column("name")) }
        $2 == "oneWay" { add("! " column("what")) }
        $2 == "secrets" { add("! " column("op") "  " column("name") "  " column("owner") " " column("mode") "  " column("path")) }
        $2 == "host" { add(column("line")) }
        # Each is named above, with what it lacks.
        $2 == "refused" && column("why") ~ /^the secret `/ { if (!secrets++) add("! secrets to set, see above; each with\n    labctl secrets set NAME" file); next }
        $2 == "refused" { add(wrapped("! " column("why"))) }
        END {
            print s["lab"] ", " s["machine"] ": " (s["from"] == "" ? "first generation" : s["fromVersion"] " (" s["from"] ")") " -> " s["toVersion"] " (" s["to"] ")"
            if (s["damaged"] != "") print wrapped("! this generation is damaged here and is put right: " s["damaged"])
            if (s["changes"] == "false") { print "nothing to do: this generation is current and installed"; exit }
            shown = fitting()
            section("files", "files", s["unchangedFiles"] " unchanged")
            section("containers", "containers", "none changed")
            section("data", "data", "")
            section("units", "units", "")
            section("flows", "flows", "none opened, none closed")
            section("host", "host", "")
            section("oneWay", "one way", "")
            section("steps", "steps", "none to run")
            section("secrets", "secrets to set", "")
            if (s["confirm"] == "true") print "confirm     from a new login: the firewall or ssh changes"
            all = 1
            section("refused", "apply would be refused", "")
        }' "$WORK/plan"
}

# What changes things says with --json how it ended as well, once: see `ends`.
show_plan() { [ "$JSON" = 1 ] || render_plan; }

verb_plan() {
    work_folder
    mkdir "$WORK/bundle"
    unpack "$FILE" "$WORK/bundle"
    check_identity "$UNPACKED"
    check_replay "$UNPACKED"
    make_plan "$UNPACKED" "$(generation "$(linked current)")"
    show_plan
    [ "$JSON" = 0 ] || render_json <"$WORK/plan"
    if read_journal; then say "note: $(pending_words)"; fi
    [ "$CHANGES" = false ] || exit 2
}

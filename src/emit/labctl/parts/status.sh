# ---------------------------------------------------------------- status

verb_status() {
    work_folder
    if ! find_lab; then
        say "no generation was ever applied on this machine"
        [ "$JSON" = 0 ] || printf 'S\tformat\tlabwright.status/1\nS\tcurrent\t\n' | render_json
        return 0
    fi
    current=$(linked current) previous=$(linked previous)
    tree=$(generation "$current")
    {
        printf 'S\tformat\tlabwright.status/1\nS\tlab\t%s\nS\tmachine\t%s\n' "$LAB" "$(head -n 1 "$STATE/machine" 2>/dev/null)"
        printf 'S\tcurrent\t%s\nS\tversion\t%s\n' "$current" "$([ -z "$current" ] || value_of "$tree" version)"
        printf 'S\tprevious\t%s\nS\tpreviousVersion\t%s\n' "$previous" "$([ -z "$previous" ] || value_of "$STATE/gen/$previous" version)"
        if read_journal; then
            printf 'S\tpending\t%s\nS\tpendingState\t%s\nS\tpendingWhat\t%s\n' "$P_NEW" "$P_STATE" "$(pending_words)"
            if at_work; then printf 'N\tatWork\ttrue\n'; else printf 'N\tatWork\tfalse\n'; fi
        else
            printf 'S\tpending\t\n'
        fi
        echo "L${TAB}health"
        if [ -n "$tree" ] && ! is_root && [ -z "$ROOT" ]; then printf 'N\tasked\tfalse\n'; fi
        if [ -n "$tree" ] && { is_root || [ -n "$ROOT" ]; }; then
            OUTPUT=/dev/null
            STEP_FILE=/dev/null
            step_environment "$tree" ''
            for check in "$tree"/payload/health.d/*.sh; do
                [ -f "$check" ] || continue
                if run_step "$tree" "health.d/${check##*/}"; then how=ok; else how=failing; fi
                printf 'R\thealth\tcheck=%s\tstate=%s\n' "${check##*/}" "$how"
            done
            echo "L${TAB}units"
            table "$tree" systemd/units.tsv | while IFS=$TAB read -r unit action; do
                [ "$action" != enable ] && has systemctl || continue
                printf 'R\tunits\tunit=%s\tstate=%s\n' "$unit" "$(systemctl is-active "$unit" 2>/dev/null | head -n 1)"
            done
            echo "L${TAB}containers"
            if has docker && [ -f "$tree/payload/compose/containers.tsv" ]; then
                (cd "$tree/payload/compose" && docker compose -f compose.yaml ps --services --status running 2>/dev/null) >"$WORK/running"
                cut -f1,4 "$tree/payload/compose/containers.tsv" | while IFS=$TAB read -r container runs; do
                    how='not running'
                    case $runs in
                    manual) how='by hand' ;;
                    every) how='by a timer' ;;
                    once) ! docker ps --all --filter "name=^/$container\$" --format '{{.Status}}' 2>/dev/null | grep -q '^Exited (0)' || how='ended well' ;;
                    esac
                    ! grep -qxF -e "$container" "$WORK/running" || how=running
                    printf 'R\tcontainers\tname=%s\tstate=%s\n' "$container" "$how"
                done
            fi
        fi
        if [ "$REACH" = 1 ] && [ -n "$tree" ]; then
            echo "L${TAB}reach"
            if ask_connections "$tree"; then
                awk -F'\t' '{ print "R\treach\tto=" $4 " port " $6 " (" $7 ")\tstate=" ($1 == "ok" ? "ok" : "promised " $2 ", is " $3) }' "$WORK/reach"
            else
                printf 'R\treach\tto=-\tstate=no bash or nc to connect with\n'
            fi
        fi
        file_changes "$tree" "$tree"
        echo "L${TAB}files"
        awk -F'\t' '$1 != "same" { print "R\tfiles\top=" $1 "\tpath=" $2 }' "$WORK/files"
    } >"$WORK/status"
    if [ "$JSON" = 1 ]; then
        render_json <"$WORK/status"
        return 0
    fi
    awk -F'\t' -v where="$STATE/log" '
        function strip(t) { sub(/^[a-zA-Z]+=/, "", t); return t }
        $1 == "S" || $1 == "N" { s[$2] = $3 }
        $1 == "R" {
            state = strip($4); total[$2]++
            if ($2 == "files") files = files "\n  " strip($3) "  " state
            else if (state !~ /^(ok|active|running)$/) bad[$2] = bad[$2] "\n  " strip($3) "  " state
        }
        function line(key, title, good) { if (total[key]) printf "%-11s %s\n", title, (bad[key] == "" ? total[key] " " good : "not all well:" bad[key]) }
        END {
            print s["lab"] ", " s["machine"]
            print "current     " (s["current"] == "" ? "none" : s["version"] " (" s["current"] ")")
            print "previous    " (s["previous"] == "" ? "none" : s["previousVersion"] " (" s["previous"] ")")
            print "pending     " (s["pendingState"] == "" ? "nothing" : s["pendingWhat"])
            if (s["pendingState"] != "" && s["atWork"] == "false" && s["pendingState"] != "confirming") print "            the call that did it is gone; the timer, or `labctl rollback`, puts this right"
            if (s["asked"] == "false") print "health      only root can ask"
            line("health", "health", "checks ok"); line("units", "units", "active"); line("containers", "containers", "running")
            line("reach", "reach", "connections as promised")
            if (s["current"] != "") print "files       " (files == "" ? "as installed" : "not as installed:" files)
            print "log         " where
        }' "$WORK/status"
}

# ---------------------------------------------------------------- what differs
# Compares two generations, and the newer one with the machine as it is. Only reads; answers in files below WORK.

# Prints a table of a generation; nothing when the generation is "" or has no such table.
table() { [ -z "$1" ] || [ ! -f "$1/payload/$2" ] || cat "$1/payload/$2"; }

table_path() { if [ -n "$1" ] && [ -f "$1/payload/$2" ]; then echo "$1/payload/$2"; else echo /dev/null; fi; }
sums() { [ -z "$1" ] || cat "$1/SHA256SUMS"; }

# Writes to WORK/files what becomes of every path that generation $1 installs or that labctl installed
# before, compared with the machine as it is: "op dst src owner group mode".
#   same, new, changed   adopt: the same file is there, not by us   takeover: another is there, not by us
#   edited: ours, changed by somebody   removed: ours, no longer wanted   blocked: a folder is there
# $2 is the generation that was activated last: what it installed and nobody edited is "changed".
file_changes() {
    table "$1" install.tsv >"$WORK/want"
    table "$2" install.tsv >"$WORK/had"
    if [ -f "$STATE/installed" ]; then sort "$STATE/installed"; fi >"$WORK/ours"
    sums "$1" >"$WORK/want.sums"
    sums "$2" >"$WORK/had.sums"
    { cut -f2 "$WORK/want"; cat "$WORK/ours"; } | sort -u | awk -v root="$ROOT" '{ print root $0 }' >"$WORK/targets"
    : >"$WORK/hashes"
    : >"$WORK/stats"
    if [ -s "$WORK/targets" ]; then
        xargs sha256sum <"$WORK/targets" >"$WORK/hashes" 2>/dev/null
        xargs stat -c '%n %a %u %g %U %G %F' <"$WORK/targets" >"$WORK/stats" 2>/dev/null
    fi
    owners=0
    if is_root; then owners=1; fi # an unprivileged test cannot give files away
    awk -v root="$ROOT" -v owners="$owners" '
        function path(p) { return substr(p, length(root) + 1) }
        side == "sums" { want[substr($2, 9)] = $1; next }
        side == "oldsums" { had[substr($2, 9)] = $1; next }
        side == "old" { split($0, f, "\t"); last[f[2]] = had[f[1]]; next }
        side == "hash" { hash[path($2)] = $1; next }
        side == "stat" {
            dst = path($1); mode[dst] = $2; uid[dst] = $3; gid[dst] = $4; user[dst] = $5; group[dst] = $6
            kind[dst] = $7; next
        }
        side == "ours" { ours[$1] = 1; next }
        {
            split($0, f, "\t")
            src = f[1]; dst = f[2]; wants[dst] = 1; m = f[5]; sub(/^0+/, "", m)
            same = hash[dst] == want[src] && mode[dst] == m && kind[dst] == "regular" && (!owners || ((user[dst] == f[3] || uid[dst] == f[3]) && (group[dst] == f[4] || gid[dst] == f[4])))
            if (!(dst in kind)) op = "new"
            else if (kind[dst] == "directory") op = "blocked"
            else if (same) op = (dst in ours) ? "same" : "adopt"
            else if (!(dst in ours)) op = "takeover"
            else op = (hash[dst] == last[dst] || hash[dst] == want[src]) ? "changed" : "edited"
            print op "\t" dst "\t" src "\t" f[3] "\t" f[4] "\t" f[5]
        }
        END {
            for (dst in ours) if (!(dst in wants)) print "removed\t" dst "\t-\t" ((dst in hash) && hash[dst] != last[dst] ? "edited" : "-")
        }' side=sums "$WORK/want.sums" side=oldsums "$WORK/had.sums" side=old "$WORK/had" side=hash "$WORK/hashes" \
        side=stat "$WORK/stats" side=ours "$WORK/ours" side=new "$WORK/want" | sort -t "$TAB" -k2 >"$WORK/files"
}

# Writes to WORK/changed the payload paths that differ between two generations, and those whose installed
# copy is not as it should be: what reads them has to be told again. Needs file_changes.
payload_changes() {
    {
        awk '
            side == "old" { old[substr($2, 9)] = $1; next }
            { p = substr($2, 9); if (old[p] != $1) print p; delete old[p] }
            END { for (p in old) print p }' side=old "$WORK/had.sums" side=new "$WORK/want.sums"
        awk -F'\t' '$1 != "same" && $1 != "removed" { print $3 }' "$WORK/files"
        cat "$WORK/drifted" 2>/dev/null
    } | sort -u >"$WORK/changed"
}

# Prints the activate steps of generation $1 that have to run, in order. Needs payload_changes.
steps_to_run() {
    [ -n "$1" ] && [ -d "$1/payload/activate.d" ] || return 0
    (
        cd "$1/payload" || exit 1
        set -- activate.d/*.sh
        [ -f "$1" ] || exit 0
        awk -v all="$ALL_STEPS" -v list="$WORK/changed" '
            function affected(    i, n, input, inputs, p) {
                if (all || !declared || step in changed) return 1
                n = split(line, inputs, " ")
                for (i = 1; i <= n; i++) {
                    input = inputs[i]
                    if (input in changed) return 1
                    if (input ~ /\/$/) for (p in changed) if (index(p, input) == 1) return 1
                }
                return 0
            }
            BEGIN { while ((getline p <list) > 0) changed[p] = 1 }
            FNR == 1 { if (step != "" && affected()) print step; step = FILENAME; declared = 0 }
            FNR <= 20 && !declared && /^# inputs:/ { declared = 1; line = substr($0, 10) }
            END { if (step != "" && affected()) print step }' "$@"
    )
}

# Writes to WORK/tables what differs between the tables of generation folders $1 and $2, as rows for the plan.
table_changes() {
    after=$1 before=$2
    set --
    for name in compose/containers systemd/units firewall/flows one-way; do
        set -- "$@" "table=$name" side=old "$(table_path "$before" "$name.tsv")" side=new "$(table_path "$after" "$name.tsv")"
    done
    awk -F'\t' '
        # The first columns are the key; those in `matter` make a row another one, the rest only explain it.
        function define(t, title_, k, matter_, columns_, words) { title[t] = title_; keys[t] = k; matter[t] = matter_; columns[t] = columns_; split(words, op, " "); added[t] = op[1]; changed[t] = op[2]; removed[t] = op[3] }
        function key(    i, s) { s = ""; for (i = 1; i <= keys[table]; i++) s = s $i "\t"; return table "\t" s }
        function value(    i, n, v, s) { s = ""; n = split(matter[table], v, ","); for (i = 1; i <= n; i++) s = s $v[i] "\t"; return s }
        function row(t, op, line,    i, n, c, f) {
            if (op == "-") return
            n = split(columns[t], c, " "); split(line, f, "\t")
            printf "R\t%s\top=%s", title[t], op
            for (i = 1; i <= n; i++) printf "\t%s=%s", c[i], f[i]
            print ""
        }
        BEGIN {
            define("compose/containers", "containers", 1, "2,3", "name image", "created recreated removed")
            define("systemd/units", "units", 1, "2", "name action", "added changed removed")
            define("firewall/flows", "flows", 3, "5,6", "from proto port reason", "opened changed closed")
            define("one-way", "oneWay", 1, "2", "key value what", "- changed removed")
        }
        side == "old" { was[key()] = value(); line[key()] = $0; of[key()] = table; next }
        {
            k = key()
            if (!(k in was)) row(table, added[table], $0)
            else if (was[k] != value()) row(table, changed[table], $0)
            delete line[k]
        }
        END { for (k in line) row(of[k], removed[of[k]], line[k]) }' "$@" | sort -t "$TAB" -k2,2 -k4 >"$WORK/tables"
}

# Whether the firewall or ssh changes: then a person may be locked out. Needs payload_changes.
reaches_login() {
    grep -q -e '^firewall/' -e '^proxmox/firewall/' -e '^activate\.d/[0-9]*-firewall\.sh$' "$WORK/changed" ||
        awk -F'\t' '$1 != "same" && $2 ~ /^\/etc\/ssh\// { found = 1 } END { exit !found }' "$WORK/files"
}

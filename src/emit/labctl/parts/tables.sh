# ---------------------------------------------------------------- the tables of a bundle
# What labctl reads from them becomes paths, and words of commands. So a line of which labwright would not write the
# like is refused, before any command sees it.

# Returns whether a file holds a control character, which a terminal would obey, or one that shows the text after it in
# another order.
hides() {
    [ -n "$(LC_ALL=C tr -d '\011\012\040-\176\200-\377' <"$1" | od -An -tx1 | head -n 1)" ] ||
        od -An -v -tx1 <"$1" | tr -d '\n' |
        grep -q -e ' c2 [89]' -e ' e2 80 8[bef]' -e ' e2 80 a[89a-e]' -e ' e2 81 a[06-9]' -e ' d8 9c' -e ' ef bb bf'
}

# Finds the tables below $1, and the runbook, and does what else is said.
find_tables() {
    below=$1
    shift
    find "$below" -type f '(' -name '*.tsv' -o -name secrets.required -o -name RUNBOOK.md ')' "$@"
}

# The tables that labctl reads, besides install.tsv.
TABLES='compose/containers.tsv firewall/flows.tsv kept/databases.tsv kept/places.tsv kept/writers.tsv one-way.tsv
reach/connections.tsv secrets.required systemd/units.tsv'

# Prints every line of them that no labwright writes. Each one is given as table=NAME with its file.
TABLE_READER='
function name(t) { return t ~ /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/ }
function owner(t) { return t ~ /^[A-Za-z0-9_.][A-Za-z0-9_.-]*(:[A-Za-z0-9_.][A-Za-z0-9_.-]*)?$/ }
function path(t) { return t ~ /^\// && t !~ /(^|\/)\.\.?(\/|$)|.\/$|\/\// }
function dataset(t) { return t ~ /^[A-Za-z0-9_][A-Za-z0-9_.:-]*(\/[A-Za-z0-9_][A-Za-z0-9_.:-]*)*$/ }
function prefixes(t) { return t ~ /^[0-9A-Fa-f.:\/,-]*$/ }
function port(t) { return t ~ /^[0-9]+$/ && length(t) < 6 && t + 0 < 65536 }
function ports(t,    p, n) { n = split(t, p, "-"); return n > 0 && n < 3 && port(p[1]) && (n < 2 || port(p[2])) }
function all(    i) { for (i = 1; i <= NF; i++) if ($i == "") return 0; return 1 }
function sound() {
    if (table == "kept/writers.tsv") return NF == 3 && name($1) && name($2) && $3 ~ /^(one-way|reversible)$/
    if (table == "kept/databases.tsv")
        return NF == 7 && name($1) && name($2) && name($3) && $4 ~ /^(folder|mariadb|postgres|sqlite|undeclared)$/ && ($5 == "-" || name($5)) && ($6 == "-" || path($6)) && $7 ~ /^(needed|optional)$/
    if (table == "kept/places.tsv") {
        if (NF != 4 || !name($1) || !path($4)) return 0
        if ($2 == "folder") return $3 == "-"
        if ($2 == "dataset") return dataset($3)
        return $2 == "elsewhere" && split($3, of, " ") == 3 && dataset(of[1]) && of[2] == "of" && name(of[3])
    }
    if (table == "compose/containers.tsv")
        return (NF == 3 || NF == 4) && name($1) && $2 ~ /^[A-Za-z0-9][^ ]*$/ && $3 ~ /^[A-Za-z0-9]+$/ && (NF == 3 || $4 ~ /^(once|manual|every)$/)
    if (table == "systemd/units.tsv") return NF == 2 && $1 ~ /^[A-Za-z0-9:_][A-Za-z0-9:_.\\@-]*$/ && $2 ~ /^(enable-start|enable|start)$/
    if (table == "reach/connections.tsv")
        return NF == 5 && $1 ~ /^(open|closed)$/ && $2 ~ /^[0-9A-Fa-f.:]+$/ && port($3) && $3 > 0 && name($4)
    if (table == "firewall/flows.tsv")
        return NF >= 4 && NF <= 6 && $2 ~ /^(tcp|udp)$/ && ports($3) && prefixes($5) && prefixes($6)
    if (table == "one-way.tsv") return NF == 3 && all()
    return NF == 4 && name($1) && $2 ~ /^\/etc\/labwright\/secrets\/([A-Za-z0-9_.:-]+\/)?[^\/]+$/ && path($2) && owner($3) && $4 ~ /^0[0-7][0-7][0-7]$/
}
!sound() { print table " has a line that is not allowed: " $0 }'

# Prints every reason why the tables of the bundle in $1 are not such as labwright writes.
sound_tables() {
    # All at once, since each program that starts takes time.
    find_tables "$1/payload" -exec cat {} + >"$WORK/tables"
    if hides "$WORK/tables"; then
        find_tables "$1/payload" -print | while IFS= read -r file; do
            ! hides "$file" || echo "${file#"$1"/payload/} holds characters that a terminal does not show"
        done
        return # what follows repeats lines
    fi
    touch "$WORK/no.table"
    tree=$1 sums=$1/SHA256SUMS installs=$WORK/no.table
    [ ! -f "$1/payload/install.tsv" ] || installs=$1/payload/install.tsv
    set -- "$WORK/no.table"
    for table in $TABLES; do
        [ ! -f "$tree/payload/$table" ] || set -- "$@" "table=$table" "$tree/payload/$table"
    done
    awk -F'\t' -v never_installed="$(printf %s "$NEVER_INSTALLED" | tr '\n' ' ')" \
        -v never_hidden="$(printf %s "$NEVER_HIDDEN" | tr '\n' ' ')" "$INSTALL_READER" side=sums "$sums" side=want "$installs"
    awk -F'\t' "$TABLE_READER" "$@"
    # `read` leaves out a line without an end, which awk reads.
    for table in install.tsv $TABLES; do
        [ ! -s "$tree/payload/$table" ] || [ -z "$(tail -c 1 "$tree/payload/$table")" ] || echo "$table is cut in its last line"
    done
}

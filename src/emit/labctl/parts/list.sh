# ---------------------------------------------------------------- list

# Prints "id version seq marks day data" of every generation, the last used first: data are the services of which there is what
# they kept when another generation took over.
generations() {
    current=$(linked current) previous=$(linked previous)
    for folder in "$STATE"/gen/*/; do
        [ -f "$folder/BUNDLE" ] || continue
        folder=${folder%/}
        echo "$(stat -c %Y "$folder") $(value_of "$folder" seq) ${folder##*/}"
    done | sort -k1,1nr -k2,2nr | while read -r _ _ id; do
        marks=''
        [ "$id" != "$current" ] || marks=current
        [ "$id" != "$previous" ] || marks=${marks:+$marks,}previous
        [ "$id" != "$P_NEW" ] || marks=${marks:+$marks,}pending
        [ "$id" != "$P_OLD" ] || [ -n "$marks" ] || marks=pending
        data=''
        for saved in "$STATE/dumps/$id"/*/left/databases; do
            [ ! -s "$saved" ] || { saved=${saved%/left/databases} data="${data:+$data, }${saved##*/}"; }
        done
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$id" "$(value_of "$STATE/gen/$id" version)" "$(value_of "$STATE/gen/$id" seq)" \
            "${marks:--}" "$(date -u -r "$STATE/gen/$id" +%Y-%m-%d)" "$data"
    done
}

verb_list() {
    find_lab_or_refuse
    read_journal || :
    [ -d "$STATE/gen" ] || say "no generation was ever applied on this machine"
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.list/1\nS\tlab\t%s\nL\tgenerations\n' "$LAB"
            generations | awk -F'\t' '{ print "R\tgenerations\tid=" $1 "\tversion=" $2 "\tseq=" $3 "\tis=" ($4 == "-" ? "" : $4) "\tused=" $5 "\tdata=" $6 }'
        } | render_json
    else
        generations | awk -F'\t' '{ printf "%s  %-16s %s  %s%s\n", $1, $2, $5, ($4 == "-" ? "" : $4), ($6 == "" ? "" : ($4 == "-" ? "" : "  ") "dumps of " $6) }'
    fi
}

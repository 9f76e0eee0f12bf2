# ---------------------------------------------------------------- verify

verb_verify() {
    find_lab_or_refuse
    work_folder
    current=$(linked current)
    [ -n "$current" ] || refuse "no generation is current"
    tree=$(generation "$current")
    broken=$(closed_world "$tree") && broken=''
    file_changes "$tree" "$tree"
    awk -F'\t' '$1 != "same" { print ($1 == "new" ? "missing" : $1 == "removed" ? "left over" : $1 == "adopt" ? "not recorded" : "changed") "\t" $2 }' "$WORK/files" >"$WORK/differs"
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.verify/1\nS\tcurrent\t%s\nS\tbroken\t%s\nL\tfiles\n' "$current" "$broken"
            awk -F'\t' '{ print "R\tfiles\tis=" $1 "\tpath=" $2 }' "$WORK/differs"
        } | render_json
    else
        [ -z "$broken" ] || echo "the generation itself is damaged: $broken"
        awk -F'\t' '{ printf "%-12s %s\n", $1, $2 }' "$WORK/differs"
        [ -n "$broken" ] || [ -s "$WORK/differs" ] || echo "$(described "$current"): $(wc -l <"$WORK/files" | tr -d ' ') files are as installed"
    fi
    [ -z "$broken" ] && [ ! -s "$WORK/differs" ]
}

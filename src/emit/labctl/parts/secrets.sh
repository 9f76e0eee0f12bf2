# ---------------------------------------------------------------- secrets

# Prints "name path owner mode why" for every secret of generation $1 that is not as it should be.
missing_secrets() {
    table "$1" secrets.required | while IFS=$TAB read -r name path owner mode; do
        file=$ROOT$path user=${owner%%:*} group=''
        case $owner in *:*) group=${owner#*:} ;; esac
        if [ ! -f "$file" ]; then
            why=missing
        elif [ ! -s "$file" ]; then
            why=empty
        else
            # shellcheck disable=SC2046  # five words
            set -- $(stat -c '%a %U %u %G %g' "$file" 2>/dev/null) - - - - -
            why=''
            [ "$2" = "$user" ] || [ "$3" = "$user" ] || why="owned by $2"
            [ -z "$group" ] || [ "$4" = "$group" ] || [ "$5" = "$group" ] || why="of the group $4"
            [ "$1" = "${mode#0}" ] || why="${why:+$why, }of mode $1"
        fi
        [ -z "$why" ] || printf '%s\t%s\t%s\t%s\t%s\n' "$name" "$path" "$owner" "$mode" "$why"
    done
}

# Sets tree to the generation whose secrets are meant: of the bundle that was named, or the current one.
secrets_of() {
    if [ -n "$FILE" ]; then
        mkdir "$WORK/bundle"
        unpack "$FILE" "$WORK/bundle"
        check_identity "$UNPACKED"
        tree=$UNPACKED
    else
        find_lab || refuse "no generation was ever applied here: name a bundle"
        tree=$(generation "$(linked current)")
        [ -n "$tree" ] || refuse "no generation is current: name a bundle"
    fi
}

verb_secrets() {
    work_folder
    secrets_of
    missing_secrets "$tree" >"$WORK/missing"
    table "$tree" secrets.required | awk -F'\t' -v json="$JSON" '
        side == "missing" { why[$2] = $5; next }
        { how = ($2 in why) ? why[$2] : "ok" }
        json { print "R\tsecrets\tname=" $1 "\tpath=" $2 "\towner=" $3 "\tmode=" $4 "\tis=" how; next }
        { printf "%-9s %-28s %-10s %-4s %s\n", how, $1, $3, $4, $2 }' side=missing "$WORK/missing" side=all - >"$WORK/secrets"
    if [ "$JSON" = 1 ]; then
        { printf 'S\tformat\tlabwright.secrets/1\nL\tsecrets\n'; cat "$WORK/secrets"; } | render_json
    elif [ -s "$WORK/secrets" ]; then
        cat "$WORK/secrets"
    else
        say "no secrets are asked for"
    fi
    [ ! -s "$WORK/missing" ]
}

# Cuts off the end of a value's only line, which `echo` adds, and which many programs take for a part of a password.
# Files of several lines, such as a private key, stay as they are.
without_line_end() {
    if [ "$(wc -l <"$1")" -eq 1 ] && [ -z "$(tail -c 1 "$1")" ]; then
        head -c "$(($(wc -c <"$1") - 1))" "$1" >"$1.cut" && mv -f "$1.cut" "$1"
    fi
}

# Writes a secret to every file that has it: programs of several users read one each. Its value comes by standard
# input alone: arguments are seen by every process.
verb_secrets_set() {
    must_be_root
    work_folder
    secrets_of
    table "$tree" secrets.required | awk -F'\t' -v name="$NAME" '$1 == name' >"$WORK/secret"
    why=$(awk -F'\t' "$TABLE_READER" table=secrets.required "$WORK/secret")
    [ -z "$why" ] || refuse "$why"
    [ -s "$WORK/secret" ] || refuse "no secret is called \`$NAME\`; \`labctl secrets\` lists them"
    value=''
    if [ -t 0 ]; then
        printf 'value of %s (not shown): ' "$NAME" >&2
        stty -echo
        IFS= read -r value
        stty echo
        printf '\n' >&2
    fi
    first=''
    while IFS=$TAB read -r _ path owner mode <&3; do
        file=$ROOT$path fresh=$ROOT${path%/*}/.${path##*/}.labctl
        (umask 066 && mkdir -p "${file%/*}") || refuse "cannot write to ${path%/*}"
        if [ -n "$first" ]; then
            (umask 077 && rm -f "$fresh" && cp "$first" "$fresh")
        elif [ -t 0 ]; then
            (umask 077 && rm -f "$fresh" && printf %s "$value" >"$fresh")
        else
            (umask 077 && rm -f "$fresh" && cat >"$fresh" && without_line_end "$fresh")
        fi || { rm -f "$fresh"; refuse "cannot write to ${path%/*}"; }
        [ -s "$fresh" ] || { rm -f "$fresh"; refuse "standard input was empty"; }
        chmod "$mode" "$fresh" && if is_root; then chown "$owner" "$fresh"; fi && flush && mv -fT "$fresh" "$file" ||
            { rm -f "$fresh"; refuse "cannot write $path as $owner $mode"; }
        first=$file
        say "$NAME is set ($path, $owner $mode)"
    done 3<"$WORK/secret"
    record "the secret $NAME was set"
    current=$(linked current)
    [ -z "$current" ] || say "what read the old value has it still: \`labctl rollback $current --all-steps\` runs every step again"
}

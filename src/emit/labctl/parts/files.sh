# ---------------------------------------------------------------- installing files
# What stands outside the generations. What was there is kept before the first path is touched.

# Puts the file $1 of the payload at $2 by renaming: a reader sees the old or the new file.
put_file() {
    target=$ROOT$2 fresh=$ROOT${2%/*}/.${2##*/}.labctl
    mkdir -p "${target%/*}" && rm -f "$fresh" && cp "$1" "$fresh" || return 1
    if is_root; then chown "$3:$4" "$fresh" || return 1; fi
    chmod "$5" "$fresh" && mv -fT "$fresh" "$target"
}

# Copies what is at $2 to $1/$2 below the state, links as links, whole or not at all.
keep_file() {
    kept=$STATE/$1$2
    (umask 077 && mkdir -p "$STATE/$1") && mkdir -p "${kept%/*}" && cp -a "$ROOT$2" "$kept.new" && mv -fT "$kept.new" "$kept"
}

# Installs what WORK/files asks for. First everything that was there is kept and every path is written
# down as ours, then the first one is touched: a cut in between can always be undone.
install_files() {
    while IFS=$TAB read -r op dst _; do
        case $op in
        new) ;;
        adopt | takeover) keep_file replaced "$dst" || return 1 ;;
        edited) keep_file edited "$dst" || return 1; continue ;;
        *) continue ;;
        esac
        grep -qxF -e "$dst" "$STATE/installed" 2>/dev/null || printf '%s\n' "$dst" >>"$STATE/installed" || return 1
    done <"$WORK/files"
    flush
    point files-kept
    while IFS=$TAB read -r op dst src owner group mode; do
        case $op in same | removed) continue ;; blocked) return 1 ;; esac
        put_file "$1/payload/$src" "$dst" "$owner" "$group" "$mode" || { warn "cannot write $dst"; return 1; }
        point file-installed
    done <"$WORK/files"
    while IFS=$TAB read -r op dst _ edited _; do
        [ "$op" = removed ] || continue
        [ "$edited" = - ] || keep_file edited "$dst" || return 1
        take_file_away "$dst" || { warn "cannot remove $dst"; return 1; }
        point file-removed
    done <"$WORK/files"
}

# Removes a file of ours that is no longer wanted, or puts back what was there before labctl.
take_file_away() {
    fresh=$ROOT${1%/*}/.${1##*/}.labctl
    if [ -e "$STATE/replaced$1" ] || [ -h "$STATE/replaced$1" ]; then
        cp -a "$STATE/replaced$1" "$fresh" && mv -fT "$fresh" "$ROOT$1" || return 1
    else
        case $1 in
        /etc/systemd/system/*/*) ;;
        /etc/systemd/system/*.service | /etc/systemd/system/*.timer | /etc/systemd/system/*.socket | /etc/systemd/system/*.path | /etc/systemd/system/*.mount)
            if has_systemd; then systemctl disable --now "${1##*/}" >>"$OUTPUT" 2>&1 || warn "cannot disable ${1##*/}"; fi ;;
        esac
        rm -f "$ROOT$1" "$fresh" || return 1
    fi
    grep -vxF -e "$1" "$STATE/installed" >"$STATE/.installed.new"
    # A full disk must not shorten the list.
    [ $(($(wc -l <"$STATE/.installed.new") + 1)) = "$(wc -l <"$STATE/installed" | tr -d ' ')" ] || return 1
    mv -f "$STATE/.installed.new" "$STATE/installed" || return 1
    rm -f "$STATE/replaced$1"
}

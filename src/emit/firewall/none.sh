# This machine's firewall is somebody else's. Rules of ours, from an earlier generation, go; all others stay. With none left, ufw
# would only shut everybody out.
ours() {
    cat /etc/ufw/user.rules /etc/ufw/user6.rules 2>/dev/null | awk '
        $2 == "tuple" && $11 == "comment=6c6162777269676874" { print $4, $5, $6, ($10 == "in" ? "-" : substr($10, 4)), $9 }'
}

if [ -n "$(ours)" ]; then
    ours | while read -r verdict protocol port interface source; do
        set -- "$verdict" in proto "$protocol" from "$source" to any port "$port"
        [ "$interface" = - ] || set -- "$verdict" in on "$interface" proto "$protocol" from "$source" to any port "$port"
        ufw delete "$@" </dev/null
    done
    cat /etc/ufw/user.rules /etc/ufw/user6.rules | grep -q '^### tuple' || ufw --force disable
fi

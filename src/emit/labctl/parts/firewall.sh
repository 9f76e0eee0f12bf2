# ---------------------------------------------------------------- the firewall that a generation leaves

# A generation that has a firewall puts it back by its own steps. One that has none, or none at all, cannot:
# so what ufw was is kept before the first firewall comes, also one that turns ufw off, and put back when that fails.
keep_firewall() {
    rm -rf "$STATE/firewall"
    [ -f "$1/payload/firewall/nftables.nft" ] && [ ! -f "$2/payload/firewall/ufw.sh" ] || return 0
    mkdir "$STATE/firewall" || return 1
    for rules in /etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw; do
        [ ! -f "$ROOT$rules" ] || cp -a "$ROOT$rules" "$STATE/firewall/" || return 1
    done
    if has ufw && ufw status 2>/dev/null | grep -q '^Status: active'; then : >"$STATE/firewall/on"; fi
}

# Takes away what of the firewall of generation $2 generation $1 has nothing for. $3 is 1 for a revert.
drop_firewall() {
    tables_of "$1" >"$WORK/tables.new"
    tables_of "$2" | while read -r family name; do
        grep -qxF -e "$family $name" "$WORK/tables.new" || nft delete table "$family" "$name" >>"$OUTPUT" 2>&1
    done
    [ "$3" = 1 ] && [ -d "$STATE/firewall" ] && has ufw || return 0
    for rules in /etc/ufw/user.rules /etc/ufw/user6.rules /etc/default/ufw; do
        [ ! -f "$STATE/firewall/${rules##*/}" ] || cp -a "$STATE/firewall/${rules##*/}" "$ROOT$rules"
    done
    if [ ! -f "$STATE/firewall/on" ]; then
        ufw --force disable
    elif ufw status | grep -q '^Status: active'; then
        ufw reload
    else
        ufw --force enable
    fi >>"$OUTPUT" 2>&1
}

tables_of() { table "$1" firewall/nftables.nft | sed -n 's/^table \([a-z0-9]* [A-Za-z0-9_-]*\).*/\1/p' | sort -u; }

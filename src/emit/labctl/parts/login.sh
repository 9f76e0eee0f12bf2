# ---------------------------------------------------------------- the login

# Finds who is at work: LOGIN is "ssh ADDR PORT ADDR PORT" or "local SESSION TTY". sudo drops
# SSH_CONNECTION, so the processes above are asked too. LOGIN_SINCE is when the oldest of them that
# belongs to the login began (hundredths of a second since boot; empty when that cannot be told).
find_login() {
    connection=${SSH_CONNECTION-} LOGIN_SINCE=''
    asked=${SSH_CONNECTION+yes} # set but empty: somebody says that this is no ssh login
    pid=$$
    while [ "$pid" -gt 1 ] && [ -r "/proc/$pid/environ" ]; do
        seen=$(tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" | sed -n '/^SSH_CONNECTION=/{s///p;q}')
        [ -n "$connection" ] || [ -n "$asked" ] || connection=$seen
        [ -z "$connection" ] || [ "$seen" != "$connection" ] || LOGIN_SINCE=$(started "$pid")
        line=''
        read -r line 2>/dev/null <"/proc/$pid/stat" || break
        line=${line##*) }
        line=${line#* }
        pid=${line%% *}
    done
    if [ -n "$connection" ]; then
        LOGIN="ssh $connection"
    else
        terminal=$(tty 2>/dev/null) || terminal=-
        LOGIN="local ${XDG_SESSION_ID:--} $terminal"
    fi
}

login_words() {
    case $1 in
    ssh\ *) echo "$1" | awk '{ print "ssh from " $2 " port " $3 }' ;;
    *) echo "$1" | awk '{ print "local, session " $2 ", terminal " $3 }' ;;
    esac
}

# Answers "yes", "no" or "unknown": does firewall/flows.tsv of generation $1 let the login in? A row
# counts when its reason starts with `ssh`; columns 5 and 6 are the CIDRs that it includes and excludes.
ssh_path() {
    table "$1" firewall/flows.tsv | awk -F'\t' -v client="$2" -v port="$3" '
        function binary(n, width,    s) { s = ""; while (width-- > 0) { s = (n % 2) s; n = int(n / 2) } return s }
        function four(a,    p, i, s) {
            if (split(a, p, ".") != 4) return ""
            s = ""
            for (i = 1; i <= 4; i++) { if (p[i] !~ /^[0-9]+$/ || p[i] > 255) return ""; s = s binary(p[i], 8) }
            return s
        }
        function group(h,    i, s, d) {
            if (h !~ /^[0-9a-f]+$/ || length(h) > 4) return ""
            s = ""
            for (i = 1; i <= length(h); i++) { d = index("0123456789abcdef", substr(h, i, 1)) - 1; s = s binary(d, 4) }
            while (length(s) < 16) s = "0" s
            return s
        }
        function groups(text,    p, n, i, s, g) {
            if (text == "") return ""
            n = split(text, p, ":"); s = ""
            for (i = 1; i <= n; i++) { g = (p[i] ~ /\./) ? four(p[i]) : group(p[i]); if (g == "") return "bad"; s = s g }
            return s
        }
        # An address as 32 or 128 binary digits; "" for anything else.
        function bits(a,    at, head, tail) {
            a = tolower(a); sub(/%.*/, "", a); sub(/^::ffff:/, "", a)
            if (a ~ /^[0-9.]+$/) return four(a)
            at = index(a, "::")
            if (!at) { head = groups(a); return length(head) == 128 ? head : "" }
            head = groups(substr(a, 1, at - 1)); tail = groups(substr(a, at + 2))
            if (head == "bad" || tail == "bad" || length(head tail) > 112) return ""
            while (length(head tail) < 128) head = head "0"
            return head tail
        }
        function within(cidr,    p, b, len) {
            if (cidr == "any" || cidr == "*") return 1
            split(cidr, p, "/"); b = bits(p[1])
            if (b == "") return 0
            len = (p[2] == "") ? length(b) : p[2]
            return length(b) == length(me) && substr(b, 1, len) == substr(me, 1, len)
        }
        function any(list,    p, n, i) { n = split(list, p, /, */); for (i = 1; i <= n; i++) if (within(p[i])) return 1; return 0 }
        function opens(list,    p, n, i, r) {
            n = split(list, p, /, */)
            for (i = 1; i <= n; i++) {
                if (p[i] == "any" || p[i] == "*" || p[i] == port) return 1
                if (split(p[i], r, /[-:]/) == 2 && r[1] + 0 <= port + 0 && port + 0 <= r[2] + 0) return 1
            }
            return 0
        }
        BEGIN { me = bits(client); answer = "no" }
        $4 !~ /^ssh/ || $2 !~ /^(tcp|any|all|\*)$/ || !opens($3) { next }
        $5 == "" && bits(substr($1, 1, index($1 "/", "/") - 1)) == "" && $1 !~ /^(any|anywhere|internet|\*)$/ { if (answer == "no") answer = "unknown"; next }
        { if (($5 != "" ? any($5) : ($1 ~ /^(any|anywhere|internet|\*)$/ || within($1))) && !any($6)) answer = "yes" }
        END { print answer }'
}

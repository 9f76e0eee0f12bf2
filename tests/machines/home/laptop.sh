# What an operator's laptop does in these tests; sourced.
# shellcheck shell=sh
set -eu

# on ADDRESS COMMAND...: runs a command on a machine, each time in a new login.
on() {
    ssh -i /root/.ssh/id -S none -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR -o ConnectTimeout=10 "operator@$1" "$2"
}

# bring ADDRESS ARCHIVE: copies a bundle to a machine.
bring() {
    on "$1" "cat >/tmp/${2##*/}" <"$2"
}

# apply ADDRESS ARCHIVE: applies a bundle, and confirms it from another login where that is asked for.
apply() {
    bring "$1" "$2"
    said=/root/said-$1
    : >"$said"
    on "$1" "sudo labctl apply /tmp/${2##*/}" >>"$said" 2>&1 &
    applying=$!
    until grep -q 'labctl confirm' "$said"; do
        kill -0 "$applying" 2>/dev/null || break
        sleep 0.2
    done
    if grep -q 'labctl confirm' "$said"; then on "$1" 'sudo labctl confirm' >>"$said" 2>&1; fi
    status=0
    wait "$applying" || status=$?
    cat "$said"
    return "$status"
}

#!/bin/sh
# Puts the firewall of the host and of its guests in place. Proxmox takes changes up within ten seconds. Its folder keeps no
# modes and no owners, so files are copied. What somebody else wrote is kept and comes back when it is no longer replaced.
#
# LABWRIGHT_PLAN=1 only says what would be done.
set -eu

plan=${LABWRIGHT_PLAN:-0}
here=$(dirname "$0")/firewall
there=/etc/pve/firewall
kept=${LABWRIGHT_STATE:-/var/lib/labwright}/replaced$there

ours() { head -n 1 "$1" | grep -q '^# Written by labwright'; }

act() {
    printf '%s\n' "firewall: $1"
    [ "$plan" = 0 ] || return 0
    shift
    "$@"
}

put() {
    mkdir -p "$there"
    if [ -f "$2" ] && ! ours "$2" && [ ! -f "$kept/${2##*/}" ]; then
        mkdir -p "$kept"
        cp "$2" "$kept/"
    fi
    cp "$1" "$2"
}

withdraw() {
    if [ -f "$kept/${1##*/}" ]; then
        cp "$kept/${1##*/}" "$1"
    else
        rm "$1"
    fi
}

# The zones come first: a guest's rule that names one which is not there yet would be skipped.
for file in "$here/cluster.fw" "$here"/[0-9]*.fw; do
    [ -f "$file" ] || continue
    target=$there/${file##*/}
    cmp -s "$file" "$target" || act "write ${file##*/}" put "$file" "$target"
done
for target in "$there"/*.fw; do
    if [ -f "$target" ] && [ ! -f "$here/${target##*/}" ] && ours "$target"; then
        act "withdraw ${target##*/}" withdraw "$target"
    fi
done
[ "$plan" != 0 ] || pve-firewall compile >/dev/null

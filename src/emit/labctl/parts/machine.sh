# ---------------------------------------------------------------- the machine
# What the machine is asked for: time, boots, room, tools; and where the tests reach in.

# Marks a place where the power may fail. With LABWRIGHT_TEST_KILL the call dies here, without a trap.
point() {
    [ -n "$ROOT" ] || return 0
    [ -z "${LABWRIGHT_TEST_POINTS:-}" ] || printf '%s\n' "$1" >>"$LABWRIGHT_TEST_POINTS"
    [ "${LABWRIGHT_TEST_KILL:-}" != "$1" ] || kill -9 $$
}

# Makes sure that what was written is on the disk before the next thing is done.
flush() { [ -n "${ROOT:+${LABWRIGHT_TEST_NO_SYNC:-}}" ] || sync; }

# The kernel's view of time and boots; a test may bring its own.
proc() { if [ -n "$ROOT" ] && [ -e "$ROOT/proc/$1" ]; then echo "$ROOT/proc/$1"; else echo "/proc/$1"; fi; }

# Hundredths of a second since boot: a clock that ntp or a person sets cannot move a deadline.
now() {
    uptime=''
    read -r uptime _ 2>/dev/null <"$(proc uptime)" || :
    case $uptime in
    *.*) echo "${uptime%%.*}${uptime#*.}" ;;
    *) echo "$(date +%s)00" ;;
    esac
}

boot_id() {
    boot=unknown
    read -r boot 2>/dev/null <"$(proc sys/kernel/random/boot_id)" || :
    echo "$boot"
}

# The start time of a process in clock ticks (hundredths of a second) since boot; nothing when it is gone.
started() {
    line=''
    read -r line 2>/dev/null <"/proc/$1/stat" || return 0
    line=${line##*) }
    # shellcheck disable=SC2086  # the fields after the command's name hold no blanks
    set -- $line
    echo "${20:-}"
}

# The moment by the clock that notes when processes start, in hundredths of a second. The uptime of a container may be
# another: lxcfs counts it from the container's own start.
moment() { awk '{ sub(/.*\) /, ""); print $20 }' /proc/self/stat; }

is_root() { [ "$(id -u)" = 0 ]; }
has() { command -v "$1" >/dev/null 2>&1; }
has_systemd() { [ -d "$ROOT/run/systemd/system" ] && has systemctl && has systemd-run; }

# Whether the file system that holds $1 has $2 KiB left.
room() {
    free=$(df -Pk "$1" 2>/dev/null | awk 'NR > 1 { free = $(NF - 2) } END { print free }')
    [ -z "$free" ] || [ "$free" -ge "$2" ]
}

work_folder() {
    tmp=${TMPDIR:-/tmp}
    [ -z "$ROOT" ] || [ ! -d "$ROOT/tmp" ] || tmp=$ROOT/tmp
    WORK=$(mktemp -d "$tmp/labctl.XXXXXX") || refuse "cannot write to $tmp"
}

cleanup() {
    [ -z "$WORK" ] || rm -rf "$WORK"
    if [ -n "$STAGED" ]; then
        rm -rf "$STAGED"
        rmdir "$BASE" 2>/dev/null || : # a refused first bundle leaves no trace
    fi
    unlock
}

# ---------------------------------------------------------------- one at a time
# A kernel lock holds off a second labctl; a note about the running step holds off one after a killed labctl.

# Takes the machine's lock or fails. The kernel lets go of it when labctl is gone, however it ended.
lock() {
    mkdir -p "${LOCK_FILE%/*}" 2>/dev/null
    (: >>"$LOCK_FILE") 2>/dev/null || refuse "cannot write $LOCK_FILE: is this root, on a writable file system?"
    has flock || refuse "there is no flock here (Debian: util-linux)"
    exec 9<>"$LOCK_FILE"
    flock -n 9 || return 1
    printf '%s\n' $$ >"$LOCK_FILE"
    LOCKED=1
    step_runs || return 0
    unlock
    return 1
}

# Whether a step outlives the labctl that started it.
step_runs() {
    read -r owner 2>/dev/null <"$STEP_FILE" || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$owner/cmdline" | grep -Eq '^[^ ]*sh ([a-z]*\.d|databases)/'
}

unlock() {
    [ "$LOCKED" = 1 ] || return 0
    LOCKED=0
    exec 9>&-
}

lock_or_refuse() {
    lock && return 0
    owner=''
    read -r owner 2>/dev/null <"$LOCK_FILE" || :
    refuse "another labctl${owner:+ (process $owner)}, or a step it started, is at work"
}

at_work() {
    [ -w "$LOCK_FILE" ] || return 1
    if lock; then
        unlock
        return 1
    fi
}

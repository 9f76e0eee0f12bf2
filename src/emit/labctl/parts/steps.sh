# ---------------------------------------------------------------- running steps
# The scripts of a generation: how one is called, what it sees, where its output goes.

step_environment() {
    LABWRIGHT_LAB=$LAB LABWRIGHT_MACHINE=$(value_of "$1" machine) LABWRIGHT_STATE=$STATE
    LABWRIGHT_GENERATION=$1 LABWRIGHT_PREVIOUS=$2 LABWRIGHT_REVERT=${3:-0} LABWRIGHT_ALLOW_ONE_WAY=$ONE_WAY
    export LABWRIGHT_LAB LABWRIGHT_MACHINE LABWRIGHT_STATE LABWRIGHT_GENERATION LABWRIGHT_PREVIOUS \
        LABWRIGHT_REVERT LABWRIGHT_ALLOW_ONE_WAY
    [ "$ONE_WAY" = 1 ] || unset LABWRIGHT_ALLOW_ONE_WAY
}

# What steps print goes to /run first: a full or read-only disk must not make a step fail.
OUTPUT=$ROOT/run/labwright.output

open_output() { (umask 077 && : >"$OUTPUT") 2>/dev/null || OUTPUT=/dev/null; }
save_output() { [ ! -f "$OUTPUT" ] || (umask 077 && cp "$OUTPUT" "$STATE/output") 2>/dev/null || :; }

# Runs one step of generation $1, quietly. The lock is closed for it: a daemon that a step starts (`qm start`
# starts one for every guest) must not hold it for ever. The step notes its process instead, so that lock()
# sees one that outlives a killed labctl.
run_step() {
    printf '== %s\n' "$2" >>"$OUTPUT" 2>/dev/null
    # shellcheck disable=SC2016  # the inner shell expands it
    (cd "$1/payload" && exec sh -c 'echo $$ >"$1" 2>/dev/null; exec sh "$2"' step "$STEP_FILE" "$2") </dev/null >>"$OUTPUT" 2>&1 9>&-
}

# Runs one step and tells the person at the terminal how it went.
tell_step() {
    began=$(now)
    [ "$JSON" = 1 ] || printf '  %s ... ' "${2#*.d/}" 2>/dev/null
    if watched run_step "$1" "$2"; then
        say "done ($((($(now) - began) / 100)) s)"
        notes
        record "step $2 done"
        return 0
    fi
    say failed
    record "step $2 failed"
    failing_output
    return 1
}

# Runs what may take long, and shows the person at the terminal every few seconds what it has printed last.
watched() {
    if [ "$JSON" = 1 ]; then
        "$@"
        return
    fi
    watch_output 2>/dev/null 9>&- &
    watcher=$!
    status=0
    "$@" || status=$?
    kill -9 "$watcher" 2>/dev/null
    return "$status"
}

watch_output() {
    every=10 seconds=0
    [ -z "$ROOT" ] || every=${LABWRIGHT_TEST_PROGRESS:-10}
    # Within a second it sees that labctl is gone; nothing else of it holds the terminal.
    while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
        seconds=$((seconds + 1))
        [ $((seconds % every)) = 0 ] || continue
        printf '\n    %4s s  %s ... ' "$seconds" "$(tail -n 1 "$OUTPUT" 2>/dev/null | sed -e '/^== /d' -e 's/^ *//' | tr -d '[:cntrl:]' | cut -c1-56)" 2>/dev/null
    done
}

# What a step that went well wants a person to know: its lines that begin with `note: `.
notes() {
    [ "$JSON" = 1 ] || awk '/^== / { n = 0; next } /^note: / { said[n++] = $0 } END { for (i = 0; i < n; i++) print "    " said[i] }' "$OUTPUT" 2>/dev/null || :
}

failing_output() {
    [ "$JSON" = 1 ] || awk '
        /^== / { n = 0; next }
        { gsub(/[[:cntrl:]]/, " "); last[n++ % 10] = $0 }
        END { for (i = (n > 10 ? n - 10 : 0); i < n; i++) print "    | " last[i % 10] }' "$OUTPUT" 2>/dev/null || :
}

# Asks the health steps of generation folder $1 until each has said yes; with $2 just once. A step knows the time that its
# services have: it ends with 75 while something may still become healthy, and with 70 when that time is over. Any other
# failure has HEALTH_TIMEOUT seconds.
healthy() {
    since_=$(now) once_=${2:-}
    for check in "$1"/payload/health.d/*.sh; do
        [ -f "$check" ] || continue
        name=${check##*/}
        [ "$JSON" = 1 ] || printf '  health %s ... ' "$name" 2>/dev/null
        watched wait_until_healthy "$1" "$name" || {
            say failed
            failing_output
            WHY="the health check $name failed"
            return 1
        }
        say ok
    done
}

wait_until_healthy() {
    while :; do
        LABWRIGHT_HEALTH_SECONDS=$((($(now) - since_) / 100)) LABWRIGHT_HEALTH_TIMEOUT=$HEALTH_TIMEOUT
        export LABWRIGHT_HEALTH_SECONDS LABWRIGHT_HEALTH_TIMEOUT
        said_=0
        run_step "$1" "health.d/$2" || said_=$?
        [ "$said_" != 0 ] || return 0
        [ -z "$once_" ] && [ "$INTERRUPTED" = 0 ] || return 1
        case $said_ in
        70) return 1 ;;
        75) ;;
        *) [ "$LABWRIGHT_HEALTH_SECONDS" -lt "$HEALTH_TIMEOUT" ] || return 1 ;;
        esac
        sleep "$HEALTH_INTERVAL"
    done
}

# ---------------------------------------------------------------- talking

# A login that was cut off must not end a change half way: nothing here fails because nobody listens.
say() { [ "$JSON" = 1 ] || printf '%s\n' "$*" 2>/dev/null || :; }

warn() { printf 'labctl: %s\n' "$*" >&2 2>/dev/null || :; }

usage_error() {
    warn "$1"
    warn "\`labctl --help\` shows how it is used"
    exit 64
}

# Ends a call that has changed nothing by itself (though it may have finished or reverted an earlier one), for the
# reasons $1, one a line. What only looks writes nothing, not even the log.
refuse() {
    case $VERB in plan | status | list | verify | reach | secrets) ;; *) record "refused: $1" ;; esac
    printf '%s\n' "$1" | while read -r why; do warn "refused: $why"; done
    [ "$TOUCHED" = 1 ] || warn "nothing was changed"
    ends 3 refused "$1"
}

# Ends a call with the exit code $1. With --json, that is where its one object is printed: the plan that it followed, how it
# ended ($2), and why ($3).
ends() {
    [ "$JSON" = 0 ] || outcome "$2" "${3:-}" | render_json
    exit "$1"
}

outcome() {
    if [ -n "$WORK" ] && [ -s "$WORK/plan" ]; then
        sed -e "1s|labwright.plan/|labwright.$VERB/|" -e "/^R${TAB}refused$TAB/d" "$WORK/plan"
    else
        printf 'S\tformat\tlabwright.%s/1\n' "$VERB"
    fi
    printf 'S\tresult\t%s\nS\twhy\t%s\nS\tearlier\t%s\n' "$1" "$(one_line "$2")" "$EARLIER"
    [ -z "$STATE" ] || printf 'S\tcurrent\t%s\nS\tlog\t%s\nS\toutput\t%s\n' "$(linked current)" "$STATE/log" "$STATE/output"
    [ "$1" != refused ] || printf '%s\n' "$2" | tr '\t' ' ' | sed "s|^|R${TAB}refused${TAB}why=|"
}

one_line() { printf '%s' "$*" | tr '\n\t' '  '; }

# From here on, an interrupt ends a change after the step that runs, by a revert.
listen() { trap 'INTERRUPTED=1' INT TERM; }

# Appends one event to the log. A full disk must not stop a revert, so this never fails.
record() {
    [ -n "$STATE" ] && [ -d "$STATE" ] || return 0
    (printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$VERB" "$(one_line "$*")" >>"$STATE/log") 2>/dev/null || :
}

help() {
    cat <<'HELP'
labctl: take a labwright bundle into use on this machine, and take it back

  labctl plan FILE        verify FILE and show what it would change; touches
                          nothing; exit 0: no change, 2: changes, 3: refused
  labctl apply FILE       make it so; exit 0: done, 3: refused, nothing changed,
                          4: failed and reverted, 5: the revert failed too
      --confirm-within S  seconds for `labctl confirm` from a new login when the
                          firewall or ssh changes (default 120; 0: do not ask)
      --allow-one-way     accept what cannot be undone
      --with-data         going back to an older image: load what it had left
      --without-data      leave what services keep as it is, also when it cannot
                          be saved first
      --all-steps         run every step, also those whose inputs are the same
  labctl confirm          keep the new generation; from a new login
  labctl rollback [ID]    back to the previous or the named generation, offline
  labctl status           current, previous and pending generation, health
      --reach             ask the connections of `labctl reach` too
  labctl reach            connect to the other machines of the lab and name each
                          port that answers otherwise than the release promises;
                          exit 0: none, 1: some
  labctl list             the generations on this machine
  labctl verify           compare what is installed with the current generation
  labctl gc [--keep N]    remove old generations (keeps N, default 3), never the
                          current, the previous or a pending one
  labctl secrets [FILE]   which secrets are there, which are missing
  labctl secrets set NAME [FILE]
                          read the value from standard input and write it

  --json   one JSON object in place of words
  --all    do not shorten the plan, the list
  --lab L  when this machine holds the state of several labs
HELP
}

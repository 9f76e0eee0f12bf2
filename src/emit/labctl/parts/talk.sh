# ---------------------------------------------------------------- talking

# A login that was cut off must not end a change half way: nothing here fails because nobody listens.
say() { [ "$JSON" = 1 ] || printf '%s\n' "$*" 2>/dev/null || :; }

warn() { printf 'labctl: %s\n' "$*" >&2 2>/dev/null || :; }

usage_error() {
    warn "$1"
    warn "\`labctl --help\` shows how it is used"
    exit 64
}

# Ends a call that has changed nothing by itself (though it may have finished or reverted an earlier one).
refuse() {
    record "refused: $*"
    if [ "$JSON" = 1 ]; then
        {
            printf 'S\tformat\tlabwright.%s/1\n' "$VERB"
            printf 'L\trefused\n'
            printf 'R\trefused\twhy=%s\n' "$(one_line "$*")"
        } | render_json
    fi
    warn "refused: $*"
    [ "$TOUCHED" = 1 ] || warn "nothing was changed"
    exit 3
}

one_line() { printf '%s' "$*" | tr '\n\t' '  '; }

# Appends one event to the log. A full disk must not stop a revert, so this never fails.
record() {
    [ -n "$STATE" ] && [ -d "$STATE" ] || return 0
    (printf '%s %s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$VERB" "$(one_line "$*")" >>"$STATE/log") 2>/dev/null || :
}

help() {
    cat <<'HELP'
labctl: take a labwright bundle into use on this machine, and take it back

  labctl plan FILE        verify FILE and show what it would change; touches nothing
                          exit 0: nothing, 2: changes, 3: FILE is refused
  labctl apply FILE       make it so; exit 0: done, 3: refused, nothing changed,
                          4: failed and reverted, 5: failed and the revert failed
      --confirm-within S  seconds for `labctl confirm` from a new login when the
                          firewall or ssh changes (default 120; 0: do not ask)
      --allow-one-way     accept what cannot be undone
      --all-steps         run every step, also those whose inputs are the same
  labctl confirm          keep the new generation; from a new login
  labctl rollback [ID]    back to the previous or the named generation, offline
  labctl status           current, previous and pending generation, health
  labctl list             the generations on this machine
  labctl verify           compare what is installed with the current generation
  labctl gc [--keep N]    remove old generations (keeps N, default 3), never the
                          current, the previous or a pending one
  labctl secrets [FILE]   which secrets are there, which are missing
  labctl secrets set NAME [FILE]
                          read the value from standard input and write it

  --json   plan, status, list, verify, secrets   --all   do not shorten the plan
  --lab L  when this machine holds the state of several labs
HELP
}

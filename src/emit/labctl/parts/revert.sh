# ---------------------------------------------------------------- going back
# The way back, and what any later call does about a change that was cut off.

# Goes back to P_OLD. Fails when that fails; the journal then stays, so that the timer, the next boot and
# the next call try again.
revert() {
    TOUCHED=1
    # Who interrupts a change wants the old generation back, and no second signal may stop that half way.
    INTERRUPTED=0
    trap '' INT TERM
    record "reverting to $(described "$P_OLD"): $WHY"
    [ -z "$P_NEW" ] || say "$(described "$P_NEW") is not kept: $WHY"
    if [ -n "$P_OLD" ]; then say "putting back $(described "$P_OLD")"; else say "taking all of it back"; fi
    rm -f "$STATE/reserve"
    journal reverting || : # the older journal leads here as well
    if relink current "$P_OLD" && point relinked && activate "$(generation "$P_OLD")" "$(generation "$P_NEW")" 1; then
        close_journal
        record "reverted to $(described "$P_OLD")"
        [ -n "$P_OLD" ] || say "there was no generation before: files are as they were, its containers are gone;"
        [ -n "$P_OLD" ] || say "packages and whatever else its steps brought stay"
        # Reported, and fails nothing: what is back may have been unwell before, and replaced for that reason.
        [ -z "$P_OLD" ] || healthy "$(generation "$P_OLD")" once || warn "it is back, but $WHY"
        say "reverted: $(described "$P_OLD") is current"
        save_output
        say "what happened: $STATE/log"
        say "what the steps printed: $STATE/output"
        listen
        return 0
    fi
    P_SINCE=$(now)
    journal revert-failed || :
    save_output
    record "the revert failed: $WHY"
    warn "the revert to $(described "$P_OLD") failed too: $WHY"
    warn "the timer tries it again, as do the next boot and \`labctl rollback\`"
    warn "what happened: $STATE/log"
    warn "what the steps printed: $STATE/output"
    timer_runs || start_timer || : # after a boot there is none
    listen
    return 1
}

# Finishes or reverts what an earlier call left behind. Needs the lock. Fails only when that call's change
# still waits for its confirmation; ends this call when the revert fails.
recover() {
    read_journal || return 0
    case $P_STATE in
    staged | armed)
        close_journal
        EARLIER="an earlier change to $(described "$P_NEW") ended before it changed anything: $(described "$P_OLD") is current"
        say "$EARLIER"
        record "dropped an unstarted change to $(described "$P_NEW")"
        ;;
    committing)
        commit
        EARLIER="an earlier change to $(described "$P_NEW") is now finished"
        say "$EARLIER"
        ;;
    confirming)
        WHY='nobody confirmed it from a new login'
        if [ "$AT_BOOT" = 1 ] || [ "$P_BOOT" != "$(boot_id)" ]; then
            WHY='the machine was restarted before it was confirmed'
        elif [ "$(now)" -lt "$P_DEADLINE" ]; then
            return 1
        fi
        revert_earlier
        ;;
    *)
        WHY="an earlier call ended in the middle (while $P_STATE)"
        revert_earlier
        ;;
    esac
    return 0
}

# Reverts what an earlier call left behind; ends this one when that fails.
revert_earlier() {
    EARLIER="an earlier change to $(described "$P_NEW") was not kept: $WHY"
    open_output
    revert || ends 5 revert-failed "$WHY"
}

recover_for_change() {
    if [ "$ALL_STEPS" = 1 ] && read_journal && [ "$P_STATE" = revert-failed ]; then
        # The only way out when the old generation cannot come back: forward, with every step.
        record "going forward from a failed revert"
        close_journal
        return 0
    fi
    recover || refuse "$(pending_words)"
}

# Run by the timer, at boot and by the process in the background; a person uses rollback.
verb_revert() {
    find_lab || exit 0
    if [ "$WATCH" = 1 ]; then
        while [ -e "$STATE/pending" ]; do
            sleep 2
            sh "$STATE/labctl" revert --lab "$LAB"
        done
        exit 0
    fi
    if ! lock; then
        say "labctl is at work"
        exit 0
    fi
    work_folder
    if ! read_journal; then
        disarm
        exit 0
    fi
    # What failed a moment ago fails again; meanwhile its steps would only restart things over and over.
    if [ "$P_STATE" = revert-failed ] && [ "$AT_BOOT" = 0 ] && [ "$P_BOOT" = "$(boot_id)" ] &&
        [ $(($(now) - P_SINCE)) -lt $((RETRY_EVERY * 100)) ]; then
        exit 0
    fi
    recover || say "$(pending_words)"
}

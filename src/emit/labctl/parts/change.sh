# ---------------------------------------------------------------- from one generation to another
# The one way from a generation to another, for apply and rollback alike.

# Makes the machine what generation folder $1 says ("" for nothing at all), coming from $2. $3 is 1 for a revert.
activate() {
    file_changes "$1" "$2"
    payload_changes
    steps_to_run "$1" >"$WORK/steps"
    [ -n "$1" ] || remove_containers "$2"
    drop_firewall "$1" "$2" "$3"
    [ -z "$1" ] || stop_units "$1" "$2"
    install_files "$1" || { WHY='a file could not be installed'; return 1; }
    # A cut may have left copies that were not yet renamed.
    if [ "$3" = 1 ]; then
        { cut -f2 "$WORK/want"; cut -f2 "$WORK/had"; } | while read -r dst; do rm -f "$ROOT${dst%/*}/.${dst##*/}.labctl"; done
    fi
    point files-installed
    if has_systemd && awk -F'\t' -v always="$3" 'BEGIN { found = always } $1 != "same" && $2 ~ /^\/etc\/systemd\/system\// { found = 1 } END { exit !found }' "$WORK/files"; then
        systemctl daemon-reload >>"$OUTPUT" 2>&1 || warn "systemctl daemon-reload failed"
    fi
    if [ -z "$1" ]; then
        # No step tells sshd that its old configuration is back.
        if has_systemd && grep -q "^[a-rt-z].*$TAB/etc/ssh/" "$WORK/files"; then systemctl try-restart ssh.socket ssh.service >>"$OUTPUT" 2>&1; fi
        return 0
    fi
    step_environment "$1" "$2" "$3"
    handed=0
    while read -r step; do
        if [ "$handed" = 0 ] && starts_containers "$step"; then
            hand_over "$1" "$2" "$3" </dev/null || return 1
            handed=1
        fi
        point "step-${step#activate.d/}"
        tell_step "$1" "$step" || { WHY="the step ${step#activate.d/} failed"; return 1; }
        [ "$INTERRUPTED" = 0 ] || { WHY='it was interrupted'; return 1; }
    done <"$WORK/steps"
    [ "$handed" = 1 ] || hand_over "$1" "$2" "$3" || return 1
    leave_networks "$1" "$2"
    point steps-done
}

# Takes away the containers of generation $1, after which there is none: without its firewall, what they publish
# would be open to everybody.
remove_containers() {
    [ -f "$1/payload/compose/containers.tsv" ] && has docker || return 0
    {
        docker ps --quiet --filter "label=labwright.lab=$LAB" | xargs -r docker stop
        docker ps --all --quiet --filter "label=labwright.lab=$LAB" | xargs -r docker rm --force
    } >>"$OUTPUT" 2>&1 || warn "cannot remove the containers of $(described "$P_NEW")"
    point containers-removed
}

# Removes the networks of generation folder $2 that an older bundle $1 knows nothing of: its containers are on one for all.
leave_networks() {
    [ -f "$2/payload/compose/networks.sh" ] && [ ! -f "$1/payload/compose/networks.sh" ] && has docker || return 0
    for label in com.docker.compose.project labwright.lab; do
        docker network prune --force --filter "label=$label=$LAB" >>"$OUTPUT" 2>&1 || :
    done
}

# Stops what generation $2 ran and $1 does not, where the unit is a package's: take_file_away stops those whose file goes.
stop_units() {
    has_systemd || return 0
    table "$2" systemd/units.tsv | cut -f1 | while read -r unit; do
        if cut -f1 "$(table_path "$1" systemd/units.tsv)" | grep -qxF -e "$unit" ||
            grep -qxF -e "/etc/systemd/system/$unit" "$STATE/installed" 2>/dev/null; then
            continue
        fi
        systemctl disable --now "$unit" >>"$OUTPUT" 2>&1 || warn "cannot disable $unit"
    done
}

# Brings the machine from generation OLD (an id or "") to NEW, whose folder is in gen/ and has passed
# preflight. Ends the call: 0 done, 3 nothing changed, 4 reverted, 5 not even that.
change() {
    P_NEW=$1 P_OLD=$2 P_DEADLINE=0 P_RULES=0 P_DATA=''
    P_SINCE=$(now)
    find_login
    P_LOGIN=$LOGIN
    if ! journal staged || ! keep_firewall "$(generation "$P_NEW")" "$(generation "$P_OLD")" || ! arm || ! journal armed || ! journal switching; then
        close_journal
        refuse "the revert could not be armed"
    fi
    record "begins: $(described "$P_NEW") over $(described "$P_OLD")"
    WHY='the link to the new generation could not be set'
    relink current "$P_NEW" || failed
    point switched
    WHY='the journal could not be written'
    journal activating || failed
    say "activating $(described "$P_NEW")"
    activate "$(generation "$P_NEW")" "$(generation "$P_OLD")" 0 || failed
    WHY='the journal could not be written'
    journal checking || failed
    healthy "$(generation "$P_NEW")" || failed
    [ "$INTERRUPTED" = 0 ] || { WHY='it was interrupted'; failed; }
    if [ "$CONFIRM" = true ] && [ "$WITHIN" != 0 ]; then
        await_confirmation
    else
        commit
    fi
    say "done: $(described "$P_NEW") is current"
    ends 0 "done"
}

# Keeps the new generation. Every line may be run again after a cut.
commit() {
    TOUCHED=1
    journal committing
    if [ -n "$P_OLD" ] && [ "$P_OLD" != "$P_NEW" ]; then relink previous "$P_OLD"; fi
    printf '%s\n' "$(value_of "$STATE/gen/$P_NEW" machine)" >"$STATE/.machine.new" && mv -f "$STATE/.machine.new" "$STATE/machine"
    touch "$STATE/gen/$P_NEW" # gc and list order generations by when they were last taken into use
    point committed
    close_journal
    save_output
    record "done: $(described "$P_NEW") is current"
}

# Ends a change that failed.
failed() {
    reason=$WHY
    if revert; then ends 4 reverted "$reason"; fi
    ends 5 revert-failed "$reason; then $WHY"
}

# Waits until a new login confirms. The lock is let go, since it is another labctl that confirms.
await_confirmation() {
    P_SINCE=$(now) P_RULES=$(moment) # a login that began before these rules proves nothing
    P_DEADLINE=$((P_SINCE + WITHIN * 100))
    WHY='the journal could not be written'
    journal confirming || failed
    record "waits $WITHIN s for a confirmation from a new login"
    say "The firewall or ssh has changed. Within $WITHIN s, open a NEW login and run there:"
    say "    labctl confirm"
    if [ -n "$P_OLD" ]; then say "Without it $(described "$P_OLD") comes back."; else say "Without it all of this is taken back."; fi
    waiting=$P_NEW
    unlock
    while read_journal && [ "$P_NEW" = "$waiting" ]; do
        if [ "$(now)" -ge "$P_DEADLINE" ] || [ "$INTERRUPTED" = 1 ]; then
            if lock; then
                read_journal || break
                WHY='nobody confirmed it from a new login'
                [ "$INTERRUPTED" = 0 ] || WHY='it was interrupted while waiting for the confirmation'
                [ "$P_STATE" != committing ] || { commit; break; }
                failed
            fi
        fi
        sleep 1
    done
    if [ "$(linked current)" != "$waiting" ]; then
        say "reverted meanwhile: $(described "$(linked current)") is current"
        ends 4 reverted "another call reverted it meanwhile"
    fi
    P_NEW=$waiting # the journal is gone, and with it what was read of it
    say "confirmed"
}

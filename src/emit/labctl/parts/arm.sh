# ---------------------------------------------------------------- the revert that waits

# Makes sure that somebody reverts when this call is gone: a timer that looks every few seconds, and a unit
# for a machine that went down meanwhile. Both run the copy of labctl made here, not the new generation's.
arm() {
    self=$0
    [ -f "$self" ] || self=$(command -v labctl) || return 1
    cmp -s "$self" "$STATE/labctl" || { cp "$self" "$STATE/.labctl.new" && mv -f "$STATE/.labctl.new" "$STATE/labctl"; } || return 1
    # Room for the way back, should the disk fill up on the way there.
    head -c 1048576 /dev/urandom >"$STATE/reserve" 2>/dev/null || return 1
    point arming
    if ! has_systemd; then
        warn "there is no systemd: a process in the background watches instead of a timer; after a reboot, run labctl"
        if has setsid; then starter='setsid'; else starter='nohup'; fi
        "$starter" sh "$STATE/labctl" revert --watch --lab "$LAB" </dev/null >/dev/null 2>&1 9>&- &
        return 0
    fi
    unit=$ROOT/etc/systemd/system/labwright-revert.service
    cat >"$WORK/unit" <<UNIT
[Unit]
Description=Finish or revert an unfinished change of the lab $LAB
ConditionPathExists=$STATE/pending
After=local-fs.target network.target docker.service

[Service]
Type=oneshot
ExecStart=/bin/sh $STATE/labctl revert --at-boot --lab $LAB

[Install]
WantedBy=multi-user.target
UNIT
    if ! cmp -s "$WORK/unit" "$unit" || ! systemctl is-enabled --quiet labwright-revert.service 2>/dev/null; then
        mkdir -p "${unit%/*}" && cp "$WORK/unit" "$unit.new" && mv -f "$unit.new" "$unit" || return 1
        systemctl daemon-reload && systemctl enable --quiet labwright-revert.service || return 1
    fi 2>/dev/null
    disarm
    start_timer || return 1
    point timer-started
}

start_timer() {
    systemd-run --quiet --unit=labwright-watch --on-active="$REVERT_EVERY" --on-unit-inactive="$REVERT_EVERY" \
        --timer-property=AccuracySec=1s /bin/sh "$STATE/labctl" revert --lab "$LAB"
}

timer_runs() { ! has_systemd || systemctl is-active --quiet labwright-watch.timer; }

disarm() {
    has_systemd || return 0 # the process in the background ends when the journal is gone
    systemctl stop labwright-watch.timer >/dev/null 2>&1
    systemctl reset-failed labwright-watch.service >/dev/null 2>&1
    return 0
}

//! Lets several machines use one repository: they wait for each other, at times that every day has.

use std::collections::BTreeSet;

use super::backup::{MODULE, on_machine, usual};
use super::payload::payload;
use crate::trixie::{Room, text};

#[test]
fn other_machines_that_use_the_repository_are_waited_for() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        "$B/check.sh"
        metric check_success '' 1
        mkfifo /tmp/held
        hold() { # Another backup that runs until it is released.
            /usr/bin/restic backup --quiet --stdin --host other </tmp/held & holder=$!
            exec 8>/tmp/held
            echo something >&8
            until [ -n "$(ls /mnt/backup/repo/locks)" ]; do kill -0 $holder; done
        }
        release() { exec 8>&-; wait $holder; }

        hold
        "$B/check.sh" >/tmp/said 2>&1 8>&- & check=$!
        until grep -q 'already locked, waiting' /tmp/said; do kill -0 $check; done
        release
        wait $check

        # In vain: then nobody says that the repository is damaged.
        sed -i 's/^WAIT=.*/WAIT=0/' "$B/common.sh"
        hold
        "$B/check.sh" 8>&- && exit 1 || [ $? = 11 ]
        metric check_success '' 1
        "$B/restore.sh" list >/dev/null # It needs nobody's permission.
        release

        # A run that the machine did not survive does not lock the others out.
        hold
        kill -9 $holder
        exec 8>&-
        wait $holder || true
        [ -n "$(ls /mnt/backup/repo/locks)" ]
        "$B/check.sh"

        # The restic of Debian 12 can't wait, and says only in words what is wrong.
        cat >/opt/stand-ins/restic <<'END'
#!/bin/sh
case "$*" in
    --help) /usr/bin/restic --help | grep -v retry-lock; exit 0 ;;
    *--retry-lock*) exit 64 ;;
esac
/usr/bin/restic "$@" || { status=$?; [ $status != 11 ] || status=1; exit $status; }
END
        chmod 755 /opt/stand-ins/restic
        hold
        "$B/check.sh" 8>&- && exit 1 || [ $? = 11 ]
        metric check_success '' 1
        sed -i 's/^WAIT=.*/WAIT=600/' "$B/common.sh"
        cat >/opt/stand-ins/sleep <<'END'
#!/bin/sh
kill "$(cat /tmp/holder)"
while [ -n "$(ls /mnt/backup/repo/locks)" ]; do :; done
END
        chmod 755 /opt/stand-ins/sleep
        echo $holder >/tmp/holder
        "$B/check.sh" 8>&-
        "$B/backup.sh" daily
        metric last_run_success daily 1"#,
    );
}

#[test]
fn a_repository_out_of_reach_is_not_damaged() {
    on_machine(
        r#"
        "$B/backup.sh" daily
        "$B/check.sh"
        "$B/drill.sh"
        umount /mnt/backup
        fails "$B/check.sh"
        fails "$B/drill.sh"
        metric check_success '' 1
        metric drill_success '' 1"#,
    );
}

#[test]
fn backups_run_every_day_and_not_all_at_once() {
    let mut script = String::new();
    let zones = [
        "Europe/Brussels",
        "Europe/Kyiv",
        "Europe/London",
        "Africa/Cairo",
        "America/Nuuk",
        "America/Santiago",
        "Antarctica/Troll",
        "Atlantic/Azores",
        "Australia/Lord_Howe",
    ];
    let mut minutes = BTreeSet::new();
    for machine in ["attic", "box", "cellar"] {
        let lab = usual().replace("on=box", &format!("on={machine}"));
        let lab = lab.replace("host box", &format!("host {machine}"));
        let payload = payload(&lab, &[("modules/app/module.kdl", MODULE)], machine);
        let timer = payload.path().join("systemd/restic-daily.timer");
        let timer = std::fs::read_to_string(timer).expect("a timer");
        let time = timer.lines().find_map(|line| line.strip_prefix("OnCalendar="));
        let time = time.and_then(|time| time.strip_suffix(" Europe/Brussels")).expect("a time");
        minutes.insert(time.to_owned());
        for zone in zones {
            script.push_str(&format!("daily '{time} {zone}'\n"));
        }
    }
    assert_eq!(minutes.len(), 3, "{minutes:?}");
    let Some(room) = Room::new() else { return };
    let script = format!(
        r#"
        daily() {{
            TZ=UTC systemd-analyze calendar --base-time='2027-01-01 12:00:00 UTC' \
                --iterations=800 "$1" |
                sed -n 's/.*\(Next elapse\|Iteration #[0-9]*\): //p' | TZ=UTC date -f - +%s |
                awk -v what="$1" 'last && $1 - last > 26.5 * 3600 {{ print what, last; bad = 1 }}
                    {{ last = $1; n++ }} END {{ exit bad || n != 800 }}'
        }}
        {script}"#
    );
    let answer = room.sh(&script, &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

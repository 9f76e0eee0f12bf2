//! Asks systemd-analyze. It exits with 0 on an unknown key, so any output on stderr counts as a
//! refusal.

use super::{Verdict, ask_strictly};
use crate::trixie::Room;
use std::path::Path;

/// Asks systemd to check a unit file, or every unit of a folder together.
///
/// Programs outside `/usr/bin` and `/usr/sbin` come with the bundle, so empty files replace them.
/// All others must come from a package. A timer's service must exist, which systemd itself checks
/// only when it starts the timer.
pub fn systemd_verify(path: &Path) -> Verdict {
    ask_strictly(
        path,
        r#"
units=$1
[ ! -d "$1" ] || units=$(find "$1" -type f -name '*.*')
for unit in $units; do
    cp "$unit" /etc/systemd/system/
    sed -n 's/^Exec[A-Za-z]*=[-@:+!|]*\(\/[^ ]*\).*/\1/p' "$unit"
done | while read -r program; do
    case $program in /usr/bin/* | /usr/sbin/* | /bin/* | /sbin/*) continue ;; esac
    [ -e "$program" ] || install -D -m 755 /dev/null "$program"
done
for unit in $units; do
    set -- "$@" "/etc/systemd/system/${unit##*/}"
done
shift
for timer in $(printf '%s\n' "$@" | grep '\.timer$'); do
    triggered=$(sed -n 's/^Unit=//p' "$timer")
    triggered=${triggered:-$(basename "$timer" .timer).service}
    [ -e "/etc/systemd/system/$triggered" ] || [ -e "/usr/lib/systemd/system/$triggered" ] ||
        echo "$timer: $triggered is not there" >&2
done
systemd-analyze verify --man=no "$@"
"#,
    )
}

/// Asks systemd whether it understands a calendar expression.
pub fn systemd_calendar(expression: &str) -> Verdict {
    let Some(room) = Room::new() else { return Ok(()) };
    let answer = room.run(&["systemd-analyze", "calendar", expression]);
    super::refusal(&answer).map_or(Ok(()), |words| Err(format!("`{expression}`: refused: {words}")))
}

#[test]
fn refuses_an_unknown_key() {
    let good = "[Unit]\nDescription=Backup\n\n[Service]\nType=oneshot\n\
                ExecStart=/usr/local/sbin/backup now\n";
    let bad = "[Unit]\nDescription=Backup\n\n[Service]\nType=oneshot\n\
               ExecStrat=/usr/bin/true\nExecStart=/usr/bin/true\n";
    super::tells_apart("backup.service", good, bad, "ExecStrat", systemd_verify);
}

#[test]
fn refuses_a_program_that_no_package_brings() {
    let good = "[Service]\nExecStart=/usr/bin/restic version\n";
    let bad = "[Service]\nExecStart=/usr/bin/rustic version\n";
    super::tells_apart("backup.service", good, bad, "rustic", systemd_verify);
}

#[test]
fn reads_a_folder_as_one() {
    let timer = "[Timer]\nOnCalendar=*-*-* 02:30:00\n\n[Install]\nWantedBy=timers.target\n";
    let service = "[Service]\nType=oneshot\nExecStart=/usr/bin/true\n";
    let whole = super::Sample::new(&[("backup.timer", timer), ("backup.service", service)]);
    systemd_verify(&whole.path("")).expect("a timer next to its service is accepted");
    if super::available() {
        let alone = super::Sample::new(&[("backup.timer", timer)]);
        systemd_verify(&alone.path("")).expect_err("a timer without its service is refused");
    }
}

#[test]
fn refuses_a_month_of_thirteen() {
    systemd_calendar("Sun *-*-* 03:00:00").expect("a weekly time is accepted");
    if super::available() {
        systemd_calendar("*-13-* 03:00:00").expect_err("a thirteenth month is refused");
    }
}

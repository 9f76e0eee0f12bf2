//! Runs the real restic: back up, check, lose everything, restore, compare.

use super::Verdict;
use crate::trixie::Room;
use std::path::Path;

/// A backup that emitted scripts make and restore, on a machine that contains `files`.
pub struct RoundTrip<'a> {
    /// The payload of a bundle, in which the commands run.
    pub payload: &'a Path,
    /// Absolute paths with their text: secrets (mode 0600) and the data to protect.
    pub files: &'a [(&'a str, &'a str)],
    /// The folder that is deleted and must be restored unchanged.
    pub protected: &'a str,
    /// Commands of sh that prepare and make the backup. They run twice, so that the second run
    /// finds a repository.
    pub backup: &'a str,
    /// A command that checks the repository.
    pub check: &'a str,
    /// A command that restores `protected`.
    pub restore: &'a str,
}

/// Runs it all. Refuses when a command fails or when the restored data differs.
pub fn restic(trip: &RoundTrip) -> Verdict {
    let Some(mut room) = Room::new() else { return Ok(()) };
    let machine = tempfile::tempdir().expect("a temporary folder");
    for (number, (place, text)) in trip.files.iter().enumerate() {
        let file = machine.path().join(number.to_string());
        std::fs::write(&file, text).expect("a file of the machine");
        room = room.show(&file, &format!("/machine{place}"));
    }
    let script = r#"
cp -r /machine/. /
find /etc/labwright -type f -exec chmod 600 {} + 2>/dev/null || true
cp -r "$1" /tmp/before
cd /in
sh -euc "$2"
sh -euc "$2"
sh -euc "$3"
find "$1" -mindepth 1 -delete
sh -euc "$4"
diff -r /tmp/before "$1"
"#;
    let answer = room
        .show(trip.payload, "/in")
        .sh(script, &[trip.protected, trip.backup, trip.check, trip.restore]);
    super::refusal(&answer).map_or(Ok(()), |words| Err(format!("restic: refused: {words}")))
}

#[test]
fn refuses_a_backup_that_forgets_a_folder() {
    let backup = "#!/bin/sh\nset -eu\nrestic cat config >/dev/null 2>&1 || restic init\nrestic \
                  backup \"$1\"\n";
    let sample = super::Sample::new(&[("backup.sh", backup)]);
    let settings =
        "export RESTIC_REPOSITORY=/mnt/backup RESTIC_PASSWORD_FILE=/etc/labwright/secrets/restic";
    let trip = |what: &str| {
        restic(&RoundTrip {
            payload: &sample.path(""),
            files: &[
                ("/etc/labwright/secrets/restic", "secret\n"),
                ("/mnt/photos/a/one.txt", "1"),
                ("/mnt/photos/b/two.txt", "2"),
            ],
            protected: "/mnt/photos",
            backup: &format!("{settings}; sh backup.sh {what}"),
            check: &format!("{settings}; restic check --read-data"),
            restore: &format!("{settings}; restic restore latest --target /"),
        })
    };
    trip("/mnt/photos").expect("everything comes back");
    if super::available() {
        let refusal = trip("/mnt/photos/a").expect_err("a folder does not come back");
        assert!(refusal.contains("Only in /tmp/before: b"), "{refusal}");
    }
}

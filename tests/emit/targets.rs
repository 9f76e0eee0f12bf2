//! Saves one machine to several repositories, each with its own classes.

use super::payload::payload;
use crate::trixie::{Room, text};

const MODULE: &str = r#"
    edition 1
    module app version="1.0.0" {
        summary "Keeps files and a database"
        state files path="/srv/app/files" backup=daily
        state photos path="/srv/app/photos" backup=weekly
        container app { image "docker.io/library/busybox:1.37"; health none="a test"; }
        database "/srv/app/files/a.db" engine=sqlite state=files
    }
"#;

const LAB: &str = r#"
    host box kind=debian { os debian-13; address lan "192.168.1.10"; ssh from=lan; }
    secret restic-password
    secret offsite-password
    service app on=box
    service restic on=box {
        repository "/mnt/near"
        password (secret)restic-password
        keep last=1
    }
    service offsite module=restic on=box {
        repository "/mnt/far"
        password (secret)offsite-password
        classes weekly
        tags friend house
        keep last=1
    }
"#;

#[test]
fn each_target_has_its_classes_tags_and_turn() {
    let payload = payload(LAB, &[("modules/app/module.kdl", MODULE)], "box");
    let unit = |name: &str| {
        let path = payload.path().join("systemd").join(name);
        std::fs::read_to_string(path).ok()
    };
    let minute = |name: &str| {
        let timer = unit(name).unwrap_or_else(|| panic!("{name}"));
        let time = timer.split("OnCalendar=").nth(1).and_then(|rest| rest.split(':').nth(1));
        time.expect("a minute").to_owned()
    };
    assert!(unit("offsite-daily.timer").is_none());
    assert_ne!(minute("offsite-weekly.timer"), minute("restic-weekly.timer"));
    let Some(room) = Room::new() else { return };
    let answer = room
        .show(&payload.path().join("backup"), "/usr/local/lib/labwright")
        .show(&payload.path().join("databases"), "/usr/local/lib/labwright-databases")
        .sh(
            r#"
            mkdir -p /etc/labwright/secrets /run/lock /mnt/near /mnt/far /srv/app/files \
                /srv/app/photos /scripts
            cp -r /usr/local/lib/labwright/. /scripts
            B=/scripts T=/var/lib/node_exporter/textfile
            echo near >/etc/labwright/secrets/restic-password
            echo far >/etc/labwright/secrets/offsite-password
            echo 1 >/srv/app/files/one; echo 2 >/srv/app/photos/two
            sqlite3 /srv/app/files/a.db 'CREATE TABLE t(a)'

            sh $B/restic/backup.sh daily; sh $B/restic/backup.sh weekly
            sh $B/offsite/backup.sh weekly
            fails() { if "$@" 2>/dev/null; then exit 1; fi; }
            fails sh $B/offsite/backup.sh daily
            export RESTIC_PASSWORD_FILE=/etc/labwright/secrets/offsite-password
            far() { restic --repo /mnt/far "$@"; }
            far ls latest --tag friend,house,weekly >/tmp/listed
            grep -q '/srv/app/photos/two' /tmp/listed
            fails grep -q '/srv/app/files' /tmp/listed

            # Other tags from now on: the old snapshot goes all the same.
            sed -i 's/--tag friend/--tag neighbour/' $B/offsite/backup.sh
            sh $B/offsite/backup.sh weekly
            [ "$(far snapshots --json | grep -o '"short_id"' | wc -l)" = 1 ]
            far snapshots --tag neighbour | grep -q neighbour

            # A target that fails is told apart, and the other one brings files back.
            rm /mnt/far/config; fails sh $B/offsite/backup.sh weekly
            M=labwright_backup_last_run_success
            grep -qx "$M{backup=\"offsite\",class=\"weekly\"} 0" $T/*.prom
            grep -qx "$M{backup=\"restic\",class=\"weekly\"} 1" $T/*.prom
            rm /srv/app/photos/two
            LABWRIGHT_CONFIRM=/srv/app/photos sh $B/restic/restore.sh files --in-place weekly \
                /srv/app/photos
            grep -qx 2 /srv/app/photos/two"#,
            &[],
        );
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

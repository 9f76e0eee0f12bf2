//! Runs the backup's units under systemd: their sandbox allows what the scripts need.

use super::Rig;
use crate::emit::backup::lab;
use crate::emit::payload::payload;

const MODULE: &str = r#"
    edition 1
    module app version="1.0.0" {
        summary "Keeps a file and a database"
        state data path="/srv/app/da ta" backup=daily owner=1000
        database "/srv/app/da ta/lite.db" engine=sqlite
    }
"#;

#[test]
fn the_units_sandbox_lets_the_scripts_work() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let seed = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(seed.path().join("user-data"), "#cloud-config\n{}\n").expect("user-data");
    std::fs::write(seed.path().join("meta-data"), "instance-id: box\nlocal-hostname: box\n")
        .expect("meta-data");
    let machine = rig.machine("box", &["192.168.1.10"], seed.path());
    let payload =
        payload(&lab("/mnt/back ups", "daily=7"), &[("modules/app/module.kdl", MODULE)], "box");
    machine.copy_in(&payload.path().join("backup"), "/payload");
    machine.copy_in(&payload.path().join("databases"), "/payload");
    machine.copy_in(&payload.path().join("systemd"), "/payload");
    machine.copy_in(&payload.path().join("activate.d"), "/payload");
    machine.sh(r#"
        install -D -t /usr/local/lib/labwright/restic /payload/backup/*
        install -D -t /usr/local/lib/labwright-databases /payload/databases/*
        cp /payload/systemd/restic-* /etc/systemd/system/
        sh /payload/activate.d/25-backup-restic.sh
        install -D -m 0400 /dev/stdin /etc/labwright/secrets/restic-password <<END
correct
END
        mkdir -p "/mnt/back ups" "/srv/app/da ta"
        mount -t tmpfs tmpfs "/mnt/back ups"
        echo precious >"/srv/app/da ta/file"
        # As those who share a folder set it up: what is new in it is the group's.
        install -d -m 2770 "/srv/app/da ta/shared"
        echo ours >"/srv/app/da ta/shared/file"
        sqlite3 "/srv/app/da ta/lite.db" 'PRAGMA journal_mode=wal; CREATE TABLE t(a)'
        systemctl daemon-reload
        systemctl enable --quiet --now restic-daily.timer
        for unit in daily daily check; do
            systemctl start restic-$unit.service ||
                { journalctl --no-pager -u restic-$unit.service; exit 1; }
        done
        grep -q '^labwright_backup_drill_success{backup="restic"} 1' \
            /var/lib/node_exporter/textfile/*.prom
        rm "/srv/app/da ta/file"
        LABWRIGHT_CONFIRM="/srv/app/da ta/file" /usr/local/lib/labwright/restic/restore.sh files \
            --in-place daily "/srv/app/da ta/file"
        grep -qx precious "/srv/app/da ta/file"
        umount "/mnt/back ups"
        if systemctl start restic-daily.service; then exit 1; fi
        [ -z "$(ls -A "/mnt/back ups")" ]
        systemctl list-timers --no-pager restic-daily.timer | grep -q restic-daily.service"#);
}

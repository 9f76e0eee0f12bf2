//! Checks backups to other places: by ssh to a real server, to restic's own kind of server, and by
//! rclone.

use super::payload::payload;
use crate::consumers::shellcheck;
use crate::trixie::{Room, text};

const MODULE: &str = r#"
    edition 1
    module app version="1.0.0" {
        summary "Keeps files"
        state files path="/srv/app" backup=daily
    }
"#;

/// Saves, deletes and restores `/srv/app` by the scripts of a lab whose repository has `options`.
/// `server` starts the other side, and `afterwards` checks it.
fn there_and_back(options: &str, server: &str, afterwards: &str) {
    let lab = format!(
        "host box kind=debian {{ os debian-13; address lan \"192.168.1.10\"; ssh from=lan; }}\n\
         secret restic-password\nsecret key\nsecret user\nservice app on=box\n\
         service restic on=box {{ password (secret)restic-password; {options} }}\n"
    );
    let payload = payload(&lab, &[("modules/app/module.kdl", MODULE)], "box");
    if payload.path().join("backup/sftp.sh").exists() {
        shellcheck(&payload.path().join("backup/sftp.sh")).expect("ShellCheck accepts it");
    }
    let Some(room) = Room::new() else { return };
    let script = format!(
        r#"
        S=/etc/labwright/secrets B=/usr/local/lib/labwright/restic
        mkdir -p $S /run/lock /srv/app/deep $B
        cp -r /scripts/. $B
        echo correct >$S/restic-password
        echo one >/srv/app/one; echo two >/srv/app/deep/two
        cp -a /srv/app /before
        fails() {{ if "$@" >/said 2>&1; then echo "it should have failed: $*" >&2; exit 1; fi; }}
        {server}
        sh $B/backup.sh daily
        sh $B/backup.sh daily
        rm -r /srv/app
        LABWRIGHT_CONFIRM=/srv/app sh $B/restore.sh files --in-place daily /srv/app
        diff -r /before /srv/app
        {afterwards}"#
    );
    let answer = room
        .show(&payload.path().join("backup"), "/scripts")
        .show(&payload.path().join("databases"), "/usr/local/lib/labwright-databases")
        .sh(&script, &[]);
    assert!(answer.status.success(), "{}\n{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn by_ssh() {
    there_and_back(
        "repository \"sftp://backup@127.0.0.1:2222//srv/elsewhere/re po\"; sftp-key (secret)key; \
         sftp-host-key \"ssh-ed25519 \
         AAAAC3NzaC1lZDI1NTE5AAAAIEGPuST3N3f0+JHPHsDNFAQqwVkEDCippqabglaXJvg5\";",
        r#"
        mkdir -p /run/sshd /srv/elsewhere
        chown backup /srv/elsewhere; usermod --shell /bin/sh backup
        ssh-keygen -q -t ed25519 -N '' -f $S/key
        ssh-keygen -q -t ed25519 -N '' -f /host
        ssh-keygen -q -t ed25519 -N '' -f /imposter
        mv $S/key.pub /authorized
        chmod 400 $S/key
        serve() { # HOST-KEY
            /usr/sbin/sshd -D -e -f /dev/null -p 2222 -h "$1" -o PidFile=none -o \
                AuthorizedKeysFile=/authorized -o UsePAM=no \
                -o StrictModes=no -o 'Subsystem=sftp internal-sftp' 2>/sshd.log &
            server=$!
            until grep -q 'listening on 0.0.0.0' /sshd.log; do kill -0 $server; done
        }
        serve /host
        # The key that the lab names is another one's.
        fails sh $B/backup.sh daily
        [ ! -e "/srv/elsewhere/re po" ]
        printf 'repository %s\n' "$(cut -d ' ' -f 1,2 /host.pub)" >$B/known_hosts"#,
        r#"
        [ -e "/srv/elsewhere/re po/config" ]
        # A lab that names no key believes the first one, and only that.
        rm $B/known_hosts
        sh $B/restore.sh list >/dev/null
        kill $server; wait $server || true
        serve /imposter
        fails sh $B/restore.sh list
        kill $server; wait $server || true"#,
    );
}

#[test]
fn by_a_server_of_restics_own_kind() {
    there_and_back(
        "repository \"rest:http://127.0.0.1:8000/lab\"; rest-user (secret)user; rest-password \
         (secret)key;",
        r#"
        echo ada >$S/user; echo "pa ss'word" >$S/key
        mkdir /elsewhere
        rclone serve restic --addr 127.0.0.1:8000 --user ada --pass "pa ss'word" /elsewhere \
            >/server.log 2>&1 &
        server=$!
        until grep -q 'Serving restic' /server.log; do kill -0 $server; done"#,
        r"
        [ -e /elsewhere/lab/config ]
        sh $B/check.sh --read-data
        echo wrong >$S/key
        fails sh $B/backup.sh daily
        kill $server; wait $server || true",
    );
}

#[test]
fn by_rclone_to_a_bucket() {
    // rclone treats a bucket of B2 or S3 as a folder. Here it is a real folder.
    there_and_back(
        "repository \"rclone:b2:lab-backups/restic\"; rclone-config (secret)key;",
        r"
        mkdir -p /bucket
        printf '[b2]\ntype = alias\nremote = /bucket\n' >$S/key
        chmod 400 $S/key",
        r#"
        [ -e /bucket/lab-backups/restic/config ]
        # rclone can write its tokens down, and they stay until another secret is there.
        kept=/var/lib/labwright-backup/restic/rclone.conf
        cmp $S/key $kept
        rclone --config $kept config update b2 description renewed >/dev/null
        sh $B/check.sh
        grep -q renewed $kept
        chmod 600 $S/key; echo "description = another" >>$S/key
        sh $B/drill.sh
        cmp $S/key $kept
        grep -q '^labwright_backup_drill_success{backup="restic"} 1' \
            /var/lib/node_exporter/textfile/*.prom"#,
    );
}

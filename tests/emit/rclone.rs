//! Copies backups with rclone itself: nothing is deleted at the destination because it is missing
//! at the source.

use super::payload::payload;
use crate::consumers::shellcheck;
use crate::trixie::{Room, text};

const LAB: &str = r#"
    host box kind=debian { os debian-13; address lan "192.168.1.10"; ssh from=lan; }
    secret rclone-config
    service copy module=rclone on=box {
        folder "/srv/back ups" "/srv/it's"
        remote "there:/elsewhere"
        config (secret)rclone-config
        max-delete 2
    }
"#;

#[test]
fn a_folder_that_is_empty_or_shrank_a_lot_keeps_its_copy() {
    let payload = payload(LAB, &[], "box");
    let script = payload.path().join("copy/sync.sh");
    shellcheck(&script).expect("ShellCheck accepts it");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&script, "/sync.sh").sh(
        r#"
        mkdir -p /etc/labwright/secrets /var/lib/node_exporter/textfile "/srv/back ups" "/srv/it's"
        printf '[there]\ntype = local\n' >/etc/labwright/secrets/rclone-config
        for name in 1 2 3 4 5; do echo "$name" >"/srv/back ups/\$$name"; done
        echo x >"/srv/it's/x"
        sh /sync.sh
        diff -r /srv /elsewhere/srv
        rm "/srv/it's/x"; echo new >"/srv/back ups/new"
        ! sh /sync.sh 2>/tmp/said || exit 1
        grep -q "FAILED: /srv/it's is empty" /tmp/said
        [ -e "/elsewhere/srv/it's/x" ] && [ -e "/elsewhere/srv/back ups/new" ]
        grep -q '^labwright_sync_last_run_success{sync="copy"} 0' \
            /var/lib/node_exporter/textfile/labwright-sync-copy.prom
        echo x >"/srv/it's/x"
        rm "/srv/back ups/"*[1-5]
        ! sh /sync.sh 2>/dev/null || exit 1
        [ "$(ls "/elsewhere/srv/back ups" | wc -l)" -ge 4 ]"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

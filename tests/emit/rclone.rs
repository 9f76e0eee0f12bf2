//! Copies backups with rclone itself: nothing is deleted at the destination because it is missing
//! at the source, and what is measured says how the copy ended.

use std::path::Path;

use super::payload::payload;
use crate::consumers::shellcheck;
use crate::trixie::{Room, text};

fn lab(kind: &str) -> String {
    format!(
        r#"
    host box kind={kind} address lan "192.168.1.10"; ssh from=lan; }}
    secret rclone-config
    service copy module=rclone on=box {{
        folder "/srv/back ups" "/srv/it's"
        remote "there:/elsewhere"
        config (secret)rclone-config
        schedule "15 4 * * 1"
        max-delete 2
    }}
"#
    )
}

#[test]
fn a_folder_that_is_empty_or_shrank_a_lot_keeps_its_copy() {
    let payload = payload(&lab("debian { os debian-13;"), &[], "box");
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
        measured() { sed -n "s/^labwright_sync_$1{sync=\"copy\"} //p" \
            /var/lib/node_exporter/textfile/labwright-sync-copy.prom; }
        [ "$(measured last_run_success)" = 1 ]
        good=$(measured last_success_timestamp_seconds)
        [ "$good" = "$(measured last_run_timestamp_seconds)" ]
        rm "/srv/it's/x"; echo new >"/srv/back ups/new"
        sleep 1
        ! sh /sync.sh 2>/tmp/said || exit 1
        grep -q "FAILED: /srv/it's is empty" /tmp/said
        [ -e "/elsewhere/srv/it's/x" ] && [ -e "/elsewhere/srv/back ups/new" ]
        [ "$(measured last_run_success)" = 0 ]
        [ "$(measured last_success_timestamp_seconds)" = "$good" ]
        [ "$(measured last_run_timestamp_seconds)" -gt "$good" ]
        echo x >"/srv/it's/x"
        rm "/srv/back ups/"*[1-5]
        ! sh /sync.sh 2>/dev/null || exit 1
        [ "$(ls "/elsewhere/srv/back ups" | wc -l)" -ge 4 ]"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_repository_is_copied_when_restic_has_finished() {
    let payload = payload(&lab("debian { os debian-13;"), &[], "box");
    let script = payload.path().join("copy/sync.sh");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&script, "/sync.sh").sh(
        r#"
        mkdir -p /etc/labwright/secrets /tmp/bin "/srv/back ups" "/srv/it's"
        printf '[there]\ntype = local\n' >/etc/labwright/secrets/rclone-config
        export PATH=/tmp/bin:$PATH RESTIC_PASSWORD=x HOME=/tmp
        repository="/srv/back ups/machine"
        echo x >"/srv/it's/x"
        restic init -q -r "$repository"
        # A backup that reads a pipe holds its lock until the pipe is closed.
        mkfifo /tmp/pipe
        restic backup -q -r "$repository" --stdin </tmp/pipe &
        exec 3>/tmp/pipe
        until [ -n "$(ls "$repository/locks")" ]; do /usr/bin/sleep 0.1; done
        printf '#!/bin/sh\necho "$1" >>/tmp/waited\n%s\n' \
            '[ "$(wc -l </tmp/waited)" -lt 3 ] || touch /tmp/end' >/tmp/bin/sleep
        chmod 0755 /tmp/bin/sleep
        (until [ -e /tmp/end ]; do /usr/bin/sleep 0.1; done; echo content >&3) 3>&3 &
        ender=$!
        # shellcheck disable=SC2094
        sh /sync.sh 3>&- & copying=$!
        wait "$ender"; exec 3>&-
        wait "$copying"
        restic -r "/elsewhere$repository" check --read-data
        restic -r "/elsewhere$repository" snapshots --json | jq -e 'length == 1'
        [ "$(wc -l </tmp/waited)" -ge 3 ]
        # One that never ends fails the copy; a lock that a crash left behind is no lock.
        touch "$repository/locks/fresh"
        ! sh /sync.sh 2>/tmp/said || exit 1
        grep -q 'FAILED: a backup still writes to /srv/back ups' /tmp/said
        touch -d '1 hour ago' "$repository/locks/fresh"
        sh /sync.sh"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_machine_that_is_not_managed_keeps_to_the_schedule_and_is_measured() {
    let payload = payload(&lab("unmanaged {"), &[], "box");
    let read = |path: &str| {
        std::fs::read_to_string(payload.path().join(path)).unwrap_or_else(|_| panic!("no {path}"))
    };
    let crontab = read("copy/crontab");
    assert!(crontab.starts_with("15 4 * * 1 /bin/sh /usr/local/lib/labwright/sync.sh "));
    let compose = read("compose/compose.yaml");
    for part in
        ["'crond'", "target: '/etc/crontabs/root'", "target: '/var/lib/node_exporter/textfile'"]
    {
        assert!(compose.contains(part), "no {part} in\n{compose}");
    }
    let Some(room) = Room::new() else { return };
    // Busybox reads the line as it is meant.
    let answer = room.show(&payload.path().join("copy/crontab"), "/crontab").sh(
        r"mkdir /tmp/crontabs && cp /crontab /tmp/crontabs/root
        busybox crond -f -l 0 -L /tmp/said -c /tmp/crontabs &
        # The days of the week, as it understood them.
        for _ in $(seq 600); do
            ! grep -qsx 0100000 /tmp/said || { kill $!; exit 0; }
            sleep 0.1
        done
        cat /tmp/said
        exit 1",
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn the_image_copies_with_its_own_version_and_busybox() {
    let payload = payload(&lab("unmanaged {"), &[], "box");
    let Some(room) = Room::new() else { return };
    let answer = room.show(&payload.path().join("copy/sync.sh"), "/sync.sh").sh(
        r#"
        mkdir -p /run/secrets /var/lib/node_exporter/textfile "/srv/back ups" "/srv/it's" /busybox
        printf '[there]\ntype = local\n' >/run/secrets/rclone-config
        echo x >"/srv/back ups/x"; echo y >"/srv/it's/y"
        busybox --install -s /busybox
        export PATH=/opt/wheels/bin:/busybox
        rclone version | grep -q 'rclone v1[.]75[.]1'
        sh /sync.sh
        diff -r /srv /elsewhere/srv
        grep -q '^labwright_sync_last_run_success{sync="copy"} 1' \
            /var/lib/node_exporter/textfile/labwright-sync-copy.prom"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

/// An alert about the last run of a service that is gone would never end.
#[test]
fn what_a_service_left_for_the_exporter_goes_with_it() {
    let payload = payload(
        "host box kind=debian { os debian-13; address lan \"192.168.1.10\"
         appdata \"/srv/appdata\" backup=daily; }
         secret one\nservice grocy on=box\nservice node on=box module=node-exporter
         service restic on=box { repository \"/srv/backups\"; password (secret)one; }
         service copy module=rclone on=box {
         folder \"/srv/backups\"; remote \"b2:x\"; config (secret)one\n}",
        &[],
        "box",
    );
    let Some(room) = Room::new() else { return };
    let step = payload.path().join("activate.d/25-textfile.sh");
    let answer = room.show(&step, "/step.sh").sh(
        r"
        mkdir -p /var/lib/node_exporter/textfile
        sh /step.sh
        cd /var/lib/node_exporter/textfile
        touch own.prom labwright-own.prom labwright-dumps-daily.prom labwright-sync-copy.prom \
            labwright-sync-old.prom labwright-vzdump-old.prom
        for what in daily dump-daily check drill weekly dump-weekly; do
            touch labwright-backup-restic-$what.prom labwright-backup-old-$what.prom
        done
        sh /step.sh
        ls",
        &[],
    );
    assert_eq!(
        text(&answer.stdout).split_whitespace().collect::<Vec<_>>(),
        [
            "labwright-backup-restic-check.prom",
            "labwright-backup-restic-daily.prom",
            "labwright-backup-restic-drill.prom",
            "labwright-backup-restic-dump-daily.prom",
            "labwright-own.prom",
            "labwright-sync-copy.prom",
            "own.prom",
        ],
        "{}",
        text(&answer.stderr)
    );
}

/// Box, Jottacloud and others give a new token at each use, and the one before is good for nothing.
#[test]
fn a_token_that_rclone_renewed_is_kept_until_another_configuration_is_declared() {
    let payload = payload(&lab("debian { os debian-13;"), &[], "box");
    let unit = std::fs::read_to_string(payload.path().join("systemd/labwright-copy.service"));
    assert!(unit.expect("the unit").contains("StateDirectory=labwright-sync/copy\n"));
    let Some(room) = Room::new() else { return };
    let answer = room.show(&payload.path().join("copy/sync.sh"), "/sync.sh").sh(
        r#"
        cat >/cloud.py <<'END'
import http.server, json, urllib.parse
class Cloud(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        used = form["refresh_token"][0]
        print(used, file=open("/used", "a"), flush=True)
        body = json.dumps({"access_token": "a", "token_type": "bearer", "expires_in": 1,
            "refresh_token": used + "+"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 8055), Cloud)
print("ready", file=open("/ready", "w"), flush=True)
server.serve_forever()
END
        python3 /cloud.py & cloud=$!
        until [ -s /ready ]; do kill -0 $cloud; done
        mkdir -p /etc/labwright/secrets "/srv/back ups" "/srv/it's"
        echo x >"/srv/back ups/x"
        secret=/etc/labwright/secrets/rclone-config
        login() {
            printf '[there]\ntype = box\ntoken_url = http://127.0.0.1:8055/token\ntoken = %s\n' \
                "{'access_token':'old','refresh_token':'$1','expiry':'2020-01-01T00:00:00Z'}" |
                tr "'" '"' >$secret
        }
        login first
        # As the sandbox of the unit has it.
        mount --bind /etc/labwright /etc/labwright && mount -o remount,ro,bind /etc/labwright
        export RCLONE_RETRIES=1 RCLONE_LOW_LEVEL_RETRIES=1
        # Box itself can't be reached, so the copy fails once it has its token.
        run() { ! sh /sync.sh 2>>/said || exit 1; }
        run; run
        kept=/var/lib/labwright-sync/copy/rclone.conf
        grep -q 'first+' $kept
        [ "$(stat -c %a $kept)" = 600 ]
        [ "$(sort /used | uniq -d)" = '' ] || { cat /used; exit 1; }
        ! grep 'Failed to save config' /said || exit 1
        umount /etc/labwright
        login second
        run
        grep -qx second /used
        kill $cloud"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

/// A copy of a repository that a backup writes to lacks what its newest index names.
#[test]
fn a_copy_without_a_time_of_its_own_comes_after_the_backups() {
    let timers = payload(
        "host box kind=debian { os debian-13; address lan \"192.168.1.10\"\n\
         appdata \"/srv/appdata\" backup=daily; export films path=\"/srv/films\" backup=weekly; }\n\
         secret one\nservice grocy on=box\n\
         service restic on=box { repository \"/srv/backups\"; password (secret)one; }\n\
         service copy module=rclone on=box {\n\
         folder \"/srv/backups\"; remote \"b2:x\"; config (secret)one\n}",
        &[],
        "box",
    );
    let minutes = |unit: &str| {
        let path = timers.path().join("systemd").join(unit);
        let text = std::fs::read_to_string(path).unwrap_or_else(|_| panic!("no {unit}"));
        let time = text.lines().find_map(|line| line.strip_prefix("OnCalendar=")).expect("a time");
        let clock = time.split(' ').find(|word| word.contains(':')).expect("a clock");
        let part = |at| clock.split(':').nth(at).and_then(|one| one.parse::<u32>().ok());
        part(0).zip(part(1)).map(|(hours, minutes)| hours * 60 + minutes).expect("a number")
    };
    let copy = minutes("labwright-copy.timer");
    for unit in ["restic-daily.timer", "restic-weekly.timer"] {
        let before = minutes(unit);
        assert!(before + 60 <= copy, "{unit} at {before}, and the copy at {copy}");
    }
}

/// An alert about a metric that nobody writes never fires.
#[test]
fn the_alerts_of_copies_and_backups_of_guests_name_what_their_scripts_write() {
    let lab = payload(
        "host pve kind=proxmox version=\"9.1\" {\n\
         address lan \"192.168.1.10\" nic=eno1 bridge=vmbr0\n}\n\
         host box kind=debian { os debian-13; address lan \"192.168.1.11\" }\n\
         secret one\nservice prometheus on=box\n\
         service node-box module=node-exporter on=box\n\
         service node-pve module=node-exporter on=pve\n\
         service vzdump on=pve { storage local; }\n\
         service copy module=rclone on=box {\n\
         folder \"/srv/backups\"; remote \"b2:x\"; config (secret)one\n}",
        &[],
        "box",
    );
    let rules = std::fs::read_to_string(lab.path().join("prometheus/rules/modules.yml"));
    let rules = rules.expect("rules");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/std");
    for (module, script, prefix, count) in [
        ("rclone", "sync.sh.j2", "labwright_sync_", 3),
        ("vzdump", "run.sh.j2", "labwright_vzdump_", 3),
    ] {
        let script = std::fs::read_to_string(folder.join(module).join(script)).expect("a script");
        let named: Vec<&str> = rules
            .split(prefix)
            .skip(1)
            .map(|rest| rest.split('{').next().unwrap_or_default())
            .collect();
        assert_eq!(named.len(), count, "{rules}");
        for metric in named {
            assert!(script.contains(&format!("gauge {metric} ")), "{module}: {metric}");
        }
    }
}

//! Checks that what a machine can't work with is refused in modules and labs, and that what looks
//! like it is not.

use std::fmt::Write as _;

use super::refused::errors;

const PREAMBLE: &str = include_str!("preamble.kdl");

#[rustfmt::skip] // A table is read line by line.
/// Lines of a module, each with the error that it must raise. Without a code it must raise none.
const IN_MODULES: &[(&str, &str)] = &[
    (r#"container c { image "x/c:1"; health none="x"; ulimit nofile "10:5"; }"#, "wrong-type"),
    (r#"container c { image "x/c:1"; health none="x"; ulimit nofile 1024; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }; }"#, "bad-module"),
    (r#"unit "t.service" action=enable { section Service { set ExecStart "/bin/t"; }; }"#,
        "bad-module"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; }; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set WantedBy ""; }; }"#, "bad-module"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multiuser.target; }; }"#, "bad-module"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set UpheldBy network-online.target; }; }"#, ""),
    (r#"package t-package
unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy t.target; }; }"#, ""),
    (r#"unit "t.timer" { section Timer { set OnCalendar daily; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, "bad-module"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/"; }; }"#,
        "value-not-writable"),
    (r#"unit "t.swap" action=install { section Unit { set Description t; }; }"#, "bad-module"),
    (r#"unit "ssh.service" action=install {
section Service { set ExecStart "/bin/true"; }; }"#, "system-path"),
    (
        r#"unit "systemd-networkd.service" action=install {
section Service { set ExecStart "/bin/true"; }; }"#,
        "system-path",
    ),
    (r#"unit "multi-user.target" action=install {
section Unit { set Description "x"; }; }"#, "system-path"),
    (
        r#"unit "etc.mount" action=install {
section Mount { set What "/dev/x"; set Where "/etc"; }; }"#,
        "system-path",
    ),
    (
        r#"unit "srv-x.mount" action=install {
section Mount { set What "/dev/x"; set Where "/srv/y"; }; }"#,
        "system-path",
    ),
    (r#"unit "srv-x.mount" action=install {
section Mount { set What "/dev/x"; set Where "/srv/x"; }; }"#, ""),
    (r#"unit "poweroff.target""#, "system-unit"),
    (r#"unit "systemd-reboot.service" action=enable"#, "system-unit"),
    (r#"unit "chrony.service""#, ""),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"
set Type forking; set PIDFile "/run/docker.pid"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"
set Type forking; set PIDFile "/run/t.pid"; }; }"#, ""),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"
set StandardOutput "truncate:/etc/passwd"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"
set Type dbus; set BusName org.freedesktop.login1; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"
set Type dbus; set BusName org.example.t; }; }"#, ""),
    (r#"file "x" from="t.j2" install="/usr/share/perl5/Debconf/Db.pm""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/default/docker""#, "system-path"),
    (r#"file "x" from="t.j2" install="/etc/default/t""#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set Alias ssh.service; }; }"#, "system-unit"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set Alias other.service; }; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set Also docker.service; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set Conflicts ssh.service; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set Conflicts shutdown.target; }
section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"unit "t.service" action=install { section Unit { set Wants reboot.target; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"file "x" from="t.j2" install="/etc/x" reload=reboot.target"#, "system-unit"),
    (r#"file "x" from="t.j2" install="/etc/x" restart=t.service"#, "bad-module"),
    (r#"file "x" from="t.j2" install="/etc/x" restart=t.service
unit "t.service""#, ""),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/ssh.service.d/x.conf""#, "system-unit"),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/t.service.d/x.conf""#, ""),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/service.d/x.conf""#, "system-unit"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set RequiredBy ssh.service; }; }"#, "system-unit"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set RequiredBy other.service; }; }"#, ""),
    (r#"unit "t.socket" action=install { section Socket { set ListenStream "/run/docker.sock"; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.socket" action=install { section Socket { set ListenStream "/run/t/t.sock"
set Symlinks "/etc/passwd"; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.socket" action=install { section Socket { set ListenStream "/run/t/t.sock"; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/system.slice.d/x.conf""#, "system-unit"),
    (r#"file "x" from="t.j2" install="/usr/local/sbin/docker""#, "system-path"),
    (r#"file "x" from="t.j2" install="/usr/local/sbin/labctl""#, "system-path"),
    (r#"file "x" from="t.j2" install="/usr/local/lib/systemd/system/ssh.service""#, "system-path"),
    (r#"file "x" from="t.j2" install="/usr/local/bin/docker-cleanup""#, ""),
    (r#"unit "t@.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#,
        "bad-module"),
    (r#"file "x" from="t.j2" install="/usr/local/bin/x" mode="0755"
unit "t.service" action=install { section Service { set ExecStart "-/usr/local/bin/x" y; }; }"#,
        "bad-module"),
    (r#"file "x" from="run.sh" install="/usr/local/bin/x"
unit "t.service" action=install { section Service { set ExecStartPre "/usr/local/bin/x"
set ExecStart "/bin/t"; }; }"#, "bad-module"),
    (r#"file "x" from="run.sh" install="/usr/local/bin/x" mode="0755"
unit "t.service" action=install { section Service { set ExecStart "/usr/local/bin/x"; }; }"#, ""),
    (r#"unit "t.socket" action=install { section Socket { set ListenStream 9000; }; }
unit "u.socket" action=install { section Socket { set ListenStream "127.0.0.1:9000"
set Service t.service; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#,
        "host-port-twice"),
    (r#"unit "t.socket" action=install { section Socket { set ListenStream 9000; }; }
unit "u.socket" action=install { section Socket { set ListenDatagram 9000
set Service t.service; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }
provides t port=9000 protocol=tcp"#, ""),
    (r#"unit "t.service" action=install { section Unit { set OnFailure poweroff.target; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set OnFailure other.service; }
section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"unit "t.service" action=install { section Unit { set FailureAction reboot; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set JobTimeoutAction "poweroff-force"; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set FailureAction none; }
section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"unit "t.service" action=install { section Unit { set OnFailureJobMode isolate
set OnFailure other.service; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set PropagatesStopTo docker.service; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set StartLimitAction reboot; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set StateDirectory labwright; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set StateDirectory thing; }; }"#, ""),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set CacheDirectory "thing apt"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set RuntimeDirectory "thing:docker"; }; }"#,
        "system-unit"),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set RuntimeDirectory "thing/run"
set LogsDirectory thing; }; }"#,
        ""),
    (r#"unit "t.service" action=install {
section Service { set ExecStart "/bin/t"; set ConfigurationDirectory "sudoers.d"; }; }"#,
        "system-unit"),
    (r#"unit "t.timer" action=install { section Timer { set OnBootSec 60
set Unit reboot.target; }; }"#, "system-unit"),
    (r#"container c { image "x/c:1"; mount "/srv/x" at="//"; }"#, "system-path"),
    (r#"container c { image "x/c:1"; mount "/srv/x" at="/./"; }"#, "system-path"),
    (r#"container c { image "x/c:1"; mount "/srv/x" at="//proc/x"; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; mount "/srv/x" at="/x"; mount "/srv/y" at="/x/"; }"#,
        "mount-twice"),
    (r#"container c { image "x/c:1"; mount "/srv/x/" at="/x//y"; }"#, ""),
    (r#"container c { image "x/c:1"; network service; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; label "labwright.service" other; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; label "com.docker.compose.project" other; }"#, "bad-module"),
    (r#"container c { image "x/c:1"; label "labwright-x" other; }"#, ""),
    (r#"container c { image "x/c:1"; raw compose.labels { "labwright.config" x; }; }"#,
        "raw-changes-model"),
    (r#"container c { image "x/c:1"; raw compose.labels { - "com.docker.compose.project=x"; }; }"#,
        "raw-changes-model"),
    (r#"container c { image "x/c:1"; raw compose.labels { x y; }; }"#, ""),
    (r#"container c { image "x/c:1"; sysctl net.ipv4.ip_forward 1
sysctl "net/ipv4/ip_forward" 0; }"#,
        "settings-disagree"),
    (r#"container c { image "x/c:1"; sysctl net.ipv4.ip_forward 1
sysctl "net/ipv4/ip_forward" 1; }"#,
        ""),
    (r#"sysctl vm.swappiness 1
sysctl "vm/swappiness" 2"#, "settings-disagree"),
    (r#"sysctl "vm/swappiness" 900"#, "bad-module"),
    (r"sysctl net.ipv4.ip_forward 0
gateway lan", "settings-disagree"),
    (r"sysctl net.ipv4.ip_forward 1
gateway lan", ""),
];

#[rustfmt::skip] // A table is read line by line.
/// Options of the library, each with whether their service can have them.
const OPTIONS: &[(&str, bool)] = &[
    (r"service paperless-ngx on=box { OTHERS; ocr-languages deu fra; }", true),
    (r#"service paperless-ngx on=box { OTHERS; ocr-languages "not a language"; }"#, false),
    (r#"service paperless-ngx on=box { OTHERS; database-user "-x"; }"#, false),
    (r#"service homepage on=box { language "nl"; }"#, true),
    (r#"service homepage on=box { language "$(id)"; }"#, false),
    (r#"service alertmanager on=box { MAIL; smarthost "mail.example.org:587"; }"#, true),
    (r#"service alertmanager on=box { MAIL; smarthost "[fd00::5]:25"; }"#, true),
    (r#"service alertmanager on=box { MAIL; smarthost "mail.example.org"; }"#, false),
    (r#"service alertmanager on=box { MAIL; smarthost "mail.example.org:99999"; }"#, false),
    (r#"service alertmanager on=box { MAIL; smarthost "a: {b:25"; }"#, false),
    (r#"service alertmanager on=box { MAIL; smarthost "a:25"; email "you@example.org, me";
}"#, false),
    (r#"service paperless-ngx on=box { OTHERS; database-name "papers_2"; }"#, true),
    (r#"service paperless-ngx on=box { OTHERS; database-name "a b"; }"#, false),
    (r#"service paperless-ngx on=box { OTHERS; database-name "/srv/db"; }"#, false),
    (r"service gluetun on=box { provider protonvpn; private-key (secret)a; }", true),
    (r#"service gluetun on=box { provider "private internet access"; private-key (secret)a;
}"#, true),
    (r"service gluetun on=box { provider protonvnp; private-key (secret)a; }", false),
    (r#"service gluetun on=box { provider ivpn; private-key (secret)a;
countries "New Zealand" Fiji; }"#, true),
    (r#"service gluetun on=box { provider ivpn; private-key (secret)a;
countries "Fiji, Chad"; }"#, false),
    (r#"service ollama on=box { keep-alive "24h"; }"#, true),
    (r#"service ollama on=box { keep-alive "-1"; }"#, true),
    (r#"service ollama on=box { keep-alive "2d"; }"#, false),
    (r"service ollama on=box { keep-alive -1; }", true),
    (r"service ollama on=box { keep-alive -2; }", false),
    (r#"service prometheus on=box { retention "0s"; }"#, false),
    (r#"service prometheus on=box { scrape-interval "0s"; }"#, false),
    (r#"service prometheus on=box { retention-size "1KiB"; }"#, false),
    (r#"service prometheus on=box { retention "1h"; scrape-interval "1s"; }"#, true),
    (r#"service alertmanager on=box { MAIL; smarthost "a:25"; repeat "0s"; }"#, false),
    (r#"service alertmanager on=box { MAIL; smarthost "a:25"; repeat "2h"; }"#, true),
    (r#"service fail2ban on=box { ban-time "0s"; }"#, false),
    (r#"service fail2ban on=box { ban-time "1m"; }"#, true),
    (r#"service adguard-home on=box { UPSTREAM "ftp://dns.example.org"; }"#, false),
    (r#"service adguard-home on=box { UPSTREAM "9.9.9.9"; query-log "30m"; }"#, false),
    (r#"service adguard-home on=box { UPSTREAM "9.9.9.9"; query-log "6h"; }"#, true),
    (r#"service lldap on=box { LLDAP; base-dn "example.org"; }"#, false),
    (r#"service lldap on=box { LLDAP; base-dn "dc=example,dc=org"; }"#, true),
    (r#"service crowdsec on=box { log "/var/log/x.log"; collection nginx; }"#, false),
    (r#"service crowdsec on=box { log "/var/log/x.log"; collection "crowdsecurity/nginx"; }"#,
        true),
    (r"service mariadb on=box { password (secret)a; root-password (secret)b; user root; }",
        false),
    (r"service mariadb on=box { password (secret)a; root-password (secret)b; user ada; }", true),
    (r#"service headscale on=box { url "https://vpn.example.org"; base-domain "example.org"; }"#,
        false),
    (r#"service headscale on=box { url "https://example.org:8443"; base-domain "example.org"; }"#,
        false),
    (r#"service headscale on=box { url "https://vpn.example.org"; base-domain "ts.example.org";
}"#, true),
    (r#"service paperless-ngx on=box { OTHERS; ocr-languages "de"; }"#, false),
    (r#"service paperless-ngx on=box { OTHERS; ocr-languages deu "chi-sim"; }"#, true),
    (r"service nextcloud on=box { CLOUD; upload-limit lots; }", false),
    (r#"service nextcloud on=box { CLOUD; upload-limit "512M"; }"#, true),
    (r#"service ollama on=box { keep-alive "soon"; }"#, false),
    (r#"service ddns-updater on=box { config (secret)a; period "1h30m"; }"#, true),
    (r#"service ddns-updater on=box { config (secret)a; period "5"; }"#, false),
    (r#"service adguard-home on=box {
UPSTREAM "[/lan/]192.168.1.1 192.168.1.2" "quic://x.example"; }"#, true),
    (r#"service adguard-home on=box { UPSTREAM "9.9.9.9 1.1.1.1"; }"#, false),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a;
remote "b2:x/y"; }"#, true),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a; remote "b2";
}"#, false),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a;
remote "--x:y"; }"#, false),
    (r#"service homepage on=box { allowed-hosts "a.example.org,192.168.1.10:3000"; }"#, true),
    (r#"service homepage on=box { allowed-hosts "a.example.org, b.example.org"; }"#, false),
    (r#"service homepage on=box { allowed-hosts "https://a.example.org"; }"#, false),
    (r#"service node-exporter on=box { flag "--collector.systemd"; }"#, true),
    (r#"service node-exporter on=box { flag "collector.systemd"; }"#, false),
    (r#"service beszel-agent on=box { key "KEY"; }"#, true),
    (r#"service beszel-agent on=box { key "AAAA"; }"#, false),
    (r#"service oauth2-proxy on=box { OIDC; email-domain "example.org"; }"#, true),
    (r#"service oauth2-proxy on=box { OIDC; email-domain "@example.org"; }"#, false),
    (r#"service pve-exporter on=box { token (secret)a; user "monitor@pam"; }"#, true),
    (r"service pve-exporter on=box { token (secret)a; user monitor; }", false),
    (r"service vzdump on=pve { storage nas-backups; }", true),
    (r#"service vzdump on=pve { storage "nas backups"; }"#, false),
    (r#"service forgejo-runner on=box { RUNNER; label "docker:host" "a:docker://x/y:1"; }"#, true),
    (r#"service forgejo-runner on=box { RUNNER; label "docker:host, b:host"; }"#, false),
    (r#"service sshd on=box { user "ada bob"; }"#, false),
    (r"service sshd on=box { tries 6; }", true),
    (r"service sshd on=box { tries 0; }", false),
    (r"service fail2ban on=box { max-retry -1; }", false),
    (r"service forgejo-runner on=box { RUNNER; jobs 0; }", false),
    (r"service grafana on=box { admin-password (secret)a; dashboard 1860 -1; }", false),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a; remote "b2:x/y"
bandwidth "08:00,512k 12:00,10M"; }"#, true),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a; remote "b2:x/y"
bandwidth fast; }"#, false),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a; remote "b2:x/y"
bandwidth "-1"; }"#, false),
    (r#"service copy module=rclone on=box { folder "/srv"; config (secret)a; remote "b2:x/y"
max-delete -1; }"#, false),
    (r"service vzdump on=pve { storage nas; keep daily=-1; }", false),
    (r#"service again module=restic on=box { repository "sftp:ada@other.example.org:/restic"
password (secret)a; keep daily=7 yearly=0; }"#, true),
    (r#"service again module=restic on=box { repository "sftp:ada@other.example.org:/restic"
password (secret)a; keep daily=-1; }"#, false),
    (r#"service again module=restic on=box { repository "sftp:ada@other.example.org:/restic"
password (secret)a; keep daily=0; }"#, false),
    (r#"RESTIC; exclude "[Cc]ache" "$$x"; }"#, true),
    (r#"RESTIC; exclude "["; }"#, false),
    (r#"RESTIC; exclude "$HOME/x"; }"#, false),
    (r##"RESTIC; exclude "# x"; }"##, false),
    (r#"RESTIC; sftp-host-key "backup.example.org ssh-ed25519 AAAA"; }"#, false),
    (r#"RESTIC; sftp-host-key "KEY"; }"#, true),
];

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE";

#[test]
fn options_that_mean_nothing_are_refused() {
    let others = "database-password (secret)a; secret-key (secret)b; admin-password (secret)c";
    let runner = "url \"https://git.example.org\"; uuid \"42025d3d-66fc-4e13-9974-8a8f1edb5c3c\"; \
                  token (secret)a";
    let oidc = "issuer \"https://id.example.org\"; client-id lab; client-secret (secret)a; \
                cookie-key (secret)b";
    let lldap = "url \"https://l.example.org\"; admin-password (secret)a; session-key (secret)b
key-seed (secret)c";
    let cloud = "host \"c.example.org\"; admin-password (secret)a; database-password (secret)b";
    let restic = "service again module=restic on=box { password (secret)a
repository \"sftp:ada@other.example.org:/restic\"";
    let mut wrong = String::new();
    for (line, right) in OPTIONS {
        let mail = "email \"me@example.org\"; sender \"lab@example.org\"";
        let line = line.replace("OTHERS", others).replace("MAIL", mail);
        let line = line.replace("UPSTREAM", "admin-password (secret)a; upstream");
        let line = line.replace("RUNNER", runner).replace("OIDC", oidc).replace("KEY", KEY);
        let line = line.replace("RESTIC", restic).replace("LLDAP", lldap).replace("CLOUD", cloud);
        let lab = format!("{PREAMBLE}secret a\nsecret b\nsecret c\n{line}\n");
        let found = errors(&lab, "");
        let as_expected = match &found[..] {
            [] => *right,
            [(code, _)] => !right && ["wrong-option", "assertion-failed"].contains(code),
            _ => false,
        };
        if !as_expected {
            let _ = writeln!(wrong, "{line}\n    expected {right}, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[rustfmt::skip] // A table is read line by line.
/// What a route has in the words of its proxy, each with whether it can be there.
const RAW: &[(&str, bool)] = &[
    (r#"raw caddy.header X-A "}""#, false),
    (r#"raw caddy.header "{""#, false),
    (r#"raw caddy.header X-A "a } b""#, true),
    (r#"raw caddy.route "{" respond x "}""#, false),
    (r#"raw caddy.reverse_proxy "192.168.1.99:80""#, false),
    (r#"raw caddy.import "/etc/passwd""#, false),
    (r"raw caddy.invoke x", false),
    (r"raw caddy.tls internal", false),
    (r"raw caddy.hedaer X-A b", false),
    (r"raw caddy.encode gzip", true),
    (r"raw caddy.rate_limit zone", true),
    (r#"raw caddy.respond "/x" 404"#, true),
    (r"raw nginx.proxy_buffering off", true),
    (r"raw nginx.proxy_buffering maybe", false),
    (r"raw nginx.proxy_buffering on off", false),
    (r"raw nginx.proxy_bufering off", false),
    (r#"raw nginx.proxy_buffers 8 "16k""#, true),
    (r#"raw nginx.proxy_buffer_size "16k""#, true),
    (r#"raw nginx.proxy_pass "http://192.168.1.99""#, false),
    (r"raw nginx.allow all", false),
    (r"raw nginx.satisfy any", false),
    (r#"raw nginx.set_real_ip_from "0.0.0.0/0""#, false),
    (r"raw nginx.return 200 x", false),
    (r"raw nginx.client_max_body_size 0", false),
    (r#"raw nginx.include "/etc/passwd""#, false),
    (r#"raw nginx.location "/x""#, false),
    (r"raw nginx.proxy_cache zone", false),
    (r"raw nginx.proxy_set_header Host evil", false),
    (r"raw nginx.proxy_set_header X-Own b", true),
    (r"raw nginx.content_by_lua_block x", false),
    (r#"raw nginx.add_header X-A "a; b } c""#, true),
    (r"raw traefik.compress #true", true),
    (r#"raw traefik.compress { excludedContentTypes { - "text/event-stream"; }; }"#, true),
    (r"raw traefik.compress x y", false),
    (r"raw traefik.nosuch { x y; }", false),
    (r"raw traefik.headers { nosuch x; }", false),
    (r"raw traefik.headers { customRequestHeaders { X-A b; }; stsSeconds 60; }", true),
    (r"raw traefik.headers { frameDeny maybe; }", false),
    (r"raw traefik.retry { attempts -1; }", false),
    (r#"raw traefik.retry { attempts 4; initialInterval "100ms"; }"#, true),
    (r"raw traefik.retry { attempts 4; initialInterval soon; }", false),
    (r"raw traefik.ipAllowList { sourceRange { - abc; }; }", false),
    (r#"raw traefik.ipAllowList { sourceRange { - "10.0.0.0/8"; - "::1"; }; }"#, true),
    (r"raw traefik.chain { middlewares { - nosuch; }; }", false),
    (r#"raw traefik.errors { status { - "500"; }; service nosuch; query "/"; }"#, false),
    (r"raw traefik.plugin { x { y z; }; }", false),
    (r#"raw traefik.basicAuth { usersFile "/etc/passwd"; }"#, false),
    (r#"raw traefik.stripPrefix { prefixes "/x"; }"#, true),
];

#[test]
fn what_a_proxy_would_refuse_or_what_opens_more_is_no_part_of_a_route() {
    let mut wrong = String::new();
    for (line, right) in RAW {
        let module = ["caddy", "traefik", "nginx-proxy-manager"]
            .into_iter()
            .find(|module| module.starts_with(line[4..].split('.').next().unwrap_or_default()))
            .expect("a proxy");
        let settings = match module {
            "nginx-proxy-manager" => "{ admin-password (secret)proxy; expose admin to=lan; }",
            _ => "{ certificates internal; }",
        };
        let lab = format!(
            "{PREAMBLE}secret proxy\nservice gate module={module} on=box {settings}\nservice \
             jellyfin on=box {{\nlibrary \"/srv/films\"\nroute \"m.example.org\" to=web via=gate \
             from=lan {{\n{line}\n}}\n}}\n"
        );
        let found = errors(&lab, "");
        let as_expected = match &found[..] {
            [] => *right,
            [(code, at)] => !right && *code == "route-beyond-proxy" && at == line,
            _ => false,
        };
        if !as_expected {
            let _ = writeln!(wrong, "{line}\n    expected {right}, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_a_machine_cannot_work_with_is_refused() {
    let thing = format!("{PREAMBLE}service thing on=box\n");
    let in_modules = IN_MODULES.iter().map(|(line, code)| (thing.clone(), *line, *line, *code));
    let mut wrong = String::new();
    for (text, module, line, code) in in_modules {
        let found = errors(&text, module);
        let as_expected = match &found[..] {
            [] => code.is_empty(),
            [(own, at)] => *own == code && (line.contains(at) || at.starts_with("service ")),
            _ => false,
        };
        if !as_expected {
            let _ = writeln!(wrong, "{line}\n    expected `{code}`, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_has_no_place_on_a_machine_is_refused() {
    let vm = |inside: &str| {
        format!(
            "vm x id=200 on=pve {{ os debian-13; memory \"1GiB\"; disk root size=\"8GiB\"
address lan \"192.168.1.200\"
{inside}
}}\n"
        )
    };
    let all = |count: usize, line: &dyn Fn(usize) -> String| -> String {
        (1..=count).map(|number| line(number) + "\n").collect()
    };
    let disks = |count| vm(&all(count, &|number| format!("disk d{number} size=\"1GiB\"")));
    let folders = |count: usize| {
        let sets = |number| format!("    dataset f{number} quota=\"1GiB\" backup=never");
        let shares = |number| format!("share tank.f{number} at=\"/mnt/f{number}\" via=virtiofs");
        (all(count, &sets), vm(&all(count, &shares)))
    };
    let admin = |length: usize| format!("admin {}\n", "a".repeat(length));
    let with = |(sets, vm): (String, String)| {
        let pool = "    pool tank disk=ssd {\n";
        PREAMBLE.replace(pool, &format!("{pool}{sets}")) + &vm
    };
    let quota =
        |size: &str| PREAMBLE.replace("films quota=\"100GiB\"", &format!("films quota=\"{size}\""));
    let labs = [
        (format!("{PREAMBLE}{}", disks(10)), "too-many-devices"),
        (format!("{PREAMBLE}{}", disks(9)), ""),
        (with(folders(11)), "too-many-devices"),
        (with(folders(10)), ""),
        (format!("{PREAMBLE}{}", admin(33)), "wrong-type"),
        (format!("{PREAMBLE}{}", admin(32)), ""),
        (quota("512KiB"), "pool-impossible"),
        (quota("1MiB"), ""),
    ];
    for (lab, code) in labs {
        let found = errors(&lab, "");
        let codes: Vec<&str> = found.iter().map(|(code, _)| *code).collect();
        let expected: &[&str] = if code.is_empty() { &[] } else { &[code] };
        assert_eq!(codes, expected, "{lab}");
    }
}

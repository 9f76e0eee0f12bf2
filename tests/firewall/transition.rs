//! Replaces one set of ufw rules by another. At every moment, everyone who may connect before and
//! after can still connect, and nobody else can.

use std::net::IpAddr;

use ipnet::IpNet;
use labwright::emit::firewall;

use super::lab::{self, Lab};
use crate::trixie::{Room, text};

/// Runs the scripts one after the other with a ufw that records its rules after each command.
const WATCHED: &str = r#"
mkdir -p /usr/local/sbin
cat >/usr/local/sbin/ufw <<'EOF'
#!/bin/sh
/usr/sbin/ufw "$@" || exit
case $* in *status*) exit ;; esac
echo "== $*" >>/log
cat /etc/ufw/user.rules /etc/ufw/user6.rules | grep '^### tuple' >>/log
EOF
chmod 755 /usr/local/sbin/ufw
/usr/sbin/ufw allow 4444/tcp
/usr/sbin/ufw allow proto tcp from 192.168.1.0/24 to any port 8123 comment 'of the owner'
for script in /scripts/*.sh; do
    echo "run $script" >>/log
    sh "$script" >/dev/null
done
cat /log
"#;

const GENERATIONS: [&[(u16, &[&str])]; 4] = [
    &[(22, &["lan"]), (443, &["internet"]), (8096, &["lan"]), (8123, &["lan"])],
    &[(22, &["lan", "tunnel"]), (443, &["internet", "lan"]), (8096, &["internet"])],
    &[(22, &["lan", "dmz"]), (443, &["internet", "tunnel"]), (8096, &["tunnel"]), (8123, &["lan"])],
    &[(22, &["lan"])],
];

/// Declares what opens ports of `intranet` to zones.
fn open(ports: &[(u16, &[&str])]) -> String {
    let one = |(port, zones): &(u16, &[&str])| {
        let zones = zones.join(",");
        if *port == 22 {
            return format!("extend host intranet {{ ssh from={zones}; }}\n");
        }
        format!(
            "service at-{port} module=program on=intranet {{ port tcp {port}; port udp {port}; \
             expose tcp to={zones}; }}\n"
        )
    };
    ports.iter().map(one).collect()
}

/// Returns a file of the firewall of `intranet`.
fn text_of(lab: &Lab, name: &str) -> String {
    lab::text(&lab.emit("intranet", &firewall::EMITTER), name)
}

#[test]
fn no_moment_lets_in_too_many_or_too_few() {
    let labs = GENERATIONS.map(|ports| Lab::new(["ufw"; 3], &open(ports)));
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (index, lab) in labs.iter().enumerate() {
        let path = folder.path().join(format!("{index}.sh"));
        std::fs::write(path, text_of(lab, "firewall/ufw.sh")).expect("write");
    }
    let plans = labs.each_ref().map(Lab::plan);
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/scripts").sh(WATCHED, &[]);
    assert!(answer.status.success(), "{}", text(&answer.stderr));

    let people = [
        "203.0.113.7",
        "192.168.1.50",
        "192.168.1.111",
        "10.8.0.2",
        "2001:db8:1::50",
        "2001:db8:1::111",
        "fd00:8::2",
        "2a00::1",
    ];
    let said = text(&answer.stdout);
    let log = &said[said.find("run ").expect("the first script")..];
    let wanted = |generation: usize, port: u16, who: IpAddr| {
        let zones = GENERATIONS[generation]
            .iter()
            .filter(|(open, _)| *open == port)
            .flat_map(|(_, zones)| *zones);
        zones.map(|zone| plans[generation].zone(labs[generation].zone(zone))).any(|zone| {
            zone.include.iter().any(|prefix| prefix.contains(&who))
                && !zone.exclude.iter().any(|prefix| prefix.contains(&who))
        })
    };
    let mut commands = 0;
    for (now, run) in log.split("run /scripts/").skip(1).enumerate() {
        let moments: Vec<&str> = run.split("== ").skip(1).collect();
        assert!(
            moments.iter().all(|moment| moment.contains("allow tcp 4444 ")),
            "the owner's rule is gone"
        );
        assert!(
            moments.iter().all(|moment| moment
                .contains("allow tcp 8123 0.0.0.0/0 any 192.168.1.0/24 in comment=6f66")),
            "taken over"
        );
        let last = moments.last().expect("every run changes something");
        for moment in &moments {
            commands += 1;
            for (port, who) in [22, 443, 8096]
                .into_iter()
                .flat_map(|port| people.iter().map(move |who| (port, who)))
            {
                let who: IpAddr = who.parse().expect("an address");
                let after = wanted(now, port, who);
                let before = now > 0 && wanted(now - 1, port, who);
                let lets_in = first_match(moment, port, who);
                let stays = now > 0 && before == after;
                let right = lets_in == after || !(stays || moment == last);
                assert!(
                    right,
                    "run {now}: {who} at {port}: {lets_in}, before {before}, after {after}, at \
                     {moment}"
                );
            }
        }
    }
    assert!(commands > 20, "{log}");
}

/// The rules of ufw that remain: first beside a rule of the owner's, then after that one is gone
/// too.
const GIVEN_UP: &str = r#"
sh /scripts/ufw.sh >/dev/null
ufw allow 4444/tcp
sh -eu /scripts/none.sh
! grep -q 6c6162777269676874 /etc/ufw/user.rules /etc/ufw/user6.rules
ufw status | grep -q '^4444/tcp '
ufw status | grep -q '^Status: active'
ufw delete allow 4444/tcp
sh -eu /scripts/none.sh
ufw status | grep -q '^Status: active'
sh /scripts/ufw.sh >/dev/null
sh -eu /scripts/none.sh
[ "$(ufw status)" = 'Status: inactive' ]
"#;

#[test]
fn a_machine_whose_firewall_is_somebody_elses_keeps_no_rule_of_ours() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (backend, name, script) in
        [("ufw", "firewall/ufw.sh", "ufw.sh"), ("none", "activate.d/30-no-firewall.sh", "none.sh")]
    {
        let lab = Lab::new([backend; 3], "extend host intranet { ssh from=lan,tunnel; }");
        std::fs::write(folder.path().join(script), text_of(&lab, name)).expect("write");
    }
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/scripts").sh(&format!("set -e\n{GIVEN_UP}"), &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

/// Returns the verdict of ufw's rules on an address: that of the first match, or false without one.
fn first_match(rules: &str, port: u16, who: IpAddr) -> bool {
    let matching =
        rules.lines().filter_map(|line| line.strip_prefix("### tuple ### ")).find_map(|rule| {
            let words: Vec<&str> = rule.split(' ').collect();
            let source: IpNet = words[5]
                .parse()
                .or_else(|_| words[5].parse::<IpAddr>().map(IpNet::from))
                .expect("a source");
            (words[1..3] == ["tcp", &port.to_string()] && source.contains(&who))
                .then(|| words[0] == "allow")
        });
    matching.unwrap_or(false)
}

//! Replaces one set of ufw rules by another. At every moment, everyone who may connect before and
//! after can still connect, and nobody else can.

use std::net::IpAddr;

use ipnet::IpNet;
use labwright::emit::firewall;
use labwright::model::{FirewallBackend, Transport, ZoneId};
use labwright::plan::{Arrival, FlowSource};

use super::lab::{self, DMZ, INTERNET, INTRANET, LAN, TUNNEL};
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

const GENERATIONS: [&[(u16, &[ZoneId])]; 4] = [
    &[(22, &[LAN]), (443, &[INTERNET]), (8096, &[LAN]), (8123, &[LAN])],
    &[(22, &[LAN, TUNNEL]), (443, &[INTERNET, LAN]), (8096, &[INTERNET])],
    &[(22, &[LAN, DMZ]), (443, &[INTERNET, TUNNEL]), (8096, &[TUNNEL]), (8123, &[LAN])],
    &[(22, &[LAN])],
];

#[test]
fn no_moment_lets_in_too_many_or_too_few() {
    let model = lab::model([FirewallBackend::Ufw; 3]);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut plans = Vec::new();
    for (index, generation) in GENERATIONS.iter().enumerate() {
        let open = |(port, zones): &(u16, &[ZoneId])| {
            let port = *port;
            zones
                .iter()
                .map(|zone| {
                    lab::flow(
                        INTRANET,
                        Transport::Tcp,
                        port,
                        Arrival::Host,
                        FlowSource::Zone(*zone),
                    )
                })
                .collect::<Vec<_>>()
        };
        let plan = lab::plan(
            &model,
            generation.iter().flat_map(open).collect(),
            lab::Through(Vec::new()),
            &[],
        );
        let script = lab::text(&lab::emit(&plan, INTRANET, &firewall::EMITTER), "firewall/ufw.sh");
        std::fs::write(folder.path().join(format!("{index}.sh")), script).expect("write");
        plans.push(plan);
    }
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
        zones.map(|zone| plans[generation].zone(*zone)).any(|zone| {
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
    let write = |backend: FirewallBackend, name: &str, folder: &std::path::Path| {
        let model = lab::model([backend; 3]);
        let flow =
            |zone| lab::flow(INTRANET, Transport::Tcp, 22, Arrival::Host, FlowSource::Zone(zone));
        let plan = lab::plan(&model, vec![flow(LAN), flow(TUNNEL)], lab::Through(Vec::new()), &[]);
        let script = lab::text(&lab::emit(&plan, INTRANET, &firewall::EMITTER), name);
        std::fs::write(
            folder.join(if backend == FirewallBackend::Ufw { "ufw.sh" } else { "none.sh" }),
            script,
        )
        .expect("write");
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    write(FirewallBackend::Ufw, "firewall/ufw.sh", folder.path());
    write(FirewallBackend::None, "activate.d/30-no-firewall.sh", folder.path());
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

//! Runs the lab `media-server-home` on real machines, from the first boot to a restored backup.
//!
//! Each test walks through a whole life of the lab, because booting and filling its machines takes
//! most of the time. A failure names the stage that it is in.
#![expect(clippy::disallowed_types, reason = "a machine test says where its time goes")]

mod images;
mod lab;
mod truth;
mod world;

use super::Rig;
use super::{Answer, Proto, tcp};
use std::time::Instant;
use world::{BOX, EXTRANET, INTRANET, World};

/// Runs one stage of a test and prints how long it took.
fn clock<T>(stage: &str, work: impl FnOnce() -> T) -> T {
    eprintln!("         {stage}");
    let started = Instant::now();
    let done = work();
    eprintln!("{:6.1} s {stage}", started.elapsed().as_secs_f32());
    done
}

/// The VPN's port, which answers only clients with a key.
const VPN: (Proto, u16) = (Proto::Udp, 1194);

#[test]
fn the_lab_lives() {
    let Some(rig) = Rig::new() else { return };
    let world = World::boot(&rig, |_| {}, false);
    clock("what cloud-init made", || {
        for machine in [&world.extranet, &world.intranet] {
            machine.sh("id -nG operator | grep -qw sudo; [ \"$(stat -c %a \
                        /usr/local/sbin/labctl)\" = 755 ]; labctl --help >/dev/null");
        }
    });
    let first = world.hand_over(&world.first);
    clock("secrets", || {
        let archive = &first[1];
        let told = world.operator(&format!(
            "bring {INTRANET} {archive}; status=0; on {INTRANET} 'sudo labctl plan /tmp/media*' \
             || status=$?; [ $status = 2 ]
             on {INTRANET} 'sudo labctl apply /tmp/media*' 2>&1 || status=$?; [ $status = 3 ]"
        ));
        for name in ["grafana-password", "postgres-password", "restic-password"] {
            assert!(told.contains(&format!("missing  {name}")), "{told}");
        }
        world
            .intranet
            .sh("! [ -e /etc/labwright/firewall ]; [ -z \"$(docker ps --all --quiet)\" ]");
        world.set_secrets(&first);
    });
    clock("apply the first release", || world.apply(&first));
    world.intranet.sh("grep -q true /mnt/appdata/jellyfin/config/config/system.xml");
    world.stray();
    clock("connect to the VPN", || world.connect_phone());
    clock("firewall", || {
        truth::check("after the first apply", &world.lab, &world.places(), &world.asked(), &[VPN]);
    });
    clock("labctl asks from the machines", || asked_from_the_machines(&world));
    assert_eq!(
        rig.probe(&["203.0.113.77"]).ask(&[
            tcp(BOX, 80),
            tcp(BOX, 443),
            tcp(BOX, 81),
            tcp(BOX, 22)
        ]),
        ROUTED,
        "through the ISP's box"
    );
    clock("apply the same again", || {
        let before = world.containers();
        for (address, archive) in [(EXTRANET, &first[0]), (INTRANET, &first[1])] {
            let told = world.operator(&format!(
                "bring {address} {archive}; on {address} 'sudo labctl plan /tmp/media*; sudo \
                 labctl apply /tmp/media*'"
            ));
            assert!(told.matches("nothing to do").count() == 2, "{told}");
        }
        assert_eq!(world.containers(), before);
    });
    clock("every target is up", || {
        world.wait_for_query("count(up == 1) == count(up) and count(up) == 7");
    });
    clock("backup, check, loss, restore", || backup(&world));
    let mut world = world;
    clock("a changed rule", || changed_rule(&mut world));
    clock("a changed image", || changed_image(&mut world));
    clock("a container that never becomes healthy", || sick_container(&mut world));
    clock("a firewall without ssh", || locked_out(&mut world));
    restarts(&mut world);
    clock("an alert when a machine stops", || {
        // A restarted Prometheus returns older answers for five minutes, so only new samples count.
        let alert = r#"alertname="MachineGone", alertstate="firing", machine="extranet""#;
        let fires = &format!("timestamp(ALERTS{{{alert}}}) > time() - 6");
        world.wait_for_query(&format!("count(up == 1) == 7 unless on() {fires}"));
        world.extranet.sh("systemctl poweroff");
        world.wait_for_query(fires);
        world.wait_for_query(
            "ALERTS{alertname=\"TargetDown\", machine=\"extranet\", service=\"node-extranet\"}",
        );
    });
}

#[test]
fn the_lab_lives_with_ipv6_behind_either_firewall() {
    let Some(rig) = Rig::new() else { return };
    let variant = |lab: &lab::Lab| {
        firewall(lab, BEFORE_EXTRANETS, "ufw", "nftables");
        let both = r#"cidr="192.168.1.0/24" cidr6="2001:db8:1::/64" gateway6="2001:db8:1::1""#;
        lab.change("lab.kdl", r#"cidr="192.168.1.0/24""#, both);
        for host in ["111", "101"] {
            let v4 = format!("address lan \"192.168.1.{host}\"");
            lab.change(
                "machines.kdl",
                &v4,
                &format!("{v4}\n    address lan \"2001:db8:1::{host}\""),
            );
        }
    };
    let mut world = World::boot(&rig, variant, true);
    let first = world.hand_over(&world.first);
    world.set_secrets(&first);
    clock("apply", || world.apply(&first));
    world.stray();
    clock("connect to the VPN", || world.connect_phone());
    clock("firewall", || {
        truth::check("after the first apply", &world.lab, &world.places(), &world.asked(), &[VPN]);
    });
    clock("each behind the other one", || {
        firewall(&world.lab, BEFORE_EXTRANETS, "nftables", "ufw");
        firewall(&world.lab, BEFORE_INTRANETS, "ufw", "nftables");
        let release = world.release();
        world.apply(&release);
    });
    restarts(&mut world);
}

/// Restarts both machines, then Docker on them: the firewall is the same after each.
fn restarts(world: &mut World<'_>) {
    clock("reboot", || world.reboot());
    clock("firewall after the reboot", || {
        truth::check("after the reboot", &world.lab, &world.places(), &world.asked(), &[VPN]);
    });
    clock("restart docker", || restart_docker(world));
    clock("firewall after that", || {
        truth::check(
            "after the restart of docker",
            &world.lab,
            &strangers(world),
            &world.asked(),
            &[],
        );
    });
}

/// Lets both machines ask the connections of their release, then spoils what is promised.
fn asked_from_the_machines(world: &World) {
    // The host of the lab is not here; something in its place has its ssh, and keeps extranet out.
    let host = world.rig.node("pve", &["192.168.1.100"]);
    host.sh(&format!(
        "nft 'add table inet host; add chain inet host in \
         {{ type filter hook input priority 0; }}; add rule inet host in ip saddr {EXTRANET} tcp \
         dport 22 drop'"
    ));
    host.listen(&[(Proto::Tcp, 22)]);
    for machine in [&world.extranet, &world.intranet] {
        let told = machine.sh("labctl reach");
        assert!(told.contains("connections are as promised"), "{told}");
    }
    let differs = |what: &str| {
        let told = world.extranet.sh("status=0; labctl reach || status=$?; [ $status = 1 ]");
        assert!(told.contains(what), "{told}");
    };
    world.intranet.sh("docker stop jellyfin");
    differs("intranet port 8096 (jellyfin.web): promised open");
    world.intranet.sh("docker start jellyfin");
    world.wait_until_well();
    // Not with ufw, which takes this for a rule that it has already: it denies the same.
    let rule = format!("--source {EXTRANET} --protocol tcp --dport 22 --jump ACCEPT");
    world.intranet.sh(&format!("iptables --insert INPUT {rule}"));
    differs("intranet port 22 (ssh): promised closed, it is open");
    world.intranet.sh(&format!("iptables --delete INPUT {rule}"));
    world.extranet.sh("labctl reach");
}

/// The text before a machine's firewall in the lab.
const BEFORE_EXTRANETS: &str = "appdata\" via=virtiofs\n    ssh from=lan\n    firewall ";
const BEFORE_INTRANETS: &str = "backups\" via=virtiofs\n    ssh from=lan\n    firewall ";

fn firewall(lab: &lab::Lab, before: &str, from: &str, to: &str) {
    lab.change("machines.kdl", &format!("{before}{from}"), &format!("{before}{to}"));
}

/// Restarts Docker. Afterwards a program that answers everyone uses the VPN's port.
fn restart_docker(world: &World) {
    for machine in [&world.extranet, &world.intranet] {
        machine.sh("systemctl restart docker");
    }
    world.wait_until_well();
    world.extranet.sh("systemctl stop openvpn-server@server; systemd-run --quiet \
                       /usr/local/bin/peer serve udp/1194");
}

/// Lists every place that does not use the VPN.
fn strangers(world: &World) -> Vec<truth::Place> {
    world.places().into_iter().filter(|place| place.name != "vpn").collect()
}

/// The answers of the ISP's router to the internet: the forwarded ports, and nothing of its own.
const ROUTED: [Answer; 4] = [Answer::Open, Answer::Open, Answer::Refused, Answer::Refused];

/// Deletes a table and a photo, and restores them with the real restic and `PostgreSQL`.
fn backup(world: &World) {
    world.intranet.sh(r#"
        sql() { docker exec immich-database psql --quiet --tuples-only --no-align --username \
            immich --dbname immich --command "$1"; }
        run() { systemctl start "restic-$1.service" ||
            { journalctl --no-pager -u "restic-$1.service"; exit 1; }; }
        restore=/usr/local/lib/labwright/restic/restore.sh
        # What the real programs keep, and what extranet's own timer dumps.
        for file in appdata/grafana/grafana.db appdata/jellyfin/config/data/jellyfin.db \
            edge/labwright-dumps/extranet/npm-database.sqlite.sqlite; do
            mkdir -p "/mnt/${file%/*}"
            sqlite3 "/mnt/$file" 'create table kept (a); insert into kept values (1)'
        done
        sql "create table asset (name text); insert into asset values ('holiday')"
        echo 'a photo' >/mnt/photos/holiday.jpg
        for unit in daily monthly check; do run $unit; done
        sql 'drop table asset'
        rm /mnt/photos/holiday.jpg
        LABWRIGHT_CONFIRM=immich sh $restore database immich
        LABWRIGHT_CONFIRM=/mnt/photos/holiday.jpg sh $restore files --in-place daily \
            /mnt/photos/holiday.jpg
        [ "$(sql 'select name from asset')" = holiday ]
        grep -qx 'a photo' /mnt/photos/holiday.jpg
        "#);
    world
        .wait_for_query("count(labwright_backup_last_run_success{machine=\"intranet\"} == 1) == 2");
    world.wait_for_query(
        "labwright_backup_check_success == 1 and on() labwright_backup_drill_success == 1",
    );
}

/// Adds a rule: Prometheus reads it, and no container is recreated for it.
fn changed_rule(world: &mut World) {
    let before = world.containers();
    world.lab.change(
        "services.kdl",
        "service fail2ban on=extranet",
        r#"service fail2ban on=extranet
alert MachineGone when="up{job=~\"node-.*\"} == 0" for=(duration)"0s" severity=critical {
    summary "a machine is gone"
}"#,
    );
    let release = world.release();
    world.apply(&release);
    assert_eq!(world.containers(), before, "no container is recreated for a rule");
    let rules =
        world.intranet.sh("docker exec prometheus wget -qO- http://127.0.0.1:9090/api/v1/rules");
    assert!(rules.contains("MachineGone"), "{rules}");
}

/// Changes the image of one container: only that one is recreated.
fn changed_image(world: &mut World) {
    let before = world.containers();
    world.intranet.sh("docker tag grafana/grafana:13.2.2 grafana/grafana:13.2.3");
    world.lab.change(
        "services.kdl",
        "dashboard 1860",
        "image \"docker.io/grafana/grafana:13.2.3\"\n    dashboard 1860",
    );
    let release = world.release();
    world.apply(&release);
    assert_eq!(recreated(&before, &world.containers()), ["grafana"]);
}

/// Lists the containers that have another id than before.
fn recreated(before: &[String], after: &[String]) -> Vec<String> {
    let other = after.iter().filter(|line| !before.contains(line));
    other.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// Uses an image that never becomes healthy: the previous one returns automatically.
fn sick_container(world: &mut World) {
    let before = world.containers();
    // Nothing listens in it, so its health check fails.
    world.intranet.stand_in("grafana/grafana:13.2.4", &[], &[]);
    world.lab.change("services.kdl", "grafana:13.2.3", "grafana:13.2.4");
    let [_, archive] = world.release();
    let told = world.operator(&format!(
        "bring {INTRANET} {archive}; archive={archive}; status=0
         on {INTRANET} \"sudo LABWRIGHT_HEALTH_TIMEOUT=3 labctl apply /tmp/${{archive##*/}}\" \
         2>&1 || status=$?; [ $status = 4 ]"
    ));
    assert!(told.contains("grafana") && told.contains("reverted: "), "{told}");
    let images = world.intranet.sh("docker inspect --format '{{.Config.Image}}' grafana");
    assert_eq!(images.trim_end(), "docker.io/grafana/grafana:13.2.3");
    assert_eq!(recreated(&before, &world.containers()), ["grafana"], "nothing else was touched");
    world.intranet.sh("labctl verify");
    world.lab.change("services.kdl", "grafana:13.2.4", "grafana:13.2.3");
}

/// Applies rules that let nobody log in: refused to a login that they would lock out, reverted when
/// nobody confirms.
fn locked_out(world: &mut World) {
    world.lab.change("machines.kdl", "ssh from=lan", "ssh from=tunnel");
    let [_, archive] = world.release();
    let name = &archive["/root/".len()..];
    let told = world.operator(&format!(
        "bring {INTRANET} {archive}; status=0; on {INTRANET} 'sudo labctl apply /tmp/{name}' 2>&1 \
         || status=$?; [ $status = 3 ]"
    ));
    assert!(told.contains("lock this login out"), "{told}");
    // From the console the change can be tried.
    world.intranet.sh(&format!(
        "labctl apply --confirm-within 5 /tmp/{name} >/root/told 2>&1 & echo $! >/root/applying"
    ));
    let lan = world.laptop.probe();
    while !world.intranet.sh("cat /root/told").contains("labctl confirm") {
        super::pause();
    }
    assert!(!lan.tcp_open(INTRANET, 22), "nobody gets in now");
    world.intranet.sh("while kill -0 $(cat /root/applying) 2>/dev/null; do sleep 0.2; done; grep \
                       -q 'reverted: ' /root/told");
    assert!(lan.tcp_open(INTRANET, 22), "everybody gets in again");
    world.lab.change("machines.kdl", "ssh from=tunnel", "ssh from=lan");
}

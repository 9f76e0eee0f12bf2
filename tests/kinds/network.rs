//! A machine keeps its own way into the network, whatever its services do there.

use super::{payload, read, run};

fn vpn(prefixes: &str) -> String {
    format!(
        "vm media id=101 on=pve {{
            os debian-13
            memory \"4GiB\"
            disk root size=\"20GiB\"
            address lan \"192.168.1.101\"
        }}
        network away {prefixes}
        service wireguard on=media {{
            clients away
            address \"10.9.0.1\"
            private-key (secret)key
            reach lan
        }}"
    )
}

/// A link with a default route, as a machine has it, and the steps of the kernel's settings.
const STEP: &str = "
    mount -o remount,rw /proc/sys 2>/dev/null || :
    ip link add uplink type veth peer name other
    ip link set uplink up && ip link set other up
    ip addr add 192.168.1.101/24 dev uplink && ip route add default via 192.168.1.1
    sh activate.d/15-sysctl.sh
    cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding \
        /proc/sys/net/ipv6/conf/uplink/accept_ra
";

#[test]
fn only_the_families_of_a_network_are_forwarded() {
    let four = payload(&vpn("cidr=\"10.9.0.0/24\""), "media");
    assert_eq!(read(&four, "machine/sysctl.conf"), "net.ipv4.ip_forward = 1\n");
    // 1 is the kernel's own: the machine listens to its router.
    let Some((fine, said)) = run(&four, STEP) else { return };
    assert!(fine, "{said}");
    assert_eq!(said, "1\n0\n1\n");
}

#[test]
fn a_machine_that_forwards_ipv6_still_listens_to_its_router() {
    let both = payload(&vpn("cidr=\"10.9.0.0/24\" cidr6=\"fd00:9::/64\""), "media");
    assert_eq!(
        read(&both, "machine/sysctl.conf"),
        "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\n"
    );
    let Some((fine, said)) = run(&both, STEP) else { return };
    assert!(fine, "{said}");
    // With 1, the kernel ignores routers as soon as it forwards.
    assert_eq!(said, "1\n1\n2\n");
}

#[test]
fn systemd_resolved_leaves_the_port_of_dns_and_the_machine_still_finds_names() {
    for (os, service) in [
        ("ubuntu-24.04", "pihole on=media { port web 8053; "),
        ("debian-13", "adguard-home on=media { "),
    ] {
        let lab = format!(
            "vm media id=101 on=pve {{
                os {os}
                memory \"4GiB\"
                disk root size=\"20GiB\"
                address lan \"192.168.1.101\"
            }}
            service {service} admin-password (secret)key; expose dns to=lan; }}"
        );
        let media = payload(&lab, "media");
        assert_eq!(read(&media, "machine/resolved.conf"), "[Resolve]\nDNSStubListener=no\n");
        let Some((fine, said)) = run(
            &media,
            "printf '#!/bin/sh\necho \"$@\"\n' >/usr/local/bin/systemctl
            chmod +x /usr/local/bin/systemctl
            mkdir -p /run/systemd/resolve
            echo 'nameserver 192.168.1.1' >/run/systemd/resolve/resolv.conf
            echo 'nameserver 127.0.0.53' >/run/systemd/resolve/stub-resolv.conf
            ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
            PATH=/usr/local/bin:$PATH sh activate.d/30-resolver.sh
            cat /etc/resolv.conf",
        ) else {
            return;
        };
        assert!(fine, "{said}");
        assert!(said.ends_with("restart systemd-resolved\nnameserver 192.168.1.1\n"), "{said}");
    }
    // Nothing to do where nobody answers DNS.
    let media = payload(&vpn("cidr=\"10.9.0.0/24\""), "media");
    assert!(!media.path().join("machine/resolved.conf").exists());
}

#[test]
fn docker_with_tables_of_its_own_is_refused_beside_ufw() {
    let lab = |firewall: &str| {
        format!(
            "host box kind=debian {{
                os debian-13
                address lan \"192.168.1.10\"
                ssh from=lan
                firewall {firewall}
            }}
            service flaresolverr on=box"
        )
    };
    let asked = |firewall: &str, docker: &str| {
        run(
            &payload(&lab(firewall), "box"),
            &format!(
                "mkdir /fake; printf '#!/bin/sh\\n{docker}\\n' >/fake/docker; chmod 755 /fake/docker
                [ ! -e check.d/05-requirements.sh ] ||
                    PATH=/fake:$PATH sh check.d/05-requirements.sh"
            ),
        )
    };
    let Some((fine, said)) = asked("ufw", "echo nftables") else { return };
    assert!(!fine && said.contains("write firewall nftables for this machine"), "{said}");
    // What Docker says otherwise: version 29 as it comes, and those before, which do not know it.
    for docker in ["echo iptables", "echo unknown field >&2; exit 1"] {
        let (fine, said) = asked("ufw", docker).expect("a room");
        assert!(fine, "{docker}: {said}");
    }
    assert!(asked("nftables", "echo nftables").expect("a room").0);
}

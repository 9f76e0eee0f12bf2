//! The exporter of a machine measures that machine, whatever its kind.

use crate::emit::payload::compiled;
use crate::trixie::{Room, text};

const LAB: &str = r#"
host pve kind=proxmox version="8.4" { address lan "192.168.1.2" nic=eno1 bridge=vmbr0; }
vm media id=101 on=pve {
    os debian-13
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
}
lxc infra id=200 on=pve {
    os debian-13
    memory "1GiB"
    disk root size="8GiB"
    address lan "192.168.1.20"
}
service prometheus on=media
service node-pve module=node-exporter on=pve { flag "--collector.arp"; }
service node-media module=node-exporter on=media
service node-infra module=node-exporter on=infra
"#;

#[test]
fn a_hypervisor_is_measured_by_a_package_and_runs_no_container() {
    let lab = compiled(LAB, &[]);
    let pve = &lab.machines["pve"];
    assert!(!pve.files.keys().any(|path| path.starts_with("compose/")), "{:?}", pve.files.keys());
    assert!(pve.images.is_empty());
    assert!(
        lab.text("pve", "activate.d/10-packages.sh").contains("set -- prometheus-node-exporter\n")
    );
    assert!(pve.installs.iter().any(|install| {
        install.destination == "/etc/systemd/system/prometheus-node-exporter.service"
    }));
    // Prometheus asks it, and the host's firewall lets Prometheus in.
    assert!(
        lab.text("media", "prometheus/prometheus.yml").contains("192.168.1.2:9100"),
        "{}",
        lab.text("media", "prometheus/prometheus.yml")
    );
    let rules = lab.text("pve", "proxmox/firewall/cluster.fw");
    assert!(rules.lines().any(|line| line.contains("9100")), "{rules}");
}

#[test]
fn debians_exporter_runs_as_it_is_started_on_a_hypervisor() {
    let lab = compiled(LAB, &[]);
    let folder = tempfile::tempdir().expect("a folder");
    lab.unpack("pve", folder.path());
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/payload").sh(
        "mkdir -p /var/lib/node_exporter/textfile
        echo 'labwright_test 7' >/var/lib/node_exporter/textfile/test.prom
        sh /payload/node-pve/start.sh 2>/tmp/said &
        until curl -fsS http://127.0.0.1:9100/metrics >/tmp/scraped 2>/dev/null; do
            kill -0 $! || { cat /tmp/said; exit 1; }
        done
        kill $!
        grep -x 'labwright_test 7' /tmp/scraped
        grep '^node_scrape_collector_success' /tmp/scraped",
        &[],
    );
    let said = text(&answer.stdout) + &text(&answer.stderr);
    assert!(answer.status.success(), "{said}");
    for collector in ["textfile", "mountstats", "arp", "meminfo"] {
        assert!(said.contains(&format!("{{collector=\"{collector}\"}}")), "{said}");
    }
}

#[test]
fn the_exporter_of_a_linux_container_measures_the_guest_and_not_its_host() {
    let lab = compiled(LAB, &[]);
    // Pools, sensors, load and the kernel's counters are those of the host, everywhere.
    for collector in ["zfs", "hwmon", "loadavg", "vmstat"] {
        let flag = format!("--no-collector.{collector}");
        assert!(lab.text("infra", "compose/compose.yaml").contains(&flag));
        assert!(!lab.text("media", "compose/compose.yaml").contains(&flag));
    }
    let flag = "--path.procfs=/host/proc";
    assert!(lab.text("infra", "compose/compose.yaml").contains(flag));
    assert!(!lab.text("media", "compose/compose.yaml").contains(flag));
    // The exporter itself: a container's own procfs tells of the host, and the guest's, below
    // /host, of the guest.
    let Some(room) = Room::new() else { return };
    let answer = room.sh(
        &format!(
            "mkdir -p /host/proc
            echo 'MemTotal: 1048576 kB' >/host/proc/meminfo
            prometheus-node-exporter --web.listen-address=127.0.0.1:9100 \
            --collector.disable-defaults --collector.meminfo --path.rootfs=/host {flag} \
            --no-collector.zfs --no-collector.hwmon --no-collector.loadavg --no-collector.vmstat \
            2>/dev/null &
            until curl -fsS http://127.0.0.1:9100/metrics >/tmp/scraped 2>/dev/null; do
                kill -0 $!
            done
            kill $!
            grep '^node_memory_MemTotal_bytes' /tmp/scraped"
        ),
        &[],
    );
    assert_eq!(text(&answer.stdout), "node_memory_MemTotal_bytes 1.073741824e+09\n");
}

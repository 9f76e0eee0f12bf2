//! Planted changes: each must come out in the right class, worst first, with the true line.

use labwright::change::class::Class;
use labwright::change::text;

use super::formats::LOOK;
use super::random::true_causes;
use super::{compare, edit, line, shipped};

const HOME: &str = "media-server-home";
const SINGLE: &str = "media-server-single";
const BLACKBOX: &str = "blackbox";
const AUTOMATION: &str = "media-automation";

/// File, old text and new text; an empty old text adds to the end of the file.
pub type Edit = (&'static str, &'static str, &'static str);

/// A change of a shipped lab.
pub struct Planted {
    pub lab: &'static str,
    /// What is so before and after the change.
    pub given: &'static [Edit],
    pub edits: &'static [Edit],
    /// The class of the first entry.
    pub worst: &'static str,
    /// What must be said, each at the line that holds a text: of the new state, of the old one
    /// behind `was`, or at the file itself behind `file`.
    pub says: &'static [(&'static str, &'static str)],
}

pub fn planted(case: &Planted) {
    let mut was = shipped(case.lab);
    for (path, from, to) in case.given {
        edit(&mut was, path, from, to);
    }
    let mut is = was.clone();
    for (path, from, to) in case.edits {
        edit(&mut is, path, from, to);
    }
    let comparison = compare(&was, &is);
    let told: Vec<String> = comparison.entries.iter().map(line).collect();
    let shown = told.join("\n");
    assert_eq!(
        comparison.entries.first().map(|entry| entry.class.name()),
        Some(case.worst),
        "{shown}"
    );
    assert!(comparison.entries.iter().all(|entry| entry.class != Class::Unexplained), "{shown}");
    let sorted = comparison
        .entries
        .windows(2)
        .all(|pair| (pair[0].class, pair[0].rank) <= (pair[1].class, pair[1].rank));
    assert!(sorted, "{shown}");
    let rows = text::write(&comparison, LOOK);
    if matches!(comparison.edits.as_slice(), [edit] if edit.small) {
        assert!(rows.lines().count() <= 5, "{rows}");
    }
    true_causes(&comparison, &was, &is);
    for (text, at) in case.says {
        let (files, at) = match at.strip_prefix("was ") {
            Some(at) => (&was, at),
            None => (&is, *at),
        };
        let places: Vec<String> = at
            .split(" & ")
            .map(|at| {
                if let Some(path) = at.strip_prefix("file ") {
                    return path.to_owned();
                }
                let found = files.iter().find_map(|file| {
                    let number = file.text.lines().position(|line| line.contains(at))?;
                    Some(format!("{}:{}", file.path, number + 1))
                });
                found.unwrap_or_else(|| panic!("no line holds `{at}`"))
            })
            .collect();
        let found = told.iter().any(|told| {
            told.contains(text) && places.iter().all(|place| told.contains(place.as_str()))
        });
        assert!(found, "`{text}` because of {places:?} is not said:\n{shown}");
    }
}

/// Makes tests of changes to a lab that is edited before: their name, the lab, the edits before,
/// the change, the worst class, and what is said with its place.
macro_rules! planted_after {
    ($($name:ident: $lab:expr, $given:expr, [$($edit:expr),+ $(,)?],
        $worst:expr, [$(($says:expr, $at:expr)),+ $(,)?];)+) => {
        $(
            #[test]
            fn $name() {
                planted(&Planted {
                    lab: $lab,
                    given: &$given,
                    edits: &[$($edit),+],
                    worst: $worst,
                    says: &[$(($says, $at)),+],
                });
            }
        )+
    };
}

macro_rules! planted {
    ($($name:ident: $lab:expr, [$(($path:expr, $from:expr, $to:expr)),+ $(,)?],
        $worst:expr, [$(($says:expr, $at:expr)),+ $(,)?];)+) => {
        $(
            #[test]
            fn $name() {
                planted(&Planted {
                    lab: $lab,
                    given: &[],
                    edits: &[$(($path, $from, $to)),+],
                    worst: $worst,
                    says: &[$(($says, $at)),+],
                });
            }
        )+
    };
}

planted! {
    a_port_opened_to_the_internet: HOME,
        [("services.kdl", "expose web to=lan,tunnel                   // straight",
            "expose web to=internet,lan,tunnel // straight")],
        "access-opened",
        [("internet to intranet 8096/tcp, jellyfin.web: closed -> open",
          "to=internet,lan,tunnel // straight")];
    a_port_closed_to_one_zone: HOME,
        [("services.kdl", "    expose web to=lan,tunnel\n    route \"photos",
          "    expose web to=lan // photos\n    route \"photos")],
        "access-closed",
        [("tunnel to intranet 2283/tcp, immich.web: open -> closed",
          "expose web to=lan // photos")];
    ssh_opened: HOME,
        [("machines.kdl", "ssh from=lan\n", "ssh from=lan,tunnel // dmz\n")],
        "access-opened",
        [("tunnel to extranet 22/tcp, ssh: closed -> open", "ssh from=lan,tunnel // dmz")];
    ssh_closed: HOME,
        [("hosts.kdl", "ssh from=lan,tunnel ", "ssh from=lan ")],
        "access-closed",
        [("tunnel to pve 22/tcp, ssh: open -> closed", "ssh from=lan ")];
    a_route_widened: HOME,
        [("services.kdl", "via=npm from=lan,tunnel", "via=npm from=internet,lan,tunnel")],
        "access-opened",
        [("internet to grafana.elmzn.be, grafana: refused -> allowed",
          "\"grafana.elmzn.be\" to=web")];
    a_route_removed: HOME,
        [("services.kdl",
          "    route \"photos.elmzn.be\" to=web via=npm from=internet,lan,tunnel\n", "")],
        "access-closed",
        [("internet, lan, tunnel to photos.elmzn.be, immich: allowed -> refused",
          "was \"photos.elmzn.be\" to=web"),
         ("names: photos.elmzn.be: immich port", "was \"photos.elmzn.be\" to=web")];
    a_route_without_authentication: BLACKBOX,
        [("control-tower.kdl", " from=lan auth=authentik", " from=lan")],
        "access-opened",
        [("who authenticates users of logs.blackbox.homes: authentik -> nobody",
          "\"logs.blackbox.homes\"")];
    a_client_of_the_vpn: HOME,
        [("services.kdl", "client laptop phone", "client laptop phone tablet")],
        "access-opened",
        [("tablet may come in with a profile of openvpn: no -> yes", "client laptop phone tablet")];
    a_key_that_lets_somebody_in: HOME,
        [("lab.kdl", "", "admin ada { ssh-key \"ssh-ed25519 \
                          AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleEx2 \
                          ada\"; }\n")],
        "access-opened",
        [("ada may come in with the key ssh-ed25519", "admin ada")];
    a_network_widened: HOME,
        [("lab.kdl", "10.8.0.0/24", "10.8.0.0/23")],
        "access-opened",
        [("the addresses of tunnel: 10.8.0.0/24 -> 10.8.0.0/23", "network tunnel")];
    clients_of_a_vpn_who_reach_less: HOME,
        [("services.kdl", "    reach lan                                  // the whole LAN, the \
                           Proxmox host included\n", "")],
        "access-closed",
        [("clients of tunnel through extranet to every address of lan: open -> closed",
          "was reach lan")];
    a_port_that_moves: BLACKBOX,
        [("control-tower.kdl", "port web 3001", "port web 3101")],
        "access-opened",
        [("to grafana.web on control-tower: 3001/tcp -> 3101/tcp", "port web 3101")];
    a_dataset_without_backup: HOME,
        [("hosts.kdl", "quota=(size)\"100GiB\" recordsize=(size)\"1MiB\" backup=daily",
          "quota=(size)\"100GiB\" recordsize=(size)\"1MiB\"")],
        "data",
        [("backup of tank-hdd/photos on pve: daily -> none", "dataset photos"),
         ("backup of uploads of immich: daily -> not saved", "dataset photos")];
    a_dataset_saved_less_often: HOME,
        [("hosts.kdl", "\"1MiB\" backup=daily", "\"1MiB\" backup=monthly")],
        "data",
        [("backup of tank-hdd/photos on pve: daily -> monthly", "dataset photos")];
    a_dataset_removed: HOME,
        [("hosts.kdl", "        dataset logs quota=(size)\"10GiB\"\n", "")],
        "data",
        [("dataset tank-hdd/logs on pve: /tank-hdd/logs -> not declared", "was dataset logs")];
    backups_kept_shorter: HOME,
        [("services.kdl", "keep daily=7", "keep daily=2")],
        "data",
        [("daily backups kept by restic: 7 -> 2", "keep daily=2")];
    a_repository_that_moves: HOME,
        [("services.kdl", "/mnt/backups/restic-repo", "/mnt/backups/other-repo")],
        "data",
        [("where restic saves to: /mnt/backups/restic-repo -> /mnt/backups/other-repo",
          "other-repo")];
    a_backup_removed: HOME,
        [("services.kdl", "service restic on=intranet {\n    repository \
                           \"/mnt/backups/restic-repo\"\n    password \
                           (secret)restic-password\n    keep daily=7 weekly=4 monthly=6\n}\n", ""),
         ("services.kdl", "accept backup-same-disk on=restic reason=\"the disk upgrade of 2026 \
                           moves the repository to its own disk\"\n", ""),
         ("services.kdl", "accept backup-repository-too-small on=restic reason=\"about 40 GiB are \
                           in use today; the 2 TB disk is planned before they grow\"\n", "")],
        "data",
        [("backup of config of jellyfin: daily, its database by a dump -> not saved",
          "was service restic on=intranet"),
         ("service restic: restic on intranet -> none", "was service restic on=intranet")];
    a_folder_that_moves: HOME,
        [("services.kdl", "uploads \"/mnt/photos\"", "uploads \"/mnt/media/photos\"")],
        "data",
        [("uploads of immich: /mnt/photos on intranet, dataset tank-hdd/photos -> \
           /mnt/media/photos", "uploads \"/mnt/media/photos\"")];
    fewer_snapshots: SINGLE,
        [("machines.kdl", "snapshots hourly=24 daily=7", "snapshots hourly=24")],
        "data",
        [("daily snapshots of tank/appdata: 7 -> none", "snapshots hourly=24")];
    a_share_removed: SINGLE,
        [("machines.kdl", "    share tank.backups at=\"/mnt/tank/backups\" via=virtiofs\n", ""),
         ("services.kdl", "repository \"/mnt/tank/backups/restic\"",
          "repository \"/var/backups/restic\"")],
        "data",
        [("/mnt/tank/backups on services: dataset tank/backups by virtiofs -> nothing",
          "was share tank.backups"),
         ("where restic saves to", "\"/var/backups/restic\"")];
    an_export_never_saved: BLACKBOX,
        [("machines.kdl", "path=\"/volume1/photos\" backup=daily",
          "path=\"/volume1/photos\" backup=never")],
        "data",
        [("backup of export photos on cargo: daily -> never", "export photos")];
    a_pool_of_another_disk: HOME,
        [("hosts.kdl", "pool tank-ssd disk=nvme", "pool tank-ssd disk=sata"),
         ("hosts.kdl", "    disk hdd device", "    disk sata device=\"/dev/disk/by-id/ata-SSD\" \
                                               size=(size)\"256GB\"\n    disk hdd device")],
        "data",
        [("pool tank-ssd on pve: stripe of nvme", "pool tank-ssd")];
    a_secret_read_by_somebody_else: HOME,
        [("services.kdl", "admin-password (secret)grafana-password",
          "admin-password (secret)postgres-password")],
        "secrets",
        [("secret grafana-password on intranet: read by grafana",
          "admin-password (secret)postgres-password")];
    a_secret_and_its_reader: HOME,
        [("lab.kdl", "", "secret npm-backup-password\n"),
         ("services.kdl", "password (secret)restic-password",
          "password (secret)npm-backup-password")],
        "secrets",
        [("secret npm-backup-password on intranet: not on it -> read by restic",
          "secret npm-backup-password & password (secret)npm-backup-password")];
    a_device_for_a_container: HOME,
        [("services.kdl",
          "machine-learning #false                    // needs a RAM upgrade first",
          "machine-learning #false\n    transcode vaapi // photos")],
        "privileges",
        [("immich on intranet has the device /dev/dri/renderD128: no -> yes",
          "transcode vaapi // photos")];
    a_key_set_by_raw: HOME,
        [("services.kdl", "    library \"/mnt/media\"\n", "    library \"/mnt/media\"\n    raw \
                                                           compose.privileged #true\n")],
        "privileges",
        [("jellyfin sets compose.privileged by raw: no -> yes", "raw compose.privileged")];
    the_socket_of_docker: HOME,
        [("services.kdl", "", "service dozzle on=intranet { expose web to=lan; }\n")],
        "access-opened",
        [("dozzle on intranet and /var/run/docker.sock: does not see it -> commands all containers",
          "service dozzle"),
         ("service dozzle: none -> dozzle on intranet", "service dozzle")];
    a_device_taken_from_a_guest: HOME,
        [("machines.kdl", "    passthrough igpu\n", ""),
         ("services.kdl", "    transcode vaapi\n", "")],
        "privileges",
        [("intranet has device igpu: yes -> no", "was passthrough igpu")];
    memory_of_a_guest: HOME,
        [("machines.kdl", "memory (size)\"4GiB\"", "memory (size)\"6GiB\"")],
        "restarts",
        [("memory of extranet: 4GiB -> 6GiB, after its next start", "memory (size)\"6GiB\""),
         ("memory of pve: 17 GiB of 16 GiB promised, more than there is -> 19 GiB",
          "memory (size)\"6GiB\"")];
    another_system: HOME,
        [("machines.kdl", "os debian-13\n    zone dmz", "os ubuntu-24.04\n    zone dmz")],
        "restarts",
        [("system of extranet: debian-13 (amd64) -> ubuntu-24.04 (amd64)", "os ubuntu-24.04")];
    a_machine_added: HOME,
        [("machines.kdl", "", "vm games id=102 on=pve {\n    os debian-13\n    cores 1\n    \
                               memory (size)\"1GiB\"\n    disk root size=(size)\"8GiB\"\n    \
                               address lan \"192.168.1.120\"\n    ssh from=tunnel\n}\n")],
        "access-opened",
        [("machine games: none -> vm 102 on pve", "vm games"),
         ("tunnel to games 22/tcp, ssh: closed -> open", "ssh from=tunnel"),
         ("games to other machines: nothing -> extranet ", "vm games")];
    another_name_of_a_service: HOME,
        [("services.kdl", "service jellyfin on=intranet {",
          "service films module=jellyfin on=intranet {"),
         ("services.kdl", "", "moved service jellyfin to=films\n")],
        "restarts",
        [("name of service films: jellyfin -> films", "service films module=jellyfin"),
         ("container films on intranet is created anew", "service films module=jellyfin")];
    another_major_version_of_a_database: HOME,
        [("services.kdl", "service immich on=intranet {\n",
          "service immich on=intranet {\n    database-image \
           \"ghcr.io/immich-app/postgres:16-vectorchord0.4.3-pgvectors0.2.0\"\n")],
        "data",
        [("database immich of immich: postgres 14 -> postgres 16", "database-image")];
    a_feature_of_a_linux_container: BLACKBOX,
        [("machines.kdl", "lxc infrastructure id=200 on=pve {\n",
          "lxc infrastructure id=200 on=pve {\n    features nesting keyctl fuse\n")],
        "privileges",
        [("infrastructure has feature fuse: no -> yes", "features nesting keyctl fuse")];
    another_version_of_a_module: HOME,
        [("modules/jellyfin/module.kdl", "",
          "edition 1\nmodule jellyfin version=\"9.9.9\" { }\n")],
        "restarts",
        [("module jellyfin of jellyfin: 1.0.0 -> 9.9.9", "module jellyfin version=")];
    a_service_that_moves: HOME,
        [("services.kdl", "service cadvisor-intranet module=cadvisor on=intranet",
          "service cadvisor-intranet module=cadvisor on=extranet"),
         ("services.kdl", "service cadvisor-extranet module=cadvisor on=extranet\n", "")],
        "access-closed",
        [("service cadvisor-intranet: cadvisor on intranet -> cadvisor on extranet",
          "cadvisor-intranet module=cadvisor on=extranet")];
    a_service_removed: HOME,
        [("services.kdl", "service cadvisor-extranet module=cadvisor on=extranet\n", "")],
        "access-closed",
        [("service cadvisor-extranet: cadvisor on extranet -> none",
          "was service cadvisor-extranet"),
         ("measurements of cadvisor-extranet: 192.168.1.111:8080 -> not taken",
          "was service cadvisor-extranet")];
    an_image_that_goes_back: HOME,
        [("services.kdl", "    transcode vaapi\n", "    transcode vaapi\n    image \
                                                    \"docker.io/jellyfin/jellyfin:10.10.7\"\n")],
        "data",
        [("image of jellyfin on intranet: docker.io/jellyfin/jellyfin:10.11.11 -> \
           10.10.7, a downgrade, which may not read newer data", "jellyfin:10.10.7"),
         ("container jellyfin on intranet is created anew", "jellyfin:10.10.7")];
    a_limit_lowered: BLACKBOX,
        [("services.kdl", "resources memory=(size)\"6GiB\"", "resources memory=(size)\"2GiB\"")],
        "restarts",
        [("memory of jellyfin on media: 6GiB -> 2GiB", "resources memory=(size)\"2GiB\"")];
    an_alert_removed: BLACKBOX,
        [("control-tower.kdl", "alert ControlTowerLoad \
                                when=\"node_load5{machine=\\\"control-tower\\\"} > 3\" \
                                for=(duration)\"10m\" {\n    summary \"control-tower is under \
                                load\"\n}\n", "")],
        "monitoring",
        [("alert ControlTowerLoad: warning after 10m -> none", "was alert ControlTowerLoad")];
    an_alert_less_severe: BLACKBOX,
        [("control-tower.kdl", " severity=critical", " severity=info")],
        "monitoring",
        [("alert CargoAnswersLate: critical after 10m -> info after 10m", "severity=info")];
    an_alert_that_asks_something_else: BLACKBOX,
        [("control-tower.kdl", "} > 3\" for", "} > 4\" for")],
        "monitoring",
        [("alert ControlTowerLoad has another expression", "alert ControlTowerLoad")];
    a_dashboard_removed: HOME,
        [("services.kdl", "    dashboard 893\n", "")],
        "restarts",
        [("dashboard 893: 893 of grafana.com", "was     dashboard 893")];
    a_machine_no_longer_measured: BLACKBOX,
        [("control-tower.kdl", "service node-pve module=node-exporter on=pve\n", "")],
        "access-closed",
        [("measurements of node-pve: 192.168.10.10:9100 -> not taken", "was service node-pve")];
    logs_no_longer_collected: BLACKBOX,
        [("control-tower.kdl", "service alloy-media module=alloy on=media { resources \
                                memory=(size)\"192MiB\"; }\n", "")],
        "access-closed",
        [("logs of media: collected by alloy-media -> stay there", "was service alloy-media")];
    a_host_name_that_changes: HOME,
        [("services.kdl", "route \"photos.elmzn.be\"", "route \"pictures.elmzn.be\"")],
        "access-opened",
        [("names: photos.elmzn.be: immich port", "route \"pictures.elmzn.be\""),
         ("names: pictures.elmzn.be: leads nowhere -> immich port", "route \"pictures.elmzn.be\"")];
    an_address_that_changes: SINGLE,
        [("machines.kdl", "address lan \"192.168.1.101\"", "address lan \"192.168.1.102\"")],
        "restarts",
        [("names: services in lan: 192.168.1.101 -> 192.168.1.102", "192.168.1.102")];
    another_name_server: HOME,
        [("lab.kdl", "dns=\"192.168.1.1\"", "dns=\"9.9.9.9\"")],
        "names",
        [("dns of lan: 192.168.1.1 -> 9.9.9.9", "dns=\"9.9.9.9\"")];
    another_time_zone: AUTOMATION,
        [("lab.kdl", "Europe/Paris", "Europe/Rome")],
        "restarts",
        [("timezone of the lab: Europe/Paris -> Europe/Rome", "Europe/Rome")];
    a_finding_no_longer_accepted: HOME,
        [("services.kdl", "accept memory-overcommit on=pve", "// accept memory-overcommit on=pve")],
        "findings",
        [("memory-overcommit on pve is no longer accepted", "was accept memory-overcommit")];
    a_finding_newly_accepted: BLACKBOX,
        [("services.kdl", "    expose admin to=lan\n", "    expose admin to=lan,tailnet\n")],
        "access-opened",
        [("tailnet to infrastructure 81/tcp, npm.admin: closed -> open",
          "expose admin to=lan,tailnet")];
    a_profile_for_another: BLACKBOX,
        [("lab.kdl", "select immich-on-media", "select immich-on-nas")],
        "access-opened",
        [("service immich: immich on media -> immich on cargo", "select immich-on-nas"),
         ("backup of database of immich: by a dump of its database -> left out",
          "select immich-on-nas")];
    another_profile_for_another: BLACKBOX,
        [("lab.kdl", "productivity-on-lxc\n}", "productivity-on-pi\n}")],
        "access-opened",
        [("machine productivity: lxc 210 on pve -> none", "immich-on-media productivity-on-pi"),
         ("service paperless-ngx: paperless-ngx on productivity -> paperless-ngx on control-tower",
          "immich-on-media productivity-on-pi")];
    two_things_at_once: HOME,
        [("machines.kdl", "memory (size)\"4GiB\"", "memory (size)\"3GiB\""),
         ("services.kdl", "keep daily=7", "keep daily=9")],
        "restarts",
        [("daily backups kept by restic: 7 -> 9", "keep daily=9"),
         ("memory of extranet: 4GiB -> 3GiB", "memory (size)\"3GiB\"")];
    two_that_act_only_together: HOME,
        [("machines.kdl", "", "vm extra id=103 on=pve {\n    os debian-13\n    cores 1\n    \
                               memory (size)\"1GiB\"\n    disk root size=(size)\"8GiB\"\n    \
                               address lan \"192.168.1.130\"\n}\n"),
         ("services.kdl", "", "service uptime-kuma on=extra { expose web to=lan; }\n")],
        "access-opened",
        [("lan to extra 3001/tcp, uptime-kuma.web: closed -> open",
          "vm extra id & service uptime-kuma")];
    a_disk_that_grows: HOME,
        [("machines.kdl", "disk root size=(size)\"40GiB\"", "disk root size=(size)\"50GiB\"")],
        "restarts",
        [("disk root of intranet: 40GiB on local-lvm -> 50GiB on local-lvm",
          "disk root size=(size)\"50GiB\"")];
    a_disk_that_shrinks: HOME,
        [("machines.kdl", "disk root size=(size)\"40GiB\"",
          "disk root size=(size)\"20GiB\" // less")],
        "data",
        [("disk root of intranet: 40GiB on local-lvm -> 20GiB on local-lvm",
          "    disk root size=(size)\"20GiB\" // less")];
    a_quota_lowered: HOME,
        [("hosts.kdl", "quota=(size)\"250GiB\"", "quota=(size)\"200GiB\"")],
        "capacity",
        [("quota of tank-hdd/media on pve: 250GiB -> 200GiB", "dataset media")];
}

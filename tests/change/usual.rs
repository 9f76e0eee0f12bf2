//! Planted changes such as people make every day: a guest that moves, a VPN that a container loses,
//! logs that are kept for a shorter time.

use super::planted::{Planted, planted};

const HOME: &str = "media-server-home";
const SINGLE: &str = "media-server-single";
const BLACKBOX: &str = "blackbox";
const AUTOMATION: &str = "media-automation";

planted! {
    a_container_without_its_vpn: AUTOMATION,
        [("services.kdl", "    vpn gluetun\n    forwarded-port #true ", "    //")],
        "access-opened",
        [("the network of qbittorrent on homelab: that of gluetun -> its own", "was vpn gluetun"),
         ("container qbittorrent on homelab is created anew", "was forwarded-port")];
    users_who_are_authenticated: BLACKBOX,
        [("services.kdl", "route \"radarr.blackbox.homes\" to=web via=npm from=lan\n",
          "route \"radarr.blackbox.homes\" to=web via=npm from=lan auth=authentik\n")],
        "access-closed",
        [("who authenticates users of radarr.blackbox.homes: nobody -> authentik",
          "radarr.blackbox.homes")];
    a_machine_without_a_firewall: SINGLE,
        [("machines.kdl", "    firewall ufw\n", "    firewall none\n")],
        "access-opened",
        [("what guards services: ufw and nftables -> nothing", "firewall none"),
         ("unit labwright-firewall.service on services is removed", "firewall none")];
    another_firewall: AUTOMATION,
        [("machines.kdl", "firewall ufw", "firewall nftables")],
        "restarts",
        [("what guards homelab: ufw and nftables -> nftables", "firewall nftables")];
    another_key_of_the_same_person: AUTOMATION,
        [("lab.kdl", "pleE operator", "pleF operator")],
        "access-opened",
        [("operator may come in with the key ssh-ed25519 …mpleExampleF: no -> yes", "ssh-key"),
         ("operator may come in with the key ssh-ed25519 …mpleExampleE: yes -> no", "ssh-key")];
    a_machine_that_leaves_its_zone: HOME,
        [("machines.kdl", "    zone dmz ", "    // zone dmz ")],
        "access-opened",
        [("the addresses of lan: 192.168.1.0/24 without 192.168.1.111/32 -> 192.168.1.0/24",
          "was     zone dmz"),
         ("the addresses of dmz: 192.168.1.111/32 -> none", "was     zone dmz"),
         ("zone-inside-trusted-cidr on extranet is no longer accepted", "was     zone dmz")];
    a_stranger_in_the_lan: AUTOMATION,
        [("machines.kdl", "",
          "host nas kind=unmanaged {\n    address lan \"192.168.1.7\"\n}\n")],
        "access-opened",
        [("nas to other machines: nothing -> homelab 22/tcp 80/tcp 443/tcp 8096/tcp",
          "address lan \"192.168.1.7\""),
         ("machine nas: none -> unmanaged", "host nas")];
    a_new_network_with_a_way_in: AUTOMATION,
        [("lab.kdl", "", "network iot cidr=\"192.168.30.0/24\" gateway=\"192.168.30.1\"\n"),
         ("services.kdl", "expose web to=lan ", "expose web to=lan,iot ")],
        "access-opened",
        [("iot to homelab 8096/tcp, jellyfin.web: closed -> open",
          "expose web to=lan,iot & network iot"),
         ("gateway of iot: none -> 192.168.30.1", "network iot")];
    folders_that_no_backup_holds: BLACKBOX,
        [("machines.kdl",
          "share cargo.photos at=\"/mnt/photos\" via=nfs\n    share cargo.backups \
           at=\"/mnt/backups\" via=nfs\n    appdata \"/srv/appdata\" backup=daily",
          "share cargo.photos at=\"/mnt/photos\" via=nfs\n    share cargo.backups \
           at=\"/mnt/backups\" via=nfs\n    appdata \"/srv/appdata\" // media")],
        "data",
        [("backup of config of jellyfin: daily, its database by a dump -> not saved", "// media"),
         ("state-without-backup on jellyfin is new", "// media")];
    a_second_copy_that_goes: SINGLE,
        [("services.kdl", "service restic-nas on=services", "/-service restic-nas on=services"),
         ("lab.kdl", "secret backup-ssh-key", "/-secret backup-ssh-key")],
        "data",
        [("where restic-nas saves to: sftp:backup@192.168.1.20:/restic -> nowhere",
          "was service restic-nas"),
         ("dump of immich of immich by restic-nas: daily -> none", "was service restic-nas"),
         ("secret backup-ssh-key on services: read by restic-nas -> gone",
          "was sftp-key")];
    another_place_of_a_pool: SINGLE,
        [("machines.kdl", "mountpoint=\"/mnt/tank\"", "mountpoint=\"/mnt/pool\"")],
        "data",
        [("dataset tank/photos on pve: /mnt/tank/photos -> /mnt/pool/photos", "pool tank")];
    another_name_of_a_pool: SINGLE,
        [("machines.kdl", "pool tank disk", "pool tanker disk"),
         ("machines.kdl", "share tank.media", "share tanker.media"),
         ("machines.kdl", "share tank.photos", "share tanker.photos"),
         ("machines.kdl", "share tank.appdata", "share tanker.appdata"),
         ("machines.kdl", "share tank.backups", "share tanker.backups")],
        "data",
        [("pool tank on pve: stripe of hdd (/dev/disk/by-id/ata-HDD_2TB) -> none",
          "pool tanker disk"),
         ("/mnt/tank/media on services: dataset tank/media by virtiofs -> dataset tanker/media by \
           virtiofs", "pool tanker disk & share tanker.media")];
    how_a_dataset_is_written: HOME,
        [("hosts.kdl", "quota=(size)\"250GiB\" recordsize=(size)\"1MiB\"",
          "quota=(size)\"250GiB\" recordsize=(size)\"128KiB\"")],
        "capacity",
        [("record size of tank-hdd/media on pve: 1MiB -> 128KiB", "dataset media")];
    measurements_kept_shorter: BLACKBOX,
        [("control-tower.kdl", "retention (duration)\"15d\"", "retention (duration)\"5d\"")],
        "data",
        [("how long prometheus keeps: 15d -> 5d", "retention (duration)\"5d\""),
         ("container prometheus on control-tower is created anew", "retention (duration)\"5d\"")];
    logs_kept_by_default: BLACKBOX,
        [("control-tower.kdl", "    retention (duration)\"30d\"\n    resources \
                                memory=(size)\"512MiB\"",
          "    retention (duration)\"2d\"\n    resources memory=(size)\"512MiB\"")],
        "data",
        [("how long loki keeps: 30d -> 2d", "retention (duration)\"2d\"")];
    another_number_of_a_guest: BLACKBOX,
        [("machines.kdl", "vm media id=110", "vm media id=111")],
        "data",
        [("machine media: vm 110 on pve -> vm 111 on pve, made anew: what is on its disks stays \
           with the old one", "vm media id=111")];
    another_name_of_a_secret: AUTOMATION,
        [("lab.kdl", "secret protonvpn-key", "secret vpn-key"),
         ("services.kdl", "(secret)protonvpn-key", "(secret)vpn-key")],
        "secrets",
        [("secret vpn-key on homelab: not on it -> read by gluetun",
          "secret vpn-key & private-key (secret)vpn-key")];
    root_of_the_host: BLACKBOX,
        [("machines.kdl", "lxc infrastructure id=200 on=pve {\n",
          "lxc infrastructure id=200 on=pve {\n    privileged #true\n")],
        "privileges",
        [("infrastructure has root of the host: no -> yes", "privileged #true")];
    the_network_of_the_machine: AUTOMATION,
        [("services.kdl", "    transcode none\n",
          "    transcode none\n    raw compose.network_mode \"host\"\n")],
        "privileges",
        [("jellyfin on homelab has the network of the machine: no -> yes", "raw compose"),
         ("jellyfin sets compose.network_mode by raw: no -> yes", "raw compose")];
    a_guest_that_no_longer_starts: BLACKBOX,
        [("machines.kdl", "boot #true order=1 wait=(duration)\"1m\"", "boot #false")],
        "restarts",
        [("start of opnsense: with its host, as number 1, 1m before the next -> by hand",
          "boot #false")];
    a_text_that_only_people_read: BLACKBOX,
        [("machines.kdl", "GMKtec NucBox M6", "GMKtec NucBox M7")],
        "names",
        [("RUNBOOK.md of pve is different", "GMKtec NucBox M7")];
    a_folder_that_is_no_longer_copied: BLACKBOX,
        [("services.kdl", " \"/volume1/photos\"\n    remote", "\n    remote")],
        "data",
        [("where rclone copies /volume1/photos: b2:blackbox-backups -> nowhere", "folder")];
    the_digest_of_an_image: BLACKBOX,
        [("services.kdl", "    library \"/mnt/media\"\n    transcode vaapi\n",
          "    library \"/mnt/media\"\n    transcode vaapi\n    image \
           \"docker.io/jellyfin/jellyfin:10.11.11@sha256:\
           0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"\n")],
        "restarts",
        [("docker.io/jellyfin/jellyfin:10.11.11 -> \
           10.11.11@sha256:0123456789ab…, one-way",
          "10.11.11@sha256")];
    more_memory_than_there_is: BLACKBOX,
        [("variants.kdl", "extend vm media { memory (size)\"14GiB\"; }",
          "extend vm media { memory (size)\"24GiB\"; }")],
        "restarts",
        [("memory of pve: 32 GiB of 32 GiB promised -> 42 GiB of 32 GiB promised, more than there \
           is", "memory (size)\"24GiB\""),
         ("memory-overcommit on pve is new", "memory (size)\"24GiB\"")];
    nobody_is_told_of_silence: SINGLE,
        [("services.kdl", "    heartbeat (secret)heartbeat-url\n", ""),
         ("lab.kdl", "secret heartbeat-url", "/-secret heartbeat-url")],
        "secrets",
        [("alerts of alertmanager by heartbeat: sent -> sent to nobody",
          "was heartbeat (secret)heartbeat-url")];
    measurements_switched_off: SINGLE,
        [("services.kdl", "    metrics #true\n", "")],
        "access-closed",
        [("measurements of immich-metrics: immich:8081 -> not taken", "was metrics #true")];
    an_alert_that_waits_longer: BLACKBOX,
        [("control-tower.kdl", "for=(duration)\"5m\" {\n    summary \"control-tower has used",
          "for=(duration)\"50m\" {\n    summary \"control-tower has used")],
        "monitoring",
        [("alert ControlTowerMemory: warning after 5m -> warning after 50m",
          "alert ControlTowerMemory")];
    two_machines_that_change_places: BLACKBOX,
        [("machines.kdl", "\"192.168.10.110\"", "\"192.168.10.199\""),
         ("machines.kdl", "\"192.168.10.120\"", "\"192.168.10.110\""),
         ("machines.kdl", "\"192.168.10.199\"", "\"192.168.10.120\"")],
        "restarts",
        [("media in lan: 192.168.10.110 -> 192.168.10.120",
          "address lan \"192.168.10.110\" & address lan \"192.168.10.120\"")];
    a_profile_that_is_new: HOME,
        [("lab.kdl", "",
          "profile lean on=intranet { (force)memory (size)\"10GiB\" reason=\"lean\"; }\n")],
        "restarts",
        [("memory of intranet: 12GiB -> 10GiB, after its next start", "profile lean"),
         ("memory-overcommit on pve is no longer accepted", "profile lean")];
    a_reason_that_is_another_one: SINGLE,
        [("services.kdl", "reason=\"for a file", "reason=\"only for a file")],
        "findings",
        [("backup-same-disk on restic is accepted for another reason", "reason=\"only for")];
}

/// What a backup leaves out is many files of databases, and only what differs is worth a word.
#[test]
fn what_a_backup_leaves_out_takes_no_room() {
    use super::formats::LOOK;
    use super::{compare, edit, shipped};
    use labwright::change::text;
    let was = shipped("blackbox");
    let mut is = was.clone();
    let media = "    appdata \"/srv/appdata\" backup=daily\n    ssh from=lan\n}\n\nvm downloads";
    edit(&mut is, "machines.kdl", media, &media.replace(" backup=daily", ""));
    let shown = text::write(&compare(&was, &is), LOOK);
    assert!(shown.contains("backup of config of jellyfin, seerr: daily"), "{shown}");
    assert!(shown.lines().count() <= 5, "{shown}");
}

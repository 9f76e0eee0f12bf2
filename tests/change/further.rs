//! Planted changes of everything that the other lists leave out: parts of guests, what modules
//! install, what routes do, and several things at once.

use super::planted::{Edit, Planted, planted};

const HOME: &str = "media-server-home";
const SINGLE: &str = "media-server-single";
const BLACKBOX: &str = "blackbox";
const AUTOMATION: &str = "media-automation";

const MODULE: &str = "modules/tool/module.kdl";

/// A service with a module of its own, on the one machine of `media-automation`.
const TOOL: [Edit; 4] = [
    (
        MODULE,
        "",
        r#"edition 1
module tool version="1.0.0" {
    summary "A tool"
    option key type=secret { required; }
    container tool {
        image "docker.io/library/nginx:1.27.0"
        secret (ref)opt.key file-variable=TOOL_KEY
        mount "/srv/tool" at="/data"
        user "1000:1000"
        cap-drop ALL
        health "CMD" "true"
    }
    provides web port=8070 protocol=http container=tool
    file "tool.conf" kind=text from="tool.conf" install="/etc/tool.conf" mode="0644"
    unit "tool.service" { section Service { set ExecStart "/usr/bin/true"; }
        section Install { set WantedBy multi-user.target; }; }
}
"#,
    ),
    ("modules/tool/tool.conf", "", "level=info\n"),
    ("lab.kdl", "", "secret tool-key\n"),
    ("services.kdl", "", "service tool on=homelab { key (secret)tool-key; }\n"),
];

/// The end of the route of Sonarr.
const SONARR: &str = "route \"sonarr.media.example.org\" to=web via=caddy from=lan\n";

planted_after! {
    a_linux_container_added: BLACKBOX, [],
        [("machines.kdl", "", r#"lxc dns id=220 on=pve {
    os debian-13
    cores 1
    memory (size)"512MiB"
    disk root size=(size)"8GiB"
    address lan "192.168.10.220"
    ssh from=lan // dns
}
"#)],
        "access-opened",
        [("lan to dns 22/tcp, ssh: closed -> open", "ssh from=lan // dns"),
         ("dns to other machines: nothing -> control-tower 22/tcp 53/tcp", "lxc dns"),
         ("memory of pve: 32 GiB of 32 GiB promised -> 32.5 GiB of 32 GiB promised, more",
          "lxc dns")];
    a_machine_of_metal_added: AUTOMATION, [],
        [("machines.kdl", "", r#"host pi kind=debian {
    os debian-13
    address lan "192.168.1.51"
    ssh from=lan // pi
}
"#)],
        "access-opened",
        [("lan to pi 22/tcp, ssh: closed -> open", "ssh from=lan // pi"),
         ("machine pi: none -> debian", "host pi")];
    a_zone_inside_the_lan: BLACKBOX, [],
        [("machines.kdl", "    address lan \"192.168.10.200\"\n",
          "    zone edge\n    address lan \"192.168.10.200\"\n")],
        "access-closed",
        [("infrastructure to other machines: control-tower", "zone edge"),
         ("the addresses of edge: none -> 192.168.10.200/32", "zone edge")];
    a_guest_that_changes_its_network: HOME,
        [("lab.kdl", "", "network iot cidr=\"192.168.30.0/24\" gateway=\"192.168.30.1\"\n")],
        [("machines.kdl", "address lan \"192.168.1.101\"", "address iot \"192.168.30.101\"")],
        "access-closed",
        [("intranet to other machines: extranet 22/tcp 80/tcp 81/tcp 443/tcp, pve 22/tcp -> \
           nothing", "address iot"),
         ("intranet in lan: 192.168.1.101 -> no address", "address iot")];
    a_guest_that_joins_the_lan: HOME,
        [("lab.kdl", "", "network iot cidr=\"192.168.30.0/24\" gateway=\"192.168.30.1\"\n"),
         ("machines.kdl", "address lan \"192.168.1.101\"", "address iot \"192.168.30.101\"")],
        [("machines.kdl", "address iot \"192.168.30.101\"", "address lan \"192.168.1.101\"")],
        "access-opened",
        [("intranet to other machines: nothing -> extranet 22/tcp 80/tcp 81/tcp 443/tcp, pve \
           22/tcp", "address lan \"192.168.1.101\"")];
    a_network_in_both_families: HOME, [],
        [("lab.kdl", "cidr=\"192.168.1.0/24\"", "cidr=\"192.168.1.0/24\" cidr6=\"fd00:1::/64\"")],
        "access-opened",
        [("the addresses of lan: 192.168.1.0/24 without 192.168.1.111/32 -> 192.168.1.0/24 \
           fd00:1::/64", "cidr6")];
    a_tag_of_a_network: HOME, [],
        [("lab.kdl", "dns=\"192.168.1.1\"\n", "dns=\"192.168.1.1\" vlan=20\n")],
        "names",
        [("vlan of lan: none -> 20", "vlan=20")];
    another_port_of_ssh: HOME, [],
        [("machines.kdl", "    ssh from=lan\n    firewall ufw\n}\n\nvm intranet",
          "    ssh from=lan port=2222\n    firewall ufw\n}\n\nvm intranet")],
        "access-opened",
        [("lan to ssh on extranet: 22/tcp -> 2222/tcp", "port=2222")];
    a_client_that_goes: HOME, [],
        [("services.kdl", "client laptop phone", "client laptop")],
        "access-closed",
        [("phone may come in with a profile of openvpn: yes -> no", "client laptop")];
    devices_that_reach_all_of_the_lan: BLACKBOX, [],
        [("control-tower.kdl", "    routes \"192.168.10.0/24\"\n",
          "    routes \"192.168.10.0/24\"\n    reach lan\n")],
        "access-opened",
        [("clients of tailnet through control-tower to every address of lan: closed -> open",
          "reach lan")];
    a_port_for_devices_of_a_vpn: BLACKBOX, [],
        [("services.kdl", "service authentik on=infrastructure {\n",
          "service authentik on=infrastructure {\n    expose web to=tailnet\n")],
        "access-opened",
        [("tailnet to infrastructure 9000/tcp, authentik.web: closed -> open",
          "expose web to=tailnet"),
         ("clients of tailnet through control-tower to infrastructure 9000/tcp: closed -> open",
          "expose web to=tailnet")];
    names_for_the_internet: BLACKBOX, [],
        [("control-tower.kdl", "    expose dns to=lan,tailnet\n",
          "    expose dns to=lan,tailnet,internet\n")],
        "access-opened",
        [("internet to control-tower 53/udp, adguard-home.dns: closed -> open",
          "expose dns to=lan,tailnet,internet")];
    a_service_that_calls_another: BLACKBOX, [],
        [("services.kdl", "service bazarr on=downloads {\n",
          "service bazarr on=downloads {\n    link jellyfin\n")],
        "access-opened",
        [("downloads to media 8096/tcp, jellyfin.web: closed -> open", "link jellyfin")];
    a_route_for_the_internet: AUTOMATION, [],
        [("services.kdl", SONARR,
          "route \"sonarr.media.example.org\" to=web via=caddy from=internet,lan\n")],
        "access-opened",
        [("internet to sonarr.media.example.org, sonarr: refused -> allowed",
          "sonarr.media.example.org")];
    a_path_in_place_of_all: AUTOMATION, [],
        [("services.kdl", SONARR, "route \"sonarr.media.example.org\" to=web via=caddy from=lan { \
                                   path \"/api\" to=web; }\n")],
        "access-opened",
        [("lan to sonarr.media.example.org/api, sonarr: refused -> allowed", "path \"/api\""),
         ("lan to sonarr.media.example.org, sonarr: allowed -> refused", "path \"/api\"")];
    a_page_that_leads_elsewhere: AUTOMATION, [],
        [("services.kdl", SONARR, "route \"sonarr.media.example.org\" to=web via=caddy from=lan { \
                                   redirect \"/start\" to=\"https://example.org\"; }\n")],
        "restarts",
        [("redirect of /start of sonarr.media.example.org: none -> https://example.org",
          "redirect \"/start\"")];
    a_limit_of_uploads: SINGLE, [],
        [("services.kdl", "\"photos.home.arpa\" to=web via=traefik from=lan,tailnet\n",
          "\"photos.home.arpa\" to=web via=traefik from=lan,tailnet { body-limit (size)\"1GiB\"; \
           }\n")],
        "names",
        [("largest upload of photos.home.arpa: none -> 1GiB", "body-limit")];
    a_share_for_the_dmz: HOME, [],
        [("machines.kdl", "    share tank-ssd.edge at=\"/mnt/appdata\" via=virtiofs\n",
          "    share tank-ssd.edge at=\"/mnt/appdata\" via=virtiofs\n    share tank-hdd.photos \
           at=\"/mnt/photos\" via=virtiofs // dmz\n")],
        "data",
        [("/mnt/photos on extranet: nothing -> dataset tank-hdd/photos by virtiofs", "// dmz"),
         ("share-across-zones on extranet is new", "// dmz")];
    a_share_that_is_only_read: HOME, [],
        [("machines.kdl", "share tank-ssd.edge at=\"/mnt/edge\" via=virtiofs",
          "share tank-ssd.edge at=\"/mnt/edge\" via=virtiofs read-only=#true")],
        "data",
        [("/mnt/edge on intranet: dataset tank-ssd/edge by virtiofs -> dataset tank-ssd/edge by \
           virtiofs, read-only", "read-only=#true")];
    a_disk_in_place_of_another: HOME, [],
        [("hosts.kdl", "ata-HDD_500GB\"", "ata-HDD_500GB-2\"")],
        "data",
        [("pool tank-hdd on pve: stripe of hdd (/dev/disk/by-id/ata-HDD_500GB) -> stripe of hdd \
           (/dev/disk/by-id/ata-HDD_500GB-2)", "ata-HDD_500GB-2")];
    a_dataset_mounted_elsewhere: HOME, [],
        [("hosts.kdl", "dataset logs quota=(size)\"10GiB\"",
          "dataset logs quota=(size)\"10GiB\" mountpoint=\"/var/log/lab\"")],
        "data",
        [("dataset tank-hdd/logs on pve: /tank-hdd/logs -> /var/log/lab", "mountpoint=")];
    appdata_of_another_folder: AUTOMATION, [],
        [("machines.kdl", "appdata \"/srv/appdata\"", "appdata \"/var/lib/appdata\"")],
        "data",
        [("config of jellyfin: /srv/appdata/jellyfin/config on homelab, the disk of homelab -> \
           /var/lib/appdata/jellyfin/config", "/var/lib/appdata")];
    dumps_that_come_once_a_week: BLACKBOX, [],
        [("machines.kdl",
          "    appdata \"/srv/appdata\" backup=daily\n    ssh from=lan\n}\n\nvm downloads",
          "    appdata \"/srv/appdata\" backup=weekly\n    ssh from=lan\n}\n\nvm downloads")],
        "data",
        [("dump of immich of immich by restic-media: daily -> weekly", "backup=weekly"),
         ("weekly run of restic-media: never -> ", "backup=weekly"),
         ("database-apart-from-files on immich is new", "backup=weekly")];
    a_repository_on_another_machine: BLACKBOX, [],
        [("services.kdl", "backup@192.168.10.5:/volume1/backups/infrastructure",
          "backup@192.168.10.6:/volume1/backups/infrastructure")],
        "data",
        [("where restic-infra saves to: sftp:backup@192.168.10.5:/volume1/backups/infrastructure \
           -> sftp:backup@192.168.10.6:/volume1/backups/infrastructure", "192.168.10.6")];
    a_check_of_a_repository: HOME, [],
        [("services.kdl", "    keep daily=7 weekly=4 monthly=6\n",
          "    keep daily=7 weekly=4 monthly=6\n    check (cron)\"0 5 * * *\"\n")],
        "data-kept",
        [("check of restic: never -> 0 5 * * *", "check (cron)")];
    another_store_for_what_is_copied: BLACKBOX, [],
        [("services.kdl", "remote \"b2:blackbox-backups\"", "remote \"b2:other\"")],
        "data",
        [("where rclone copies /volume1/photos: b2:blackbox-backups -> b2:other", "b2:other")];
    a_series_of_images_that_goes_back: SINGLE, [],
        [("services.kdl", "    metrics #true\n",
          "    metrics #true\n    image \"ghcr.io/immich-app/immich-server:v1.100.0\"\n")],
        "data",
        [("image of immich on services: ghcr.io/immich-app/immich-server:v3.1.0 -> v1.100.0, a \
           downgrade, which may not read newer data", "v1.100.0"),
         ("images-disagree on immich is new", "v1.100.0")];
    readers_who_change_places: HOME, [],
        [("services.kdl", "password (secret)ovh-dyndns", "password (secret)restic-password // dns"),
         ("services.kdl", "password (secret)restic-password\n    keep",
          "password (secret)ovh-dyndns // restic\n    keep")],
        "secrets",
        [("secret restic-password on extranet: not on it -> read by ddclient (owner root, 0400)",
          "// dns"),
         ("secret restic-password on intranet: read by restic -> gone", "// restic")];
    a_key_of_another_program: BLACKBOX, [],
        [("services.kdl", "    data \"/mnt/media\"\n    api-key (secret)radarr-api-key",
          "    data \"/mnt/media\"\n    api-key (secret)sonarr-api-key // radarr")],
        "secrets",
        [("secret radarr-api-key on downloads: read by radarr (owner root, 0400) -> by others \
           alone", "// radarr"),
         ("secret sonarr-api-key on downloads: read by sonarr (owner root, 0400) -> read by radarr \
           and sonarr (owner root, 0400)", "// radarr")];
    a_secret_that_all_may_read: AUTOMATION, TOOL,
        [(MODULE, "file-variable=TOOL_KEY", "file-variable=TOOL_KEY mode=\"0444\"")],
        "secrets",
        [("secret tool-key on homelab: read by tool (owner root, 0400) -> read by tool (owner \
           root, 0444)", "mode=\"0444\"")];
    the_whole_disk_in_a_container: AUTOMATION, TOOL,
        [(MODULE, "mount \"/srv/tool\"", "mount \"/\"")],
        "privileges",
        [("tool on homelab and /: does not see it -> writes", "mount \"/\""),
         ("tool on homelab and /srv/tool: writes -> does not see it", "mount \"/\"")];
    a_container_that_runs_as_root: AUTOMATION, TOOL,
        [(MODULE, "user \"1000:1000\"", "user \"0:0\"")],
        "privileges",
        [("tool on homelab runs as: 1000:1000 -> 0:0", "user \"0:0\"")];
    capabilities_that_stay: AUTOMATION, TOOL,
        [(MODULE, "        cap-drop ALL\n", "")],
        "privileges",
        [("tool on homelab has ", "was cap-drop ALL")];
    a_group_that_commands_docker: AUTOMATION, TOOL,
        [(MODULE, "cap-drop ALL\n", "cap-drop ALL\n        group docker\n")],
        "privileges",
        [("tool on homelab has the group docker: no -> yes", "group docker")];
    the_network_and_all_rights: AUTOMATION, TOOL,
        [(MODULE, "cap-drop ALL\n",
          "cap-drop ALL\n        privileged #true\n        network host\n")],
        "privileges",
        [("tool on homelab has everything: it is privileged: no -> yes", "privileged #true"),
         ("tool on homelab has the network of the machine: no -> yes", "network host")];
    who_may_read_a_file: AUTOMATION, TOOL,
        [(MODULE, "mode=\"0644\"", "mode=\"0600\"")],
        "privileges",
        [("owner and mode of /etc/tool.conf on homelab: root:root 0644 -> root:root 0600",
          "mode=\"0600\"")];
    what_a_file_says: AUTOMATION, TOOL,
        [("modules/tool/tool.conf", "info", "debug")],
        "restarts",
        [("tool/tool.conf of homelab is different", "file modules/tool/tool.conf")];
    a_package: AUTOMATION, TOOL,
        [(MODULE, "    provides web", "    package htop\n    provides web")],
        "restarts",
        [("package htop on homelab: not asked for -> installed", "package htop")];
    a_setting_of_the_kernel: AUTOMATION, TOOL,
        [(MODULE, "    provides web",
          "    sysctl \"net.ipv4.ip_forward\" \"1\"\n    provides web")],
        "restarts",
        [("kernel setting net.ipv4.ip_forward on homelab: not set -> 1", "sysctl")];
    a_module_of_the_kernel: AUTOMATION, TOOL,
        [(MODULE, "    provides web", "    kernel-module tun\n    provides web")],
        "restarts",
        [("kernel module tun on homelab: not loaded -> loaded", "kernel-module tun")];
    what_a_unit_starts: AUTOMATION, TOOL,
        [(MODULE, "/usr/bin/true", "/usr/bin/false")],
        "restarts",
        [("unit tool.service on homelab is restarted", "/usr/bin/false")];
    a_folder_that_counts_as_kept: AUTOMATION, TOOL,
        [(MODULE, "    provides web", "    state data path=\"/srv/tool\"\n    provides web")],
        "data-kept",
        [("data of tool: not kept -> /srv/tool on homelab", "state data")];
    an_image_of_somebody_else: AUTOMATION, TOOL,
        [(MODULE, "docker.io/library/nginx:1.27.0", "ghcr.io/somebody/nginx:1.27.0")],
        "restarts",
        [("image of tool on homelab: docker.io/library/nginx:1.27.0 -> \
           ghcr.io/somebody/nginx:1.27.0", "ghcr.io/somebody")];
    an_image_without_a_version: AUTOMATION, TOOL,
        [(MODULE, "nginx:1.27.0", "nginx:latest")],
        "restarts",
        [("image of tool on homelab: docker.io/library/nginx:1.27.0 -> latest", "nginx:latest"),
         ("unpinned-image on tool is new", "nginx:latest")];
    an_alert_of_a_service: AUTOMATION, TOOL,
        [(MODULE, "    provides web",
          "    alert ToolDown when=\"up == 0\" for=(duration)\"5m\" { summary \"x\"; }\n    \
           provides web")],
        "monitoring",
        [("alert ToolDown of tool: none -> warning after 5m", "alert ToolDown")];
    another_bridge: HOME, [],
        [("hosts.kdl", "bridge=vmbr0", "bridge=vmbr1")],
        "restarts",
        [("bridge of intranet: vmbr0 -> vmbr1", "bridge=vmbr1"),
         ("bridge of extranet: vmbr0 -> vmbr1", "bridge=vmbr1")];
    another_firmware: HOME, [],
        [("machines.kdl", "    passthrough igpu\n", "    passthrough igpu\n    bios ovmf\n")],
        "restarts",
        [("firmware of intranet: BIOS -> UEFI, after its next start", "bios ovmf")];
    an_image_of_an_appliance: BLACKBOX, [],
        [("machines.kdl", "OPNsense-26.7", "OPNsense-27.1")],
        "restarts",
        [("image of opnsense: local:iso/OPNsense-26.7-dvd-amd64.iso -> \
           local:iso/OPNsense-27.1-dvd-amd64.iso", "OPNsense-27.1")];
    another_place_of_a_gpu: BLACKBOX, [],
        [("machines.kdl", "pci=\"0000:c5:00.0\"", "pci=\"0000:c6:00.0\"")],
        "restarts",
        [("gpu radeon of pve: 0000:c5:00.0 with the ROM vbios_760m.bin -> 0000:c6:00.0",
          "0000:c6:00.0")];
    another_number_of_processors: BLACKBOX, [],
        [("machines.kdl", "    cores 6\n", "    cores 8\n")],
        "restarts",
        [("cores of media: 6 -> 8, after its next start", "cores 8")];
    an_order_of_starting: HOME, [],
        [("machines.kdl", "    passthrough igpu\n",
          "    passthrough igpu\n    boot #true order=2\n")],
        "restarts",
        [("start of intranet: with its host -> with its host, as number 2", "boot #true")];
    a_proxy_in_place_of_another: SINGLE, [],
        [("services.kdl", "service traefik on=services {\n    certificates internal\n}\n",
          "service caddy on=services {\n    certificates internal\n}\n"),
         ("services.kdl", "via=traefik", "via=caddy"),
         ("services.kdl", "via=traefik", "via=caddy"),
         ("services.kdl", "via=traefik", "via=caddy")],
        "access-opened",
        [("service traefik: traefik on services -> none", "was service traefik")];
    nobody_is_told_but_by_a_heartbeat: BLACKBOX, [],
        [("control-tower.kdl", "    ntfy-url (secret)alerts-topic\n", "")],
        "secrets",
        [("alerts of alertmanager by ntfy-url: sent -> sent to nobody", "was ntfy-url"),
         ("secret alerts-topic on control-tower: read by alertmanager -> gone", "was ntfy-url"),
         ("alerts-reach-nobody on alertmanager is new", "was ntfy-url")];
    a_name_that_only_the_dns_has: HOME, [],
        [("lab.kdl", "", "name \"nas.elmzn.be\" address=\"192.168.1.20\"\n")],
        "names",
        [("nas.elmzn.be: leads nowhere -> 192.168.1.20", "name \"nas.elmzn.be\"")];
    a_profile_that_is_not_selected: BLACKBOX, [],
        [("lab.kdl", "select immich-on-media productivity-on-lxc", "select immich-on-media")],
        "access-closed",
        [("machine productivity: lxc 210 on pve -> none", "select immich-on-media"),
         ("documents of paperless-ngx: /srv/appdata/paperless-ngx/media",
          "select immich-on-media")];
    three_things_at_once: HOME, [],
        [("services.kdl", "keep daily=7", "keep daily=5"),
         ("machines.kdl", "memory (size)\"12GiB\"", "memory (size)\"10GiB\""),
         ("services.kdl", "expose web to=lan,tunnel                   //",
          "expose web to=lan                          //")],
        "access-closed",
        [("tunnel to intranet 8096/tcp, jellyfin.web: open -> closed", "expose web to=lan     "),
         ("daily backups kept by restic: 7 -> 5", "keep daily=5"),
         ("memory of intranet: 12GiB -> 10GiB, after its next start", "memory (size)\"10GiB\"")];
    a_machine_with_a_service_and_a_route: HOME, [],
        [("machines.kdl", "", r#"vm games id=102 on=pve {
    os debian-13
    cores 1
    memory (size)"1GiB"
    disk root size=(size)"8GiB"
    address lan "192.168.1.120"
}
"#),
         ("services.kdl", "", "service dozzle on=games { route \"logs.elmzn.be\" to=web via=npm \
                               from=lan; }\n"),
         ("lab.kdl", "", "secret spare\n")],
        "access-opened",
        [("lan to logs.elmzn.be, dozzle: refused -> allowed", "vm games & service dozzle"),
         ("dozzle on games and /var/run/docker.sock: does not see it -> commands all containers",
          "vm games & service dozzle"),
         ("unused-secret on spare is new", "secret spare")];
    a_service_that_stands_in_another_file: HOME, [],
        [("services.kdl", "service fail2ban on=extranet\n", ""),
         ("more.kdl", "", "service fail2ban on=extranet\n"),
         ("services.kdl", "keep daily=7", "keep daily=5")],
        "data",
        [("daily backups kept by restic: 7 -> 5", "keep daily=5")];
}

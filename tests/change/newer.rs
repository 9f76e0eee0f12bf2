//! Planted changes of the newer parts of the language, some in a module of the lab.

use super::planted::{Edit, Planted, planted};

const HOME: &str = "media-server-home";
const SINGLE: &str = "media-server-single";
const BLACKBOX: &str = "blackbox";

/// The module of the lab that most of them change.
const MODULE: &str = "modules/tool/module.kdl";

const TOOL: [Edit; 3] = [
    (
        MODULE,
        "",
        r#"edition 1
module tool version="1.0.0" {
    summary "A tool"
    state data path=(f)"{machine.appdata}/{service.name}"
    container-network backend internal=#true
    container tool {
        image "docker.io/library/busybox:1.37.0"
        on-network default
        on-network backend
        mount (ref)state.data at="/data"
        health none="it is a tool"
    }
    container job {
        image "docker.io/library/busybox:1.36.1"
        every (cron)"30 4 * * *"
        health none="it ends"
    }
    folder conf from="conf" at="/etc/tool"
    provides web container=tool port=8765 protocol=http
    provides media container=tool port="50000-50010" protocol=udp
}
"#,
    ),
    ("modules/tool/conf/tool.conf", "", "colour = red\n"),
    ("services.kdl", "", "service tool on=intranet {\n    expose web to=lan // tool\n}\n"),
];

/// A further VM.
const GAMES: &str = r#"vm games id=102 on=pve {
    os debian-13
    cores 1
    memory (size)"1GiB"
    disk root size=(size)"8GiB"
    address lan "192.168.1.120"
}
"#;

/// The end of the first route of the home lab.
const FROM: &str = "from=internet,lan,tunnel\n";

planted_after! {
    an_allow_list: HOME, [],
        [("services.kdl", FROM, r#"from=internet,lan,tunnel { allow "192.168.1.0/28"; }
"#)],
        "access-closed",
        [("addresses of media.elmzn.be: none -> 192.168.1.0/28", r#"allow "192.168.1.0/28""#)];
    a_wider_allow_list: HOME,
        [("services.kdl", FROM, r#"from=internet,lan,tunnel { allow "192.168.1.0/28"; }
"#)],
        [("services.kdl", r#""192.168.1.0/28""#, r#""192.168.1.0/24""#)],
        "access-opened",
        [("addresses of media.elmzn.be: 192.168.1.0/28 -> 192.168.1.0/24",
          r#"allow "192.168.1.0/24""#)];
    a_login_that_goes: HOME, [("lab.kdl", "", "secret site-users\n"),
         ("services.kdl", FROM, "from=internet,lan,tunnel { login (secret)site-users; }\n")],
        [("services.kdl", "login (secret)site-users; ", "")],
        "access-opened",
        [("login of media.elmzn.be: the users in secret site-users -> none",
          "was login (secret)site-users"),
         ("secret site-users on extranet: read by npm", "was login (secret)site-users")];
    a_route_that_goes_with_its_login: HOME, [("lab.kdl", "", "secret site-users\n"),
         ("services.kdl", FROM, "from=internet,lan,tunnel { login (secret)site-users; }\n")],
        [("services.kdl", r#"route "media.elmzn.be""#, r#"/-route "media.elmzn.be""#)],
        "access-closed",
        [("internet, lan, tunnel to media.elmzn.be, jellyfin: allowed -> refused",
          r#"was route "media.elmzn.be""#)];
    a_rate_limit_that_goes: SINGLE,
        [("services.kdl",
          "from=lan,tailnet",
          r#"from=lan,tailnet { rate-limit 100 per=(duration)"1m"; }"#)],
        [("services.kdl", r#"rate-limit 100 per=(duration)"1m"; "#, "")],
        "access-opened",
        [("rate limit of jellyfin.home.arpa: 100 requests in 1m, 100 at once -> none",
          "was rate-limit 100")];
    a_header_that_visitors_get: HOME, [],
        [("services.kdl", FROM,
          r#"from=internet,lan,tunnel { response-header X-Frame-Options "DENY"; }
"#)],
        "names",
        [("response header X-Frame-Options of media.elmzn.be: none -> DENY", "response-header")];
    a_header_that_the_service_gets: HOME,
        [("services.kdl", FROM, r#"from=internet,lan,tunnel { request-header X-Script-Name "/one"; }
"#)],
        [("services.kdl", r#""/one""#, r#""/two""#)],
        "names",
        [("request header X-Script-Name of media.elmzn.be has another value", r#""/two""#)];
    words_of_the_proxy: HOME, [],
        [("services.kdl", FROM, "from=internet,lan,tunnel { raw nginx.proxy_buffering off; }\n")],
        "names",
        [("raw proxy_buffering of media.elmzn.be is new", "raw nginx")];
    a_further_name_of_a_route: HOME, [],
        [("services.kdl", FROM, r#"from=internet,lan,tunnel { alias "films.elmzn.be"; }
"#)],
        "access-opened",
        [("internet, lan, tunnel to films.elmzn.be, jellyfin: refused -> allowed",
          r#"alias "films"#)];
    a_gpu_for_a_container: HOME, TOOL,
        [(MODULE, "        mount (ref)state.data",
          "        gpu dri\n        mount (ref)state.data")],
        "privileges",
        [("tool on intranet has the device /dev/dri/renderD128: no -> yes", "gpu dri")];
    a_file_of_a_build: HOME, [TOOL[0], TOOL[1], TOOL[2],
         (MODULE, r#"image "docker.io/library/busybox:1.37.0""#, "build site"),
         ("modules/tool/site/Dockerfile", "", "FROM docker.io/library/busybox:1.37.0\n")],
        [("modules/tool/site/Dockerfile", "1.37.0", "1.36.1")],
        "restarts",
        [("image of tool on intranet: labwright.local/tool:1-",
          "file modules/tool/site/Dockerfile"),
         ("container tool on intranet is created anew", "file modules/tool/site/Dockerfile")];
    a_file_of_a_folder: HOME, TOOL,
        [("modules/tool/conf/tool.conf", "red", "blue")],
        "restarts",
        [("container tool on intranet is created anew", "file modules/tool/conf/tool.conf")];
    a_link: HOME, TOOL,
        [("services.kdl",
          "    expose web to=lan // tool\n",
          "    expose web to=lan // tool\n    link immich endpoint=web\n")],
        "access-opened",
        [("containers of tool to intranet 2283/tcp, immich.web: closed -> open", "link immich")];
    another_time_of_a_container: HOME, TOOL,
        [(MODULE, "30 4 * * *", "30 5 * * *")],
        "restarts",
        [("when tool-job on intranet runs: every 30 4 * * * -> every 30 5 * * *", "every (cron)")];
    a_share_by_smb: HOME, [("hosts.kdl", "", r#"host nas kind=unmanaged {
    address lan "192.168.1.5"
    export films path="/volume1/films" smb=Films backup=never
}
"#)],
        [("machines.kdl",
          "    share tank-hdd.media",
          r#"    share nas.films at="/mnt/films" via=cifs user=ada password=(secret)nas-password
    share tank-hdd.media"#),
         ("lab.kdl", "", "secret nas-password\n")],
        "access-opened",
        [("/mnt/films on intranet: nothing -> export films of nas by cifs as ada",
          "share nas.films & secret nas-password"),
         ("secret nas-password on intranet: not on it -> read by the mount of /mnt/films",
          "share nas.films & secret nas-password")];
    another_user_of_a_share: HOME, [("hosts.kdl", "", r#"host nas kind=unmanaged {
    address lan "192.168.1.5"
    export films path="/volume1/films" smb=Films backup=never
}
"#),
         ("machines.kdl",
          "    share tank-hdd.media",
          r#"    share nas.films at="/mnt/films" via=cifs user=ada password=(secret)nas-password
    share tank-hdd.media"#),
         ("lab.kdl", "", "secret nas-password\n")],
        [("machines.kdl", "user=ada", "user=eve")],
        "data",
        [("by cifs as ada -> export films of nas by cifs as eve", "user=eve")];
    what_becomes_of_a_first_value: HOME, [TOOL[0], TOOL[1], TOOL[2],
         (MODULE, "        mount (ref)state.data",
          r#"        env TOOL_NAME "a" first-start=person advice="type it in"
        mount (ref)state.data"#)],
        [(MODULE, r#"first-start=person advice="type it in""#, "first-start=nothing")],
        "restarts",
        [("first-start/carry.sh of intranet is different", "first-start=nothing")];
    a_folder_that_is_no_longer_copied: HOME, [TOOL[0], TOOL[1], TOOL[2],
         (MODULE, "    folder conf",
          r#"    database (f)"{state.data}/db" engine=folder container=tool
    folder conf"#)],
        [(MODULE, r#"    database (f)"{state.data}/db" engine=folder container=tool
"#, "")],
        "data",
        [("database db of tool: folder -> none", "was engine=folder"),
         ("dump of db of tool by restic: daily -> none", "was engine=folder")];
    a_database_apart_from_its_files: HOME, [],
        [("hosts.kdl",
          r#"recordsize=(size)"1MiB" backup=daily"#,
          r#"recordsize=(size)"1MiB" backup=weekly"#)],
        "data",
        [("database-apart-from-files on immich is new", "dataset photos"),
         ("backup of tank-hdd/photos on pve: daily -> weekly", "dataset photos")];
    all_names_below_one: BLACKBOX,
        [("control-tower.kdl", "", r#"name "printer.blackbox.homes" address="192.168.10.40"
"#)],
        [("control-tower.kdl",
          r#"address="192.168.10.40""#,
          r#"address="192.168.10.40" below=#true"#)],
        "restarts",
        [("printer.blackbox.homes: 192.168.10.40 -> 192.168.10.40, with all names below it",
          "below=#true")];
    a_way_out_for_containers: HOME, TOOL,
        [(MODULE, " internal=#true", "")],
        "access-opened",
        [("network backend of tool on intranet: nothing leads out of it -> leads out",
          "container-network backend")];
    a_container_on_a_further_network: HOME, TOOL,
        [(MODULE, "        every (cron)",
          "        on-network backend // job\n        every (cron)")],
        "access-opened",
        [("tool-job on intranet is on its network backend: no -> yes",
          "on-network backend // job")];
    a_port_at_one_address: BLACKBOX, [],
        [("control-tower.kdl", "port web 3003 ", r#"port web 3003 address="192.168.10.2" "#)],
        "access-closed",
        [("adguard-home.web on control-tower: 3003/tcp -> 3003/tcp at 192.168.10.2",
          r#"address="192.168.10.2" "#)];
    a_row_of_ports_that_moves: HOME, [TOOL[0], TOOL[1], TOOL[2],
         ("services.kdl",
          "    expose web to=lan // tool\n",
          "    expose web to=lan // tool\n    expose media to=lan\n")],
        [("services.kdl", "    expose web to=lan // tool\n", r#"    expose web to=lan // tool
    port media "60000-60010"
"#)],
        "access-opened",
        [("lan to tool.media on intranet: 50000-50010/udp -> 60000-60010/udp", "port media")];
    a_shorter_row_of_ports: HOME, [TOOL[0], TOOL[1], TOOL[2],
         ("services.kdl",
          "    expose web to=lan // tool\n",
          "    expose web to=lan // tool\n    expose media to=lan\n")],
        [(MODULE, r#""50000-50010""#, r#""50000-50005""#)],
        "access-closed",
        [("lan to tool.media on intranet: 50000-50010/udp -> 50000-50005/udp", "provides media")];
    other_networks_of_containers: HOME, [],
        [("machines.kdl", "    passthrough igpu\n", r#"    passthrough igpu
    container-networks "10.99.0.0/16"
"#)],
        "restarts",
        [("networks of containers of intranet: not said -> 10.99.0.0/16", "container-networks")];
    a_machine_in_a_new_zone: HOME, [],
        [("machines.kdl", "    passthrough igpu\n", "    passthrough igpu\n    zone inner\n")],
        "access-closed",
        [("the addresses of inner: none -> 192.168.1.101/32", "zone inner"),
         ("zone-inside-trusted-cidr", "zone inner")];
    another_name_of_a_machine: HOME, [],
        [("machines.kdl", "vm extranet ", "vm outside "),
         ("services.kdl", "on=extranet", "on=outside"),
         ("services.kdl", "on=extranet", "on=outside"),
         ("services.kdl", "on=extranet", "on=outside"),
         ("services.kdl", "on=extranet", "on=outside"),
         ("services.kdl", "on=extranet", "on=outside"),
         ("services.kdl", "on=extranet", "on=outside"),
         ("services.kdl", "on=extranet", "on=outside"),
         ("lab.kdl", "", "moved vm extranet to=outside\n")],
        "restarts",
        [("name of machine outside: extranet -> outside", "vm outside")];
    an_address_that_a_machine_asks_for: HOME,
        [("machines.kdl", "", GAMES)],
        [("machines.kdl", r#"address lan "192.168.1.120""#, "address lan dhcp")],
        "restarts",
        [("games in lan: 192.168.1.120 -> by DHCP", "address lan dhcp")];
    an_address_of_a_service: BLACKBOX, [],
        [("control-tower.kdl", "    expose dns to=lan,tailnet\n",
          "    own-address \"192.168.10.53\"\n    expose dns to=lan,tailnet\n")],
        "access-closed",
        [("control-tower in lan: 192.168.10.2 -> 192.168.10.2, 192.168.10.53", "own-address"),
         ("adguard-home.dns on control-tower: 53/udp -> 53/udp at 192.168.10.53", "own-address")];
}

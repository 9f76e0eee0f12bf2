//! Help that was wrong once: the finding and the whole help of each.

use labwright::compile;
use labwright::source::{Layer, SourceFile, Sources};

const LAB: &str = r#"edition 1
lab home version="2026.1" { domain "example.org"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
network vlan20 cidr="192.168.20.0/24"
host box kind=debian {
    os debian-13
    address lan "192.168.1.10"
    appdata "/srv/appdata" backup=daily
}
host intranet kind=debian { os debian-13; address lan "192.168.1.11"; }
secret restic-password
service restic on=box { repository "/mnt/b"; password (secret)restic-password; }
"#;

const FILMS: &str = "library \"/srv/films\"";

/// Lines, with the help of the first finding about them.
const HELPS: &[(&str, &str)] = &[
    ("service jellyfin on=box { library “/mnt/media”; }", "write `\"/mnt/media\"`"),
    ("service jellyfin on=box { library „/mnt/my media“; }", "write `\"/mnt/my media\"`"),
    ("service jellyfin on=box { library '/mnt/media'; }", "write `\"/mnt/media\"`"),
    ("service jellyfin on=box { library `/mnt/media`; }", "write `\"/mnt/media\"`"),
    ("network x cidr=\"10.0.0.0/24\" dns:\"1.1.1.1\"", "write `dns=\"1.1.1.1\"`"),
    (
        "service proxy module=caddy on=box { certificates internal; }\n\
         service jellyfin on=box { FILMS; route \"x.example.org\" to=web via=proxy from=lan { \
         allow \"192.168.1.5\"; }; }",
        "write `\"192.168.1.5/32\"` for this address alone",
    ),
    ("service jellyfin on=box { library “/a; }", "write text in double quotes: `\"…\"`"),
    (
        "service jellyfin on=box { library \"/a\", \"/b\"; }",
        "blanks separate values: write `\"/a\" \"/b\"`",
    ),
    (
        "network x cidr=\"10.0.0.0/24\" dns=\"1.1.1.1\",\"9.9.9.9\"",
        "a list is one value: write `\"1.1.1.1,9.9.9.9\"`",
    ),
    (
        "network x cidr=\"10.0.0.0/24\" dns=1.1.1.1, 9.9.9.9",
        "a list is one value: write `\"1.1.1.1,9.9.9.9\"`",
    ),
    (
        "network x cidr=\"10.0.0.0/24\" dns=[\"1.1.1.1\", \"9.9.9.9\"]",
        "a list is one value: write `\"1.1.1.1,9.9.9.9\"`",
    ),
    (
        "service jellyfin on=box { FILMS; expose web to=lan, vlan20; }",
        "a list is one value: write `lan,vlan20`",
    ),
    (
        "service jellyfin on=box { FILMS; expose web to=wan; }",
        "there are: box, intranet, lan, vlan20; `internet` is all that is outside",
    ),
    (
        "service jellyfin on=box { FILMS; expose web to=intrnet; }",
        "there are: box, intranet, lan, vlan20; `internet` is all that is outside",
    ),
    (
        "service jellyfin on=box { FILMS; expose web to=vlan10; }",
        "there are: box, intranet, lan, vlan20; `internet` is all that is outside",
    ),
    (
        "service jellyfin on=box { FILMS; route \"x.example.org\" to=web via=restc from=lan; }",
        "the lab has no proxy yet: add a service of module nginx-proxy-manager, traefik or caddy",
    ),
    (
        "service proxy module=caddy on=box { certificates internal; }\n\
         service jellyfin on=box { FILMS; route \"x.example.org\" to=web via=caddy from=lan; }\n\
         removed service caddy reason=\"it is called proxy\"",
        "the lab has one proxy: proxy",
    ),
    (
        "service restic2 module=restic on=box { expose media to=lan; repository \"/mnt/c\"; \
         password (secret)restic-password; }",
        "remove this line: no program of the service listens",
    ),
    (
        "service jellyfin on=box { FILMS; raw compose.networks \"x\"; }",
        "remove it: the service says with `link NAME` whom it connects to, and with `own-address` \
         which address of the LAN it has",
    ),
    (
        "service jellyfin on=box { FILMS; raw compose.hostnam \"x\"; }",
        "did you mean `compose.hostname`?",
    ),
    (
        "service jellyfin on=box { FILMS; raw compose.image \"x/y\"; }",
        "name a version in the tag, or a digest: `NAME:1.2.3`",
    ),
    (
        "secret pw\nservice immich on=box { uploads \"/srv/appdata/x\"; \
         database-password (secret)pw; resources container=immich-valkey memory=\"1GiB\"; }",
        "did you mean `valkey`?",
    ),
    (
        "service sonarr on=box { data \"/mnt/data\"; }",
        "say `state data backup=daily` in the service, or keep it in a dataset that has a \
         `backup=` class",
    ),
    (
        "service sonarr on=intranet { data \"/srv/appdata/x\"; }",
        "add a backup service to `intranet`, and write `appdata \"/srv/appdata\" backup=daily` in \
         `intranet`, or keep it in a dataset that has a `backup=` class",
    ),
    (
        "service home-assistant on=box { trusted-proxies \"172.30.0.5\"; }",
        "write `\"172.30.0.5/32\"` for this address alone",
    ),
    (
        "module m { summary \"M\"; container m { image \"x/m:1\"; network host; }; \
         provides web container=m port=8000; provides more container=m port=8001; }\n\
         service a module=m on=box\nservice b module=m on=box { port more 8002; }",
        "give one of them another port: `port web 8003`",
    ),
    (
        "service jellyfin on=box { \"library\": \"/srv/films\"; }",
        "remove the `:`: a value follows its name after a blank",
    ),
    ("[lab]", "write the name of a node, and what belongs to it in braces: `lab NAME { … }`"),
    (
        "service jellyfin\n    on=box { FILMS; }",
        "write it in the line above, or end that line with ` \\`",
    ),
    (
        "service jellyfin on=box\n    FILMS\n}",
        "look above for a `{` that is missing or a block that was closed too early, or delete it",
    ),
    (
        "service jellyfin on=box { FILMS; expose web to=(lan,vlan20); }",
        "a list is one value: write `\"lan,vlan20\"`",
    ),
    ("extend host intranet { hardware \"x\" cores=2 memory=8192; }", "say the unit: `\"8192MiB\"`"),
    (
        "service restic2 module=restic on=box { repository \"/mnt/c\"; \
         password \"(secret)restic-password\"; }",
        "write `(secret)NAME`, without quotes around it",
    ),
    (
        "service uptime-kuma on=box { ports \"3001:3001\"; }",
        "`port ENDPOINT 8080` gives an endpoint another port of the machine, and `expose ENDPOINT \
         to=ZONE` opens it",
    ),
    (
        "service uptime-kuma on=box { environment TZ=\"Europe/Paris\"; }",
        "what a module has no option for is written `raw compose.environment …`",
    ),
    (
        "service uptime-kuma on=box { raw compose.environment.TZ \"Europe/Paris\"; }",
        "write `raw compose.environment { NAME … }`",
    ),
    ("services { jellyfin on=box; }", "write each as a node of its own: `service NAME …`"),
    (
        "service jеllyfin on=box",
        "write a name of the letters a to z, digits and hyphens: `е` is U+0435",
    ),
    (
        "network iot { cidr \"10.0.0.0/24\"; }",
        "add `cidr=…`, a prefix such as `\"192.168.1.0/24\"`",
    ),
    (
        "network iot cidr=\"10.0.0.0/24\" trusted＝yes",
        "write `trusted=…`, with the `=` of the keyboard",
    ),
];

#[test]
fn help_that_was_wrong_once_is_right() {
    for (line, help) in HELPS {
        let text = format!("{LAB}{}\n", line.replace("FILMS", FILMS));
        let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![file]);
        let found = compile::check(&sources).0;
        let helps: Vec<&str> = found.iter().filter_map(|found| found.help.as_deref()).collect();
        assert_eq!(helps.first(), Some(help), "{line}: {found:?}");
    }
}

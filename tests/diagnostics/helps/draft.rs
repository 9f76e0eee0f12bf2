//! Brings a plan that was written down in one go to a lab without a finding, by doing what each
//! finding says and nothing else.

use super::{Lab, case, checked, edit, own_files, title};
use labwright::compile::{Memory, compile};
use labwright::diag::Severity;
use labwright::source::Sources;

/// What a person does whose help names no whole edit: the code, a part of the message, and what is
/// written in place of what.
type ByHand = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// In the order in which a person meets them.
const BY_HAND: &[ByHand] = &[
    // leave `features` out
    ("container-without-runtime", "infrastructure", &[("    features nesting\n", "")]),
    // give one of them another port: `port web 8081`
    (
        "host-port-twice",
        "8080",
        &[(
            "scrutiny on=control-tower { port web 8080;",
            "scrutiny on=control-tower { port web 8081;",
        )],
    ),
    // keep a library of books in …
    (
        "discontinued-module",
        "readarr",
        &[("service readarr on=downloads { data \"/mnt/media\"; }\n", "")],
    ),
    // give the proxy what its certificates need, such as the `dns-provider` of …
    (
        "assertion-failed",
        "over https only",
        &[
            (
                "module=nginx-proxy-manager on=infrastructure {",
                "module=nginx-proxy-manager on=infrastructure { dns-provider cloudflare; \
                 dns-credentials (secret)dns-credentials;",
            ),
            ("secret npm-password\n", "secret npm-password\nsecret dns-credentials\n"),
        ],
    ),
    // name a second server in `dns=`, such as the router
    ("dns-asks-itself", "", &[("dns=\"192.168.10.2\"", "dns=\"192.168.10.2,192.168.10.1\"")]),
    // give both the same version
    ("images-disagree", "immich", &[("immich-server:release", "immich-server:v3.1.0")]),
    // name a version in the tag
    ("unpinned-image", "jellyfin", &[("jellyfin/jellyfin:latest", "jellyfin/jellyfin:10.11.11")]),
    // keep it on a disk of the machine: set `appdata` of the machine, the option for that folder
    (
        "database-on-nfs",
        "",
        &[
            ("appdata \"/mnt/appdata/control-tower\"", "appdata \"/srv/appdata\""),
            ("    database-folder \"/mnt/photos/database\"\n", ""),
        ],
    ),
    // open something to `tailnet`
    (
        "vpn-reaches-nothing",
        "tailscale",
        &[(
            "service home-assistant on=control-tower { expose web to=lan;",
            "service home-assistant on=control-tower { expose web to=lan,tailnet;",
        )],
    ),
    // add `service alertmanager on=control-tower { … }` with a receiver
    (
        "alerts-reach-nobody",
        "",
        &[
            (
                "service loki on=",
                "service alertmanager on=control-tower { ntfy-url (secret)ntfy-topic; }\n\
                 service loki on=",
            ),
            ("secret npm-password\n", "secret npm-password\nsecret ntfy-topic\n"),
        ],
    ),
    // add a backup service to `M`, and write `appdata "/srv/appdata" backup=daily` in `M`
    ("state-without-backup", "home-assistant", BACKED_UP_TOWER),
    ("state-without-backup", "`config` of `jellyfin`", BACKED_UP_MEDIA),
    ("state-without-backup", "qbittorrent", BACKED_UP_DOWNLOADS),
    ("state-without-backup", "npm", BACKED_UP_INFRASTRUCTURE),
    ("state-without-backup", "paperless-ngx", BACKED_UP_PRODUCTIVITY),
    // add `backup=daily` to export photos of cargo, and keep the repository of `restic`, which is
    // in it, elsewhere
    (
        "state-without-backup",
        "`uploads` of `immich`",
        &[
            ("\"/volume1/photos\"", "\"/volume1/photos\" backup=daily"),
            ("\"/mnt/photos/backups\"", "\"sftp:backup@192.168.10.5:/volume1/backups/media\""),
        ],
    ),
    // add `backup=daily` to export media of cargo: what is fetched again needs none, and says so
    (
        "state-without-backup",
        "`data` of",
        &[("\"/volume1/media\"", "\"/volume1/media\" backup=never")],
    ),
];

macro_rules! backed_up {
    ($name:ident, $machine:literal, $anchor:literal) => {
        const $name: &[(&str, &str)] = &[
            ($anchor, concat!($anchor, "    appdata \"/srv/appdata\" backup=daily\n")),
            (
                "// The NAS\n",
                concat!(
                    "service restic-",
                    $machine,
                    " module=restic on=",
                    $machine,
                    " { repository \"sftp:backup@192.168.10.5:/volume1/backups/",
                    $machine,
                    "\"; password (secret)restic-password; }\n// The NAS\n"
                ),
            ),
        ];
    };
}

const BACKED_UP_TOWER: &[(&str, &str)] = &[
    ("    appdata \"/srv/appdata\"\n", "    appdata \"/srv/appdata\" backup=daily\n"),
    (
        "// The NAS\n",
        "service restic-tower module=restic on=control-tower { repository \
         \"sftp:backup@192.168.10.5:/volume1/backups/tower\"; password (secret)restic-password; \
         }\n// The NAS\n",
    ),
];
/// This one has a backup service already.
const BACKED_UP_MEDIA: &[(&str, &str)] = &[(
    "    passthrough radeon\n",
    "    passthrough radeon\n    appdata \"/srv/appdata\" backup=daily\n",
)];
backed_up!(BACKED_UP_DOWNLOADS, "downloads", "    disk root size=\"60GiB\"\n");
backed_up!(BACKED_UP_INFRASTRUCTURE, "infrastructure", "    address lan \"192.168.10.200\"\n");
backed_up!(BACKED_UP_PRODUCTIVITY, "productivity", "    address lan \"192.168.10.210\"\n");

/// Does by hand what a finding says. Returns nothing if no entry is about it, or if what the entry
/// replaces is not there any more.
fn by_hand(lab: &Lab, code: &str, message: &str) -> Option<Lab> {
    let mut about = BY_HAND.iter().filter(|(of, part, _)| *of == code && message.contains(part));
    about.find_map(|(.., edits)| {
        let mut lab = lab.clone();
        let text = &mut lab.iter_mut().find(|file| file.path == "lab.kdl")?.text;
        for (wrong, right) in *edits {
            // A backup that is there already is not added again.
            if !text.contains(wrong) || (right.contains(wrong) && text.contains(right)) {
                return None;
            }
            *text = text.replacen(wrong, right, 1);
        }
        Some(lab)
    })
}

#[test]
fn a_first_draft_without_a_finding_is_reached_by_following_each() {
    let mut lab = own_files(&case("blackbox-as-planned")).expect("the lab can be read");
    let (mut named, mut prose) = (0, 0);
    let first = checked(&lab).1.len();
    assert!(first > 20, "the plan has {first} faults");
    loop {
        let (sources, found) = checked(&lab);
        let Some(finding) = found.first() else { break };
        let (code, message) = title(finding);
        let place = |span: labwright::source::Span| {
            let file = sources.file(span.file);
            lab.iter().position(|own| (own.layer, &own.path) == (file.layer, &file.path))
        };
        // Another port takes the place of one that is written already.
        let twice = |lab: &Lab| checked(lab).1.iter().any(|one| one.code.name == "duplicate-node");
        let mended = edit::follow(&lab, finding, place).filter(|lab| !twice(lab));
        if mended.is_some() {
            named += 1;
        } else {
            prose += 1;
        }
        let mended = mended.or_else(|| by_hand(&lab, &code, &message)).unwrap_or_else(|| {
            panic!("nobody knows what to do about {code}: {message}\n{:?}", finding.help)
        });
        let after = checked(&mended).1;
        assert!(
            after.iter().filter(|one| title(one) == title(finding)).count()
                < found.iter().filter(|one| title(one) == title(finding)).count(),
            "{code} stays: {message}\n{:?}",
            finding.help
        );
        lab = mended;
        assert!(named + prose < 80, "it does not end");
    }
    assert!(named >= 8 && prose <= 20, "{named} named an edit, {prose} did not");
    // And it is a release.
    let compiled = compile(&Sources::with_standard_library(lab), Memory::open);
    assert_eq!(compiled.findings.count(Severity::Warning), 0);
    assert_eq!(compiled.release.expect("a release").sink.bundles().len(), 7);
}

/// Lists the codes whose helps are followed here.
pub fn codes() -> impl Iterator<Item = &'static str> {
    BY_HAND.iter().map(|(code, ..)| *code)
}

//! Checks that no finding repeats what is written where a secret belongs, in any format.

use labwright::compile;
use labwright::diag::{Format, Style, render};
use labwright::source::{Layer, SourceFile, Sources};

const LAB: &str = r#"edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24"
host box kind=debian { os debian-13; address lan "192.168.1.10"; }
"#;

/// A module whose options say by their type alone that they are secrets.
const MODULE: &str = r#"module keys {
    summary "x"
    option pw type=secret
    option key type=record { field b type=secret; }
    container keys { image "x/m:1"; health none="x"; }
}
"#;

/// Lines that hold a secret by mistake, each with a fault at it or next to it.
const TYPED: &[&str] = &[
    r#"secret pw { value "hunter2"; }"#,
    r#"secret pw { value { deep "hunter2"; }; }"#,
    "secret pw {\n    value \"hunter2\"\n}",
    "secret pw { hunter2; }",
    r#"secret pw "hunter2""#,
    r#"secret pw value="hunter2""#,
    "admin eve hunter2",
    r#"admin eve { ssh-key "hunter2"; }"#,
    r#"service restic on=box { repository "/b"; user ada "hunter2"; }"#,
    r#"service alertmanager on=box { smarthost "ada:hunter2@mail.example.org:587"; }"#,
    r"service alertmanager on=box { smtp-pass hunter2; }",
    r"service grafana on=box { secret admin-password value=hunter2; }",
    r#"lab more version="1" { email "ada:hunter2@example.org"; }"#,
    r#"secret pw "x" "hunter2""#,
    r#"module m { summary "x"; container m { image "x/m:1"; command "--password" "hunter2"; }; }
service m on=box"#,
    r#"service restic on=box { repository "/b"; password "hunter2"; }"#,
    r#"service restic on=box { repository "/b"; password value="hunter2"; }"#,
    r#"service restic on=box { repository "/b"; password (expr)"hunter2"; }"#,
    r#"service restic on=box { repository "/b"; password (f)"{hunter2}"; }"#,
    r#"module m { summary "x"; container m { image "x/m:1"; secret hunter2 value-variable=P; }; }
service m on=box"#,
    "service restic on=box { repository \"/b\"; password 'hunter2'; }",
    "service restic on=box { repository \"/b\"; password “hunter2”; }",
    "service restic on=box { repository \"/b\"; password hunter2/; }",
    "service restic on=box { repository \"/b\"; password \"hunter2\\q\"; }",
    "service restic on=box { repository \"/b\"; password \"a\",\"hunter2\"; }",
    "service restic on=box { repository \"/b\"; password [hunter2]; }",
    "service restic on=box { repository \"/b\"; password=hunter2; }",
    "service restic on=box { repository \"/b\"; paswordd \"x\"; rest-password hunter2; }",
    r#"module m { container m { image "x/m:1"; env DB_PASSWORD "hunter2"; foo; }; }"#,
    r#"module m { container m { image "x/m:1"; env "API_TOKEN" "hunter2" 1; }; }"#,
    r##"module m { container m { image "x/m"; env API-TOKEN #"hunter2"#; }; }; service m on=bix"##,
    r#"service jellyfin on=box { library "/a"; raw compose.environment "DB_PASS=hunter2"; }"#,
    r#"service jellyfin on=box { library "/a"; raw compose.environment U="pg://u:hunter2@d/x"; }"#,
    r#"module m { summary "x"; container m { image "x/m:1"; env U "pg://u:hunter2@d/x"; }; }
service m on=box"#,
    r#"module m { summary "x"; option w type=text
container m { image "x/m:1"; env PIN (ref)opt.w; }; }
service m on=box { w "hunter2"; }"#,
    r#"module m { summary "x"
unit "m.service" action=install { section Service { set Environment "A_KEY=hunter2"; }; }; }
service m on=box"#,
    r#"module m { summary "x"
unit "m.service" action=install { section Service { set Environment "U=pg://u:hunter2@d"; }; }; }
service m on=box"#,
    // Letters of two bytes fill what is looked at before the mistake, and do not end at its edge.
    concat!(
        "/* é_éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé",
        "ééééééééééééééééééé */ password hunter2/2"
    ),
    concat!(
        "/* ééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé",
        "ééééééééééééééééééé */ password hunter2/2"
    ),
    r#"service restic on=box { repository "rest:https://u:hunter2@h/b"; }"#,
    // The type of an option says that it is a secret, whatever its name is.
    r"service m module=keys on=box { pw=(secret)Hunter2; }",
    r#"service m module=keys on=box { pw "x" { value "hunter2"; }; }"#,
    r#"service m module=keys on=box { pw "hunter2" # a comment }"#,
    r"service m module=keys on=box { pw “hunter2”; }",
    "service m module=keys on=box { pw\n \"hunter2\"\n}",
    r#"service m module=keys on=box { pw (text)"hunter2"; }"#,
    r#"service m module=keys on=box { pw: "hunter2"; }"#,
    r#"service m module=keys on=box { pw = "hunter2"; }"#,
    r"service m module=keys on=box { key b=hunter2/x; }",
    r#"service jellyfin on=box { library "/a"; route "a.example.org" to=web via=caddy from=lan {
login "hunter2"; }; }
service caddy on=box"#,
    r#"service jellyfin on=box { library "/a"; route "a.example.org" to=web via=caddy from=lan {
login ada "hunter2"; }; }
service caddy on=box"#,
    r#"service jellyfin on=box { library "/a"; route "a.example.org" to=web via=caddy from=lan {
request-header Authorization "Bearer hunter2hunter2"; }; }
service caddy on=box"#,
    r#"secret "hunter2 is mine""#,
    "secret x\n  \"hunter2\"",
    r#"secrets { x "hunter2"; }"#,
    r#"module n { summary "x"; container n { image "x/n:1"; secret "hunter2"; }; }
service n on=box"#,
    r#"module n { summary "x"; uses-secret "hunter2"; }
service n on=box"#,
    r#"admin ada { ssh-key "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2"; }"#,
    r#"service jellyfin on=box { raw compose.environment "A_TOKEN=hunter2"; libary "/a"; }"#,
    // On the line after its name.
    "service restic on=box { repository \"/b\"\n password\n hunter2\n}",
    "service restic on=box { repository \"/b\"\n password\n correcthorse\n}",
    "service m module=keys on=box { pw\n correcthorse\n}",
    "secret x\n correcthorse",
    "service restic on=box { repository \"/b\"; password \"correct\nhunter2\"; }",
    // In one word with its name.
    r#"service restic on=box { repository "/b"; "password=hunter2"; }"#,
    r#"service restic on=box { repository "/b"; "password: hunter2"; }"#,
    r"service m module=keys on=box { pw:correcthorse; }",
    r#"service restic on=box { repository "/b"; password(correcthorse); }"#,
    r#"module m { summary "x"; container m { image "x/m:1"; label "token=hunter2"; }; }"#,
    // With a mark, or in a block.
    r#"service restic on=box { repository "/b"; password (ref)correcthorse; }"#,
    r"service m module=keys on=box { key b=(ref)correcthorse; }",
    r#"service restic on=box { repository "/b"; password (correcthorse)x; }"#,
    r#"service restic on=box { repository "/b"; password { correcthorse; }; }"#,
    r#"service restic on=box { repository "/b"; password {correcthorse}; }"#,
    "secret pw { content=correcthorse; }",
    "extend secret pw { value correcthorse; }",
    "extend service restic { (force)password correcthorse; }",
    r#"service restic on=box { repository "/b"; password """hunter2"""; }"#,
    r#"module m { summary "x"; option pw type=secret default=correcthorse; }"#,
    // As a name, a mark or an expression of a secret.
    "secret pw correcthorse=1",
    "secret (correcthorse)pw",
    "secret pw (correcthorse)\"x\"",
    r#"module m { summary "x"; container m { image "x/m:1"
env DB_PASSWORD (f)"{correcthorse}"; }; }
service m on=box"#,
    r#"module m { summary "x"; container m { image "x/m:1"
env DB_PASSWORD (expr)"correcthorse"; }; }
service m on=box"#,
    // With the name of a user.
    r#"extend host box { share nas.media at="/m" via=cifs user="ada:correcthorse" x=1; }"#,
    r#"extend host box { share nas.media at="/m" via=cifs user="ada%correcthorse" x=1; }"#,
    r#"extend host box { share "//ada:correcthorse@nas/media" at="/m" via=cifs; }"#,
    // Under a name that is nearly that of a secret.
    "extend service restic { passwrd correcthorse; }",
    r#"service restic on=box { repository "/b"; pass correcthorse; }"#,
    r#"network lan2 cidr="192.168.2.0/24" psk=correcthorse"#,
    // As the value of something that nobody knows.
    "telegram bot=correcthorse",
    "telegram { bot correcthorse; }",
    "extend host box { telegram 1 2 3 4 5 6 7 8 9 10 11 correcthorse; }",
    "service alertmanager on=box { telegram bot=correcthorse chat=12; }",
    "service caddy on=box { dns cloudflare correcthorse; }",
    r#"service caddy on=box { dns { cloudflare "correcthorse"; }; }"#,
    r#"service jellyfin on=box { library "/a"; label "a" "correcthorse"; }"#,
    "extend host box { os debian-13 correcthorse; }",
    "extend host box { os debian-13 x=correcthorse; }",
    "service grafana on=box { admin admin correcthorse; }",
    "service wireguard on=box { client a public-key=correcthorse; }",
    r#"service wireguard on=box { peer name=a public-key="correcthorse"; }"#,
    // As a word of a command, or in a comment.
    r#"service mariadb on=box { raw compose.command "mariadbd" "-pcorrecthorse"; libary x; }"#,
    r#"module m { container m { image "x/m:1"; health "mysqladmin ping -pcorrecthorse" x=1; }; }"#,
    r#"module m { container m { image "x/m:1"; label "fields" correcthorse 1; }; }"#,
    "service jellyfin on=bix // correcthorse is the password",
];

#[test]
fn a_typed_secret_is_never_repeated() {
    for line in TYPED {
        let text = format!("{LAB}{line}\n");
        let file = |path: &str, text, layer| SourceFile { path: path.to_owned(), text, layer };
        let sources = Sources::with_standard_library(vec![
            file("lab.kdl", text, Layer::Lab),
            file("modules/m/module.kdl", MODULE.to_owned(), Layer::Site),
        ]);
        let found = compile::check(&sources).0;
        assert!(found.iter().next().is_some(), "{line}");
        for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
            let told = render(&found, &sources, format, Style::default());
            let told = told.to_lowercase();
            for secret in ["hunter2", "correcthorse"] {
                assert!(!told.contains(secret), "{line}\n{told}");
            }
        }
    }
}

/// A node that also takes a secret shows the numbers that are no port.
#[test]
fn what_can_be_no_secret_is_repeated() {
    for port in ["90-80", "0", "65536", "80-", "080", "1-70000"] {
        let module = format!(
            "module m {{ summary \"x\"; container m {{ image \"x/m:1\"; health none=\"x\"; }}
provides web container=m port=\"{port}\"; }}"
        );
        let text = format!("{LAB}{module}\nservice m on=box\n");
        let lab = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![lab]);
        let found = compile::check(&sources).0;
        let told = render(&found, &sources, Format::Text, Style::default());
        assert!(told.contains(&format!("can't be `{port}`")), "{told}");
        assert!(!told.contains("***"), "{told}");
    }
}

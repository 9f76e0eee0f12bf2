//! Checks that no finding repeats what is written where a secret belongs, in any format.

use labwright::compile;
use labwright::diag::{Format, Style, render};
use labwright::source::{Layer, SourceFile, Sources};

const LAB: &str = r#"edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24"
host box kind=debian { os debian-13; address lan "192.168.1.10"; }
"#;

/// Lines that hold a secret by mistake, each with a fault at it or next to it.
const TYPED: &[&str] = &[
    r#"secret pw { value "hunter2"; }"#,
    r#"secret pw { value { deep "hunter2"; }; }"#,
    "secret pw {\n    value \"hunter2\"\n}",
    "secret pw { hunter2; }",
    r#"secret pw "hunter2""#,
    r#"secret pw value="hunter2""#,
    r#"secret pw "x" "hunter2""#,
    r#"module m { summary "x"; container m { image "x/m:1"; command "--password" "hunter2"; }; }
service m on=box"#,
    r#"service restic on=box { repository "/b"; password "hunter2"; }"#,
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
unit "m.service" { section Service { set Environment "A_KEY=hunter2"; }; }; }
service m on=box"#,
    r#"module m { summary "x"
unit "m.service" { section Service { set Environment "U=pg://u:hunter2@d"; }; }; }
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
    r#"service jellyfin on=box { raw compose.environment "A_TOKEN=hunter2"; libary "/a"; }"#,
];

#[test]
fn a_typed_secret_is_never_repeated() {
    for line in TYPED {
        let text = format!("{LAB}{line}\n");
        let file = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
        let sources = Sources::with_standard_library(vec![file]);
        let found = compile::check(&sources).0;
        assert!(found.iter().next().is_some(), "{line}");
        for format in [Format::Text, Format::Json, Format::Sarif, Format::Github] {
            let told = render(&found, &sources, format, Style::default());
            assert!(!told.contains("hunter2"), "{line}\n{told}");
        }
    }
}

//! Compiles labs of which profiles are variants: what is selected, and what two of them share.

use super::payload::payload;

const LAB: &str = "host box kind=debian { os debian-13; address lan \"192.168.1.10\"; }\n";

const MODULE: &str = r#"module web {
    summary "Web"
    option page type=text list=#true { merge append; }
    option number type=integer { default 80; }
    file "pages" kind=text from="pages.j2"
    container web { image "docker.io/library/web:1.0"; health none="it is not real"; }
}
"#;

const PAGES: &str = "{{ opt.number }}{% for page in opt.page %} {{ page }}{% endfor %}\n";

/// Returns what the service `web` is made of, or nothing if the lab has none.
fn pages(rest: &str) -> Option<String> {
    let files = [("modules/web/module.kdl", MODULE), ("modules/web/pages.j2", PAGES)];
    let payload = payload(&format!("{LAB}{rest}"), &files, "box");
    std::fs::read_to_string(payload.path().join("web/pages")).ok()
}

#[test]
fn what_extends_the_lab_selects_profiles_too() {
    let variant = "profile small { service web on=box { page a; }; }";
    assert_eq!(pages(variant), None);
    let selected = format!("{variant}\nextend lab home {{ select small; }}");
    assert_eq!(pages(&selected).as_deref(), Some("80 a"));
    let by_another = format!(
        "{variant}\nprofile all {{ extend lab home {{ select small; }}; }}\nextend lab home {{ \
         select all; }}"
    );
    assert_eq!(pages(&by_another).as_deref(), Some("80 a"));
}

#[test]
fn two_profiles_may_declare_one_service() {
    let both = r"
        profile films { service web on=box { page shared; page films; }; }
        profile music { service web on=box { page shared; page music; number 81; }; }
    ";
    let selected = |names: &str| pages(&format!("{both}\nextend lab home {{ select {names}; }}"));
    assert_eq!(selected("films").as_deref(), Some("80 shared films"));
    assert_eq!(selected("music").as_deref(), Some("81 shared music"));
    assert_eq!(selected("films music").as_deref(), Some("81 shared films music"));
}

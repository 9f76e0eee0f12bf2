//! Checks the files that modules make with templates: what templates see, and what is reported when
//! one fails.

use labwright::source::{Layer, SourceFile, Sources};

use super::lab::{Compiled, compile};

const LAB: &str = r#"
edition 1
lab home version="1.0" { domain "example.org"; email "me@example.org"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
host box kind=debian { os debian-13; address lan "192.168.1.2" nic=eth0; }
host other kind=debian { os debian-13; address lan "192.168.1.3" nic=eth0; }
"#;

const PROVIDER: &str = "edition 1\nmodule store version=\"1.0\" { summary \"Store\"\n container \
                        store { image \"x/store:1\"; }\n\
                        provides api container=store port=3100 protocol=http role=store \
                        path=\"/ready\" }\n";

fn rendered(file: &str, template: &str, options: &str) -> Compiled {
    let module = format!(
        "edition 1\nmodule thing version=\"1.0\" \
         {{ summary \"Thing\"\n option word type=text\n option words type=text list=#true\n\
         state data path=(f)\"{{machine.appdata}}/thing\"\n \
         needs stores role=store optional=#true\n\
         file \"{file}\" from=\"t.j2\"\n container thing {{ image \"x/thing:1\"; }}\n}}\n"
    );
    let services = format!(
        "service thing on=box {{ {options} }}\nservice store on=other\nservice near module=store \
         on=box\n"
    );
    compile(&[
        ("lab.kdl", LAB),
        ("s.kdl", &services),
        ("modules/thing/module.kdl", &module),
        ("modules/thing/t.j2", template),
        ("modules/store/module.kdl", PROVIDER),
    ])
}

#[test]
fn templates_see_the_service_its_needs_and_the_lab() {
    let template = "{{ opt.word }} {{ service.name }} {{ service.folder }} {{ machine.address }} \
                    {{ state.data }} {{ lab.email }}\n\
                    {% for need in need.stores %}{{ need.service }} {{ need.url }} {{ \
                    need.machine }}\n{% endfor %}\
                    {% for name, address in lab.names|items %}{{ name }} {{ address }}\n{% \
                    endfor %}\
                    {% for machine in lab.machines %}{{ machine.name }} {{ machine.zone }}\n{% \
                    endfor %}\
                    {{ opt.words|join(\",\") }}\n";
    let compiled = rendered("thing.conf", template, "word \"w\"; words a b");
    assert_eq!(
        compiled.text("box", "thing/thing.conf"),
        "w thing /etc/labwright/services/thing 192.168.1.2 /srv/appdata/thing me@example.org\n\
         near http://near:3100 box\nstore http://192.168.1.3:3100 other\n\
         box.example.org 192.168.1.2\nother.example.org 192.168.1.3\n\
         box lan\nother lan\na,b\n"
    );
    assert_eq!(compiled.findings, Vec::<String>::new());
}

#[test]
fn a_value_is_written_as_the_files_kind_reads_it() {
    let hostile = r##"word #"a'b"c: $x {{y}} <z>"#"##;
    let cases = [
        ("thing.yaml", r#""a'b\"c: $x {{y}} <z>""#),
        ("thing.json", r#""a'b\"c: $x {{y}} <z>""#),
        ("thing.sh", r#"'a'\''b"c: $x {{y}} <z>'"#),
        ("thing.conf", r#"a'b"c: $x {{y}} <z>"#),
        ("thing.xml", "a&#39;b&#34;c: $x {{y}} &#60;z&#62;"),
    ];
    for (file, expected) in cases {
        let compiled = rendered(file, "{{ opt.word }}", hostile);
        assert_eq!(compiled.text("box", &format!("thing/{file}")), expected, "{file}");
    }
}

#[test]
fn characters_that_some_readers_refuse_or_hide_are_written_as_their_escapes() {
    // A lab can't hold most of them, but a template can.
    let odd = r#"{{ "a\u007f\u0085\u2028\ufeff\uffff\u202e&~b" }}"#;
    let cases = [
        // YAML 1.1 folds U+0085 and refuses U+007F. A mark that turns the direction of text is an
        // ordinary character there.
        ("thing.yaml", "\"a\\u007f\\u0085\\u2028\\ufeff\\uffff\u{202e}&~b\""),
        (
            "thing.md",
            concat!(r"a\\u\{7f\}\\u\{85\}\\u\{2028\}\\u\{feff\}", "\u{ffff}", r"\\u\{202e\}\&\~b"),
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(
            rendered(file, odd, "word w").text("box", &format!("thing/{file}")),
            expected,
            "{file}"
        );
    }
}

#[test]
fn no_value_holds_a_nul() {
    let module = "edition 1\nmodule thing version=\"1.0\" { summary \"Thing\"\n option free \
                  type=text\n\
                  container thing { image \"x/thing:1\"; env A \"a\\u{0}b\"; \
                  label \"l\" \"\\u{0}\"; command (f)\"\\u{0}\"; }\n}\n";
    let file = |path: &str, text: &str, layer| SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
        layer,
    };
    let found = |services: &str| {
        let sources = Sources::with_standard_library(vec![
            file("lab.kdl", LAB, Layer::Lab),
            file("s.kdl", services, Layer::Lab),
            file("modules/thing/module.kdl", module, Layer::Site),
        ]);
        let found = labwright::compile::analyze(&sources).check(&sources).diagnostics;
        found
            .iter()
            .map(|found| format!("{}: {}", found.code.name, found.message))
            .collect::<Vec<_>>()
    };
    let in_module = [
        "wrong-type: the value of `env` can't be `a\0b`",
        "wrong-type: the value of `label` can't be `\0`",
    ];
    assert_eq!(
        found("service thing on=box\n"),
        [&in_module[..], &["bad-module: module `thing`: word must be text"]].concat()
    );
    let in_service = [
        "wrong-type: the value of `free` can't be `\0`",
        "wrong-type: the value of `raw` can't be `a\0`",
    ];
    let services = "service thing on=box { free \"\\u{0}\"; raw compose.hostname \"a\\u{0}\"; }\n";
    assert_eq!(found(services), [in_module, in_service].concat());
}

#[test]
fn a_line_break_can_t_leave_its_line() {
    let compiled = rendered("thing.conf", "{{ opt.word }}", "word \"a\\nb\"");
    assert!(compiled.findings[0].contains("line break"), "{:?}", compiled.findings);
}

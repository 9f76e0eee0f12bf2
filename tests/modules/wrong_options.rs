//! Gives every option of every module values of many types, most of which are wrong: labwright
//! builds the lab or says what is wrong, whatever else it leaves out for that.

use labwright::compile;
use labwright::diag::Diagnostics;
use labwright::resolve::options::option_specs;
use labwright::source::{FileId, Layer, SourceFile, Sources};
use labwright::syntax::{self, Scalar};
use rayon::prelude::*;

use super::{PRELUDE, each_module, is_discontinued, lab_of};

/// A value of each type and shape.
const VALUES: &[&str] = &[
    r#""a b""#,
    r#""""#,
    r#""\n""#,
    r#""-x""#,
    r#""/""#,
    r#""/srv/x""#,
    r##"#"a"b'c;$(x)%\"#"##,
    "#true",
    "#null",
    "0",
    "-1",
    "99999999999999999999",
    "1.5",
    "box",
    "nothing",
    "(secret)nothing",
    "(size)\"1GiB\"",
    "(duration)\"1d\"",
    "(cron)\"x\"",
    "(ref)opt.x",
    r#""::/0""#,
    "a=1",
    r#""x" "x""#,
    "",
];

/// Gives an option of the first service of a module another value.
fn with_option(lab: &str, module: &str, option: &str, value: &str) -> String {
    let document = syntax::parse(lab, FileId(0), &mut Diagnostics::default()).expect("a lab");
    let is_module = |scalar: &Scalar<'_>| matches!(scalar, Scalar::Text(text) if text == module);
    let named = |entry: &syntax::Entry<'_>| is_module(&entry.value.value);
    let service = document
        .nodes
        .iter()
        .find(|node| {
            node.name.value == "service"
                && (node.arguments.first().is_some_and(named)
                    || node.properties.iter().any(|property| named(&property.entry)))
        })
        .unwrap_or_else(|| panic!("the example of {module} has no {module}"));
    let (mut text, end) = (lab.to_owned(), service.span.end as usize);
    let given = service.children.iter().rev().filter(|child| child.name.value == option);
    for child in given {
        text.insert_str(child.span.start as usize, "/-");
    }
    let has_children = text[end..].trim_start_matches(' ').starts_with('{');
    if has_children {
        let at = end + text[end..].find('{').unwrap_or_default() + 1;
        text.insert_str(at, &format!("\n{option} {value}\n"));
    } else {
        text.insert_str(end, &format!(" {{\n{option} {value}\n}}"));
    }
    text
}

/// Checks a lab. Returns whether it has an error.
fn is_refused(text: String) -> bool {
    let lab = SourceFile { path: "lab.kdl".to_owned(), text, layer: Layer::Lab };
    compile::check(&Sources::with_standard_library(vec![lab])).0.has_errors()
}

#[test]
fn wrong_values_of_options_break_nothing() {
    let (mut labs, mut given) = (Vec::new(), 0);
    each_module(|name, module| {
        if is_discontinued(module) {
            return;
        }
        let lab = lab_of(module);
        // Each option is given every other value, and the next one the others.
        for spec in option_specs(module) {
            let values = VALUES.iter().skip(given % 2).step_by(2);
            given += 1;
            labs.extend(values.map(|value| with_option(&lab, name, spec.name, value)));
        }
    });
    let refused = labs.par_iter().filter(|lab| is_refused((*lab).clone())).count();
    assert!(refused > labs.len() / 2, "only {refused} of {} are refused", labs.len());
    assert!(refused < labs.len(), "some values are right");
}

#[test]
fn what_an_option_leaves_out_is_not_looked_for() {
    // Without its image the container is left out, and with it the network that it joins.
    let service = "service qbittorrent on=box { data \"/srv/data\"; vpn gluetun; image \"a b\"; }";
    assert!(is_refused(format!("{PRELUDE}{service}\n")));
}

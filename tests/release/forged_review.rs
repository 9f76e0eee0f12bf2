//! Changes what reviewers read of a release, and makes every hash right again, as a forger would.

use std::collections::BTreeMap;

use labwright::bundle::release::ReleaseIndex;

use super::forged::{Files, built, verify, with_sums};

/// Writes what reviewers read of a small release.
pub fn of(index: &ReleaseIndex) -> BTreeMap<String, Vec<u8>> {
    let template = include_str!("../../src/review/report.html.j2");
    let (_, page) = template.split_once("<!DOCTYPE").expect("a page");
    let (start, _) = page.split_once("<title>").expect("a title");
    let page = |title: &str| {
        let title = format!("<title>{} {}: {title}</title>\n", index.lab, index.version);
        format!("<!DOCTYPE{start}{title}").into_bytes()
    };
    let summary = format!("# {} {}\n\n{}\n", index.lab, index.version, index.content_id);
    let services =
        ["jellyfin\tjellyfin\t1.0.0\tintranet", "prometheus\tprometheus\t1.0.0\textranet"];
    BTreeMap::from([
        ("bring-up.html".to_owned(), page("bring-up")),
        ("report.html".to_owned(), page("review")),
        ("services.tsv".to_owned(), (services.join("\n") + "\n").into_bytes()),
        ("summary.md".to_owned(), summary.into_bytes()),
    ])
}

fn forged(files: &Files, change: impl FnOnce(&mut Files)) -> Vec<String> {
    let mut files = files.clone();
    change(&mut files);
    verify(&with_sums(files))
}

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).expect("text")
}

const ALL: [&str; 4] =
    ["review/bring-up.html", "review/report.html", "review/services.tsv", "review/summary.md"];

#[test]
fn a_review_is_whole_and_nothing_else() {
    let files = built();
    assert_eq!(verify(&files), Vec::<String>::new());
    for name in ALL {
        assert!(!forged(&files, |files| drop(files.remove(name))).is_empty(), "without {name}");
        let other = b"<script>alert(1)</script>\n".to_vec();
        let found = forged(&files, |files| drop(files.insert(name.to_owned(), other)));
        assert!(!found.is_empty(), "another {name}");
        for hidden in ["\u{202e}", "\u{1b}[2J", "\u{200b}", "\0"] {
            let bytes = (text(&files, name) + hidden + "\n").into_bytes();
            let found = forged(&files, |files| drop(files.insert(name.to_owned(), bytes)));
            assert!(!found.is_empty(), "{hidden:?} in {name}");
        }
    }
    for name in ["review/x.html", "review/.x", "review/a/b.js", "review/a b", "review/\u{202e}x"] {
        let found = forged(&files, |files| drop(files.insert(name.to_owned(), b"x".to_vec())));
        assert!(!found.is_empty(), "{name} as well");
    }
}

#[test]
fn a_page_runs_no_script_and_is_of_its_release() {
    let files = built();
    for name in ["review/bring-up.html", "review/report.html"] {
        let page = text(&files, name);
        let policy = page.lines().find(|line| line.contains("Content-Security")).expect("a policy");
        let title = page.lines().find(|line| line.starts_with("<title>")).expect("a title");
        let changed = [
            page.replace(policy, ""),
            page.replace("default-src 'none'", "default-src *"),
            page.replace("<head>", "<head><script>alert(1)</script>"),
            page.replace(
                "</body>",
                "<META http-equiv=refresh content='0;url=https://example.org'></body>",
            ),
            page.replace("</body>", "<link rel=dns-prefetch href=//example.org></body>"),
            format!("<script>alert(1)</script>{page}"),
            page.replace(title, "<title>another lab 1: review</title>"),
        ];
        for changed in changed {
            let bytes = changed.clone().into_bytes();
            let found = forged(&files, |files| drop(files.insert(name.to_owned(), bytes)));
            assert!(!found.is_empty(), "{name}: {changed:.200}");
        }
    }
}

#[test]
fn the_list_of_services_is_that_of_the_bundles() {
    let files = built();
    let table = text(&files, "review/services.tsv");
    for (at, line) in table.lines().enumerate() {
        let rows = table.lines().enumerate();
        let without: String =
            rows.filter(|(other, _)| *other != at).map(|(_, row)| format!("{row}\n")).collect();
        let moved = table.replace(line, &line.replace("tranet", "where"));
        for changed in [without, moved] {
            let bytes = changed.into_bytes();
            let found = forged(&files, |files| {
                drop(files.insert("review/services.tsv".to_owned(), bytes));
            });
            assert!(!found.is_empty(), "{line}");
        }
    }
}

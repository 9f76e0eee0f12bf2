//! Opens the report in Chromium, and measures the picture as it is drawn with the fonts there.

use std::path::Path;
use std::process::Command;

use labwright::change::{compare, html};
use labwright::source::{SourceFile, Sources};

use super::{lab, reviewed};
use crate::left_out::left_out;

/// Measures every box and text of the picture that is shown, and writes what is wrong into the
/// title.
const MEASURE: &str = r"
const faults = [];
const shown = [...document.querySelectorAll('.picture svg[role=img]')]
    .filter(svg => svg.getBoundingClientRect().width > 0);
if (shown.length !== 1) faults.push(shown.length + ' pictures are shown');
const groups = shown.flatMap(svg => [...svg.querySelectorAll('g')])
    .filter(g => g.querySelector('text'));
const boxes = groups.map(g => ({
    name: g.textContent,
    box: g.querySelector('rect').getBBox(),
    text: g.querySelector('text').getBBox(),
}));
const apart = (a, b) => a.x + a.width <= b.x || b.x + b.width <= a.x
    || a.y + a.height <= b.y || b.y + b.height <= a.y;
const holds = (a, b) => a.x <= b.x && b.x + b.width <= a.x + a.width
    && a.y <= b.y && b.y + b.height <= a.y + a.height;
boxes.forEach((one, index) => {
    if (!holds(one.box, one.text)) faults.push('the text leaves ' + one.name);
    for (const other of boxes.slice(index + 1)) {
        if (!apart(one.box, other.box) && !holds(one.box, other.box))
            faults.push(one.name + ' overlaps ' + other.name);
        if (!apart(one.text, other.text)) faults.push(one.name + ' is written over ' + other.name);
    }
});
for (const svg of shown)
    if (svg.getBoundingClientRect().right > document.documentElement.clientWidth)
        faults.push('the picture is wider than the page');
for (const cell of document.querySelectorAll('.changes tbody th, .changes td'))
    if (cell.scrollWidth > cell.clientWidth + 1)
        faults.push('cut off: ' + cell.textContent.trim().slice(0, 30));
for (const entry of performance.getEntriesByType('resource')) faults.push('asks for ' + entry.name);
document.title = 'measured ' + boxes.length + ' boxes: ' + faults.join('; ');
";

/// Measures the page as it is printed: what is folded is shown, but for the lists of files that a
/// cell has room for only on a screen; nothing is wider than the sheet, no cell is cut off, and no
/// row is torn apart where it fits on a sheet.
const PRINTED: &str = r"
const faults = [];
const width = document.documentElement.clientWidth;
const text = element => element.textContent.trim().slice(0, 30);
for (const folded of document.querySelectorAll(':not(td) > details > :not(summary)'))
    if (!folded.checkVisibility()) faults.push('folded: ' + text(folded));
const shown = [...document.querySelectorAll('body *')]
    .filter(element => !element.closest('.hidden, svg *') && element.getClientRects().length > 0);
for (const element of shown) {
    const box = element.getBoundingClientRect();
    if (box.right > width + 1 || box.left < -1) faults.push('beyond the sheet: ' + text(element));
    if (element.matches('th, td') && element.scrollWidth > element.clientWidth + 1)
        faults.push('cut off: ' + text(element));
    if (element.matches('tr') && getComputedStyle(element).breakInside !== 'avoid')
        faults.push('torn apart: ' + text(element));
    if (element.matches('.scroll') && getComputedStyle(element).overflowX !== 'visible')
        faults.push('scrolls: ' + text(element));
}
for (const head of document.querySelectorAll('thead'))
    if (getComputedStyle(head).display !== 'table-header-group')
        faults.push('no head on the next sheet: ' + text(head));
document.title = 'measured ' + shown.length + ' boxes: ' + faults.slice(0, 5).join('; ');
";

/// The width of a sheet of A4 between its margins, in pixels of 96 an inch.
const SHEET: u32 = 703;

/// What holds for printers holds for the screen in this page, and the other way round.
fn as_printed(page: &str) -> String {
    let page = page.replace("@media print", "@media all");
    let page = page.replace("(min-width: 56.01rem), print", "(min-width: 56.01rem), all");
    page.replace("@media screen and (max-width", "@media print and (max-width")
}

/// A page, the width of its window in pixels, and the script that measures it.
struct View {
    page: String,
    width: u32,
    script: &'static str,
}

/// Returns what the scripts write about the pages. One browser shows all of them, each in a frame
/// of its width, since it takes seconds to start.
fn measured(views: &[View]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut frames = String::new();
    for (index, View { page, width, script }) in views.iter().enumerate() {
        // The page itself allows no script.
        let open = page.replace("http-equiv=\"Content-Security-Policy\"", "name=\"left-out\"");
        assert_ne!(open, *page, "the page has a policy");
        let page = open.replace("</body>", &format!("<script>{script}</script></body>"));
        std::fs::write(folder.path().join(format!("{index}.html")), page).expect("the page");
        frames.push_str(&format!(
            "<iframe src='{index}.html' width={width} height=900 frameborder=0></iframe>\n"
        ));
    }
    let file = folder.path().join("all.html");
    let all = "onload = () => document.title = [...document.querySelectorAll('iframe')]\
               .map(f => f.contentDocument.title).join('\\n')";
    std::fs::write(&file, format!("<body>{frames}<script>{all}</script></body>")).expect("a page");
    let out = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg("--allow-file-access-from-files")
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("chromium runs");
    let text = String::from_utf8_lossy(&out.stdout);
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    let titles: Vec<String> =
        title.map(|(title, _)| title.lines().map(str::to_owned).collect()).unwrap_or_default();
    assert_eq!(titles.len(), views.len(), "{text}");
    titles
}

/// Returns the lab with changes that fill each table of a comparison.
fn changed(was: &Sources) -> Sources {
    let mut files: Vec<SourceFile> = was.files().map(|(_, file)| file.clone()).collect();
    let mut edit = |path: &str, from: &str, to: &str| {
        let file = files.iter_mut().find(|file| file.path == path).expect("the file");
        assert!(file.text.contains(from), "{path} holds no `{from}`");
        file.text = file.text.replacen(from, to, 1);
    };
    edit("services.kdl", "service immich on=intranet {", "/-service immich on=intranet {");
    edit("services.kdl", "web to=lan,tunnel ", "web to=lan,tunnel,internet ");
    edit("services.kdl", "keep daily=7 weekly=4", "keep daily=3 weekly=4");
    edit("machines.kdl", "cores 3", "cores 4");
    let more = "vm third id=130 on=pve { os debian-13; memory \"1GiB\"; disk root size=\"9GiB\"\n\
                address lan \"192.168.1.130\"; ssh from=lan; }\n\
                service it-tools on=third { expose web to=lan; }\nvm intranet";
    edit("machines.kdl", "vm intranet", more);
    Sources::new(files)
}

#[test]
fn a_browser_shows_and_prints_each_page_whole() {
    if !Path::new("/usr/bin/chromium").exists() {
        return left_out("chromium is not installed");
    }
    let was = lab("modules/labs/media-server-home");
    let home = &reviewed(&was)["report.html"];
    let blackbox = &reviewed(&lab("modules/labs/blackbox"))["report.html"];
    let diff =
        &html::write(&compare::sources(&was, &changed(&was)).expect("two labs")).expect("a page");

    let shown = |page: &str, width| View { page: page.to_owned(), width, script: MEASURE };
    let printed = |page: &str| View { page: as_printed(page), width: SHEET, script: PRINTED };
    let whole = [
        shown(home, 360),
        shown(home, 800),
        shown(blackbox, 360),
        shown(blackbox, 1280),
        shown(diff, 360),
        shown(diff, 1280),
        printed(home),
        printed(blackbox),
        printed(diff),
    ];
    // The measuring itself finds what is cut off, a text that is too long, what is folded, and what
    // is too wide.
    let long = |page: &str| page.replace(">grafana<", &format!(">{}<", "grafana".repeat(30)));
    let cut = diff.replace(".changes .place", ".no .place");
    let folded = home.replace("> details::details-content", "> details::no-content");
    let folded = long(&folded.replace("overflow-wrap: anywhere", "overflow-wrap: normal"));
    let broken = [
        (shown(&cut, 1280), vec!["cut off"]),
        (shown(&long(home), 1280), vec!["leaves"]),
        (printed(&folded), vec!["folded: ", "beyond the sheet"]),
    ];

    let count = whole.len();
    let (broken, faults): (Vec<_>, Vec<_>) = broken.into_iter().unzip();
    let titles = measured(&whole.into_iter().chain(broken).collect::<Vec<_>>());
    for (index, title) in titles[..count].iter().enumerate() {
        assert!(
            title.starts_with("measured ") && title.ends_with(" boxes:"),
            "page {index}: {title}"
        );
    }
    for (title, faults) in titles[count..].iter().zip(faults) {
        assert!(faults.iter().all(|fault| title.contains(fault)), "{faults:?}: {title}");
    }
}

//! Opens the report in Chromium, and measures the picture as it is drawn with the fonts there.

use std::path::Path;
use std::process::Command;

use labwright::change::{compare, html};

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

/// Returns what [`PRINTED`] writes about a page. What holds for printers holds for the screen then,
/// and the other way round.
fn printed(page: &str) -> String {
    let page = page.replace("@media print", "@media all");
    let page = page.replace("(min-width: 56.01rem), print", "(min-width: 56.01rem), all");
    let page = page.replace("@media screen and (max-width", "@media print and (max-width");
    measured_by(PRINTED, &page, SHEET)
}

/// Returns what [`MEASURE`] writes about a page, in a window of this width.
fn measured(page: &str, width: u32) -> String {
    measured_by(MEASURE, page, width)
}

fn measured_by(script: &str, page: &str, width: u32) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("report.html");
    // The page itself allows no script.
    let open = page.replace("http-equiv=\"Content-Security-Policy\"", "name=\"left-out\"");
    assert_ne!(open, page, "the page has a policy");
    let page = open.replace("</body>", &format!("<script>{script}</script></body>"));
    std::fs::write(&file, page).expect("the page");
    let out = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--window-size={width},900"))
        .arg("--dump-dom")
        .arg(format!("file://{}", file.display()))
        .output()
        .expect("chromium runs");
    let text = String::from_utf8_lossy(&out.stdout);
    let title = text.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map(|(title, _)| title.to_owned()).unwrap_or_default()
}

#[test]
fn a_browser_draws_the_picture_without_overlaps() {
    if !Path::new("/usr/bin/chromium").exists() {
        return left_out("chromium is not installed");
    }
    let home = &reviewed(&lab("modules/labs/media-server-home"))["report.html"];
    let blackbox = &reviewed(&lab("modules/labs/blackbox"))["report.html"];
    let (was, is) =
        (lab("modules/labs/media-server-home"), lab("modules/labs/media-server-single"));
    let diff = compare::sources(&was, &is).expect("two labs");
    let diff = &html::write(&diff).expect("a page");
    let pages = [(home, 360), (home, 800), (blackbox, 360), (blackbox, 1280), (diff, 360)];
    for (page, width) in pages.into_iter().chain([(diff, 1280)]) {
        let title = measured(page, width);
        assert!(
            title.starts_with("measured ") && title.ends_with(" boxes: "),
            "{width} pixels: {title}"
        );
    }
    // The measuring itself finds causes that are cut off, and a text that is too long.
    let cut = diff.replace(".changes .place", ".no .place");
    assert!(measured(&cut, 1280).contains("cut off"));
    let broken = home.replace(">grafana<", &format!(">{}<", "grafana".repeat(30)));
    assert!(measured(&broken, 1280).contains("leaves"));
}

#[test]
fn a_printed_page_shows_all_and_cuts_nothing_off() {
    if !Path::new("/usr/bin/chromium").exists() {
        return left_out("chromium is not installed");
    }
    let (was, is) =
        (lab("modules/labs/media-server-home"), lab("modules/labs/media-server-single"));
    let diff = html::write(&compare::sources(&was, &is).expect("two labs")).expect("a page");
    let home = reviewed(&was).remove("report.html").expect("a report");
    let blackbox = reviewed(&lab("modules/labs/blackbox")).remove("report.html").expect("a report");
    for page in [&home, &blackbox, &diff] {
        let title = printed(page);
        assert!(title.starts_with("measured ") && title.ends_with(" boxes: "), "{title}");
    }
    // The measuring itself finds what is folded, and what is too wide.
    let broken = home.replace("> details::details-content", "> details::no-content");
    let broken = broken.replace("overflow-wrap: anywhere", "overflow-wrap: normal");
    let broken = broken.replace(">grafana<", &format!(">{}<", "grafana".repeat(30)));
    let title = printed(&broken);
    assert!(title.contains("folded: ") && title.contains("beyond the sheet"), "{title}");
}

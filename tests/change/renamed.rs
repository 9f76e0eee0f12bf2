//! Nothing is gone or new that merely has another name or is at another path.

use labwright::change::class::Class;
use labwright::change::compare::{Entry, Input, compare as both, states};
use labwright::change::edits::Documents;
use labwright::change::facts::{Family, Renames};
use labwright::change::likely::Likely;
use labwright::change::state::State;
use labwright::change::{html, json, lines, markdown, release, text};
use labwright::source::{Layer, SourceFile, Sources};
use labwright::why::candidates::{Candidate, Candidates, Part};
use labwright::why::edit::apply;

use super::formats::LOOK;
use super::{compare, edit, shipped};

/// Folders and files have the names that the lab and modules give them.
const NAMED_BY_PATH: [Family; 3] = [Family::Files, Family::Mode, Family::OneWay];

#[test]
fn nothing_is_gone_or_new_that_has_another_name() {
    let mut found = Vec::new();
    let mut renamed = 0;
    for lab in ["media-server-home", "media-server-single", "media-automation", "blackbox"] {
        let was = Sources::with_standard_library(shipped(lab));
        let candidates = Candidates::of(&was, |_| true);
        let is_name = |one: &&Candidate| {
            one.part == Part::Value && one.is_name && was.file(one.span.file).layer == Layer::Lab
        };
        // Blackbox has many of a kind.
        let step = if lab == "blackbox" { 4 } else { 1 };
        for one in candidates.list.iter().filter(is_name).step_by(step) {
            let path = one.path.rsplit(" / ").next().unwrap_or_default();
            let Some((kind, name)) = path.split_once(' ') else { continue };
            let Some(edits) = one.edits.first() else { continue };
            if !["service", "vm", "lxc", "host"].contains(&kind) {
                continue;
            }
            let mut files: Vec<_> =
                apply(&was, edits).0.files().map(|(_, file)| file.clone()).collect();
            let main = files.iter_mut().find(|file| file.path == "lab.kdl").expect("lab.kdl");
            main.text.push_str(&format!("\nmoved {kind} {name} to={name}x\n"));
            let is = Sources::new(files);
            let documents = Documents::parse(&was, &is);
            let Ok((old, new, _)) = states(&was, &is, &documents) else { continue };
            renamed += 1;
            let moved = old.facts.iter().filter(|(key, value)| {
                key.family == Family::State && new.facts.get(key) != Some(value)
            });
            found.extend(moved.map(|(key, _)| format!("{lab}: {kind} {name}: elsewhere: {key:?}")));
            let is_path = |family| NAMED_BY_PATH.contains(&family);
            for (state, other, how) in [(&old, &new, "gone"), (&new, &old, "new")] {
                let lost = state.facts.keys().filter(|key| !other.facts.contains_key(key));
                let lost = lost.filter(|key| !is_path(key.family));
                found.extend(lost.map(|key| format!("{lab}: {kind} {name}: {how}: {key:?}")));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert!(renamed > 40, "{renamed} names");
}

/// Without `moved`, the data of what has another name would be lost.
#[test]
fn a_new_name_without_moved_is_pointed_out() {
    let hints = |edits: &[(&str, &str, &str)]| {
        let was = shipped("media-server-home");
        let mut is = was.clone();
        for (path, from, to) in edits {
            edit(&mut is, path, from, to);
        }
        let found = compare(&was, &is);
        let shown = text::write(&found, LOOK);
        assert_eq!(shown.contains("\nhint "), !found.likely.is_empty(), "{shown}");
        let json = json::write(&found).expect("JSON");
        assert_eq!(json.contains("\"likelyMoved\": []"), found.likely.is_empty(), "{json}");
        for page in [markdown::write(&found), html::write(&found).expect("a page")] {
            assert_eq!(page.contains("<code>moved "), !found.likely.is_empty(), "{page}");
        }
        found.likely.iter().map(Likely::moved).collect::<Vec<_>>()
    };
    let service = ("services.kdl", "service grafana on", "service graf module=grafana on");
    assert_eq!(hints(&[service]), ["moved service grafana to=graf"]);
    assert!(hints(&[service, ("lab.kdl", "", "moved service grafana to=graf\n")]).is_empty());
    // Another program has taken its place.
    let other = ("services.kdl", "service fail2ban on=extranet", "service it-tools on=extranet");
    assert!(hints(&[other]).is_empty());
    let host = [
        ("hosts.kdl", "host pve ", "host prox "),
        ("machines.kdl", "id=100 on=pve", "id=100 on=prox"),
        ("machines.kdl", "id=101 on=pve", "id=101 on=prox"),
        ("services.kdl", "memory-overcommit on=pve", "memory-overcommit on=prox"),
    ];
    assert_eq!(hints(&host), ["moved host pve to=prox"]);
    let elsewhere = ("hosts.kdl", "192.168.1.100", "192.168.1.99");
    assert!(hints(&[&host[..], &[elsewhere]].concat()).is_empty());
}

/// A release does not say whether its lab has a `moved`.
#[test]
fn releases_get_no_hint() {
    let was = shipped("media-server-home");
    let mut is = was.clone();
    edit(&mut is, "services.kdl", "service grafana on", "service graf module=grafana on");
    edit(&mut is, "services.kdl", "", "moved service grafana to=graf\n");
    let release = |files: Vec<SourceFile>| {
        let built = release::build(&Sources::with_standard_library(files));
        Input::Release(built.expect("the lab builds"))
    };
    let found = both(&release(was), &release(is)).expect("they can be compared");
    assert!(found.differs() && found.likely.is_empty(), "{:?}", found.likely);
}

/// What has the old path in it has moved along, and is not lost.
#[test]
fn a_folder_at_another_path_is_one_line() {
    let shown = |lab: &str, edits: &[(&str, &str, &str)]| {
        let was = shipped(lab);
        let mut is = was.clone();
        for (path, from, to) in edits {
            edit(&mut is, path, from, to);
        }
        text::write(&compare(&was, &is), LOOK)
    };
    let at = ("machines.kdl", "at=\"/mnt/photos\"", "at=\"/mnt/pictures\"");
    let uploads = ("services.kdl", "uploads \"/mnt/photos\"", "uploads \"/mnt/pictures\"");
    assert_eq!(
        shown("media-server-home", &[at, uploads]),
        "data         dataset tank-hdd/photos by virtiofs on intranet: at /mnt/photos ->\n\
         \x20            at /mnt/pictures (machines.kdl:25)\n\
         restarts     container immich on intranet is created anew (services.kdl:34)\n\
         of 3 machines, 2 change\n"
    );
    // Another folder is at the new path, so what was kept is not there.
    let other = ("machines.kdl", "share tank-hdd.photos at=", "share tank-hdd.logs at=");
    let text = shown("media-server-home", &[other, at, uploads]);
    assert!(text.contains("/mnt/photos on intranet: dataset tank-hdd/photos by"), "{text}");
    assert!(text.contains("uploads of immich: /mnt/photos on intranet"), "{text}");
}

/// What is below a folder shares its line.
#[test]
fn states_that_move_with_their_folder_share_a_line() {
    let was = shipped("blackbox");
    let mut is = was.clone();
    edit(
        &mut is,
        "machines.kdl",
        "appdata \"/srv/appdata\" backup",
        "appdata \"/srv/data\" backup",
    );
    let found = compare(&was, &is);
    let lines = lines::all(&found);
    let states: Vec<&str> = lines
        .iter()
        .filter(|line| line.text.contains("config of home-assistant"))
        .map(|line| line.text.as_str())
        .collect();
    let end = ": below /srv/appdata on control-tower, the disk of control-tower -> \
               below /srv/data on control-tower, the disk of control-tower";
    let [line] = states[..] else { panic!("{states:?}") };
    assert!(line.ends_with(end) && line.contains("config of adguard-home"), "{line}");
    // The paths themselves are there for programs.
    let exact =
        |entry: &Entry| entry.is.as_ref().is_some_and(|is| is.contains("/srv/data/grafana"));
    assert!(found.entries.iter().any(exact));
}

/// What has had several names keeps what it had under the first.
#[test]
fn data_stays_through_several_names() {
    let mut was = shipped("media-server-home");
    edit(&mut was, "services.kdl", "service grafana on", "service gra module=grafana on");
    edit(&mut was, "services.kdl", "", "moved service grafana to=gra\n");
    let mut is = was.clone();
    edit(&mut is, "services.kdl", "service gra module", "service graf module");
    edit(&mut is, "services.kdl", "", "moved service gra to=graf\n");
    let found = compare(&was, &is);
    let said: Vec<String> = found.entries.iter().map(lines::said).collect();
    assert!(said.iter().any(|line| line == "name of service graf: gra -> graf"), "{said:?}");
    assert!(!found.entries.iter().any(|entry| entry.class == Class::Data), "{said:?}");
    let sources = Sources::with_standard_library(is);
    let state = State::build(&sources, &Renames::default()).expect("the lab builds");
    let kept =
        state.facts.iter().find(|(key, _)| key.family == Family::State && key.name == "graf");
    assert!(kept.expect("a state").1.starts_with("/mnt/appdata/grafana on "), "{kept:?}");
}

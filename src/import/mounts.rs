//! Converts volumes: folders that a service keeps become states, others stay paths.

use super::files::{FileKind, file_name, is_path, join};
use super::kdl::{Given, Line, line};
use super::ledger::{At, Fate};
use super::names::named;
use super::project::Project;
use super::stack::{Around, Stack};
use super::yaml::Node;
use super::{servers, words};
use crate::decl::types::Type;
use crate::plan::store::is_below;

/// What a mount says.
#[derive(Debug, Default)]
struct Mount {
    kind: String,
    source: String,
    target: String,
    read_only: bool,
    propagation: Option<String>,
    /// The folder or file of a volume that is mounted in place of all of it.
    subpath: Option<String>,
    lost: Vec<&'static str>,
}

/// The folder of scripts that the images of databases run when they make a new one.
const FIRST_SCRIPTS: &str = "/docker-entrypoint-initdb.d";

/// The folders and files of the system that containers look at.
const SYSTEM: &[&str] = &[
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/var/run",
    "/usr",
    "/lib",
    "/boot",
    "/tmp",
    "/var/log",
    "/var/lib/docker",
    "/var/lib/dbus",
    "/bin",
    "/sbin",
];

/// The ends of names that files have, and folders do not.
#[rustfmt::skip] // A table is read line by line.
const FILE_ENDS: &[&str] = &[
    "yml", "yaml", "json", "conf", "cfg", "ini", "toml", "env", "sh", "py", "sql", "xml", "crt",
    "pem", "key", "txt", "sock", "js", "php", "properties", "cnf", "html", "htpasswd", "lua",
    "db", "sqlite", "sqlite3", "log", "template", "j2", "md",
];

/// The names without an end that files have.
const FILE_NAMES: &[&str] = &["caddyfile", "dockerfile", "htpasswd", "hosts", "crontab"];

/// Converts `volumes`, `volumes_from`, `tmpfs`, `configs` and the files of `secrets`.
pub fn mounts(
    service: &At<'_>,
    container: &str,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> Vec<Line> {
    let mut lines = Vec::new();
    let (standing, hidden) = standing(service);
    for at in hidden {
        around.ledger.lost(&at, HIDDEN);
    }
    for at in standing {
        let read = match at.text() {
            Some(text) => short(text),
            None => long(&at, around),
        };
        if read.kind == "bind" && read.read_only && own(&read.source, around) {
            let target = join("/", &read.target);
            let name = if is_target(&target) && read.target.starts_with('/') {
                super::travel::file(&read.source, &target, container, stack, around)
            } else {
                None
            };
            if let Some(name) = name {
                let what = format!("the file `{name}` of the module, which travels in the bundle");
                around.ledger.changed(&at, what);
                continue;
            }
        }
        let (line, fate, mut what) = mount(service, &at, &read, stack, around);
        if !read.lost.is_empty() {
            what = format!("{what}; without {}", read.lost.join(" and "));
        }
        let fate = if fate == Fate::Kept && !read.lost.is_empty() { Fate::Changed } else { fate };
        around.ledger.say(&at, fate, what);
        lines.extend(line);
    }
    if let Some(from) = service.get("volumes_from") {
        around.ledger.lost(&from, "mount each folder by itself");
    }
    for at in service.get("tmpfs").iter().flat_map(At::items) {
        match at.text().filter(|path| words::accepted(Type::Tmpfs, path)) {
            Some(path) => {
                lines.push(line("tmpfs").arg(path));
                around.ledger.kept(&at, "tmpfs");
            }
            None => around.ledger.lost(&at, "it is not a path with options that a lab accepts"),
        }
    }
    lines
}

/// Why a mount is not there.
pub const HIDDEN: &str = "a later one has the same place in the container, and compose takes that";

/// Returns the mounts of a service, and apart from them those that compose leaves out for a later
/// one at the same place.
pub fn standing<'n>(service: &At<'n>) -> (Vec<At<'n>>, Vec<At<'n>>) {
    let all: Vec<At<'n>> = service.get("volumes").iter().flat_map(At::items).collect();
    let places: Vec<String> = all
        .iter()
        .map(|at| {
            let long = || at.get("target").and_then(|at| at.text()).unwrap_or_default().to_owned();
            join("/", &at.text().map_or_else(long, |text| short(text).target))
        })
        .collect();
    let mut later = places
        .iter()
        .enumerate()
        .map(|(number, place)| places.iter().skip(number + 1).any(|other| other == place));
    all.into_iter().partition(|_| later.next() != Some(true))
}

/// Returns whether a path is next to the compose file, rather than elsewhere on the machine.
fn own(source: &str, around: &Around<'_>) -> bool {
    let mut folders = around.read.iter().map(|file| super::files::folder_of(file));
    folders.any(|folder| {
        folder != "/" && source.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Reads `SOURCE:TARGET:MODE`.
fn short(text: &str) -> Mount {
    let mut mount = Mount::default();
    let mut parts: Vec<&str> = text.split(':').collect();
    if let [_, _, modes] = parts.as_slice() {
        for mode in modes.split(',') {
            match mode {
                "ro" => mount.read_only = true,
                "rw" | "" => {}
                "rslave" | "rshared" | "rprivate" => mount.propagation = Some(mode.to_owned()),
                "z" | "Z" => mount.lost.push("the label of SELinux"),
                "nocopy" => mount.lost.push("`nocopy`"),
                "shared" | "slave" | "private" => mount.lost.push("its propagation"),
                "cached" | "delegated" | "consistent" => mount.lost.push("a hint for macOS"),
                _ => mount.lost.push("a mode that only docker knows"),
            }
        }
        parts.truncate(2);
    }
    match parts.as_slice() {
        [target] => {
            "volume".clone_into(&mut mount.kind);
            (*target).clone_into(&mut mount.target);
        }
        [source, target] => {
            if is_path(source) { "bind" } else { "volume" }.clone_into(&mut mount.kind);
            (*source).clone_into(&mut mount.source);
            (*target).clone_into(&mut mount.target);
        }
        _ => {}
    }
    mount
}

fn long(at: &At<'_>, around: &mut Around<'_>) -> Mount {
    let text = |key: &str| at.get(key).and_then(|at| at.text()).unwrap_or_default().to_owned();
    let mut mount = Mount {
        kind: text("type"),
        source: text("source"),
        target: text("target"),
        read_only: at.get("read_only").and_then(|at| at.node.truth()).unwrap_or(false),
        ..Mount::default()
    };
    for (key, options) in at.entries() {
        match key {
            "bind" => {
                for (name, at) in options.entries() {
                    match name {
                        "propagation" => match at.text() {
                            Some(word @ ("rslave" | "rshared" | "rprivate")) => {
                                mount.propagation = Some(word.to_owned());
                            }
                            _ => mount.lost.push("its propagation"),
                        },
                        "create_host_path" => {
                            around.ledger.changed(&at, "labwright makes the folders of states");
                        }
                        "selinux" => mount.lost.push("the label of SELinux"),
                        _ => around.ledger.lost(&at, "a lab has no use for it"),
                    }
                }
            }
            "tmpfs" => {
                for (name, at) in options.entries() {
                    if name != "size" && name != "mode" {
                        around.ledger.lost(&at, "a lab has no use for it");
                    }
                }
            }
            "volume" => {
                mount.subpath = options.get("subpath").and_then(|at| at.text()).map(str::to_owned);
                for (name, at) in options.entries().filter(|(name, _)| *name != "subpath") {
                    let what = match name {
                        "nocopy" => "a folder of the machine is never filled from the image",
                        _ => "a lab has no use for it",
                    };
                    around.ledger.lost(&at, what);
                }
            }
            "image" | "cluster" | "consistency" => {
                around.ledger.lost(&options, "a lab has no use for it");
            }
            _ => {}
        }
    }
    mount
}

fn is_target(path: &str) -> bool {
    words::accepted(Type::Inside, path)
}

fn mount(
    service: &At<'_>,
    at: &At<'_>,
    mount: &Mount,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Option<Line>, Fate, String) {
    let target = join("/", &mount.target);
    if !mount.target.starts_with('/') || !is_target(&target) {
        return (
            None,
            Fate::Lost,
            "its place in the container is not one that docker takes".to_owned(),
        );
    }
    if around.secrets.hides(&mount.source) || around.secrets.hides(&target) {
        return (None, Fate::Lost, "a secret is part of the path".to_owned());
    }
    match mount.kind.as_str() {
        "tmpfs" => {
            let options = at.get("tmpfs");
            let option = |key: &str| {
                let text = options.as_ref()?.get(key)?.text()?.to_owned();
                Some(format!("{key}={text}"))
            };
            let options: Vec<String> = ["size", "mode"].into_iter().filter_map(option).collect();
            let path =
                if options.is_empty() { target } else { format!("{target}:{}", options.join(",")) };
            (Some(line("tmpfs").arg(path)), Fate::Changed, "tmpfs, in the short form".to_owned())
        }
        "volume" => volume(mount, &target, service, stack, around),
        "bind" => bind(mount, &target, service, stack, around),
        kind => (None, Fate::Lost, format!("a lab has no mount of type `{kind}`")),
    }
}

fn finish(mut node: Line, mount: &Mount, target: &str) -> Line {
    node = node.prop("at", target);
    if mount.read_only {
        node = node.prop_flag("read-only", true);
    }
    if let Some(propagation) = &mount.propagation {
        node = node.prop("propagation", propagation.as_str());
    }
    node
}

/// Returns the folder in which docker keeps a volume, if it is on the machine's own disk.
pub fn volume_folder(source: &str, project: &Project) -> Option<String> {
    let defined = project.top.get("volumes").and_then(|all| all.get(source));
    let text = |key: &str| defined.and_then(|volume| volume.get(key)).and_then(Node::scalar);
    let option = |key: &str| {
        defined
            .and_then(|volume| volume.get("driver_opts"))
            .and_then(|options| options.get(key))
            .and_then(Node::scalar)
    };
    let (driver, kind) = (text("driver").unwrap_or("local"), option("type").unwrap_or_default());
    match (driver, kind, option("device")) {
        ("local", "none" | "", Some(device)) if device.starts_with('/') => Some(join("/", device)),
        ("local", "", None) => {
            let external = defined.and_then(|volume| volume.get("external"));
            let external_name = external.and_then(|node| node.get("name")?.scalar());
            let name = external_name.or_else(|| text("name")).map_or_else(
                || match external {
                    Some(node) if node.truth() != Some(false) => source.to_owned(),
                    _ => format!("{}_{source}", project.name),
                },
                str::to_owned,
            );
            Some(format!("/var/lib/docker/volumes/{name}/_data"))
        }
        _ => None,
    }
}

/// Says what a volume is that is not on the machine's own disk.
fn kind_of(source: &str, project: &Project) -> String {
    let defined = project.top.get("volumes").and_then(|all| all.get(source));
    let kind = defined.and_then(|volume| volume.get("driver_opts")?.get("type")?.scalar());
    let driver = defined.and_then(|volume| volume.get("driver")?.scalar());
    kind.map_or_else(|| format!("driver `{}`", driver.unwrap_or("local")), str::to_owned)
}

/// Converts a volume that docker keeps. The lab adopts the folder in which docker keeps it.
fn volume(
    mount: &Mount,
    target: &str,
    service: &At<'_>,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Option<Line>, Fate, String) {
    if mount.source.is_empty() {
        let name = stack.state_names.take(&named(file_name(target)));
        let node = finish(line("mount").arg(format!("volume:{name}")), mount, target);
        let what = format!("a volume called `{}-{name}`, which nothing backs up", stack.service);
        return (Some(node), Fate::Changed, what);
    }
    if let Some(path) = servers::mounted(&mount.source, around) {
        let (node, what) = state(&path, (&mount.source, target), service, stack, around);
        let what = format!("{what}, where the machine mounts the server's folder");
        return (Some(finish(node, mount, target)), Fate::Changed, what);
    }
    let Some(folder) = volume_folder(&mount.source, around.project) else {
        let what = kind_of(&mount.source, around.project);
        let path = format!("/mnt/{}", named(&mount.source));
        let option = stack.option_names.take(&named(&mount.source));
        stack.options.push(path_option(&option, target));
        stack.settings.push(line(&option).arg(path.as_str()));
        let node = finish(line("mount").arg(Given::Ref(format!("opt.{option}"))), mount, target);
        let said = match servers::advice(&mount.source, &option, &path, around) {
            Some(advice) => format!("the path `{path}`: {advice}"),
            None => format!("the path `{path}`: mount the {what} volume there"),
        };
        let finding = format!("`{}` needs {said}", mount.source);
        around.lab.findings.push((service.node.place, finding));
        return (Some(node), Fate::Changed, said);
    };
    if let Some(part) = &mount.subpath {
        let path = join(&folder, part);
        if !is_below(&path, &folder) || !words::accepted(Type::Path, &path) {
            return (None, Fate::Lost, "the part of the volume is not in it".to_owned());
        }
        let what = format!("`{path}`, a part of the volume where docker keeps it today");
        return (Some(finish(line("mount").arg(path), mount, target)), Fate::Changed, what);
    }
    let (node, what) = state(&folder, (&mount.source, target), service, stack, around);
    let node = finish(node, mount, target);
    (Some(node), Fate::Changed, format!("{what}, where docker keeps the volume today"))
}

/// Returns whether a path belongs to the system.
pub fn is_system(path: &str) -> bool {
    path == "/" || SYSTEM.iter().any(|folder| is_below(path, folder))
}

/// Converts a folder or file of the machine.
fn bind(
    mount: &Mount,
    target: &str,
    service: &At<'_>,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Option<Line>, Fate, String) {
    let path = join("/", &around.lab.on_machine(&mount.source));
    if !words::accepted(Type::Path, &path) {
        return (None, Fate::Lost, "its path on the machine is not an absolute path".to_owned());
    }
    let home = mount.source.starts_with('~');
    let fate = if home { Fate::Changed } else { Fate::Kept };
    let own = around.lab.moved.iter().any(|(from, to)| {
        let below = |folder: &str, path: &str| {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        below(from, &mount.source) || below(to, &path)
    });
    let system = is_system(&path);
    if (system && !own) || is_file(&mount.source, around) {
        let what = if system { "mount" } else { "mount of a file, which stays on the machine" };
        return (Some(finish(line("mount").arg(path), mount, target)), fate, what.to_owned());
    }
    let looks = ["/appdata/", "/docker/", "/config", "/containers/", "/opt/", "/stacks/"];
    let image = service.get("image").and_then(|image| image.text()).unwrap_or_default();
    // Wherever they are on the machine, these hold what a program keeps for itself.
    let program = |folder: &str| target != folder && is_below(target, folder);
    let inside = words::is_backing(image)
        || target == "/config"
        || program("/app")
        || is_below(target, "/var/lib");
    let keeps = own || home || inside || looks.iter().any(|part| path.contains(part));
    // What a database runs when it is first made is written by people.
    if keeps && !mount.read_only && target != FIRST_SCRIPTS {
        let last = path.rsplit('/').next().unwrap_or_default();
        let wanted = if named(last) == named(&stack.service) { file_name(target) } else { last };
        let (node, what) = state(&path, (wanted, target), service, stack, around);
        return (Some(finish(node, mount, target)), fate, what);
    }
    let (option, what) = if let Some(known) = stack.folders.get(&path) {
        (known.clone(), format!("the option `{known}`"))
    } else {
        let wanted = if target == FIRST_SCRIPTS { "first-scripts" } else { file_name(target) };
        let option = stack.option_names.take(&named(wanted));
        stack.options.push(path_option(&option, target));
        stack.settings.push(line(&option).arg(path.as_str()));
        let name = format!("opt.{option}");
        stack.folders.insert(path.clone(), name.clone());
        (name, format!("the option `{option}`; nothing of it is backed up as part of the service"))
    };
    (Some(finish(line("mount").arg(Given::Ref(option)), mount, target)), fate, what)
}

fn path_option(name: &str, target: &str) -> Line {
    line("option")
        .arg(name)
        .prop("type", "path")
        .child(line("required"))
        .child(line("doc").arg(format!("The folder that the container sees as `{target}`.")))
}

/// Returns whether a mount is of a file: by what is there, or else by its name.
pub fn is_file(source: &str, around: &Around<'_>) -> bool {
    match around.files.kind(source) {
        FileKind::File => true,
        FileKind::Folder => false,
        FileKind::Missing => {
            let name = file_name(source).to_ascii_lowercase();
            match name.rsplit_once('.') {
                Some((_, end)) => FILE_ENDS.contains(&end),
                // Folders are called `conf`, `log` and `db`, too.
                None => FILE_NAMES.contains(&name.as_str()),
            }
        }
    }
}

/// Returns a mount of a state, made where the data is today.
fn state(
    path: &str,
    (wanted, target): (&str, &str),
    service: &At<'_>,
    stack: &mut Stack,
    around: &mut Around<'_>,
) -> (Line, String) {
    if let Some(known) = stack.folders.get(path) {
        return (line("mount").arg(Given::Ref(known.clone())), format!("`{known}`, as elsewhere"));
    }
    if let Some(why) = crate::check::system_path::needed(path) {
        return (line("mount").arg(path), format!("a path: {why}"));
    }
    if let Some(other) = around.lab.kept.get(path) {
        let what = format!("a path; it is a state of `{other}`");
        return (line("mount").arg(path), what);
    }
    let image = service.get("image").and_then(|image| image.text()).unwrap_or_default();
    let name = stack.state_names.take(&named(wanted));
    let mut state = line("state")
        .arg(name.as_str())
        .prop("path", Given::Filled(format!("{{machine.appdata}}/{{service.name}}/{name}")));
    // Copies and settings of a database may be anywhere.
    let aside = |word: &&str| ["backup", "backups", "dump", "dumps", "conf"].contains(word);
    if words::is_backing(image) && !target.split(['/', '.']).any(|word| aside(&word)) {
        state = state.prop_flag("local-disk", true);
    }
    stack.states.push(state);
    let first = around.lab.kept.is_empty();
    stack.adopt_state(&name, path, first);
    around.lab.kept.insert(path.to_owned(), stack.service.clone());
    stack.folders.insert(path.to_owned(), format!("state.{name}"));
    let node = line("mount").arg(Given::Ref(format!("state.{name}")));
    (node, format!("the state `{name}`, kept at `{path}`"))
}

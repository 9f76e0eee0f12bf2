//! Declares the databases of imported containers, so that a backup dumps them.

use super::kdl::{Given, Line, line};
use super::ledger::At;
use super::stack::{Around, Stack};
use super::variables::owner_name;
use super::words;
use crate::decl::types::Type;

/// The images that run PostgreSQL, by the last part of their names.
const POSTGRES: &[&str] = &["postgres", "postgis", "pgvector", "timescaledb"];

/// The images that run MariaDB or what its clients speak to.
const MARIADB: &[&str] = &["mariadb", "mysql"];

/// Declares the database of a container, if its image, its variables and its mounts say all that a
/// dump needs. `body` is what the container became.
pub fn database(
    service: &At<'_>,
    container: &str,
    body: &[Line],
    stack: &mut Stack,
    around: &mut Around<'_>,
) {
    let image = service.get("image");
    let image = words::image(image.as_ref().and_then(At::text).unwrap_or_default());
    let short = image.short();
    let (engine, folder, names, users) = if POSTGRES.contains(&short) {
        ("postgres", "/var/lib/postgresql", &["POSTGRES_DB"][..], &["POSTGRES_USER"][..])
    } else if MARIADB.contains(&short) {
        let names = &["MARIADB_DATABASE", "MYSQL_DATABASE"][..];
        ("mariadb", "/var/lib/mysql", names, &["MARIADB_USER", "MYSQL_USER"][..])
    } else {
        sqlite(service, body, stack, around);
        return;
    };
    let environment = service.get("environment");
    let variable = |names: &[&str]| {
        let value = |name: &&str| environment.as_ref()?.get(name)?.text().map(str::to_owned);
        names.iter().find_map(value).filter(|text| !text.is_empty())
    };
    let state = body.iter().filter(|line| line.name() == "mount").find_map(|line| {
        let at = line.text_of("at")?;
        let below = at.strip_prefix(folder)?;
        (below.is_empty() || below.starts_with('/')).then_some(())?;
        Some(line.first()?.strip_prefix("state.")?.to_owned())
    });
    let Some(state) = state else { return };
    let (user, name) = if engine == "postgres" {
        let user = variable(users).unwrap_or_else(|| "postgres".to_owned());
        let name = variable(names).unwrap_or_else(|| user.clone());
        (user, name)
    } else {
        // Only root can dump everything for certain, and its password is in a variable.
        let Some(name) = variable(names) else {
            let what = format!(
                "no variable of `{}` says which databases it has: add `database NAME \
                 engine=mariadb container={container} user=root` for each to its module, so that \
                 a backup dumps them",
                owner_name(service)
            );
            around.lab.findings.push((service.node.place, what));
            return;
        };
        ("root".to_owned(), name)
    };
    let plain = |text: &str| {
        words::accepted(Type::Line, text)
            && !around.secrets.hides(text)
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
    };
    if !plain(&user) || !plain(&name) {
        return;
    }
    stack.databases.push(
        line("database")
            .arg(name)
            .prop("engine", engine)
            .prop("container", container)
            .prop("user", user)
            .prop("state", state),
    );
}

/// The ends of the names that files of SQLite have.
const SQLITE: &[&str] = &[".db", ".sqlite", ".sqlite3", ".db3"];

/// Declares the databases of SQLite that the variables or the command of a container name, where
/// their folder is a state.
fn sqlite(service: &At<'_>, body: &[Line], stack: &mut Stack, around: &Around<'_>) {
    let variables = service.get("environment");
    let variables = variables.iter().flat_map(At::entries).map(|(_, at)| at);
    let words = ["command", "entrypoint"].into_iter().filter_map(|key| service.get(key));
    let words = words.flat_map(|at| at.items());
    let texts: Vec<&str> = variables.chain(words).filter_map(|at| at.text()).collect();
    let mut files: Vec<String> = Vec::new();
    for text in texts.into_iter().filter(|text| !around.secrets.hides(text)) {
        let paths = text.split([' ', '=', '?', ',', ';', '"', '\'']);
        // A URL such as `sqlite:////data/app.db` has its path after the last of these.
        let paths = paths.map(|word| word.rsplit_once("//").map_or(word, |(_, path)| path));
        let paths = paths.map(|word| word.rsplit_once(':').map_or(word, |(_, path)| path));
        let named = |path: &&str| {
            let lower = path.to_ascii_lowercase();
            path.starts_with('/') && SQLITE.iter().any(|end| lower.ends_with(end))
        };
        files.extend(paths.filter(named).map(|path| super::files::join("/", path)));
    }
    for file in files {
        let state = body.iter().filter(|line| line.name() == "mount").find_map(|line| {
            let at = line.text_of("at")?;
            let below = file.strip_prefix(&at)?.strip_prefix('/')?;
            Some((line.first()?.strip_prefix("state.")?.to_owned(), below.to_owned()))
        });
        let Some((state, below)) = state else { continue };
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        let path = format!("{{state.{state}}}/{below}");
        let known = stack.databases.iter().any(|line| line.first() == Some(path.as_str()));
        if known || !below.chars().all(plain) {
            continue;
        }
        // A program makes its file when it first starts.
        stack.databases.push(
            line("database")
                .arg(Given::Filled(path))
                .prop("engine", "sqlite")
                .prop_flag("optional", true),
        );
    }
}

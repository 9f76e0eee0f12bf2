//! Who may connect to what, for a person at a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cli::console::Console;
use crate::cli::table::Table;
use crate::diag::{one_line, wrap};
use crate::reach::view::{AnswersView, BecauseView, ConnectionView, LinkView};

/// Writes how each connection is decided, link by link.
pub fn chains(answers: &AnswersView, console: &Console) -> String {
    if answers.connections.is_empty() {
        return "there is nothing that it could connect to\n".to_owned();
    }
    let written: Vec<String> =
        answers.connections.iter().map(|connection| chain(connection, console)).collect();
    written.join("\n")
}

fn chain(connection: &ConnectionView, console: &Console) -> String {
    let may = if !connection.allowed {
        "may not connect"
    } else if connection.only.is_empty() {
        "may connect"
    } else {
        "may connect in part"
    };
    let what = connection.what.as_ref().map(|what| format!(" ({what})")).unwrap_or_default();
    let title = format!("{} {may} to {}{what}", connection.from, target(connection));
    let mut text = format!("{}\n\n", console.title(&one_line(&title)));
    for link in &connection.chain {
        write_link(link, console, &mut text);
    }
    if !connection.only.is_empty() {
        let only = format!("Only from {}.", connection.only.join(", "));
        let _ = writeln!(text, "\n{}", wrap(&one_line(&only), console.width, ""));
    }
    if let Some(advice) = &connection.to_allow {
        let _ = writeln!(text, "\nTo allow it, write in {}:", one_line(&advice.source));
        let _ = writeln!(text, "    {}", one_line(&advice.write));
        if let Some(instead) = &advice.instead_of {
            let _ = writeln!(text, "in place of:\n    {}", one_line(instead));
        }
        if let Some(unwise) = &advice.unwise {
            let unwise = format!("But think first: {unwise}.");
            let _ = writeln!(text, "{}", wrap(&one_line(&unwise), console.width, ""));
        }
    }
    text
}

fn write_link(link: &LinkView, console: &Console, text: &mut String) {
    let mark = if link.passes { "  " } else { "! " };
    let head = format!("{mark}{}, {}: {}", link.at, link.kind, link.says);
    let _ = writeln!(text, "{}", wrap(&one_line(&head), console.width, "      "));
    if !link.only.is_empty() {
        let only = format!("      only {}", link.only.join(", "));
        let _ = writeln!(text, "{}", wrap(&one_line(&only), console.width, "      "));
    }
    for rule in &link.rules {
        let rule = format!("      {} {}:{}: {}", rule.machine, rule.file, rule.line, rule.text);
        let _ = writeln!(text, "{}", wrap(&one_line(&rule), console.width, "        "));
    }
    // One declaration may let in several who come here.
    let mut said = BTreeSet::new();
    for because in link.because.iter().map(declaration).filter(|text| said.insert(text.clone())) {
        let because = format!("      {because}");
        let _ = writeln!(text, "{}", wrap(&because, console.width, "        "));
    }
}

/// Names a declaration; a node is shown, a name says nothing that is not there already.
fn declaration(because: &BecauseView) -> String {
    if because.text.contains(' ') {
        one_line(&format!("{}: {}", because.source, because.text)).into_owned()
    } else {
        one_line(&because.source).into_owned()
    }
}

fn target(connection: &ConnectionView) -> String {
    let ConnectionView { to, port, proto, .. } = connection;
    if to.contains(':') { format!("[{to}]:{port}/{proto}") } else { format!("{to}:{port}/{proto}") }
}

/// Writes all that may be reached.
pub fn list(answers: &AnswersView, console: &Console) -> String {
    let mut table = Table::new(["to", ">port", "what", "from", "because of"]);
    let (mut refused, mut unfiltered) = (0_usize, Vec::new());
    for connection in &answers.connections {
        if !connection.allowed {
            refused += 1;
            continue;
        }
        let opening = connection.chain.iter().rev().find(|link| {
            !link.because.is_empty() && !matches!(link.kind, "listener" | "router" | "network")
        });
        let because = opening.map(|link| {
            let mut sources: Vec<&str> =
                link.because.iter().map(|because| because.source.as_str()).collect();
            sources.dedup();
            sources.join(", ")
        });
        // `reach/stages.rs` says this of a machine whose firewall labwright does not write.
        if connection.chain.iter().any(|link| link.says.contains("writes no firewall")) {
            unfiltered.push(connection.to.as_str());
        }
        let from = if connection.only.is_empty() {
            connection.from.clone()
        } else {
            connection.only.join(", ")
        };
        let cells = [
            connection.to.clone(),
            format!("{}/{}", connection.port, connection.proto),
            connection.what.clone().unwrap_or_default(),
            from,
            because.unwrap_or_default(),
        ];
        table.row(cells.map(|cell| one_line(&cell).into_owned()));
    }
    let mut text = if table.is_empty() {
        "nothing that labwright knows of may be reached\n".to_owned()
    } else {
        table.layout(console.room, 0)
    };
    if refused > 0 {
        let ports = if refused == 1 { "port" } else { "ports" };
        let more = if table.is_empty() { "" } else { " more" };
        let more = format!("{refused}{more} {ports} that the lab knows of: refused.");
        let _ = writeln!(text, "\n{}", wrap(&more, console.width, ""));
    }
    for folder in &answers.folders {
        let may = if folder.read_only { "reads" } else { "reads and writes" };
        let note = format!(
            "Past every firewall, {} {may} {} at {}, where {} of other zones keep data ({}).",
            folder.machine,
            folder.folder,
            folder.at,
            folder.of.join(", "),
            folder.source
        );
        let _ = writeln!(text, "\n{}", wrap(&one_line(&note), console.width, ""));
    }
    unfiltered.dedup();
    if !unfiltered.is_empty() {
        let note = format!(
            "labwright writes no firewall for {}: every port there is open to who gets that far.",
            unfiltered.join(", ")
        );
        let _ = writeln!(text, "{}", wrap(&one_line(&note), console.width, ""));
    }
    text
}

/// Writes who may reach what, all ports of a place in one row.
pub fn matrix(answers: &AnswersView, console: &Console) -> String {
    let mut rows: Vec<(&str, &str, Vec<String>)> = Vec::new();
    let mut only: BTreeMap<(&str, &str), bool> = BTreeMap::new();
    for connection in &answers.connections {
        let mark = if connection.only.is_empty() { "" } else { "*" };
        *only.entry((&connection.from, &connection.to)).or_default() |= !mark.is_empty();
        let port = format!("{}/{}{mark}", connection.port, connection.proto);
        match rows.last_mut() {
            Some((from, to, ports)) if *from == connection.from && *to == connection.to => {
                ports.push(port);
            }
            _ => rows.push((&connection.from, &connection.to, vec![port])),
        }
    }
    let mut table = Table::new(["from", "to", "ports"]);
    for (from, to, ports) in rows {
        let cells = [from.to_owned(), to.to_owned(), ports.join(", ")];
        table.row(cells.map(|cell| one_line(&cell).into_owned()));
    }
    let mut text = table.layout(console.room, 0);
    let rest =
        "All else is refused. A machine reaches what its zone does, and what is listed for it.";
    let _ = write!(text, "\n{}\n", wrap(rest, console.width, ""));
    if only.values().any(|partly| *partly) {
        text.push_str("* from some addresses of the zone only\n");
    }
    text
}

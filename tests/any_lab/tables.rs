//! Walks over the tables of the language, and writes labs with every node that they know.

use labwright::decl::schema::{Child, NodeSchema, TOP};
use labwright::decl::types::Type;
use labwright::source::{Layer, SourceFile};

/// A node of the language, with the nodes around it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The nodes around it, the outermost first.
    pub around: Vec<&'static NodeSchema>,
    /// The node.
    pub node: &'static NodeSchema,
}

impl Place {
    /// Returns the names on the way to the node.
    pub fn name(&self) -> String {
        let names = self.around.iter().chain([&self.node]).map(|node| node.name);
        names.collect::<Vec<_>>().join(" ")
    }
}

/// Lists every node in every place where it may stand, except below itself.
pub fn places() -> Vec<Place> {
    fn walk(around: &[&'static NodeSchema], children: &[&'static Child], found: &mut Vec<Place>) {
        for child in children {
            if around.iter().any(|above| std::ptr::eq(*above, child.node)) {
                continue;
            }
            // What may stand in a profile may stand outside of it, and `when` holds what its
            // parent does.
            if around.iter().any(|above| ["profile", "extend", "when"].contains(&above.name)) {
                continue;
            }
            found.push(Place { around: around.to_vec(), node: child.node });
            let below: Vec<_> = child.node.child_nodes().collect();
            walk(&[around, &[child.node]].concat(), &below, found);
        }
    }
    let mut found = Vec::new();
    walk(&[], &TOP.iter().collect::<Vec<_>>(), &mut found);
    found
}

/// Returns the example of a node without its children.
pub fn head(node: &NodeSchema) -> String {
    let head = node.example.split_once(" {").map_or(node.example, |(head, _)| head);
    head.replace("on=intranet", "on=box").replace("on=extranet", "on=box")
}

/// Returns the example of a node with another name, if a name distinguishes it from others.
pub fn numbered(node: &NodeSchema, number: usize) -> String {
    let head = head(node);
    let Some(field) = node.arguments.first().or(node.rest.as_ref()) else { return head };
    let (high, low) = (number / 250, number % 250 + 1);
    let name = match field.ty {
        Type::Name
        | Type::Word
        | Type::Database
        | Type::Entity(_)
        | Type::Endpoint
        | Type::Interface => {
            format!("x{number}")
        }
        Type::Host | Type::Hosts => format!("\"x{number}.example.org\""),
        Type::Address => format!("\"10.1.{}.{low}\"", high % 250),
        Type::Cidr => format!("\"10.{}.{low}.0/24\"", high % 250),
        Type::Path => format!("\"/srv/x{number}\""),
        Type::Secret => format!("(secret)x{number}"),
        Type::Variable => format!("X{number}"),
        Type::Text | Type::Any | Type::Line | Type::Key => format!("\"x{number}\""),
        _ => return head,
    };
    // The first argument may be a quoted text with blanks.
    let (verb, rest) = head.split_once(' ').unwrap_or((&head, ""));
    let quoted = rest.trim_start_matches("(f)").starts_with('"');
    let end = if quoted {
        let open = rest.find('"').map_or(0, |index| index + 1);
        rest.get(open..).and_then(|text| text.find('"')).map_or(rest.len(), |end| open + end + 1)
    } else {
        rest.find(' ').unwrap_or(rest.len())
    };
    format!("{verb} {name}{}", rest.get(end..).unwrap_or_default())
}

/// The lab that all of these stand in.
pub const LAB: &str = r#"edition 1
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
host box kind=debian {
    os debian-13
    address lan "192.168.1.10"
    appdata "/srv/appdata" backup=daily
}
"#;

/// Writes a lab around `nodes`, which stand where `place` does.
pub fn lab(place: &Place, nodes: &str) -> Vec<SourceFile> {
    let file = |path: &str, text: String, layer| SourceFile { path: path.to_owned(), text, layer };
    let mut text = nodes.to_owned();
    for (depth, around) in place.around.iter().enumerate().rev() {
        let head = if depth == 0 { top(around) } else { head(around) };
        let summary = if depth == 0 && around.name == "module" && place.node.name != "summary" {
            "summary \"x\"\n"
        } else {
            ""
        };
        text = format!("{head} {{\n{summary}{text}\n}}\n");
    }
    let outer = place.around.first().map_or(place.node.name, |outer| outer.name);
    let own = if outer == "lab" { "" } else { "lab demo version=\"1\"\n" };
    if outer == "module" {
        let service = if place.around.is_empty() { "" } else { "service thing on=box\n" };
        return vec![
            file("lab.kdl", format!("{LAB}{own}{service}"), Layer::Lab),
            file("modules/thing/module.kdl", format!("edition 1\n{text}"), Layer::Site),
        ];
    }
    vec![file("lab.kdl", format!("{LAB}{own}{text}"), Layer::Lab)]
}

fn top(node: &NodeSchema) -> String {
    match node.name {
        "module" => "module thing version=\"1\"".to_owned(),
        "service" => "service jellyfin on=box".to_owned(),
        "host" => "host big kind=debian".to_owned(),
        _ => head(node),
    }
}

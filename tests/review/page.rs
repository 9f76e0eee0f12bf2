//! Parses a page as strictly as XML, and checks what a reader needs who uses a screen reader or has
//! no network.

use std::collections::BTreeSet;

/// An element, with its name and attributes.
#[derive(Debug, PartialEq, Eq)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// The names of the elements around it, outermost first.
    pub path: Vec<String>,
    pub empty: bool,
}

/// A page: its elements in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Page(pub Vec<Element>);

impl Page {
    /// Parses a page. Every element must be closed in the right place, and every attribute quoted.
    pub fn read(text: &str) -> Self {
        let mut elements = Vec::new();
        let mut open: Vec<String> = Vec::new();
        let mut rest = text.strip_prefix("<!DOCTYPE html>\n").expect("a document type");
        while let Some(start) = rest.find(['<', '>']) {
            let tag = rest[start..]
                .strip_prefix('<')
                .unwrap_or_else(|| panic!("a bare `>`: {}", &rest[..=start]));
            let (tag, after) = tag.split_once('>').expect("a tag ends");
            rest = after;
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop().as_deref(), Some(name), "`</{name}>` closes something else");
                continue;
            }
            let (tag, empty) = tag.strip_suffix(" /").map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "`{tag}` is no tag");
            elements.push(Element {
                name: name.to_owned(),
                attributes: read_attributes(attributes),
                path: open.clone(),
                empty,
            });
            if !empty {
                open.push(name.to_owned());
            }
            if name == "style" {
                // Selectors contain `>` themselves.
                rest = rest.split_once("</style>").expect("the style ends").1;
                open.pop();
            }
        }
        assert_eq!(open, Vec::<String>::new(), "left open");
        Self(elements)
    }

    /// Checks that everything is there that makes the page readable for all, and that nothing in it
    /// refers to the outside.
    pub fn check(&self) {
        const KNOWN: &[&str] = &[
            "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section",
            "footer", "h1", "h2", "h3", "p", "ul", "li", "a", "div", "span", "small", "code", "br",
            "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "svg",
            "g", "rect", "text", "tspan", "path", "circle", "pre", "label", "input", "strong",
        ];
        let ids: Vec<&str> = self.0.iter().filter_map(|element| element.get("id")).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id occurs twice");
        for (index, element) in self.0.iter().enumerate() {
            let name = element.name.as_str();
            assert!(KNOWN.contains(&name), "<{name}>");
            for (key, value) in &element.attributes {
                assert!(!key.starts_with("on") && key != "src", "{element:?}");
                assert!(
                    key != "href" || value.strip_prefix('#').is_some_and(|id| ids.contains(&id)),
                    "{element:?} leads nowhere"
                );
                assert!(
                    !key.ends_with("labelledby") || ids.contains(&value.as_str()),
                    "{element:?}"
                );
            }
            match name {
                "table" => {
                    assert_eq!(self.0[index + 1].name, "caption", "a table without a caption");
                }
                "th" => assert!(
                    matches!(element.get("scope"), Some("col" | "row" | "rowgroup")),
                    "{element:?}"
                ),
                "html" => assert_eq!(element.get("lang"), Some("en")),
                _ => {}
            }
        }
        let headings: Vec<u32> = self
            .0
            .iter()
            .filter_map(|element| element.name.strip_prefix('h')?.parse().ok())
            .collect();
        assert_eq!(headings.first(), Some(&1));
        assert!(
            headings.windows(2).all(|pair| pair[1] <= pair[0] + 1 && pair[1] > 1),
            "a level of headings is left out: {headings:?}"
        );
    }
}

impl Element {
    fn get(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

fn read_attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) =
            rest.split_once("=\"").unwrap_or_else(|| panic!("`{rest}` is no attribute"));
        let (value, after) = after.split_once('"').expect("a closing quote");
        assert!(
            name == "viewBox"
                || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "`{name}` is no name"
        );
        attributes.push((name.to_owned(), value.to_owned()));
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    attributes
}

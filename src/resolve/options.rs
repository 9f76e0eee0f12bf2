//! Describes the options of modules.

use crate::decl::Block;
use crate::decl::types::Type;
use crate::source::{Span, Spanned};

/// An option of a module, or a field of a record option.
#[derive(Debug, Clone)]
pub struct OptionSpec<'s> {
    /// Its name.
    pub name: &'s str,
    /// The word of its type.
    pub kind: &'s str,
    /// Whether it takes several values.
    pub list: bool,
    /// Whether every service must set it.
    pub required: bool,
    /// The node with its default.
    pub default: Option<&'s Block<'s>>,
    /// The words of an `enum`.
    pub words: Vec<&'s str>,
    /// Whether values from several places are concatenated.
    pub append: bool,
    /// The properties of a `record`.
    pub fields: Vec<OptionSpec<'s>>,
    /// Its description.
    pub doc: &'s str,
    /// The place of its definition.
    pub span: Span,
}

/// Lists a module's options, sorted by name.
pub fn option_specs<'s>(module: &'s Block<'s>) -> Vec<OptionSpec<'s>> {
    let mut specs: Vec<OptionSpec<'s>> =
        module.children.iter().filter(|child| child.schema.name == "option").map(spec).collect();
    specs.sort_by(|a, b| a.name.cmp(b.name));
    specs
}

fn spec<'s>(block: &'s Block<'s>) -> OptionSpec<'s> {
    let mut fields: Vec<OptionSpec<'s>> =
        block.children.iter().filter(|child| child.schema.name == "field").map(spec).collect();
    fields.sort_by(|a, b| a.name.cmp(b.name));
    OptionSpec {
        name: block.key(),
        kind: block.property("type").and_then(Spanned::text).unwrap_or("text"),
        list: block.property("list").and_then(Spanned::bool).unwrap_or(false),
        required: block.child("required").is_some(),
        default: block.child("default"),
        words: block
            .child("values")
            .map(|values| values.arguments.iter().filter_map(Spanned::text).collect())
            .unwrap_or_default(),
        append: block.value("merge").and_then(Spanned::text) == Some("append"),
        fields,
        doc: block.value("doc").and_then(Spanned::text).unwrap_or_default(),
        span: block.key_span(),
    }
}

impl OptionSpec<'_> {
    /// Returns the type as which values are read. Enums, records and names of entities are checked
    /// separately.
    pub fn ty(&self) -> Type {
        match self.kind {
            "name" => Type::Name,
            "boolean" => Type::Bool,
            "integer" => Type::Integer,
            "number" => Type::Number,
            "port" => Type::Port,
            "size" => Type::Size,
            "duration" => Type::Duration,
            "cron" => Type::Cron,
            "address" => Type::Address,
            "cidr" => Type::Cidr,
            "path" => Type::Path,
            "image" => Type::Image,
            "device" => Type::Device,
            "wireguard-key" => Type::WireguardKey,
            "word" => Type::Word,
            "host-port" => Type::HostPort,
            "storage" => Type::Storage,
            "database-name" => Type::DatabaseName,
            "pattern" => Type::Pattern,
            "ssh-key" => Type::SshKey,
            "line" => Type::Line,
            "setting" => Type::Setting,
            "url" => Type::Url,
            "host" => Type::Host,
            "mail" => Type::Mail,
            "secret" => Type::Secret,
            "network" => Type::Entity("network"),
            "zone" => Type::Entity("zone"),
            "machine" => Type::Entity("machine"),
            "service" => Type::Entity("service"),
            _ => Type::Text,
        }
    }

    /// Describes the values that it accepts.
    pub fn describe(&self) -> String {
        match self.kind {
            "enum" => format!(
                "one of {}",
                self.words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            ),
            "record" => {
                format!(
                    "properties: {}",
                    self.fields
                        .iter()
                        .map(|field| format!("{}=…", field.name))
                        .collect::<Vec<_>>()
                        .join(" ")
                )
            }
            _ => self.ty().describe(),
        }
    }
}

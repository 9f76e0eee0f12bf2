//! Defines what a module says about itself: what it is, and what people call it.

use super::shared::{DOC, SUMMARY};
use super::{Child, NodeSchema, many, once, optional, required};
use crate::decl::types::Type;

/// What modules are for, in the order in which lists show them.
pub const CATEGORIES: &[&str] = &[
    "media",
    "books",
    "photos",
    "downloads",
    "documents",
    "notes",
    "websites",
    "household",
    "home-automation",
    "development",
    "ai",
    "games",
    "tools",
    "dashboards",
    "proxy",
    "login",
    "dns",
    "network",
    "containers",
    "monitoring",
    "messages",
    "backup",
    "storage",
];

/// What a module says about itself.
pub static MODULE_FACTS: &[Child] = &[
    once(&SUMMARY),
    once(&HOMEPAGE),
    once(&CATEGORY),
    once(&KEYWORDS),
    once(&DOC),
    once(&EXAMPLE),
    once(&FORMERLY),
    many(&UNLIKE),
    once(&DISCONTINUED),
];

static HOMEPAGE: NodeSchema =
    NodeSchema::new("homepage", "The project's page.", "homepage \"https://jellyfin.org\"")
        .arguments(&[required("url", Type::Url, "The page.")]);
static CATEGORY: NodeSchema = NodeSchema::new(
    "category",
    "What it is for; `labwright modules` groups by it. Default: `tools`.",
    "category media",
)
.arguments(&[required("category", Type::Enum(CATEGORIES), "The category.")]);
static KEYWORDS: NodeSchema = NodeSchema::new(
    "keywords",
    "Words by which people look for it and that its name and summary do not have: what else the \
     program is called, and what it is used for. `labwright modules WORD` finds it by them.",
    "keywords movies \"home cinema\"",
)
.rest(required("word", Type::Text, "A word, or several that belong together."));

static EXAMPLE: NodeSchema = NodeSchema::new(
    "example",
    "KDL that shows the module in use. A test compiles it.",
    "example #\"service x on=box\"#",
)
.arguments(&[required(
    "kdl",
    Type::Text,
    "A `service` node; the machine is `box`, the zone `lan`, secrets are declared for it.",
)]);

static UNLIKE: NodeSchema = NodeSchema::new(
    "unlike",
    "Names of other products that people mistake for this one. A service with such a name gets \
     this module, and a warning that says how they differ.",
    "unlike echo-enterprise why=\"it is another program, with a licence and a unit of its own\"",
)
.rest(required("name", Type::Text, "A name of the other product."))
.properties(&[required("why", Type::Text, "What the other product is.")]);

static FORMERLY: NodeSchema = NodeSchema::new(
    "formerly",
    "Earlier names of the module. A service that still uses one gets this module, and a warning \
     with the new name.",
    "formerly jellyseerr overseerr",
)
.rest(required("name", Type::Name, "A former name."));
static DISCONTINUED: NodeSchema = NodeSchema::new(
    "discontinued",
    "Says that the program is discontinued, so that no service can use the module.",
    "discontinued \"its images are gone since June 2025\" help=\"use y instead\"",
)
.arguments(&[required("why", Type::Text, "What happened, and when.")])
.properties(&[optional("help", Type::Text, "What to use instead.")]);

//! Lists every code that labwright knows. Each is defined beside what raises it.

use super::Code;
use crate::{check, cli, compile, decl, emit, resolve, source, syntax};

/// Makes a code of its name, severity and summary. Its page is the Markdown file of that name beside
/// the file that makes it, or in a folder given first.
macro_rules! code {
    ($name:literal, $severity:ident, $summary:literal) => {
        $crate::diag::codes::code!("", $name, $severity, $summary)
    };
    ($folder:literal, $name:literal, $severity:ident, $summary:literal) => {
        $crate::diag::Code {
            name: $name,
            severity: $crate::diag::Severity::$severity,
            summary: $summary,
            explain: include_str!(concat!($folder, $name, ".md")),
        }
    };
}

/// Defines the codes of a file, and the list of them that [`ALL`] refers to. Their pages are in the
/// folder `codes` beside it.
///
/// No code can be missing from its file's list. The compiler warns about a list that nothing refers
/// to, because it warns about everything unused.
macro_rules! define {
    ($($visibility:vis $constant:ident = $name:literal, $severity:ident, $summary:literal;)*) => {
        $(
            #[doc = concat!("The code of: ", $summary, ".")]
            $visibility static $constant: $crate::diag::Code =
                $crate::diag::codes::code!("codes/", $name, $severity, $summary);
        )*

        /// Lists the codes of this file.
        pub(crate) static CODES: &[&$crate::diag::Code] = &[$(&$constant),*];
    };
}

pub(crate) use {code, define};

/// Every code except those of the rules in [`check::RULES`], with one line for each file that
/// defines codes.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub static ALL: &[&[&Code]] = &[
    source::codes::CODES,
    syntax::codes::CODES,
    decl::codes::CODES,
    resolve::codes::CODES,
    check::accept::CODES,
    compile::CODES,
    cli::codes::CODES,
    emit::service_files::CODES,
    emit::grafana::CODES,
    emit::render::CODES,
];

/// Finds a code by its name.
pub fn find(name: &str) -> Option<&'static Code> {
    all().find(|code| code.name == name)
}

/// Lists every code.
pub fn all() -> impl Iterator<Item = &'static Code> {
    ALL.iter()
        .flat_map(|group| group.iter().copied())
        .chain(check::RULES.iter().map(|rule| rule.code))
}

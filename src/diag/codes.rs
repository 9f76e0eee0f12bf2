//! Defines codes, each next to the code that raises it.

/// Makes a code of its name, severity and summary. Its page is the Markdown file of that name
/// next to the file that makes it, or in a folder that comes first.
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

/// Defines the codes of a file, and the list of them for the list of all codes. Their pages are in
/// the folder `codes` next to it.
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

        /// The codes of this file.
        pub(crate) static CODES: &[&$crate::diag::Code] = &[$(&$constant),*];
    };
}

pub(crate) use {code, define};

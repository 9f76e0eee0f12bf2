//! What can be wrong with KDL text, and the words for it.

use super::wording::{is_quote, list, quote, shorten, what_is, with_protocol};
use super::{DEEPEST, codes, numbers};
use crate::diag::hidden::hidden;
use crate::diag::names::Names;
use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Span};

/// A place where the text is not KDL.
#[derive(Debug)]
pub(super) struct Fault {
    pub kind: Kind,
    start: usize,
    end: usize,
    /// A second place that is related to the fault.
    other: Option<(usize, usize)>,
}

/// What is wrong at the place of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Forbidden(char),
    Unquoted,
    WrongQuotes,
    ListInProperty,
    ListOfValues,
    NumberAsName,
    Interpolation,
    KeywordWithoutHash,
    UnknownKeyword,
    HashComment,
    NumberTooLarge,
    UnclosedString,
    BadEscape,
    MultilineStart,
    MultilineEnd,
    MultilineIndent,
    UnclosedComment,
    UnclosedBlock,
    StrayBrace,
    BlockWithoutName,
    SecondBlock,
    EntryAfterBlock,
    MissingSpace,
    Colon,
    EqualsAfterName,
    PropertyOnNextLine,
    EqualsAfterValue,
    MissingValue,
    BadAnnotation,
    AnnotationAlone,
    StrayParenthesis,
    StrayBackslash,
    BracketsInProperty,
    Brackets,
    BracketsAsNode,
    LoneSemicolon,
    SlashdashAlone,
    OldVersion,
    OldRawString,
    TooDeep,
    TooMany,
}

impl Fault {
    /// Makes a fault at `start..end`.
    pub fn new(kind: Kind, start: usize, end: usize) -> Self {
        Self { kind, start, end, other: None }
    }

    /// Returns whether the fault begins where `other` does.
    pub fn is_at(&self, other: &Self) -> bool {
        self.start == other.start
    }

    /// Adds the second place, unless there is one.
    pub fn with(self, start: usize, end: usize) -> Self {
        Self { other: self.other.or(Some((start, end))), ..self }
    }

    /// Makes a finding of the fault.
    pub fn diagnostic(&self, text: &str, file: FileId) -> Diagnostic {
        let place = |start, end| {
            Span::new(
                file,
                u32::try_from(start).unwrap_or(u32::MAX),
                u32::try_from(end).unwrap_or(u32::MAX),
            )
        };
        let written = text.get(self.start..self.end).unwrap_or_default();
        // A finding never repeats what may be the value of a secret.
        let line =
            text.get(..self.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        // A line may be very long, so only what is near counts.
        let from = text.floor_char_boundary(line.max(self.start.saturating_sub(200)));
        let near = text.get(from..self.end).unwrap_or_default();
        let secret =
            hidden(near, &Names::default()).iter().any(|range| range.end + from > self.start);
        let written = if secret { "…" } else { written };
        let words = words(self.kind, written);
        let mut diagnostic =
            Diagnostic::new(words.code, place(self.start, self.end), words.message)
                .caption(words.caption);
        if !words.help.is_empty() {
            diagnostic = diagnostic.help(words.help);
        }
        if let Some((start, end)) = self.other {
            diagnostic = diagnostic.label(place(start, end), words.other);
        }
        diagnostic
    }
}

struct Words {
    code: &'static Code,
    message: String,
    caption: &'static str,
    help: String,
    other: &'static str,
}

fn words(kind: Kind, written: &str) -> Words {
    let shown = shorten(written);
    let quoted = quote(written);
    let say = |code, message: &str, caption, help: &str| Words {
        code,
        message: message.to_owned(),
        caption,
        help: help.to_owned(),
        other: "",
    };
    match kind {
        Kind::Forbidden(character) => say(
            &codes::FORBIDDEN_CHARACTER,
            &format!(
                "the file holds the character U+{:04X}, which KDL allows nowhere",
                u32::from(character)
            ),
            if character == '\0' {
                "a NUL byte: is this a text file?"
            } else {
                "an invisible character"
            },
            &format!(
                "delete it; inside a quoted string it can be written as `\\u{{{:x}}}`",
                u32::from(character)
            ),
        ),
        Kind::Unquoted if written.len() > 1 && written.ends_with(',') => {
            let value = written.trim_end_matches(',');
            let number = numbers::parse(value).is_ok();
            say(
                &codes::UNQUOTED_TEXT,
                &format!("a comma follows the value `{}`", shorten(value)),
                "",
                &format!(
                    "write `{}`: blanks separate values, and a list is one value, as in \
                     `to=lan,tunnel`",
                    if number { value.to_owned() } else { quote(value) }
                ),
            )
        }
        Kind::Unquoted => {
            // `name:"value"`, as other languages write it.
            let pair = written.split_once(':').filter(|(name, value)| {
                value.starts_with('"') && value.ends_with('"') && value.len() > 2 && is_word(name)
            });
            if let Some((name, value)) = pair {
                return say(
                    &codes::UNQUOTED_TEXT,
                    &format!("`{name}` and its value have a colon between them"),
                    "",
                    &format!("write `{name}={value}`"),
                );
            }
            if let Some((name, protocol)) = with_protocol(written) {
                let help = if name.starts_with(|first: char| first.is_ascii_digit()) {
                    format!("leave `/{protocol}` out: a port is a number alone")
                } else {
                    format!("write `{name}`: the protocol is no part of a name")
                };
                let message = format!("`{shown}` has a protocol in it");
                return say(&codes::UNQUOTED_TEXT, &message, "", &help);
            }
            let what = what_is(written);
            say(
                &codes::UNQUOTED_TEXT,
                &format!("{what} `{shown}` has no quotes"),
                "",
                &format!("write `{quoted}`"),
            )
        }
        Kind::WrongQuotes => {
            let kind = match written.chars().next() {
                Some('\'') => "single",
                Some('`') => "back",
                _ => "typographic",
            };
            let text = written.strip_prefix(is_quote).unwrap_or(written);
            let text = text.strip_suffix(|end| is_quote(end) || end == '"');
            say(
                &codes::UNQUOTED_TEXT,
                &format!("{kind} quotes mean nothing in KDL"),
                "the quote becomes a part of the word",
                &text.map_or_else(
                    || "write text in double quotes: `\"…\"`".to_owned(),
                    |text| match quote(text) {
                        quoted if quoted.contains('`') => {
                            "write it in double quotes instead".to_owned()
                        }
                        quoted => format!("write `{quoted}`"),
                    },
                ),
            )
        }
        Kind::ListInProperty | Kind::ListOfValues => {
            let one = kind == Kind::ListInProperty;
            let rule = if one { "a list is one value" } else { "blanks separate values" };
            Words {
                code: if written.starts_with(['"', '#']) {
                    &codes::MISSING_SEPARATOR
                } else {
                    &codes::UNQUOTED_TEXT
                },
                message: "a comma follows a value".to_owned(),
                caption: "",
                help: if written.contains('`') {
                    rule.to_owned()
                } else {
                    format!("{rule}: write `{}`", list(written, one))
                },
                other: "",
            }
        }
        Kind::NumberAsName => say(
            &codes::UNQUOTED_TEXT,
            &format!("`{shown}` begins like a number and can't be the name of a node"),
            "a line begins with a name",
            &format!("put the name of the setting before it, or quotes around it: `{quoted}`"),
        ),
        Kind::Interpolation => say(
            &codes::UNQUOTED_INTERPOLATION,
            &format!("`{shown}` opens a child block, since it has no quotes"),
            "",
            &format!("write `{quoted}`; labwright passes it on as it is"),
        ),
        Kind::KeywordWithoutHash => say(
            &codes::KEYWORD_WITHOUT_HASH,
            &format!("the bare word `{shown}` is not allowed: KDL 2 writes it with a `#`"),
            "",
            &format!("write `#{written}`, or `\"{written}\"` for the text"),
        ),
        Kind::UnknownKeyword => say(
            &codes::KEYWORD_WITHOUT_HASH,
            &format!("KDL has no keyword `{shown}`"),
            "",
            &format!(
                "the keywords are `#true`, `#false`, `#null`, `#inf`, `#-inf`, `#nan`; write text \
                 as `{quoted}`"
            ),
        ),
        Kind::HashComment => say(
            &codes::HASH_COMMENT,
            "`#` does not begin a comment in KDL",
            "",
            "write `//` before a comment",
        ),
        Kind::NumberTooLarge => say(
            &codes::NUMBER_OUT_OF_RANGE,
            &format!("the number `{shown}` is too large"),
            "more than 127 bits",
            &format!("in quotes it is a name or a serial number: `{quoted}`"),
        ),
        Kind::UnclosedString => say(
            &codes::UNCLOSED_STRING,
            "this string is not closed",
            "it begins here",
            if written.contains("\"\"\"") {
                "write `\"\"\"` (and as many `#` as at its beginning) on a line of its own after \
                 the text"
            } else {
                "close it on the same line; text of several lines begins and ends with `\"\"\"`"
            },
        ),
        Kind::BadEscape => say(
            &codes::BAD_ESCAPE,
            &format!("`{shown}` is not an escape"),
            "",
            "use a raw string, which has no escapes: `#\"…\"#`, or write `\\\\` for a backslash; \
             the escapes are `\\\\ \\\" \\n \\r \\t \\s \\b \\f \\u{…}`",
        ),
        Kind::MultilineStart => say(
            &codes::MULTILINE_STRING,
            "text follows `\"\"\"` on the same line",
            "",
            "begin the text on the next line, or write it in single `\"`",
        ),
        Kind::MultilineEnd => say(
            &codes::MULTILINE_STRING,
            "the closing `\"\"\"` must be on a line of its own",
            "",
            "move it to the next line; the blanks before it are removed from every line of the \
             text",
        ),
        Kind::MultilineIndent => Words {
            other: "every line must begin with the blanks before this",
            ..say(
                &codes::MULTILINE_STRING,
                "this line is indented less than the closing `\"\"\"`",
                "",
                "indent every line of the text at least as far as its closing `\"\"\"`, with the \
                 same blanks",
            )
        },
        Kind::UnclosedComment => say(
            &codes::UNCLOSED_COMMENT,
            "this comment is not closed",
            "it begins here",
            "close it with a `*/` where it ends; comments nest",
        ),
        Kind::UnclosedBlock => Words {
            other: "this closes it, but is indented like an outer block",
            ..say(
                &codes::UNBALANCED_BRACE,
                "this `{` is not closed",
                "the block begins here",
                "close it with a `}` where the block ends",
            )
        },
        Kind::StrayBrace => say(
            &codes::UNBALANCED_BRACE,
            "this `}` closes nothing",
            "",
            "look above for a `{` that is missing or a block that was closed too early, or delete \
             it",
        ),
        Kind::BlockWithoutName => say(
            &codes::BLOCK_WITHOUT_NAME,
            "a block is where the name of a node should be",
            "",
            "move the `{` to the line of the node that it belongs to",
        ),
        Kind::SecondBlock => say(
            &codes::BLOCK_WITHOUT_NAME,
            "a node has at most one block",
            "a second one",
            "move its nodes into the first block",
        ),
        Kind::EntryAfterBlock => say(
            &codes::MISSING_SEPARATOR,
            "something follows the block of a node",
            "",
            "write values before the block, and the next node on a line of its own or after a `;`",
        ),
        Kind::MissingSpace => say(
            &codes::MISSING_SEPARATOR,
            "a blank is missing between two values",
            "",
            "write a blank before this",
        ),
        Kind::Colon => say(
            &codes::MISSING_SEPARATOR,
            "a colon follows a value",
            "",
            "remove the `:`: a value follows its name after a blank",
        ),
        Kind::PropertyOnNextLine => say(
            &codes::MISPLACED_EQUALS,
            "a node ends with its line, so this is not its property",
            "",
            "write it in the line above, or end that line with ` \\`",
        ),
        Kind::EqualsAfterName => say(
            &codes::MISPLACED_EQUALS,
            "the value of a node follows its name, without `=`",
            "",
            "remove the `=`: it is for properties, as in `node property=value`",
        ),
        Kind::EqualsAfterValue => say(
            &codes::MISPLACED_EQUALS,
            "`=` follows something that is not the name of a property",
            "",
            "write `property=value`",
        ),
        Kind::MissingValue => say(
            &codes::MISPLACED_EQUALS,
            "a value is missing after `=`",
            "",
            "write the value after it; an empty text is `\"\"`",
        ),
        Kind::BadAnnotation => say(
            &codes::BAD_ANNOTATION,
            "this type annotation is incomplete",
            "",
            "write one word in brackets: `(size)\"4GiB\"`",
        ),
        Kind::AnnotationAlone if written.contains(',') => say(
            &codes::BAD_ANNOTATION,
            "KDL has no lists in brackets",
            "",
            &format!(
                "a list is one value: write `{}`",
                list(written.trim_matches(['(', ')']), true)
            ),
        ),
        Kind::AnnotationAlone => say(
            &codes::BAD_ANNOTATION,
            "a value is missing after this type annotation",
            "",
            "write the value right after it: `(size)\"4GiB\"`",
        ),
        Kind::StrayParenthesis => say(
            &codes::STRAY_CHARACTER,
            "this `)` closes nothing",
            "",
            "delete it, or write the text in quotes",
        ),
        Kind::StrayBackslash => say(
            &codes::STRAY_CHARACTER,
            "`\\` continues a line and must be at its end",
            "",
            "write text that has a backslash in a raw string: `#\"…\"#`",
        ),
        Kind::BracketsInProperty | Kind::Brackets => {
            let one = kind == Kind::BracketsInProperty;
            let rule = if one { "a list is one value" } else { "blanks separate values" };
            let inside = written.trim_start_matches('[').trim_end_matches(']');
            let help = format!("{rule}: write `{}`", list(inside, one));
            let whole = written.len() > 2 && written.ends_with(']') && !inside.contains(['[', '`']);
            let example = if one { "to=lan,tunnel" } else { "library \"/mnt/a\" \"/mnt/b\"" };
            let help = if whole { help } else { format!("{rule}, as in `{example}`") };
            say(&codes::STRAY_CHARACTER, "KDL has no lists in brackets", "", &help)
        }
        Kind::BracketsAsNode => say(
            &codes::STRAY_CHARACTER,
            "KDL has no sections in brackets",
            "",
            "write the name of a node, and what belongs to it in braces: `lab NAME { … }`",
        ),
        Kind::LoneSemicolon => {
            say(&codes::STRAY_CHARACTER, "there is no node before this `;`", "", "delete it")
        }
        Kind::SlashdashAlone => say(
            &codes::SLASHDASH_WITHOUT_TARGET,
            "`/-` has nothing to comment out",
            "",
            "write it before a node, a value or a block; a comment begins with `//`",
        ),
        Kind::OldVersion => say(
            &codes::OLD_KDL_SYNTAX,
            "this file says that it is KDL 1",
            "",
            "rewrite it as KDL 2 and delete this line",
        ),
        Kind::OldRawString => say(
            &codes::OLD_KDL_SYNTAX,
            "KDL 2 writes a raw string without `r`",
            "",
            "write `#\"…\"#`, with at least one `#` on each side",
        ),
        Kind::TooDeep => say(
            &codes::NESTING_TOO_DEEP,
            &format!("blocks are nested deeper than {DEEPEST}"),
            "reading stops here",
            "look for a `}` that is missing above",
        ),
        Kind::TooMany => say(
            &codes::TOO_MANY_SYNTAX_ERRORS,
            "this file has too many syntax errors",
            "reading stops here",
            "fix the first ones; they often cause the others",
        ),
    }
}

fn is_word(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(plain)
}

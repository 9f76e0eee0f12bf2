//! The codes of what is not KDL.

use crate::diag::codes;

codes::define! {
    pub BAD_ANNOTATION = "bad-annotation", Error, "a type annotation is incomplete";
    pub BAD_ESCAPE = "bad-escape", Error,
        "a backslash in a quoted string begins an escape that does not exist";
    pub BLOCK_WITHOUT_NAME = "block-without-name", Error, "a block belongs to no node";
    pub FORBIDDEN_CHARACTER = "forbidden-character", Error,
        "the file contains a character that KDL does not allow";
    pub HASH_COMMENT = "hash-comment", Error, "a comment begins with `#`";
    pub KEYWORD_WITHOUT_HASH = "keyword-without-hash", Error,
        "`true`, `false` or `null` is written without its `#`";
    pub MISPLACED_EQUALS = "misplaced-equals", Error, "an equals sign is not part of a property";
    pub MISSING_SEPARATOR = "missing-separator", Error, "a blank, a newline or `;` is missing";
    pub MULTILINE_STRING = "multiline-string", Error,
        "a string over several lines is laid out wrongly";
    pub NESTING_TOO_DEEP = "nesting-too-deep", Error, "blocks are nested deeper than 32";
    pub NUMBER_OUT_OF_RANGE = "number-out-of-range", Error, "a number is too large";
    pub OLD_KDL_SYNTAX = "old-kdl-syntax", Error, "something is written as in KDL 1";
    pub SLASHDASH_WITHOUT_TARGET = "slashdash-without-target", Error,
        "`/-` has nothing to comment out";
    pub STRAY_CHARACTER = "stray-character", Error,
        "a bracket, backslash or semicolon means nothing here";
    pub TOO_MANY_SYNTAX_ERRORS = "too-many-syntax-errors", Error,
        "a file has more than 100 syntax errors";
    pub UNBALANCED_BRACE = "unbalanced-brace", Error, "a brace is missing, or one is too many";
    pub UNCLOSED_COMMENT = "unclosed-comment", Error, "a comment has no end";
    pub UNCLOSED_STRING = "unclosed-string", Error, "a string has no closing quote";
    pub UNQUOTED_INTERPOLATION = "unquoted-interpolation", Error,
        "`${…}` or `{{…}}` is written without quotes";
    pub UNQUOTED_TEXT = "unquoted-text", Error,
        "an address, size, port, path or URL is written without quotes";
}

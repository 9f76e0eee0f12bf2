//! The codes of what is not KDL, with their pages.
//!
//! The first example of a page raises the code, the second is how to write it; a test holds both to
//! it.

use crate::diag::codes;

codes::define! {
    /// A type annotation that is empty, unclosed or followed by nothing.
    pub BAD_ANNOTATION = "bad-annotation", Error, "a type annotation is incomplete",
        "\
A word in brackets right before a value says what type the value has. Without the closing bracket, the word or the value, \
nobody can tell what was meant.

```kdl
disk root size=(size \"20GiB\"
```

Write one word in the brackets and the value right behind them:

```kdl
disk root size=(size)\"20GiB\"
```
";

    /// A backslash in a quoted string that does not begin an escape.
    pub BAD_ESCAPE = "bad-escape", Error, "a backslash in a quoted string is no escape",
        r##"In a quoted string a backslash begins an escape, such as `\n`. Regular expressions and Windows paths have backslashes of their
own, and KDL refuses those that it doesn't know instead of guessing.

```kdl
match "^\d+$"
```

Write a raw string, in which a backslash is a backslash, or double it:

```kdl
match #"^\d+$"#
match "^\\d+$"
```
"##;

    /// A block without a node, or a second block of one node.
    pub BLOCK_WITHOUT_NAME = "block-without-name", Error, "a block belongs to no node",
        "\
A block belongs to the node in whose line it begins. On a line of its own it belongs to none, since a newline ends a node.

```kdl
vm web
{
    cores 2
}
```

Write the brace in the line of its node, and one block for a node:

```kdl
vm web {
    cores 2
}
```
";

    /// A character that KDL allows nowhere.
    pub FORBIDDEN_CHARACTER = "forbidden-character", Error, "the file holds a character that KDL allows nowhere",
        "\
Control characters, and the marks that turn the direction of text, are invisible. With them a line can look like another line than the \
one that is compiled, so KDL allows them nowhere, not in a comment either. A NUL byte mostly means that the file is no text at all.

Delete the character. Where a string needs it, write the escape:

```text
motd \"\\u{202e}\"
```
";

    /// A comment that begins with `#`.
    pub HASH_COMMENT = "hash-comment", Error, "a comment begins with `#`",
        "\
In KDL `#` begins a keyword such as `#true` or a raw string, never a comment.

```kdl
# the media server
vm web
```

Write:

```kdl
// the media server
vm web
/* or several
   lines */
```
";

    /// A keyword without its `#`.
    pub KEYWORD_WITHOUT_HASH = "keyword-without-hash", Error, "`true`, `false` or `null` stands without its `#`",
        "\
KDL 2 writes its keywords with a `#`, so that the text `true` and the value `#true` can't be taken for each other. The bare words `true`, \
`false`, `null`, `inf` and `nan` are errors; they were keywords in KDL 1.

```kdl
machine-learning false
```

Write:

```kdl
machine-learning #false
```
";

    /// An equals sign outside a property.
    pub MISPLACED_EQUALS = "misplaced-equals", Error, "an equals sign stands where no property is",
        "\
A node is a name and then its values. Only properties, which have a name themselves, have an equals sign.

```kdl
domain = \"example.org\"
```

Write:

```kdl
domain \"example.org\"
network lan cidr=\"192.168.1.0/24\"
```
";

    /// Two things without the blank, newline or `;` that must separate them.
    pub MISSING_SEPARATOR = "missing-separator", Error, "a blank, a newline or `;` is missing",
        "\
A blank parts the values of a node; a newline or `;` parts two nodes. Behind the closing brace of a block nothing more of its node \
can follow.

```kdl
vm web { cores 2 } memory \"4GiB\"
```

Write:

```kdl
vm web { cores 2; memory \"4GiB\"; }
```
";

    /// A string over several lines that begins, ends or is indented wrongly.
    pub MULTILINE_STRING = "multiline-string", Error, "a string over several lines is laid out wrongly",
        r#"Text of several lines begins on the line behind `"""` and ends on the line before `"""`. The blanks before the closing quotes are taken
off every line, so every line must have them.

```kdl
motd """
    Welcome
  to the lab
    """
```

Write:

```kdl
motd """
    Welcome
      to the lab
    """
```
"#;

    /// Blocks that are nested deeper than 32.
    pub NESTING_TOO_DEEP = "nesting-too-deep", Error, "blocks are nested deeper than 32",
        "\
The language needs five levels. More than 32 mean that a closing brace is missing again and again, or that the file was made to do harm. \
Reading stops at that brace.

Write the missing `}`; the indentation often shows where.
";

    /// A whole number of more than 127 bits.
    pub NUMBER_OUT_OF_RANGE = "number-out-of-range", Error, "a number has more digits than fit",
        "\
Numbers have up to 127 bits, some 38 digits. What has more is a name made of digits.

```kdl
serial 99999999999999999999999999999999999999999
```

Write it as text:

```kdl
serial \"99999999999999999999999999999999999999999\"
```
";

    /// A construct of KDL 1.
    pub OLD_KDL_SYNTAX = "old-kdl-syntax", Error, "something is written as in KDL 1",
        r##"labwright reads KDL 2. Much of KDL 1 looks the same and means something else, so a file that says it is KDL 1 is refused as a whole,
and so are its raw strings.

```kdl
/- kdl-version 1
match r#"^\d+$"#
```

Write keywords with a `#`, raw strings without `r`, and then:

```kdl
/- kdl-version 2
match #"^\d+$"#
```
"##;

    /// A `/-` with nothing after it.
    pub SLASHDASH_WITHOUT_TARGET = "slashdash-without-target", Error, "`/-` has nothing to take out",
        "\
`/-` takes out the node, the value or the block behind it. At the end of a block or of the file it has nothing to take out.

```kdl
vm web {
    cores 2
    /-
}
```

Delete it, or write it before what it takes out:

```kdl
vm web {
    /- cores 2
}
```
";

    /// A bracket, a backslash or a semicolon where it means nothing.
    pub STRAY_CHARACTER = "stray-character", Error, "a bracket, backslash or semicolon means nothing here",
        "\
KDL has no lists in brackets: the values of a node follow each other. A backslash outside quotes only continues a line, a semicolon only \
ends a node.

```kdl
dns [\"1.1.1.1\", \"9.9.9.9\"]
```

Write:

```kdl
dns \"1.1.1.1\" \"9.9.9.9\"
```
";

    /// A file with more syntax errors than are worth showing.
    pub TOO_MANY_SYNTAX_ERRORS = "too-many-syntax-errors", Error, "a file has more than 100 syntax errors",
        "\
Past the first hundred, most errors are echoes of one that came before, or the file is no KDL at all. Reading stops there.

Mend the first ones and check again.
";

    /// A brace that is missing or one too many.
    pub UNBALANCED_BRACE = "unbalanced-brace", Error, "a brace is missing, or one is too many",
        "\
Every block has an opening and a closing brace. Where one is missing, the blocks behind it land in the wrong place; labwright points at \
the opening brace, and if the indentation tells, at the block that was most likely meant.

```kdl
vm web {
    disk root {
        size \"20GiB\"
}
```

Write:

```kdl
vm web {
    disk root {
        size \"20GiB\"
    }
}
```
";

    /// A comment without an end.
    pub UNCLOSED_COMMENT = "unclosed-comment", Error, "a comment has no end",
        "\
`/*` begins a comment that ends at its own `*/`. Comments nest: a `/*` inside one needs a `*/` of its own. An unclosed one takes out the \
rest of the file.

```kdl
/* the old machine /* and its disk */
vm web
```

Write:

```kdl
/* the old machine /* and its disk */ */
vm web
```
";

    /// A string without an end.
    pub UNCLOSED_STRING = "unclosed-string", Error, "a string has no closing quote",
        "\
A string in quotes ends in the line that it begins in. Text of several lines begins and ends with three quotes.

```kdl
domain \"example.org
```

Write:

```kdl
domain \"example.org\"
```
";

    /// An interpolation outside quotes, which opens a block.
    pub UNQUOTED_INTERPOLATION = "unquoted-interpolation", Error, "`${…}` or `{{…}}` stands without quotes",
        "\
A brace outside quotes opens a child block: `image ${TAG}` is a node `image` with a child `TAG`. In quotes it is text, and labwright \
passes it on as it is.

```kdl
hostname ${NAME}
```

Write:

```kdl
hostname \"${NAME}\"
```
";

    /// Text that needs quotes and has none.
    pub UNQUOTED_TEXT = "unquoted-text", Error, "an address, size, port, path or URL stands without quotes",
        "\
A bare word can't begin like a number and can't have a slash. So addresses, networks, sizes, durations, ports with a protocol, paths and \
URLs need quotes. `https://example.org` would be the word `https:` with a comment behind it.

```kdl
address lan 192.168.1.101
memory 30GiB
expose 8096/tcp
mount /mnt/media
```

Write:

```kdl
address lan \"192.168.1.101\"
memory \"30GiB\"
expose \"8096/tcp\"
mount \"/mnt/media\"
```
";
}

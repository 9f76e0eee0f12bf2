//! Keeps Prometheus' templates in the text of alerts, and makes text of every other brace.
//!
//! Prometheus refuses a whole rule file because of one template that it can't parse. So this reads
//! a part of Go's template language that is certain to be understood, and no more.

/// The functions that templates may call: Go's own and those of Prometheus 2.50.
const FUNCTIONS: &[&str] = &[
    "and",
    "args",
    "eq",
    "externalURL",
    "first",
    "ge",
    "graphLink",
    "gt",
    "html",
    "humanize",
    "humanize1024",
    "humanizeDuration",
    "humanizePercentage",
    "humanizeTimestamp",
    "index",
    "label",
    "le",
    "len",
    "lt",
    "match",
    "ne",
    "not",
    "or",
    "parseDuration",
    "pathPrefix",
    "print",
    "printf",
    "println",
    "query",
    "reReplaceAll",
    "safeHtml",
    "slice",
    "sortByLabel",
    "stripDomain",
    "stripPort",
    "strvalue",
    "tableLink",
    "title",
    "toLower",
    "toTime",
    "toUpper",
    "urlquery",
    "value",
];

/// The variables that Prometheus declares.
const VARIABLES: [&str; 4] = ["$externalLabels", "$externalURL", "$labels", "$value"];

/// How many parentheses may be open at once.
const DEEPEST: usize = 20;

/// The longest text in which templates are looked for, in bytes.
const LONGEST: usize = 20_000;

/// Writes the text of an alert for Prometheus. A text whose templates are all understood stays as
/// it is; otherwise each action that is understood by itself stays, and other braces are text.
pub(super) fn template(text: &str) -> String {
    // Each `{{` may be read up to the end of the text in vain, so the time grows with the square of
    // the length.
    if text.len() > LONGEST {
        return text.replace("{{", "{{ \"{{\" }}");
    }
    if is_template(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let alone = action(from).filter(|(_, length)| from.get(..*length).is_some_and(is_template));
        let length = if let Some((_, length)) = alone {
            out.push_str(from.get(..length).unwrap_or_default());
            length
        } else {
            out.push_str("{{ \"{{\" }}");
            2
        };
        rest = from.get(length..).unwrap_or_default();
    }
    out + rest
}

/// A word of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    /// A name without a sign: a function or a keyword.
    Word(&'t str),
    /// The name of a `$name` that fields may follow.
    Variable(&'t str),
    /// `.`, `.field.field`, a text, a number, `true` or `false`.
    Value,
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
}

/// What is open until `end`: how many variables there were before, and whether `else` may follow.
struct Opened {
    variables: usize,
    takes_else: bool,
}

/// Returns whether Prometheus can parse a whole text.
fn is_template(text: &str) -> bool {
    let mut variables: Vec<&str> = VARIABLES.to_vec();
    let mut opened: Vec<Opened> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(from) = rest.get(start..) else { return false };
        let Some((tokens, length)) = action(from) else { return false };
        if !follows(&tokens, &mut variables, &mut opened) {
            return false;
        }
        rest = from.get(length..).unwrap_or_default();
    }
    opened.is_empty()
}

/// Returns whether an action makes sense after those before it.
fn follows<'t>(
    tokens: &[Token<'t>],
    variables: &mut Vec<&'t str>,
    opened: &mut Vec<Opened>,
) -> bool {
    match tokens {
        // A comment.
        [] => true,
        [Token::Word("end")] => match opened.pop() {
            Some(block) => {
                // In Go, variables end with the block that declares them.
                variables.truncate(block.variables);
                true
            }
            None => false,
        },
        [Token::Word("else"), more @ ..] => {
            let Some(block) = opened.last_mut().filter(|block| block.takes_else) else {
                return false;
            };
            variables.truncate(block.variables);
            match more {
                [] => {
                    block.takes_else = false;
                    true
                }
                [Token::Word("if"), pipeline @ ..] => is_pipeline(pipeline, false, variables),
                _ => false,
            }
        }
        [Token::Word(word @ ("if" | "with" | "range")), pipeline @ ..] => {
            opened.push(Opened { variables: variables.len(), takes_else: true });
            is_pipeline(pipeline, *word == "range", variables)
        }
        pipeline => is_pipeline(pipeline, false, variables),
    }
}

/// Returns whether tokens are commands joined by `|`, perhaps with a variable that they set.
fn is_pipeline<'t>(tokens: &[Token<'t>], ranges: bool, variables: &mut Vec<&'t str>) -> bool {
    let (names, commands) = match tokens {
        [Token::Variable(one), Token::Comma, Token::Variable(two), Token::Declare, rest @ ..]
            if ranges =>
        {
            (vec![*one, *two], rest)
        }
        [Token::Variable(name), Token::Declare, rest @ ..] => (vec![*name], rest),
        [Token::Variable(name), Token::Assign, rest @ ..] if variables.contains(name) => {
            (Vec::new(), rest)
        }
        rest => (Vec::new(), rest),
    };
    let mut commands = commands;
    let sound = reads_commands(&mut commands, variables, DEEPEST) && commands.is_empty();
    variables.extend(names);
    sound
}

/// Moves past commands, up to the end or a closing parenthesis.
fn reads_commands(tokens: &mut &[Token<'_>], variables: &[&str], depth: usize) -> bool {
    let mut stage = 0;
    loop {
        let mut operands = 0;
        while let [token, rest @ ..] = *tokens {
            match token {
                // Only a function takes arguments or what a pipe brings.
                Token::Word(word) if FUNCTIONS.contains(word) => {}
                Token::Variable(name) if variables.contains(name) => {}
                Token::Value => {}
                Token::Open => {
                    *tokens = rest;
                    if depth == 0 || !reads_commands(tokens, variables, depth - 1) {
                        return false;
                    }
                    let [Token::Close, ..] = *tokens else { return false };
                }
                Token::Pipe | Token::Close => break,
                _ => return false,
            }
            let is_function = matches!(token, Token::Word(_));
            if stage > 0 && operands == 0 && !is_function {
                return false;
            }
            *tokens = tokens.get(1..).unwrap_or_default();
            operands += 1;
        }
        if operands == 0 {
            return false;
        }
        let [Token::Pipe, rest @ ..] = *tokens else { return true };
        *tokens = rest;
        stage += 1;
    }
}

/// Reads one action, with the braces around it. Returns its tokens and its length in bytes.
fn action(text: &str) -> Option<(Vec<Token<'_>>, usize)> {
    let inner = text.strip_prefix("{{")?;
    let inner = match inner.strip_prefix('-') {
        Some(trimmed) if trimmed.starts_with([' ', '\t', '\n']) => trimmed,
        Some(_) => return None,
        None => inner,
    };
    let length = |rest: &str| text.len() - rest.len();
    if let Some(comment) = inner.trim_start().strip_prefix("/*") {
        let (_, after) = comment.split_once("*/")?;
        let after = after.strip_prefix(" -").unwrap_or(after).strip_prefix("}}")?;
        return Some((Vec::new(), length(after)));
    }
    let mut tokens = Vec::new();
    let mut rest = inner;
    // Whether a space or a sign comes before the next token, so that two words don't touch.
    let mut apart = true;
    loop {
        let spaced = rest.trim_start_matches([' ', '\t', '\n']);
        apart |= spaced.len() < rest.len();
        if let Some(after) = spaced.strip_prefix("}}") {
            return (!tokens.is_empty()).then(|| (tokens, length(after)));
        }
        if let Some(after) = spaced.strip_prefix("-}}").filter(|_| spaced.len() < rest.len()) {
            return (!tokens.is_empty()).then(|| (tokens, length(after)));
        }
        let (token, after) = token(spaced)?;
        let is_sign = !matches!(token, Token::Word(_) | Token::Variable(_) | Token::Value);
        // `(query "up" | first).Value` is the one place where a value touches what is before it.
        let is_field = spaced.starts_with('.') && tokens.last() == Some(&Token::Close) && !apart;
        if !apart && !is_sign && !is_field {
            return None;
        }
        if !is_field {
            tokens.push(token);
        }
        apart = is_sign && token != Token::Close;
        rest = after;
    }
}

/// Reads one token.
fn token(text: &str) -> Option<(Token<'_>, &str)> {
    let name = |text: &str| {
        text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
    };
    let first = text.chars().next()?;
    match first {
        '(' => Some((Token::Open, text.get(1..)?)),
        ')' => Some((Token::Close, text.get(1..)?)),
        '|' => Some((Token::Pipe, text.get(1..)?)),
        ',' => Some((Token::Comma, text.get(1..)?)),
        '=' => Some((Token::Assign, text.get(1..)?)),
        ':' => Some((Token::Declare, text.strip_prefix(":=")?)),
        '"' => {
            let mut escaped = false;
            for (at, character) in text.char_indices().skip(1) {
                match character {
                    '\n' => return None,
                    '"' if !escaped => return Some((Token::Value, text.get(at + 1..)?)),
                    _ if escaped && !r#"nrt"\"#.contains(character) => return None,
                    _ => escaped = character == '\\' && !escaped,
                }
            }
            None
        }
        '`' => {
            let (_, after) = text.get(1..)?.split_once('`')?;
            Some((Token::Value, after))
        }
        '$' | '.' => {
            let length = if first == '$' { 1 + name(text.get(1..)?) } else { 0 };
            let (variable, mut rest) = text.split_at_checked(length)?;
            // `$` alone is the data that the template began with.
            let named = first == '.' || length > 1;
            while let Some(field) = rest.strip_prefix('.') {
                let length = name(field);
                if length == 0 || field.starts_with(|first: char| first.is_ascii_digit()) {
                    // `.` alone is the data itself.
                    let alone = first == '.' && rest.len() == text.len() && length == 0;
                    return alone.then_some((Token::Value, field));
                }
                rest = field.get(length..)?;
            }
            named.then_some((
                if first == '$' { Token::Variable(variable) } else { Token::Value },
                rest,
            ))
        }
        '0'..='9' | '-' => {
            let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
            let unsigned = text.strip_prefix('-').unwrap_or(text);
            let whole = digits(unsigned);
            let mut rest = unsigned.get(whole..)?;
            if let Some(fraction) = rest.strip_prefix('.') {
                rest = fraction.get(digits(fraction)..)?;
            }
            // Go reads numbers that begin with 0 in another base.
            let plain = whole == 1 || (whole > 1 && !unsigned.starts_with('0'));
            plain.then_some((Token::Value, rest))
        }
        _ => {
            let length = name(text);
            let (word, rest) = text.split_at_checked(length)?;
            match word {
                "" => None,
                "true" | "false" => Some((Token::Value, rest)),
                _ => Some((Token::Word(word), rest)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::template;

    #[test]
    fn templates_of_prometheus_stay() {
        for kept in [
            "{{ $labels.machine }} is down",
            "{{ $labels }}",
            "{{$value}}",
            "{{ .Value }} {{ .Labels.instance }}",
            "{{ printf \"%.2f\" $value }}",
            "{{ $value | printf \"%.3f\" }}",
            "{{ $value | humanizeDuration }} old",
            "{{ $externalLabels.lab }}",
            "{{ $labels.instance | reReplaceAll \"(.*):.*\" \"$1\" | toUpper }}",
            "{{ query \"up{job='a'}\" | first | value | humanize }}",
            "{{ with query \"up\" }}{{ . | first | value }}{{ else }}none{{ end }}",
            "{{ range $i, $one := query `up` }}{{ $i }}: {{ $one.Value }}{{- end }}",
            "{{ if gt $value 1.5 }}much{{ else if (eq $labels.a \"}}\") }}b{{ end }}",
            "{{ (query \"up\" | first).Value }}",
            "{{ $x := 5 }}{{ $x }}",
            "{{/* nothing */}}",
            "no braces }}",
        ] {
            assert_eq!(template(kept), kept);
        }
    }

    #[test]
    fn what_prometheus_could_not_parse_is_text() {
        for text in [
            "{{",
            "{{ }}",
            "{{ nope }}",
            "{{ $other }}",
            "{{ $value | \"text\" }}",
            "{{ \"open }}",
            "{{ \"a\"$value }}",
            "{{ end }}",
            "{{ if true }}",
            "{{ template \"x\" }}",
            "{{ .a. }}",
            "{{ ( }}",
            "{{-$value}}",
            "{{ $value | title | nope }}",
            "{{ 010 }}",
            "{{ \"\\q\" }}",
        ] {
            assert_eq!(template(text), text.replace("{{", "{{ \"{{\" }}"), "{text}");
        }
        for hostile in ["(", "{{ ("].map(|part| part.repeat(100_000)) {
            assert!(template(&hostile).len() >= hostile.len());
        }
        let deep = format!("{{{{ {}1{} }}}}", "(".repeat(500), ")".repeat(500));
        assert_eq!(template(&deep), deep.replace("{{", "{{ \"{{\" }}"));
        assert_eq!(
            template("{{ .Evil | nope }} {{ $labels.a }} {{ if true }}"),
            "{{ \"{{\" }} .Evil | nope }} {{ $labels.a }} {{ \"{{\" }} if true }}"
        );
    }
}

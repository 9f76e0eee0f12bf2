//! Guesses what the writer of a faulty word meant, and writes it as KDL has it.

use super::numbers;

/// Guesses what the writer of `text` meant.
pub(super) fn what_is(text: &str) -> &'static str {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let lower = text.to_ascii_lowercase();
    if let Some((address, length)) = text.split_once('/')
        && digits(length)
        && is_address(address)
    {
        return "the network";
    }
    if is_address(text) {
        return "the address";
    }
    if lower.contains("://") || lower.ends_with(':') {
        return "the URL";
    }
    if text.contains('/') {
        return "the path";
    }
    let unit =
        lower.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    if unit.len() < lower.len() {
        match unit {
            "b" | "k" | "kb" | "kib" | "m" | "mb" | "mib" | "g" | "gb" | "gib" | "t" | "tb"
            | "tib" => return "the size",
            "ms" | "s" | "min" | "h" | "d" | "w" | "y" => return "the duration",
            "%" => return "the percentage",
            _ => {}
        }
        if text.contains(':') && text.split(':').all(digits) {
            return "the text";
        }
        if text.split('.').all(digits) {
            return "the version";
        }
    }
    "the text"
}

/// Divides what is written as `web/tcp`.
pub(super) fn with_protocol(text: &str) -> Option<(&str, &str)> {
    let (name, protocol) = text.split_once('/')?;
    let known = ["tcp", "udp"].contains(&protocol.to_ascii_lowercase().as_str());
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (known && !name.is_empty() && name.bytes().all(word)).then_some((name, protocol))
}

fn is_address(text: &str) -> bool {
    text.parse::<std::net::IpAddr>().is_ok()
}

/// Cuts text that is too long for a line.
pub(super) fn shorten(text: &str) -> String {
    let mut characters = text.chars();
    let short: String = characters.by_ref().take(40).collect();
    if characters.next().is_some() { format!("{short}…") } else { short }
}

/// Returns whether a character is a quote that means nothing in KDL.
pub(super) fn is_quote(character: char) -> bool {
    matches!(character, '\'' | '`')
        || matches!(character, '\u{2018}'..='\u{201f}' | '«' | '»' | '‹' | '›')
}

/// Writes values that commas separate as KDL has them: in one text, or one after another.
pub(super) fn list(written: &str, one: bool) -> String {
    let mut pieces = vec![String::new()];
    let mut quoted = false;
    for character in written.chars() {
        quoted ^= character == '"';
        match pieces.last_mut() {
            Some(last) if quoted || character != ',' => last.push(character),
            _ => pieces.push(String::new()),
        }
    }
    let pieces: Vec<&str> =
        pieces.iter().map(|piece| piece.trim()).filter(|piece| !piece.is_empty()).collect();
    if one {
        let bare: Vec<&str> = pieces.iter().map(|piece| piece.trim_matches('"')).collect();
        return quote(&bare.join(","));
    }
    let written = pieces.iter().map(|piece| {
        let right = piece.starts_with(['"', '#']) || numbers::parse(piece).is_ok();
        if right { (*piece).to_owned() } else { quote(piece) }
    });
    written.collect::<Vec<_>>().join(" ")
}

/// Writes `text` as a quoted KDL string, unless it is too long for a line of help.
pub(super) fn quote(text: &str) -> String {
    if text.len() > 200 {
        return "\"…\"".to_owned();
    }
    if text.contains(['"', '\\']) && !text.contains("\"#") && !text.ends_with('"') {
        return format!("#\"{text}\"#");
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

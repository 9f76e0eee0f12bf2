//! Defines what names something on a network: images, URLs, hosts and mail addresses.

/// Returns whether text is a reference that Docker takes: a host, a path in small letters, a tag
/// and a digest. Source: <https://github.com/distribution/reference>.
pub fn is_image(text: &str) -> bool {
    let (rest, digest) = text.split_once('@').map_or((text, None), |(a, b)| (a, Some(b)));
    let (name, tag) = match rest.rsplit_once(':') {
        // With a slash after it, the colon is that of a port.
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    let hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let is_digest = |digest: &str| {
        let hash = digest.strip_prefix("sha256:").unwrap_or_default();
        hash.len() == 64 && hash.bytes().all(hex)
    };
    let is_tag = |tag: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        (1..=128).contains(&tag.len()) && tag.bytes().all(plain) && !tag.starts_with(['.', '-'])
    };
    let is_part = |part: &str| {
        let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let plain = |byte: u8| small(byte) || b"_.-".contains(&byte);
        let end = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        part.bytes().all(plain) && part.starts_with(end) && part.ends_with(end)
    };
    let (host, path) = match name.split_once('/') {
        // Docker takes the first part for a host only if it looks like one. Otherwise it is a part
        // of the path.
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
            (Some(host), path)
        }
        _ => (None, name),
    };
    let is_host = |host: &str| {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte))
            && !host.starts_with(['-', '.', ':'])
    };
    text.len() <= 255
        && host.is_none_or(is_host)
        && path.split('/').all(is_part)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

/// Returns whether text is an http or https URL.
pub fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty()
            && rest.chars().all(|c| c.is_ascii_graphic() && !"\"'<>\\`{}|^".contains(c))
    })
}

/// Returns whether text is a DNS name.
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// Returns whether text is a host or an address, and a port after a colon. An IPv6 address is in
/// brackets.
pub fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let is_port = port.parse::<u16>().is_ok_and(|number| number > 0) && !port.starts_with('+');
    is_port
        && match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_host(host),
        }
}

/// Returns whether text is an ordinary mail address, without comments, quoted parts, or characters
/// that mean something in a configuration file.
pub fn is_mail(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b".+-_=~".contains(&byte);
    text.len() <= 254
        && text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && user.bytes().all(valid) && is_host(host)
        })
}

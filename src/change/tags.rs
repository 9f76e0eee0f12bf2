//! Versions, as the tags of images name them.

/// Says whether an image goes back to an older version: the numbers of its tag, one by one.
pub fn is_downgrade(was: &str, is: &str) -> bool {
    let numbers = |image: &str| -> Option<(String, Vec<u64>)> {
        let plain = image.split_once('@').map_or(image, |(plain, _)| plain);
        // In `host:5000/name`, the colon is before a port, and there is no tag.
        let (name, tag) = plain.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))?;
        let parts = tag.split(['-', '_', '+', '.']).filter(|part| !is_hash(part));
        let numbers =
            parts.flat_map(|part| part.split(|character: char| !character.is_ascii_digit()));
        Some((name.to_owned(), numbers.filter_map(|digits| digits.parse().ok()).collect()))
    };
    match (numbers(was), numbers(is)) {
        (Some((old_name, old)), Some((new_name, new))) => {
            old_name == new_name && !new.is_empty() && !old.is_empty() && new < old
        }
        _ => false,
    }
}

/// Says whether a part of a tag is a hash, as of a commit or of the files of a build. None is older
/// than another.
fn is_hash(part: &str) -> bool {
    let is_hex = part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
    is_hex && part.len() >= 7 && (!is_number || part.len() > 8)
}

#[cfg(test)]
mod tests {
    use super::is_downgrade;

    #[test]
    fn a_downgrade_is_a_lower_version_and_not_another_hash() {
        for (was, is, lower) in [
            ("a/b:1.2.3", "a/b:1.2.2", true),
            ("a/b:v10.11", "a/b:v10.9", true),
            ("a/b:17-alpine3.22", "a/b:16-alpine3.22", true),
            ("a/b:20260301", "a/b:20260228", true),
            ("a/b:1.2.3", "a/b:1.2.4", false),
            ("a/b:1.2.3", "a/c:1.2.2", false),
            ("labwright.local/a:1-9f3b2a11c0de", "labwright.local/a:1-1a2b3c4d5e6f", false),
            ("labwright.local/a:1-934567890123", "labwright.local/a:1-123456789012", false),
            ("a/b:2026.2-9fbc001", "a/b:2026.2-1fbc001", false),
            ("a/b:2026.2-1fbc001", "a/b:2026.1-9fbc001", true),
        ] {
            assert_eq!(is_downgrade(was, is), lower, "{was} {is}");
        }
    }
}

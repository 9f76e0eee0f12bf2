//! Reads public keys of ssh, as lines of `authorized_keys` have them.

/// Returns what is wrong with a key: its kind, a blank, its bytes in Base64, and a comment. The
/// bytes begin with the kind, and have a part for each number of the key. Source: RFC 4253, 5656
/// and 8709, and `PROTOCOL.u2f` of OpenSSH.
pub fn fault(text: &str) -> Option<&'static str> {
    let mut words = text.split(' ');
    let (Some(kind), Some(body)) = (words.next(), words.next()) else {
        return Some("this is not an ssh public key");
    };
    if text.chars().any(char::is_control) || !KINDS.contains(&kind) {
        return Some("this is not an ssh public key");
    }
    let Some(bytes) = base64(body) else {
        return Some("this is not an ssh public key, or not the whole of it");
    };
    let Some((own, rest)) = part(&bytes) else {
        return Some("this is not the whole of an ssh public key");
    };
    if own != kind.as_bytes() {
        return Some("this ssh public key is of another kind than its first word says");
    }
    // RSA has an exponent, and a modulus of 1024 bits at least, which OpenSSH asks for. ECDSA has
    // the name of its curve and a point on it.
    let first = part(rest);
    let second = first.and_then(|(_, rest)| part(rest));
    let length = |of: Option<(&[u8], &[u8])>| of.map_or(0, |(part, _)| part.len());
    let whole = match kind {
        "ssh-ed25519" | "sk-ssh-ed25519@openssh.com" => length(first) == 32,
        "ssh-rsa" => length(second) >= 128,
        "ecdsa-sha2-nistp384" => length(second) == 97,
        "ecdsa-sha2-nistp521" => length(second) == 133,
        _ => length(second) == 65,
    };
    (!whole).then_some("this is not the whole of an ssh public key")
}

/// Returns whether OpenSSH reads a key that has all of its parts. It does not when anything stands
/// between the end of the last part and the comment, such as a letter too many.
pub fn is_read(text: &str) -> bool {
    ::ssh_key::PublicKey::from_openssh(text).is_ok()
}

/// The kinds of keys that OpenSSH takes. It takes `ssh-dss` no more.
const KINDS: &[&str] = &[
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Returns the part that bytes begin with, after its length in four bytes, and what follows.
fn part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let body = text.trim_end_matches('=');
    if text.len() - body.len() > 2 || text.len() > 8192 {
        return None;
    }
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in body.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{fault, is_read};

    const ED25519: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE";

    #[test]
    fn openssh_reads_nothing_between_a_key_and_its_comment() {
        assert!(is_read(&format!("ssh-ed25519 {ED25519} ada")));
        assert!(is_read(&format!("ssh-ed25519 {ED25519}")));
        assert!(!is_read(&format!("ssh-ed25519 {ED25519}xa ada")));
        assert!(!is_read(&format!("ssh-ed25519 {ED25519}= ada")));
    }

    #[test]
    fn whole_keys_are_told_from_others() {
        let p256 = "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBE\
                    mKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87u\
                    Rgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";
        assert_eq!(fault(&format!("ssh-ed25519 {ED25519} ada")), None);
        assert_eq!(fault(&format!("ssh-ed25519 {ED25519}")), None);
        assert_eq!(fault(&format!("ecdsa-sha2-nistp256 {p256} git")), None);
        for wrong in [
            format!("ssh-rsa {ED25519} ada"),
            format!("ssh-ed25519 {} ada", &ED25519[..64]),
            format!("ssh-ed25519 {} ada", &ED25519[..66]),
            format!("ssh-dss {ED25519} ada"),
            format!("ssh-ed25519 {ED25519}\nssh-rsa x"),
            ED25519.to_owned(),
            String::new(),
        ] {
            assert!(fault(&wrong).is_some(), "{wrong}");
        }
    }
}

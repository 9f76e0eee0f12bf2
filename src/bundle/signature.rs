//! Checks whether a trusted key signed a bundle.
//!
//! A signature is what `ssh-keygen -Y sign -n labwright` makes of a `BUNDLE`, or of the
//! `SHA256SUMS` of a release. It is a file next to the archive, where `labctl` expects it too, or
//! next to the list.

use ssh_key::authorized_keys::ConfigOptsIter;
use ssh_key::{PublicKey, SshSig};

/// The suffix that the name of a signature adds to its archive's name.
pub const SUFFIX: &str = ".sig";

/// The purpose that a signature must name. A signature that was made for another purpose is not
/// valid here.
const NAMESPACE: &str = "labwright";

/// The keys that may sign.
#[derive(Debug)]
pub struct AllowedSigners(Vec<PublicKey>);

impl AllowedSigners {
    /// Reads a file of allowed signers, as ssh-keygen(1) describes it.
    ///
    /// Keys for other namespaces are left out. Certificate authorities and times of validity are
    /// refused, because certificates are not supported and the compiler has no clock.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            keys.extend(
                key_for_us(line).map_err(|problem| format!("line {}: {problem}", index + 1))?,
            );
        }
        if keys.is_empty() {
            Err(format!("it names no key that may sign for the namespace {NAMESPACE}"))
        } else {
            Ok(Self(keys))
        }
    }

    /// Checks that `signature` is by one of the keys and signs `text`.
    pub fn check(&self, signature: &[u8], text: &[u8]) -> Result<(), String> {
        let signature = SshSig::from_pem(signature)
            .map_err(|_| "is not a signature by ssh-keygen".to_owned())?;
        let signs = |key: &PublicKey| key.key_data() == signature.public_key();
        let key = self
            .0
            .iter()
            .find(|key| signs(key))
            .ok_or("is by a key that is not among the allowed signers")?;
        key.verify(NAMESPACE, text, &signature).map_err(|error| match error {
            ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
                format!(
                    "is by a key of the type {}, which labwright can't check; use an ed25519 key",
                    key.algorithm()
                )
            }
            ssh_key::Error::Namespace => format!(
                "is for the namespace `{}`, not for {NAMESPACE}",
                signature.namespace().escape_debug()
            ),
            _ => "signs something else".to_owned(),
        })
    }
}

/// Reads the key of a line `PRINCIPALS [OPTIONS] KEY`. Returns nothing if the key is for other
/// namespaces.
fn key_for_us(line: &str) -> Result<Option<PublicKey>, String> {
    let rest = match line.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').map(|(_, rest)| rest),
        None => line.split_once(char::is_whitespace).map(|(_, rest)| rest),
    };
    let rest = rest.unwrap_or_default().trim_start();
    // The options may be missing. They never parse as a key.
    if let Ok(key) = PublicKey::from_openssh(rest) {
        return Ok(Some(key));
    }
    let (options, key) = rest.split_once(char::is_whitespace).unwrap_or_default();
    let key = PublicKey::from_openssh(key.trim_start());
    let (Ok(options), Ok(key)) = (ConfigOptsIter::new(options), key) else {
        return Err("it is not `WHO [OPTIONS] KEY-TYPE KEY`".to_owned());
    };
    let mut ours = true;
    for option in options {
        let Some(namespaces) = option.strip_prefix("namespaces=") else {
            return Err(format!(
                "the option `{}` is not supported",
                option.split('=').next().unwrap_or(option)
            ));
        };
        ours = namespaces
            .trim_matches('"')
            .split(',')
            .any(|namespace| namespace == NAMESPACE || namespace == "*");
    }
    Ok(ours.then_some(key))
}

//! Writes the property strings of Proxmox: `virtio,bridge=vmbr0,tag=20`.

/// A property string, part by part.
#[derive(Debug, Default)]
pub struct Property(Vec<String>);

impl Property {
    /// Begins with a part that has no name.
    pub fn of(first: &str) -> Result<Self, String> {
        Ok(Self(vec![checked(first)?]))
    }

    /// Adds a named part. Refuses a name that is there already, as Proxmox does.
    pub fn with(mut self, name: &str, value: &str) -> Result<Self, String> {
        if self.0.iter().any(|part| part.split_once('=').is_some_and(|(known, _)| known == name)) {
            return Err(format!(
                "Proxmox takes one `{name}` for a device, but `{value}` would be the second"
            ));
        }
        self.0.push(format!("{name}={}", checked(value)?));
        Ok(self)
    }

    /// Adds a named part when there is a value.
    pub fn with_some(self, name: &str, value: Option<&str>) -> Result<Self, String> {
        match value {
            Some(value) => self.with(name, value),
            None => Ok(self),
        }
    }

    /// Returns the string as `qm` and `pct` take it.
    pub fn text(self) -> String {
        self.0.join(",")
    }
}

/// Refuses characters that would end a part, because Proxmox has no quoting here.
fn checked(value: &str) -> Result<String, String> {
    if value.is_empty()
        || value.contains(|character: char| {
            character == ',' || character == '=' || character.is_control()
        })
    {
        return Err(format!(
            "Proxmox can't read `{}`: a comma or `=` ends a setting there",
            value.escape_debug()
        ));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_becomes_a_second_setting() {
        let net = Property::of("virtio")
            .and_then(|net| net.with("bridge", "vmbr0"))
            .and_then(|net| net.with_some("tag", None));
        assert_eq!(net.map(Property::text), Ok("virtio,bridge=vmbr0".to_owned()));
        assert!(Property::of("/tank/a,mp=/etc").is_err());
        assert!(Property::of("/tank").and_then(|folder| folder.with("mp", "/a\n/b")).is_err());
        assert!(
            Property::default()
                .with("ip", "10.0.0.1/24")
                .and_then(|net| net.with("ip", "10.0.0.2/24"))
                .is_err()
        );
    }
}

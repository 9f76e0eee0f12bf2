//! Finds out who signs the certificates of routes.

use std::collections::BTreeSet;

use crate::model::{Model, Route, ServiceId, ZoneId, ZoneKind};
use crate::source::Spanned;

/// The signer of a route's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// None that labwright knows: the name is served over http.
    Nobody,
    /// An authority of the proxy's own.
    Proxy,
    /// A public authority, which checks the name from the internet.
    Public,
    /// A public authority, which checks the DNS.
    PublicByDns,
}

impl Certificate {
    /// Returns the protocol by which people reach a name with it.
    pub const fn scheme(self) -> &'static str {
        if matches!(self, Self::Nobody) { "http" } else { "https" }
    }

    /// Returns whether a public authority is asked.
    pub const fn is_public(self) -> bool {
        matches!(self, Self::Public | Self::PublicByDns)
    }
}

/// The domains that are in no public DNS: RFC 6762 (`local` and the names in its appendix G), RFC
/// 6761, RFC 8375 (`home.arpa`), and `internal`, which ICANN reserves permanently.
const PRIVATE: &[&str] = &[
    "corp",
    "example",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "private",
    "test",
];

/// Returns whether a name is in no public DNS, so that no public authority signs it.
pub fn is_private(host: &str) -> bool {
    !host.contains('.')
        || PRIVATE
            .iter()
            // The dot counts: `mylan` is not below `lan`.
            .any(|domain| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

/// The proxies that the internet reaches.
pub struct Certificates<'m> {
    model: &'m Model,
    /// The proxies whose http listener is open to the internet, where the authority checks its
    /// proof.
    reachable: BTreeSet<ServiceId>,
}

impl<'m> Certificates<'m> {
    /// Collects the proxies from all services.
    pub fn new(model: &'m Model) -> Self {
        let mut reachable = BTreeSet::new();
        for (id, service) in model.services() {
            reachable.extend(
                service
                    .routes
                    .iter()
                    .filter(|route| from_internet(model, &route.from))
                    .map(|route| route.via),
            );
            let http = service.proxy.as_ref().and_then(|proxy| proxy.http);
            if service
                .exposes
                .iter()
                .any(|expose| Some(expose.endpoint) == http && from_internet(model, &expose.to))
            {
                reachable.insert(id);
            }
        }
        Self { model, reachable }
    }

    /// Returns who signs the certificate of a route.
    pub fn of(&self, route: &Route) -> Certificate {
        let service = &self.model[route.via];
        if service.proxy.as_ref().is_none_or(|proxy| proxy.https.is_none()) {
            return Certificate::Nobody;
        }
        match service.option("certificates").as_text() {
            Some("internal") => Certificate::Proxy,
            Some("acme") => Certificate::Public,
            // A proxy without settings for certificates requests those that it can get.
            _ if is_private(&route.host.value) && !from_internet(self.model, &route.from) => {
                Certificate::Nobody
            }
            _ if service.option("dns-provider").as_text().is_some() => Certificate::PublicByDns,
            _ if self.reachable.contains(&route.via) => Certificate::Public,
            _ => Certificate::Nobody,
        }
    }
}

fn from_internet(model: &Model, zones: &[Spanned<ZoneId>]) -> bool {
    zones.iter().any(|zone| model[zone.value].kind == ZoneKind::Internet)
}

#[cfg(test)]
mod tests {
    use super::is_private;

    #[test]
    fn names_of_the_public_dns_are_told_from_others() {
        for host in ["media.home.arpa", "nas", "nas.lan", "a.b.local", "x.internal"] {
            assert!(is_private(host), "{host}");
        }
        for host in
            ["media.example.org", "lan.example.org", "home.arpa.example.org", "mylan.be", "arpa"]
        {
            assert_eq!(is_private(host), host == "arpa", "{host}");
        }
    }
}

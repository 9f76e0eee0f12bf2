//! What a proxy does with requests on their way.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{Data, Duration, SecretId, Size};

/// What a proxy does with the requests of a route, and with the answers to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handling {
    /// The only addresses that may use it, or none if the zones say who may.
    pub allow: Vec<IpNet>,
    /// The secret with names and passwords that it asks for.
    pub login: Option<SecretId>,
    /// How many requests an address may send.
    pub rate: Option<RateLimit>,
    /// The largest upload.
    pub body: Option<Size>,
    /// Headers of requests, sorted by name.
    pub request_headers: Vec<HeaderChange>,
    /// Headers of answers, sorted by name.
    pub response_headers: Vec<HeaderChange>,
    /// Paths whose visitors are sent on, sorted by path.
    pub redirects: Vec<Redirect>,
    /// What only the proxy's own language can say, in the order written.
    pub raw: Vec<RawHandling>,
}

/// Headers in which visitors may state any address as their own. Some programs believe them before
/// what the proxy says, and count failed logins by them.
pub const STATED_ADDRESSES: [&str; 4] =
    ["CF-Connecting-IP", "Forwarded", "True-Client-IP", "X-Client-IP"];

impl Handling {
    /// Returns the headers of requests that the proxy sets, and with no value those that it
    /// removes: the lab's, and those in which visitors state an address.
    pub fn sent_headers(&self) -> BTreeMap<&str, Option<&str>> {
        let of_lab =
            self.request_headers.iter().map(|own| (own.name.as_str(), own.value.as_deref()));
        let says = |stated: &str| {
            self.request_headers.iter().any(|own| own.name.eq_ignore_ascii_case(stated))
        };
        let stated = STATED_ADDRESSES.into_iter().filter(|stated| !says(stated));
        stated.map(|stated| (stated, None)).chain(of_lab).collect()
    }

    /// Returns whether the proxy passes everything on as it is.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// A header that a proxy sets or removes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderChange {
    /// The name.
    pub name: String,
    /// The value, or nothing to remove the header.
    pub value: Option<String>,
}

/// How many requests an address may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// The requests.
    pub requests: u32,
    /// The time that they are counted in, at least a second.
    pub per: Duration,
    /// How many may come at once.
    pub burst: u32,
}

/// A path whose visitors are sent on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redirect {
    /// The path.
    pub path: String,
    /// A path of the same host, or a URL.
    pub to: String,
    /// Whether browsers may remember it.
    pub permanent: bool,
}

/// A directive or middleware in the words of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawHandling {
    /// Its name.
    pub name: String,
    /// Its arguments or settings.
    pub value: Data,
}

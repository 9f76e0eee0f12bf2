//! The addresses of a machine that a question is about.

use std::net::IpAddr;

use crate::model::{Endpoint, EndpointId};
use crate::plan::Plan;

/// The addresses of a machine that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// All of them.
    All,
    /// This one.
    Address(IpAddr),
    /// Those at which an endpoint is published.
    Endpoint(EndpointId),
}

impl At {
    /// Returns whether an address is one of them.
    pub(super) fn has(self, plan: &Plan<'_>, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Address(own) => own == address,
            Self::Endpoint(id) => {
                let own = &plan.model.endpoint(id).addresses;
                own.iter().all(IpAddr::is_loopback) || own.contains(&address)
            }
        }
    }

    /// Returns whether an endpoint may answer there.
    pub(super) fn may_be(self, id: EndpointId, endpoint: &Endpoint) -> bool {
        match self {
            Self::All => true,
            Self::Address(own) => {
                endpoint.addresses.is_empty() || endpoint.addresses.contains(&own)
            }
            Self::Endpoint(own) => own == id,
        }
    }
}

//! The addresses of a machine that a question is about.

use std::net::IpAddr;

use crate::model::EndpointId;
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
                let own = plan.model.answers_at(id);
                own.iter().all(IpAddr::is_loopback) || own.contains(&address)
            }
        }
    }

    /// Returns whether an endpoint may answer there.
    pub(super) fn may_be(self, plan: &Plan<'_>, id: EndpointId) -> bool {
        match self {
            Self::All => true,
            Self::Address(own) => {
                let answers = plan.model.answers_at(id);
                answers.is_empty() || answers.contains(&own)
            }
            Self::Endpoint(own) => own == id,
        }
    }
}

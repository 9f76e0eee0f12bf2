//! Reads what routers must forward: `router-forwards.tsv`.

use std::net::IpAddr;

use super::{ByPort, File, Line, Unreadable};
use crate::model::{Ports, Transport};

/// A port that a router forwards from the internet to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// The router's name.
    pub router: String,
    /// tcp or udp.
    pub transport: Transport,
    /// The ports.
    pub ports: Ports,
    /// The address that it leads to.
    pub address: IpAddr,
    /// The line that says so.
    pub line: Line,
}

/// Reads the table.
pub fn read(file: File<'_>) -> Result<ByPort<Forward>, Unreadable> {
    let mut forwards = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        let columns: Vec<&str> = text.split('\t').collect();
        let [router, transport, port, address, _reason] = columns[..] else {
            return Err(file.fault(line, "has not five columns"));
        };
        forwards.push(Forward {
            router: router.to_owned(),
            transport: file.transport(line, transport)?,
            ports: file.ports(line, port)?,
            address: file.prefix(line, address)?.addr(),
            line: file.at(line),
        });
    }
    Ok(ByPort::new(forwards, |forward: &Forward| (forward.transport, forward.ports)))
}

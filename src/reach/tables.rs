//! The rules of a machine's own bundle, applied to connections.

use std::net::IpAddr;

use super::Files;
use super::because::{self, Because};
use super::passed::Passed;
use super::places::Port;
use super::read::{Line, Machine, nftables};
use crate::model::Transport;
use crate::plan::CidrSet;
use crate::source::Span;

/// Sends connections through the machine's own tables.
pub(super) fn enter(
    read: &Machine,
    nft: &nftables::Rules,
    from: &CidrSet,
    connection: nftables::Connection<'_>,
) -> Vec<Passed> {
    let nft_passed = |hook: &str| {
        let path = "firewall/nftables.nft";
        nft.send(hook, from, connection)
            .into_iter()
            .map(|passed| Passed {
                quote: Some((line(path, passed.line), passed.text)),
                from: passed.from,
                seen_as: None,
            })
            .collect::<Vec<_>>()
    };
    // What Docker rewrites is forwarded to the container and never reaches the input hook.
    if connection.onto.is_some() {
        return nft_passed("forward");
    }
    let Some(ufw) = &read.ufw else {
        return if nft.guards("input") {
            nft_passed("input")
        } else {
            vec![Passed { from: from.clone(), quote: None, seen_as: None }]
        };
    };
    let port = (connection.transport, connection.port);
    let passed = ufw.send(from, connection.to, port, connection.from);
    let quoted = |(number, text)| Some((line("firewall/ufw.sh", number), text));
    passed
        .into_iter()
        .map(|passed| Passed {
            from: passed.from,
            quote: quoted((passed.line, passed.text)),
            seen_as: None,
        })
        .collect()
}

/// Sends connections of a gateway's clients through it; `own` are its addresses, as which they may
/// appear.
pub(super) fn forwarded(
    read: &Machine,
    from: &CidrSet,
    to: IpAddr,
    transport: Transport,
    port: u16,
    own: &[IpAddr],
) -> Vec<Passed> {
    let Some(nft) = &read.nftables else {
        return vec![Passed { from: from.clone(), quote: None, seen_as: None }];
    };
    let connection = nftables::Connection::new(to, transport, port);
    let appears = own.iter().copied().find(|own| own.is_ipv6() == to.is_ipv6());
    let mut passed = Vec::new();
    for forwarded in nft.send("forward", from, connection) {
        // Docker and ufw drop what is forwarded for others but for these networks.
        let through = forwarded.from.intersection(&read.forwarded);
        let quote = Some((line("firewall/nftables.nft", forwarded.line), forwarded.text));
        if !nft.guards("postrouting") {
            passed.push(Passed { from: through, quote, seen_as: None });
            continue;
        }
        for left in nft.send("postrouting", &through, connection) {
            let seen_as = appears.filter(|_| left.masquerade);
            passed.push(Passed { from: left.from, quote: quote.clone(), seen_as });
        }
    }
    passed
}

fn line(path: &str, number: usize) -> Option<Line> {
    // Line 0 means the policy of a chain, which is not a line to quote.
    (number > 0).then(|| Line { file: path.to_owned(), number })
}

/// Says what a firewall does with connections to a port.
pub(super) fn verdict(
    name: &str,
    files: &Files<'_>,
    to: Port,
    because: Because,
    passes: bool,
) -> (String, Vec<Span>) {
    let port = format!("{}/{}", to.port, to.transport.name());
    if !passes {
        let says = format!("{name} lets nobody in to {port} from there");
        return (says, because::about(files, to));
    }
    if because.words.is_empty() {
        // The plan says nothing of it, so the emitted rule is all that there is to tell.
        return (format!("{name} lets {port} in"), because::about(files, to));
    }
    (format!("{name} lets in: {}", because.words.join(", ")), because.spans)
}

//! Chooses the names that a machine must find, so that an alert can tell when it does not.
//!
//! A machine may be meant to have no internet, or may ask name servers that the lab does not know.
//! So each name is one of which the lab says that it can be found.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::emit::Context;
use crate::model::{Data, MachineId, Network, Os, Role};

/// Lists the names: those that the node exporter is told, or otherwise one of the lab and one of
/// the internet, as far as the machine must find them.
pub(super) fn asked(context: &Context<'_>) -> BTreeSet<String> {
    let exporters = context.services().filter(|(_, service)| service.has(Role::NodeExporter));
    let told: BTreeSet<String> = exporters
        .flat_map(|(_, service)| service.option("must-find").items())
        .filter_map(Data::as_text)
        .map(str::to_owned)
        .collect();
    if told.is_empty() {
        of_lab(context).into_iter().chain(outside(context)).collect()
    } else {
        told
    }
}

fn networks<'p>(context: &'p Context<'_>) -> impl Iterator<Item = &'p Network> {
    context.this().networks().map(|network| &context.model()[network])
}

/// Returns a name of the lab, if only name servers of the lab are asked. Another one, such as a
/// router that is named second, does not know it, and may be asked at any time.
fn of_lab(context: &Context<'_>) -> Option<String> {
    let (model, this) = (context.model(), context.this());
    // Who else asks whom is not the lab's to say.
    if !this.kind.is_managed() || this.lease.is_some() {
        return None;
    }
    let answering: BTreeSet<MachineId> = model
        .services()
        .filter(|(_, service)| service.has(Role::Dns))
        .map(|(_, service)| service.machine)
        .collect();
    let answers = |server: &IpAddr| {
        let mut addresses = answering.iter().flat_map(|id| &model[*id].addresses);
        addresses.any(|own| own.address == *server)
    };
    let mut servers = networks(context).flat_map(|network| &network.dns).peekable();
    if servers.peek().is_none() || !servers.all(answers) {
        return None;
    }
    // A machine finds its own name in /etc/hosts.
    let others = || model.machines().filter(|(id, _)| *id != context.machine);
    let first = others().filter(|(id, _)| answering.contains(id)).chain(others());
    let domain = model.lab.domain.as_deref();
    let mut machines = first.filter(|(_, machine)| machine.address().is_some());
    let machine = machines.find_map(|(_, machine)| Some(format!("{}.{}", machine.name, domain?)));
    machine.or_else(|| model.names.first().map(|name| name.host.clone()))
}

/// Returns a name of the internet, from which the system's packages come, if the lab says that the
/// machine gets there and has name servers to ask.
fn outside(context: &Context<'_>) -> Option<String> {
    let this = context.this();
    let is_own = |gateway: &IpAddr| this.addresses.iter().any(|own| own.address == *gateway);
    let leads_out = networks(context).flat_map(|network| &network.gateways).any(|at| !is_own(at));
    let knows_servers = networks(context).any(|network| !network.dns.is_empty());
    // A machine that asks for its address is told servers with it. A system that the lab does not
    // set up has its own.
    let told = this.lease.is_some() || !this.kind.is_managed();
    let finds = leads_out && (knows_servers || told);
    finds.then(|| match this.os {
        Some(Os::Ubuntu2404) => "archive.ubuntu.com".to_owned(),
        _ => "deb.debian.org".to_owned(),
    })
}

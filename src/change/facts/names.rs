//! Names, networks, the lab's own settings, and findings.

use std::net::IpAddr;

use super::{Collector, Family};
use crate::diag::{Accepted, Diagnostics};
use crate::digest::sha256_hex;
use crate::plan::{Certificate, Plan};

pub(super) fn collect(
    plan: &Plan<'_>,
    findings: &Diagnostics,
    accepted: &[Accepted],
    facts: &mut Collector<'_>,
) {
    let model = plan.model;
    for route in &plan.routes {
        let service = facts.service(&model[route.service].name).to_owned();
        let via = facts.service(&model[route.via].name).to_owned();
        let certificate = match route.certificate {
            Certificate::Nobody => "without a certificate",
            Certificate::Proxy => "certificate of the proxy",
            Certificate::Public => "public certificate",
            Certificate::PublicByDns => "public certificate by DNS",
        };
        let value = format!("{service} port {} by {via}, {certificate}", route.upstream.port);
        facts.add(Family::Host, "", &route.name(), "", value);
    }
    for name in &model.names {
        let below = if name.below { ", with all names below it" } else { "" };
        facts.add(Family::Host, "", &name.host, "", format!("{}{below}", name.address));
    }
    let list = |list: &[IpAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    for network in &model.networks {
        let prefixes: Vec<String> = network.prefixes.iter().map(ToString::to_string).collect();
        let mut add = |part: &str, value: String| {
            if !value.is_empty() {
                facts.add(Family::Network, "", &network.name, part, value);
            }
        };
        add("prefix", prefixes.join(" "));
        add("gateway", list(&network.gateways));
        add("dns", list(&network.dns));
        add("vlan", network.vlan.map(|tag| tag.to_string()).unwrap_or_default());
    }
    for router in &model.routers {
        facts.add(Family::Network, "", &router.name, "router", router.address.to_string());
    }
    let lab = &model.lab;
    facts.add(Family::Lab, "", "name", "", &lab.name);
    facts.add(Family::Lab, "", "domain", "", lab.domain.as_deref().unwrap_or("none"));
    facts.add(Family::Lab, "", "timezone", "", &lab.timezone);
    facts.add(Family::Lab, "", "email", "", lab.email.as_deref().unwrap_or("none"));
    for machine in &model.machines {
        let name = facts.machine(&machine.name).to_owned();
        facts.add(Family::Name, &name, "", "", &machine.name);
    }
    for service in &model.services {
        let name = facts.service(&service.name).to_owned();
        facts.add(Family::Name, "", &name, "", &service.name);
    }
    for finding in findings {
        let on = finding.subject.as_deref().unwrap_or_default();
        // The words may quote what somebody wrote; they are kept as a digest.
        let words = sha256_hex(facts.words(&finding.message).as_bytes());
        let on = facts.any(on).to_owned();
        facts.add(Family::Finding, "", finding.code.name, &on, words);
    }
    for accepted in accepted {
        let on = facts.any(&accepted.on).to_owned();
        facts.add(Family::Accepted, "", &accepted.code, &on, &accepted.reason);
    }
}

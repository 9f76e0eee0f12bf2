//! Resolves the lab's own facts: its name, admins, secrets and accepted findings.

use super::accounts::is_user;
use super::monitoring::{alert, dashboard};
use super::networks::{host_name, network, router, vlans, zones};
use super::read::string;
use crate::decl::layer::Lab;
use crate::decl::{Block, ssh_key};
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Accept, Admin, LabInfo, Model, Secret};
use crate::source::{Sources, Spanned};

/// Resolves everything except machines and services.
pub fn resolve(lab: &Lab<'_>, sources: &Sources, diagnostics: &mut Diagnostics) -> Model {
    let mut model = Model {
        lab: info(lab, diagnostics),
        admins: lab.admins.iter().map(|block| admin(block, diagnostics)).collect(),
        networks: Vec::new(),
        zones: zones(lab, diagnostics),
        routers: Vec::new(),
        machines: Vec::new(),
        services: Vec::new(),
        secrets: lab.secrets.iter().map(secret).collect(),
        names: lab.names.iter().filter_map(|block| host_name(block, diagnostics)).collect(),
        alerts: lab.alerts.iter().map(alert).collect(),
        dashboards: lab
            .dashboards
            .iter()
            .map(|block| dashboard(block, sources, diagnostics))
            .collect(),
        accepts: lab.accepts.iter().map(accept).collect(),
    };
    // A network needs the id of its zone, and a router that of its network.
    model.networks =
        lab.networks.iter().map(|block| network(block, lab, &model.zones, diagnostics)).collect();
    vlans(&model.networks, diagnostics);
    model.routers = lab
        .routers
        .iter()
        .filter_map(|block| router(block, &model.networks, diagnostics))
        .collect();
    model
}

fn info(lab: &Lab<'_>, diagnostics: &mut Diagnostics) -> LabInfo {
    let block = &lab.lab;
    let email = block.value("email").filter(|email| !email.is_faulty());
    let host = email.and_then(|email| email.text()?.split_once('@'));
    if let (Some(email), Some((_, host))) = (email, host)
        && !host.contains('.')
    {
        let message = format!("no mail from outside reaches `{host}`");
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, email.span, message).help(
                "write an address with a whole domain: certificate authorities refuse others",
            ),
        );
    }
    LabInfo {
        name: block.key().to_owned(),
        version: string(block.property("version")).unwrap_or_default(),
        edition: 1,
        domain: string(block.value("domain")),
        domain_span: block.value("domain").map_or(block.key_span(), |domain| domain.span),
        timezone: string(block.value("timezone")).unwrap_or_else(|| "Etc/UTC".to_owned()),
        email: string(block.value("email")),
        span: block.key_span(),
    }
}

/// The longest name of an account that `useradd` accepts.
const LONGEST_ACCOUNT: usize = 32;

fn admin(block: &Block<'_>, diagnostics: &mut Diagnostics) -> Admin {
    if is_user(block.key()) {
        let message = format!("`{}` is an account of the system, not of a person", block.key());
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, block.key_span(), message)
                .help("choose another name; an admin becomes root with `sudo`"),
        );
    }
    if block.key().len() > LONGEST_ACCOUNT {
        let message = format!("the name of an account has at most {LONGEST_ACCOUNT} characters");
        diagnostics.push(
            Diagnostic::new(&crate::decl::codes::WRONG_TYPE, block.key_span(), message)
                .help("shorten it"),
        );
    }
    let mut ssh_keys = Vec::new();
    for key in block.all("ssh-key").filter_map(|key| key.argument(0)) {
        let text = key.text().unwrap_or_default();
        let fault = ssh_key::fault(text);
        // A key that can't be read still is one, but it may be a private key.
        let kept = if fault.is_none() { text.to_owned() } else { String::new() };
        ssh_keys.push(Spanned::new(kept, key.span));
        if let Some(fault) = fault.filter(|_| !key.is_faulty()) {
            diagnostics.push(
                Diagnostic::new(&crate::decl::codes::WRONG_TYPE, key.span, fault)
                    .help("paste a whole line of `id_ed25519.pub`: `ssh-ed25519 AAAA… name`"),
            );
        }
    }
    Admin { name: block.key().to_owned(), ssh_keys, span: block.key_span() }
}

fn secret(block: &Block<'_>) -> Secret {
    Secret { name: block.key().to_owned(), doc: string(block.value("doc")), span: block.key_span() }
}

fn accept(block: &Block<'_>) -> Accept {
    Accept {
        code: block.key().to_owned(),
        code_span: block.key_span(),
        on: string(block.property("on")),
        reason: string(block.property("reason")).unwrap_or_default(),
        span: block.span,
    }
}

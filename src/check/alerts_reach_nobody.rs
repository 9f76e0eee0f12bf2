//! Finds alerts that no person receives.

use super::Rule;
use crate::diag::{Code, Diagnostic, Diagnostics, codes};
use crate::model::{Role, Service};
use crate::plan::Plan;

/// Finds a Prometheus that hands its alerts to nobody, an Alertmanager without a receiver, and
/// receivers that refuse what they get.
pub static RULE: Rule = Rule { code: &CODE, check };

static CODE: Code =
    codes::code!("alerts-reach-nobody", Warning, "alerts fire that nobody receives");

/// The options of an Alertmanager that name a receiver.
pub const RECEIVERS: &[&str] = &[
    "discord",
    "email",
    "gotify",
    "ntfy",
    "ntfy-url",
    "slack",
    "telegram-chat",
    "webhook",
    "webhook-url",
];

/// Services that refuse Alertmanager's own JSON, and the option that they need.
const CHATS: &[(&str, &str)] = &[
    ("api.telegram.org/", "telegram-chat"),
    ("discord.com/", "discord"),
    ("discordapp.com/", "discord"),
    ("hooks.slack.com/", "slack"),
    ("ntfy.sh/", "ntfy"),
];

fn check(plan: &Plan<'_>, diagnostics: &mut Diagnostics) {
    let model = plan.model;
    for (id, service) in model.services() {
        if service.has(Role::Prometheus) && plan.alertmanagers(id).next().is_none() {
            let machine = &model[service.machine].name;
            diagnostics.push(
                Diagnostic::new(
                    &CODE,
                    service.span,
                    format!("`{}` hands its alerts to nobody", service.name),
                )
                .caption("failed backups and full disks show on its own page only")
                .help(format!(
                    "add `service alertmanager on={machine} {{ … }}` with a receiver, such as \
                     `email` or `ntfy`"
                ))
                .on(service.name.clone()),
            );
        }
        // An incomplete service is already reported, and what it lacks may be its receiver.
        if service.has(Role::Alertmanager) && !service.incomplete {
            receivers(service, diagnostics);
        }
    }
}

fn receivers(service: &Service, diagnostics: &mut Diagnostics) {
    let mut known = RECEIVERS.iter().filter(|name| service.options.contains_key(**name)).peekable();
    // A module of the lab's own may have a receiver in its configuration.
    if known.peek().is_some() && known.all(|name| service.option(name).items().is_empty()) {
        diagnostics.push(
            Diagnostic::new(&CODE, service.span, format!("`{}` has no receiver", service.name))
                .caption("it shows alerts on its own page only")
                .help("say who receives them: `labwright modules alertmanager` lists the ways")
                .on(service.name.clone()),
        );
    }
    let spans = service.option_spans.get("webhook");
    for (index, url) in service.option("webhook").items().iter().enumerate() {
        let address = url.as_text().unwrap_or_default();
        let host = address.split_once("://").map_or(address, |(_, rest)| rest);
        let Some((_, option)) = CHATS.iter().find(|(chat, _)| host.starts_with(chat)) else {
            continue;
        };
        let span = spans.and_then(|spans| spans.get(index)).copied().unwrap_or(service.span);
        diagnostics.push(
            Diagnostic::new(&CODE, span, "this service refuses Alertmanager's own JSON")
                .help(format!("use `{option}` instead of `webhook`"))
                .on(service.name.clone()),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::RECEIVERS;

    #[test]
    fn every_receiver_is_an_option_of_the_module() {
        let module = include_str!("../../modules/std/alertmanager/module.kdl");
        for name in RECEIVERS {
            assert!(module.contains(&format!("    option {name} type=")), "{name}");
        }
    }
}

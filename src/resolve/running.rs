//! Reads when a container runs, and makes the timer of one that runs at times.

use super::read::{Report, flag, plain};
use super::visible::Visible;
use crate::decl::Block;
use crate::diag::Diagnostics;
use crate::model::{Container, Cron, Logging, Runs, Service, Unit, UnitAction, Until};

/// A setting of a unit, with its values.
type Setting = (String, Vec<String>);

/// Reads what makes a container run. The nodes exclude each other.
pub fn runs(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) -> Runs {
    let every = || {
        let times = block.value("every").and_then(|value| Cron::parse(&plain(value)))?;
        Some(Runs::Every(times))
    };
    let all = [
        block.child("once").map(|_| Runs::Once),
        block.child("manual").map(|_| Runs::ByHand),
        every(),
    ];
    let mut given = all.into_iter().flatten();
    let first = given.next().unwrap_or_default();
    if let (Some(one), Some(two)) = (first.word(), given.next().and_then(|other| other.word())) {
        let name = block.key();
        let message = format!("container `{name}` can't be both `{one}` and `{two}`");
        report(block.span, message, diagnostics);
    }
    first
}

/// Reads what docker does when a container ends, as compose writes it.
pub fn restart(block: &Block<'_>, report: Report<'_>, diagnostics: &mut Diagnostics) -> String {
    let Some(node) = block.child("restart") else {
        // Docker would start a container again that has done its work.
        let ends = ["once", "manual", "every"].iter().any(|name| block.child(name).is_some());
        return if ends { "no" } else { "unless-stopped" }.to_owned();
    };
    let policy = node.argument(0).map(plain).unwrap_or_default();
    let ends = ["once", "manual", "every"].into_iter().find(|name| block.child(name).is_some());
    if let (Some(ends), "always" | "unless-stopped") = (ends, policy.as_str()) {
        let message = format!("`restart {policy}` would never let it end, and it is `{ends}`");
        report(node.span, message, diagnostics);
    }
    match node.property("retries") {
        Some(retries) if policy == "on-failure" => format!("on-failure:{}", plain(retries)),
        Some(retries) => {
            report(retries.span, format!("`restart {policy}` has no `retries`"), diagnostics);
            policy
        }
        None => policy,
    }
}

/// Reads where docker writes what a container prints.
pub fn logging(block: &Block<'_>) -> Option<Logging> {
    let node = block.child("logging")?;
    let set = |set: &Block<'_>| Some((set.key().to_owned(), plain(set.argument(1)?)));
    Some(Logging {
        driver: plain(node.argument(0)?),
        options: node.all("set").filter_map(set).collect(),
    })
}

/// Reads what a container waits for in another one.
pub fn until(dependency: &Block<'_>) -> Until {
    let healthy = flag(dependency, "healthy").unwrap_or(true);
    if dependency.argument(1).is_some() {
        Until::Completed
    } else if healthy {
        Until::Healthy
    } else {
        Until::Started
    }
}

/// Makes the units that run a container at its times.
pub fn units(container: &Container, service: &Service, lab: &Visible) -> Vec<Unit> {
    let Runs::Every(times) = &container.runs else { return Vec::new() };
    let name = &container.name;
    let file = format!("/var/lib/labwright/{}/current/payload/compose/compose.yaml", lab.name);
    let setting = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
    let description = setting("Description", &format!("{name} of {}", service.name));
    // What the container needs runs already. If it does not, this must not start it.
    let command = ["/usr/bin/docker", "compose", "--file", &file, "run", "--rm", "--no-deps"];
    let command = command.into_iter().chain(["--no-TTY", name.as_str()]).map(str::to_owned);
    let unit = |end: &str, action, sections: Vec<(&str, Vec<Setting>)>| Unit {
        name: format!("labwright-run-{name}.{end}"),
        action,
        sections: sections.into_iter().map(|(name, lines)| (name.to_owned(), lines)).collect(),
        span: container.span,
    };
    vec![
        unit(
            "service",
            UnitAction::Install,
            vec![
                (
                    "Unit",
                    vec![
                        description.clone(),
                        setting("Wants", "network-online.target"),
                        setting("After", "network-online.target docker.service"),
                    ],
                ),
                (
                    "Service",
                    vec![setting("Type", "oneshot"), ("ExecStart".to_owned(), command.collect())],
                ),
            ],
        ),
        unit(
            "timer",
            UnitAction::EnableStart,
            vec![
                ("Unit", vec![description]),
                (
                    "Timer",
                    vec![
                        setting("OnCalendar", &format!("{} {}", times.calendar(), lab.timezone)),
                        // A run that falls into a time when the machine is off happens at its next
                        // start.
                        setting("Persistent", "yes"),
                    ],
                ),
                ("Install", vec![setting("WantedBy", "timers.target")]),
            ],
        ),
    ]
}

//! Writes the steps that check, start, reload and watch a machine's containers.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde::Serialize;

use super::builds::BuildView;
use super::config::ConfigFiles;
use super::definition::{env_path, group_variable, grouped, has_value_variables};
use super::secret::is_mounted;
use super::{EMITTER, FILE, Member};
use crate::artifact::{Artifact, Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::emit::Context;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{Container, MachineKind, Os, Runs, SecretText, TextPart};
use crate::plan::secret_path;

/// The file that lets Docker 26 rewrite IPv6 packets.
const ENGINE: &str = "compose/docker-ipv6.conf";

pub(super) static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("networks.sh.j2", include_str!("networks.sh.j2")),
        ("again.sh.j2", include_str!("again.sh.j2")),
        ("engine.sh.j2", include_str!("engine.sh.j2")),
        ("check.sh.j2", include_str!("check.sh.j2")),
        ("pull.sh.j2", include_str!("pull.sh.j2")),
        ("secrets.sh.j2", include_str!("secrets.sh.j2")),
        ("running.sh.j2", include_str!("running.sh.j2")),
        ("up.sh.j2", include_str!("up.sh.j2")),
        ("restart.sh.j2", include_str!("restart.sh.j2")),
        ("reload.sh.j2", include_str!("reload.sh.j2")),
        ("health.sh.j2", include_str!("health.sh.j2")),
        ("within.sh.j2", include_str!("../within.sh.j2")),
        ("removal.sh.j2", include_str!("removal.sh.j2")),
    ])
});

#[derive(Debug, Serialize)]
struct ProjectView<'p> {
    project: &'p str,
    file: &'static str,
    managed: bool,
    health: Vec<HealthView<'p>>,
    ended: Vec<HealthView<'p>>,
    profiles: Vec<&'static str>,
    files: Vec<SecretEnv<'p>>,
    texts: bool,
    mounted: Vec<MountedSecrets<'p>>,
    /// The folders in which services keep something.
    kept: Vec<&'p str>,
    groups: Vec<GroupView<'p>>,
    builds: Vec<BuildView<'p>>,
}

/// A container whose user is in the groups of devices.
#[derive(Debug, Serialize)]
struct GroupView<'p> {
    variable: String,
    /// The groups that it has anyway.
    known: String,
    devices: Vec<&'p str>,
}

#[derive(Debug, Serialize)]
struct HealthView<'p> {
    container: &'p str,
    within: Option<u64>,
}

#[derive(Debug, Serialize)]
struct SecretEnv<'p> {
    path: String,
    variables: Vec<SecretVariable<'p>>,
    texts: Vec<TextView<'p>>,
}

#[derive(Debug, Serialize)]
struct TextView<'p> {
    name: &'p str,
    parts: Vec<PartView<'p>>,
}

#[derive(Debug, Serialize)]
struct PartView<'p> {
    text: &'p str,
    secret: Option<String>,
    in_url: bool,
}

#[derive(Debug, Serialize)]
struct SecretVariable<'p> {
    name: &'p str,
    secret: String,
}

#[derive(Debug, Serialize)]
struct MountedSecrets<'p> {
    container: &'p str,
    secrets: Vec<String>,
}

#[derive(Debug, Serialize)]
struct ReloadView<'p> {
    container: &'p str,
    signal: &'p str,
}

/// Lists the folders in which services of containers keep something.
fn kept<'p>(members: &[Member<'p>]) -> Vec<&'p str> {
    let states = members.iter().flat_map(|(service, container)| {
        let is_mounted = |path: &str| {
            container.mounts.iter().any(|mount| mount.source == path && !mount.read_only)
        };
        let states = service.states.iter().map(|state| state.path.as_str());
        states.filter(move |path| is_mounted(path))
    });
    states.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Adds the steps of a machine with containers.
pub(super) fn add<'p>(
    context: &Context<'p>,
    members: &[Member<'p>],
    configs: &[ConfigFiles],
    builds: Vec<BuildView<'p>>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let those = |runs: &Runs| {
        let found = members.iter().filter(|(_, container)| container.runs == *runs);
        let view = |(service, container): &Member<'p>| HealthView {
            container: &container.name,
            within: service.health_within.map(|time| time.0),
        };
        found.map(view).collect::<Vec<_>>()
    };
    let profiles: BTreeSet<&'static str> =
        members.iter().filter_map(|(_, container)| container.runs.profile()).collect();
    let view = ProjectView {
        project: &context.model().lab.name,
        file: FILE,
        managed: context.this().kind.is_managed(),
        health: those(&Runs::Always),
        ended: those(&Runs::Once),
        profiles: profiles.into_iter().collect(),
        files: members
            .iter()
            .filter(|(_, container)| has_value_variables(container))
            .map(|(_, one)| secret_env(context, one))
            .collect(),
        texts: members.iter().any(|(_, container)| !container.texts.is_empty()),
        mounted: members
            .iter()
            // The step restarts containers. One that ends reads its secrets when it next runs.
            .filter(|(_, container)| container.runs == Runs::Always)
            .filter_map(|(_, container)| mounted_secrets(context, container))
            .collect(),
        kept: kept(members),
        groups: groups(members),
        builds,
    };
    let machine = &context.this().name;
    let mut step = |slot, name: &str, template: &str, inputs: &[&str]| {
        if let Some(text) = TEMPLATES.write(template, &view, machine, diagnostics) {
            artifacts.step(slot, name, inputs, &text, context.origin());
        }
    };
    // It has no inputs, because it also looks at containers that are not of the lab.
    step(Slot::CHECK_CONTAINERS, "compose", "check.sh.j2", &[]);
    let v6 = context.planned().networks.v6();
    // Docker 27 and later do so by themselves; Debian 13 has Docker 26.
    let engine = v6 && context.this().os == Some(Os::Debian13);
    if engine {
        step(Slot::ENGINE, "docker", "engine.sh.j2", &[ENGINE]);
    }
    let folders = view.builds.iter().map(|build| build.folder.as_str());
    let made_of: Vec<&str> = std::iter::once(FILE).chain(folders).collect();
    step(Slot::IMAGES, "images", "pull.sh.j2", &made_of);
    if !view.files.is_empty() {
        step(Slot::SECRET_VARIABLES, "secret-variables", "secrets.sh.j2", &[]);
    }
    let reloads = || {
        members.iter().zip(configs).filter(|((_, container), config)| {
            !config.reloaded.is_empty() && container.runs == Runs::Always
        })
    };
    if reloads().next().is_some() {
        step(Slot::RUNNING, "running", "running.sh.j2", &[]);
    }
    // Values of secrets are known on the machine only. Where containers get them as variables, only
    // compose can tell whether they changed, so the step always runs.
    let inputs: &[&str] = if view.files.is_empty() { &["compose/"] } else { &[] };
    step(Slot::CONTAINERS, "compose", "up.sh.j2", inputs);
    if !view.mounted.is_empty() {
        step(Slot::SECRET_FILES, "secret-files", "restart.sh.j2", &[]);
    }
    step(Slot::HEALTH_CONTAINERS, "containers", "health.sh.j2", &[]);

    if engine {
        artifacts.install(
            ENGINE,
            Artifact::new(Kind::Ini, include_str!("docker-ipv6.conf"), EMITTER.fixed()),
            "/etc/systemd/system/docker.service.d/labwright-ipv6.conf",
            "0644",
        );
    }
    for ((service, container), config) in reloads() {
        let view = ReloadView {
            container: &container.name,
            // `ConfigFiles::reloaded` is empty without a signal, so the default is never used.
            signal: container.reload_signal.as_deref().unwrap_or("HUP"),
        };
        let Some(text) = TEMPLATES.write("reload.sh.j2", &view, machine, diagnostics) else {
            continue;
        };
        let inputs: Vec<&str> = config.reloaded.iter().map(String::as_str).collect();
        let origin = vec![format!("service {}", service.name)];
        artifacts.step(
            Slot::RELOADS,
            &format!("reload-{}", container.name),
            &inputs,
            &text,
            origin,
        );
    }
}

/// Adds the step that removes the containers of a machine that has none any more.
pub(super) fn add_removal(
    context: &Context<'_>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    if context.this().kind == MachineKind::Appliance {
        return;
    }
    let view = ProjectView {
        project: &context.model().lab.name,
        file: FILE,
        managed: true,
        health: Vec::new(),
        ended: Vec::new(),
        profiles: Vec::new(),
        files: Vec::new(),
        texts: false,
        mounted: Vec::new(),
        kept: Vec::new(),
        groups: Vec::new(),
        builds: Vec::new(),
    };
    if let Some(text) = TEMPLATES.write("removal.sh.j2", &view, &context.this().name, diagnostics) {
        // This bundle does not have the input. The step runs when the bundle before had it, because
        // labctl counts removed files as changed.
        artifacts.step(Slot::CONTAINERS, "no-containers", &[FILE], &text, context.origin());
    }
}

fn groups<'p>(members: &[Member<'p>]) -> Vec<GroupView<'p>> {
    let view = |(_, container): &Member<'p>| GroupView {
        variable: group_variable(container),
        known: container.groups.join(" "),
        devices: grouped(container).collect(),
    };
    members.iter().map(view).filter(|view| !view.devices.is_empty()).collect()
}

fn mounted_secrets<'p>(
    context: &Context<'p>,
    container: &'p Container,
) -> Option<MountedSecrets<'p>> {
    let mounted = container.secrets.iter().filter(|used| is_mounted(used));
    let secrets: Vec<String> =
        mounted.map(|used| secret_path(&context.model()[used.secret].name, &used.owner)).collect();
    (!secrets.is_empty()).then_some(MountedSecrets { container: &container.name, secrets })
}

fn secret_env<'p>(context: &Context<'p>, container: &'p Container) -> SecretEnv<'p> {
    let variables = container.secrets.iter().filter_map(|used| {
        let name = used.value_variable.as_deref()?;
        Some(SecretVariable {
            name,
            secret: secret_path(&context.model()[used.secret].name, &used.owner),
        })
    });
    SecretEnv {
        path: env_path(container),
        variables: variables.collect(),
        texts: container.texts.iter().map(|text| text_view(context, text)).collect(),
    }
}

fn text_view<'p>(context: &Context<'p>, text: &'p SecretText) -> TextView<'p> {
    let part = |part: &'p TextPart| match part {
        TextPart::Plain(plain) => PartView { text: plain, secret: None, in_url: text.in_url },
        TextPart::Secret(secret) => PartView {
            text: "",
            // The step that joins the text runs as root, not as the user of the container.
            secret: Some(secret_path(&context.model()[*secret].name, "root")),
            in_url: text.in_url,
        },
    };
    TextView { name: &text.name, parts: text.parts.iter().map(part).collect() }
}

//! Describes one container for compose.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::networks::{self, Names};
use super::process::Keys;
use super::secret::is_mounted;
use super::words::{literal, size};
use crate::emit::Context;
use crate::format;
use crate::model::{
    Accelerator, Container, Dependency, Duration, Health, HealthProbe, Mount, MountKind,
    NetworkMode, Os, SecretUse, Service, ServiceFileTarget, Until,
};
use crate::plan::joined::secret_key;

/// An entry of `services:`, without values that are compose's defaults.
#[derive(Debug, Serialize)]
pub(super) struct Definition<'p> {
    image: String,
    container_name: &'p str,
    restart: &'p str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    command: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<&'p str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env_file: Vec<EnvFile>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<SecretMount>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    volumes: Vec<Volume>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tmpfs: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ports: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    networks: BTreeMap<&'p str, Names>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extra_hosts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    privileged: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cap_add: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cap_drop: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_opt: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    group_add: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    sysctls: BTreeMap<&'p str, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    init: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    shm_size: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mem_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpus: Option<String>,
    #[serde(flatten)]
    process: Keys<'p>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_grace_period: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: Option<HealthCheck>,
    /// The containers that must run before. These are filled in last.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) depends_on: BTreeMap<&'p str, DependsOn>,
    logging: Logging<'p>,
    /// The labels. Compose recreates a container when one changes.
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct EnvFile {
    path: String,
    required: bool,
}

#[derive(Debug, Serialize)]
struct SecretMount {
    source: String,
    target: String,
}

#[derive(Debug, Serialize)]
struct Volume {
    r#type: &'static str,
    source: String,
    target: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind: Option<Bind>,
}

#[derive(Debug, Serialize)]
struct Bind {
    create_host_path: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    propagation: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum HealthCheck {
    Disabled {
        disable: bool,
    },
    OfImage {
        start_period: String,
    },
    Test {
        test: Vec<String>,
        interval: String,
        timeout: String,
        retries: u32,
        start_period: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        start_interval: Option<String>,
    },
}

/// An entry of `depends_on:`.
#[derive(Debug, Serialize)]
pub(super) struct DependsOn {
    condition: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    restart: bool,
}

#[derive(Debug, Serialize)]
struct Logging<'p> {
    driver: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    options: BTreeMap<&'p str, String>,
}

/// Describes a container. `config` is the hash of the files whose change recreates it.
pub(super) fn define<'p>(
    context: &Context<'p>,
    service: &'p Service,
    container: &'p Container,
    config: Option<&str>,
) -> Definition<'p> {
    let plain = |values: &[String]| values.iter().map(|value| literal(value)).collect::<Vec<_>>();
    let memory = container.resources.memory.as_ref();
    let millicpus = container.resources.millicpus;
    Definition {
        image: literal(&container.image.value),
        container_name: &container.name,
        restart: &container.restart,
        // `docker compose up` leaves out what has a profile: containers that run by hand or by a
        // timer.
        profiles: container.runs.profile().into_iter().collect(),
        user: container.user.as_deref().map(literal),
        entrypoint: plain(&container.entrypoint),
        command: plain(&container.command),
        environment: environment(context, container),
        env_file: env_file(container),
        secrets: container
            .secrets
            .iter()
            .filter(|used| is_mounted(used))
            .map(|used| secret_mount(context, used))
            .collect(),
        volumes: volumes(service, container),
        devices: container
            .devices
            .iter()
            .map(|device| {
                let at = device.at.as_ref().unwrap_or(&device.path);
                literal(&format!("{}:{at}", device.path))
            })
            .collect(),
        tmpfs: plain(&container.tmpfs),
        ports: ports(context, container),
        network_mode: network_mode(&container.network),
        networks: networks::of_container(context, container),
        extra_hosts: plain(&container.extra_hosts),
        pid: container.host_pid.then_some("host"),
        privileged: container.privileged,
        cap_add: plain(&container.cap_add),
        cap_drop: plain(&container.cap_drop),
        security_opt: plain(&container.security_options),
        group_add: groups(container),
        sysctls: container
            .sysctls
            .iter()
            .map(|sysctl| (sysctl.name.as_str(), literal(&sysctl.value)))
            .collect(),
        init: container.init,
        read_only: container.read_only,
        shm_size: container.shm_size.map(size),
        mem_limit: memory.map(|memory| size(memory.value)),
        cpus: millicpus.map(|cpus| format!("{}.{:03}", cpus.value / 1000, cpus.value % 1000)),
        process: Keys::of(container),
        stop_grace_period: container.stop_grace.map(seconds),
        healthcheck: container
            .health
            .as_ref()
            .and_then(|health| health_check(health, service.health_within, context.this().os)),
        depends_on: BTreeMap::new(),
        logging: logging(container),
        labels: labels(context, service, container, config),
    }
}

/// The first of the numbers that stand for groups which only the machine knows. No group of a
/// system has one so high.
const UNKNOWN_GROUP: u32 = 2_147_483_000;

/// Lists the groups of a container: those that the lab names, and those of devices, which only the
/// machine knows. Compose refuses a group that comes twice, so a device whose group the container
/// has already keeps the number of no group.
fn groups(container: &Container) -> Vec<String> {
    let known = container.groups.iter().map(|group| literal(group));
    let variable = group_variable(container);
    let devices = (0_u32..)
        .zip(grouped(container))
        .map(|(index, _)| format!("${{{variable}_{index}:-{}}}", UNKNOWN_GROUP + index));
    known.chain(devices).collect()
}

/// Lists the devices of a container in whose groups its user must be. The nodes of USB have the
/// groups that each gets when it is plugged in.
pub(super) fn grouped(container: &Container) -> impl Iterator<Item = &str> {
    let grouped = container.devices.iter().filter(|device| {
        device.accelerator.is_some_and(|accelerator| accelerator != Accelerator::CoralUsb)
    });
    grouped.map(|device| device.path.as_str())
}

/// Returns how the variables begin that hold the numbers of those groups while compose starts
/// containers.
pub(super) fn group_variable(container: &Container) -> String {
    format!("LABWRIGHT_GROUP_{}", container.name.replace('-', "_"))
}

/// Returns the containers that must run before this one, including the one whose network it uses.
pub(super) fn dependencies(container: &Container) -> BTreeMap<&str, DependsOn> {
    let condition = |dependency: &Dependency| match dependency.until {
        Until::Started => "service_started",
        Until::Healthy => "service_healthy",
        Until::Completed => "service_completed_successfully",
    };
    let mut dependencies: BTreeMap<&str, DependsOn> = container
        .depends_on
        .iter()
        .map(|dependency| {
            (
                dependency.container.as_str(),
                DependsOn { condition: condition(dependency), restart: dependency.restart },
            )
        })
        .collect();
    // The network disappears with its owner, so this container has to restart with it.
    if let NetworkMode::Container(owner) = &container.network {
        dependencies
            .entry(owner)
            .or_insert(DependsOn { condition: "service_started", restart: true });
    }
    dependencies
}

fn logging(container: &Container) -> Logging<'_> {
    let Some(given) = &container.logging else {
        // Without limits, json-file keeps everything that a container ever printed.
        let options = [("max-size", "10m"), ("max-file", "3")];
        let options = options.map(|(name, value)| (name, value.to_owned()));
        return Logging { driver: "json-file".to_owned(), options: BTreeMap::from(options) };
    };
    Logging {
        driver: literal(&given.driver),
        options: given
            .options
            .iter()
            .map(|(name, value)| (name.as_str(), literal(value)))
            .collect(),
    }
}

/// Returns the file on the machine that holds the variables whose values are secrets.
pub(super) fn env_path(container: &Container) -> String {
    format!("/etc/labwright/env/{}.env", container.name)
}

/// Returns whether a program gets a secret only as the value of a variable.
pub(super) fn has_value_variables(container: &Container) -> bool {
    !container.texts.is_empty()
        || container.secrets.iter().any(|used| used.value_variable.is_some())
}

fn environment<'p>(context: &Context<'p>, container: &'p Container) -> BTreeMap<&'p str, String> {
    let given = container
        .environment
        .iter()
        .map(|variable| (variable.name.as_str(), literal(&variable.value)));
    let files = container.secrets.iter().filter_map(|used| {
        let variable = used.file_variable.as_deref()?;
        Some((variable, secret_mount(context, used).target))
    });
    given.chain(files).collect()
}

fn env_file(container: &Container) -> Vec<EnvFile> {
    // The file is not required, so that the configuration can be checked before the file is first
    // written.
    let file = EnvFile { path: literal(&env_path(container)), required: false };
    if has_value_variables(container) { vec![file] } else { Vec::new() }
}

fn secret_mount(context: &Context<'_>, used: &SecretUse) -> SecretMount {
    let name = &context.model()[used.secret].name;
    let target = used.at.clone().unwrap_or_else(|| format!("/run/secrets/{name}"));
    SecretMount { source: secret_key(name, &used.owner), target: literal(&target) }
}

fn volumes(service: &Service, container: &Container) -> Vec<Volume> {
    let files = service.files.iter().filter_map(|file| match &file.target {
        ServiceFileTarget::Container { container: to, at } if *to == container.name => {
            Some(bind(&format!("{}/{}", service.config_folder(), file.name), at, true, None))
        }
        _ => None,
    });
    container.mounts.iter().map(volume).chain(files).collect()
}

fn volume(mount: &Mount) -> Volume {
    if mount.kind == MountKind::Volume {
        let (source, target) = (literal(&mount.source), literal(&mount.at));
        return Volume { r#type: "volume", source, target, read_only: mount.read_only, bind: None };
    }
    bind(&mount.source, &mount.at, mount.read_only, mount.propagation.as_deref())
}

fn bind(source: &str, at: &str, read_only: bool, propagation: Option<&str>) -> Volume {
    // A missing folder means a share that is not mounted. The container must not start then,
    // because it would write to the disk below.
    let bind = Bind { create_host_path: false, propagation: propagation.map(literal) };
    Volume {
        r#type: "bind",
        source: literal(source),
        target: literal(at),
        read_only,
        bind: Some(bind),
    }
}

fn ports(context: &Context<'_>, container: &Container) -> Vec<String> {
    let published = context
        .planned()
        .published
        .iter()
        .filter(|published| published.container == container.name);
    // Over a family that the containers' network lacks, Docker would hand visitors over as if they
    // came from the machine itself, past every list of addresses.
    let v6 = context.planned().networks.v6();
    let mut ports = Vec::new();
    for one in published {
        let rest = format!("{}:{}/{}", one.host_ports, one.container_ports, one.transport.name());
        let places = one.at.iter().map(|address| match address {
            IpAddr::V4(address) => format!("{address}:"),
            IpAddr::V6(address) => format!("[{address}]:"),
        });
        ports.extend(places.map(|place| format!("{place}{rest}")));
        if one.at.is_empty() {
            let family = if v6 && one.ipv6 { "" } else { "0.0.0.0:" };
            ports.push(format!("{family}{rest}"));
        }
    }
    ports
}

fn network_mode(network: &NetworkMode) -> Option<String> {
    match network {
        NetworkMode::Bridge => None,
        NetworkMode::Host => Some("host".to_owned()),
        NetworkMode::Container(owner) => Some(format!("service:{}", literal(owner))),
        NetworkMode::None => Some("none".to_owned()),
    }
}

fn labels(
    context: &Context<'_>,
    service: &Service,
    container: &Container,
    config: Option<&str>,
) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        container.labels.iter().map(|(name, value)| (name.clone(), literal(value))).collect();
    labels.insert("labwright.lab".to_owned(), literal(&context.model().lab.name));
    labels.insert("labwright.service".to_owned(), literal(&service.name));
    if let Some(hash) = config {
        labels.insert("labwright.config".to_owned(), hash.to_owned());
    }
    labels
}

/// The time between two health checks of a container that has just started.
const START_INTERVAL: Duration = Duration(2);

/// Describes a health check. A container of a service with a time of its own does not count as
/// unhealthy before, so that compose goes on waiting for it.
fn health_check(health: &Health, within: Option<Duration>, os: Option<Os>) -> Option<HealthCheck> {
    let test = match &health.probe {
        HealthProbe::Http { port, path, tls } => {
            vec!["CMD-SHELL".to_owned(), literal(&http_probe(*port, path, *tls, health.timeout.0))]
        }
        HealthProbe::Command(command) => std::iter::once("CMD".to_owned())
            .chain(command.iter().map(|word| literal(word)))
            .collect(),
        HealthProbe::Image => {
            return within.map(|time| HealthCheck::OfImage { start_period: seconds(time) });
        }
        HealthProbe::None => return Some(HealthCheck::Disabled { disable: true }),
    };
    Some(HealthCheck::Test {
        test,
        interval: seconds(health.interval),
        timeout: seconds(health.timeout),
        retries: health.retries,
        start_period: seconds(
            within.map_or(health.start_period, |time| time.max(health.start_period)),
        ),
        // Without this, the first check comes after a whole interval, and every change takes that
        // long however fast the container is. Compose refuses it before Docker 25. Debian 13 has 26
        // and Debian 12 gets Docker's own, but an Ubuntu without updates has 24.
        start_interval: matches!(os, Some(Os::Debian12 | Os::Debian13))
            .then(|| seconds(health.interval.min(START_INTERVAL))),
    })
}

/// Makes a health check over http with the program that the image has.
fn http_probe(port: u16, path: &str, tls: bool, timeout: u64) -> String {
    let url = format::shell_word(&format!(
        "{}://127.0.0.1:{port}{path}",
        if tls { "https" } else { "http" }
    ));
    // The certificate is for the name of a route, and never for 127.0.0.1.
    let (curl, wget) = if tls { (" --insecure", " --no-check-certificate") } else { ("", "") };
    format!(
        "if command -v curl >/dev/null 2>&1; then \
         exec curl -fsS{curl} -m {timeout} -o /dev/null {url}; fi; \
         exec wget -q{wget} -T {timeout} -O /dev/null {url}"
    )
}

fn seconds(duration: Duration) -> String {
    format!("{}s", duration.0)
}

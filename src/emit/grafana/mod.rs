//! Emits what Grafana is provisioned with: datasources and dashboards. There are our own
//! dashboards, those of modules and of the lab, and those of grafana.com.
//!
//! Grafana's container sees the service's configuration folder as `/etc/grafana/provisioning`.
//! Dashboards of grafana.com can't be part of a release, so a script on the machine fetches them.

mod boards;
mod panels;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Serialize;
use serde_json::Value;

use super::{Context, Emitter, service_files};
use crate::artifact::{Artifact, Artifacts, Origin, Slot};
use crate::diag::{Diagnostic, Diagnostics, codes};
use crate::digest::{sha256_hex, short};
use crate::format;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{Dashboard, EndpointId, Role, Service, ServiceId};
use crate::plan::joined::board_name;
use crate::plan::way;
use crate::source::Span;

/// The emitter of the files of every Grafana on the machine.
pub const EMITTER: Emitter = Emitter { name: "grafana", folders: &[], emit };

codes::define! {
    DASHBOARD_NOT_JSON = "dashboard-not-json", Error, "a dashboard's file is not JSON";
    DASHBOARD_REFUSED = "dashboard-refused", Error, "Grafana would refuse a dashboard";
}

/// The path at which Grafana's container sees the service's configuration folder.
const MOUNTED_AT: &str = "/etc/grafana/provisioning";

/// The roles of endpoints that Grafana has a type of datasource for, which is named alike.
const SOURCES: &[&str] = &["prometheus", "loki", "alertmanager"];

/// The revisions of well-known dashboards that match the exporters of the standard library. A lab
/// may name others.
const KNOWN_REVISIONS: &[(u32, u32)] = &[(893, 5), (1860, 42)];

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[("fetch-dashboards.sh.j2", include_str!("fetch-dashboards.sh.j2"))])
});

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    for (id, service) in context.services().filter(|(_, service)| service.has(Role::Grafana)) {
        let sources = Source::all(context, service);
        let mut files = vec![File::yaml(
            "datasources/labwright.yaml",
            &datasources(&sources),
            sources_origin(context, service, &sources),
        )];
        files.extend(own_boards(context, service, &sources));
        files.extend(brought_boards(context, id, &sources, diagnostics));
        refusal::twice(&files, diagnostics);
        let fetched = Fetched::all(context, service);
        files.push(File::yaml(
            "dashboards/labwright.yaml",
            &providers(!fetched.is_empty()),
            origin(service),
        ));
        for File { path, kind, text, origin, .. } in files {
            let destination = format!("{}/{path}", service.config_folder());
            artifacts.install(
                &format!("{}/{path}", service.name),
                Artifact::new(kind, text, origin),
                &destination,
                "0644",
            );
        }
        if !fetched.is_empty() {
            add_fetching(context, service, &sources, fetched, artifacts, diagnostics);
        }
    }
}

struct File {
    path: String,
    kind: Kind,
    text: String,
    origin: Vec<Origin>,
    /// What Grafana knows a dashboard by.
    named: Named,
    /// The declaration of a dashboard that is not ours, and its name there.
    declared: Option<(Span, String)>,
}

/// What Grafana knows a dashboard by.
#[derive(Default)]
struct Named {
    uid: Option<String>,
    title: Option<String>,
}

impl File {
    fn yaml(path: &str, value: &impl Serialize, origin: Vec<Origin>) -> Self {
        Self {
            path: path.to_owned(),
            kind: Kind::GrafanaProvisioning,
            text: format::yaml(value),
            origin,
            named: Named::default(),
            declared: None,
        }
    }

    fn board(name: &str, board: &Value, origin: Vec<Origin>) -> Self {
        let text = |key: &str| board.get(key).and_then(Value::as_str).map(str::to_owned);
        Self {
            path: format!("dashboards/labwright/{name}.json"),
            kind: Kind::GrafanaDashboard,
            text: format::json(board),
            origin,
            named: Named { uid: text("uid"), title: text("title") },
            declared: None,
        }
    }
}

/// A datasource that Grafana queries.
struct Source {
    kind: &'static str,
    service: ServiceId,
    name: String,
    uid: String,
    url: String,
}

impl Source {
    /// Lists the datasources that the service has access to. Dashboards query the first one of each
    /// kind.
    fn all(context: &Context<'_>, grafana: &Service) -> Vec<Self> {
        let model = context.model();
        let services = &context.planned().services;
        let endpoints: BTreeSet<(EndpointId, Option<&str>)> = grafana
            .needs
            .iter()
            .flat_map(|need| {
                need.endpoints.iter().map(|endpoint| (*endpoint, need.container.as_deref()))
            })
            .collect();
        let sources = endpoints.into_iter().filter_map(|(id, container)| {
            let service = &model[id.service];
            let role = model.endpoint(id).role.as_deref()?;
            let kind = SOURCES.iter().find(|kind| **kind == role)?;
            let way = way::find(model, services, context.machine, container, id)?;
            let uid = source_uid(kind, &service.name);
            let url = way.url(model.endpoint(id).protocol.name());
            Some(Self { kind, service: id.service, name: service.name.clone(), uid, url })
        });
        let mut sources: Vec<_> = sources.collect();
        // A Prometheus on the same machine comes first.
        sources.sort_by_key(|source| {
            (
                source.kind != "prometheus",
                model[source.service].machine != context.machine,
                source.service,
            )
        });
        sources.dedup_by(|one, other| one.uid == other.uid);
        sources
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Datasources {
    api_version: u32,
    prune: bool,
    #[serde(rename = "datasources")]
    list: Vec<Datasource>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Datasource {
    name: String,
    uid: String,
    r#type: &'static str,
    access: &'static str,
    url: String,
    is_default: bool,
    editable: bool,
    json_data: BTreeMap<&'static str, &'static str>,
}

fn datasources(sources: &[Source]) -> Datasources {
    let datasources = sources.iter().enumerate().map(|(index, source)| Datasource {
        name: inert(&source.name),
        uid: source.uid.clone(),
        r#type: source.kind,
        access: "proxy",
        url: inert(&source.url),
        // Grafana refuses a file with two defaults.
        is_default: index == 0,
        editable: false,
        json_data: match source.kind {
            "prometheus" => BTreeMap::from([("httpMethod", "POST")]),
            "alertmanager" => BTreeMap::from([("implementation", "prometheus")]),
            _ => BTreeMap::new(),
        },
    });
    // Without `prune`, Grafana keeps datasources that an earlier version of the file named.
    Datasources { api_version: 1, prune: true, list: datasources.collect() }
}

/// Escapes text for Grafana, which replaces variables of its environment.
fn inert(text: &str) -> String {
    text.replace('$', "$$")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Providers {
    api_version: u32,
    #[serde(rename = "providers")]
    list: Vec<Provider>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    name: &'static str,
    folder: &'static str,
    r#type: &'static str,
    disable_deletion: bool,
    allow_ui_updates: bool,
    update_interval_seconds: u32,
    options: BTreeMap<&'static str, String>,
}

fn providers(fetched: bool) -> Providers {
    let provider = |name, folder| Provider {
        name,
        folder,
        r#type: "file",
        disable_deletion: false,
        allow_ui_updates: false,
        update_interval_seconds: 60,
        options: BTreeMap::from([("path", format!("{MOUNTED_AT}/dashboards/{name}"))]),
    };
    let mut providers = vec![provider("labwright", "Lab")];
    providers.extend(fetched.then(|| provider("grafana-com", "grafana.com")));
    Providers { api_version: 1, list: providers }
}

fn own_boards(context: &Context<'_>, grafana: &Service, sources: &[Source]) -> Vec<File> {
    let Some(source) = sources.iter().find(|source| source.kind == "prometheus") else {
        return Vec::new();
    };
    let plan = context.plan;
    let Some(measured) = plan.measured.get(&source.service) else { return Vec::new() };
    let mut lab_origin = vec![format!("lab {}", plan.model.lab.name)];
    lab_origin.extend(
        plan.model
            .machines
            .iter()
            .map(|machine| format!("{} {}", machine.kind.name(), machine.name)),
    );
    lab_origin.extend(
        plan.routes.iter().map(|route| format!("service {}", plan.model[route.service].name)),
    );
    lab_origin.sort();
    lab_origin.dedup();
    let overview =
        File::board("overview", &boards::overview(plan, measured, &source.uid).json(), lab_origin);
    let machines = boards::machine(measured, &source.uid)
        .map(|board| File::board("machines", &board.json(), origin(grafana)));
    let containers = boards::containers(measured, &source.uid)
        .map(|board| File::board("containers", &board.json(), origin(grafana)));
    [Some(overview), machines, containers].into_iter().flatten().collect()
}

/// Renders the dashboards of the lab and of the modules in use.
fn brought_boards(
    context: &Context<'_>,
    grafana: ServiceId,
    sources: &[Source],
    diagnostics: &mut Diagnostics,
) -> Vec<File> {
    let model = context.model();
    let of_modules = model.services().flat_map(|(id, service)| {
        service.dashboards.iter().map(move |board| (id, board, &service.module))
    });
    let of_lab = model.dashboards.iter().map(|board| (grafana, board, &model.lab.name));
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    for (service, board, owner) in of_modules.chain(of_lab) {
        let Some(template) = &board.template else { continue };
        // Several services of one module have the same dashboard.
        let name = board_name(owner, &board.name);
        if files.contains_key(&name) {
            continue;
        }
        let about = (Kind::GrafanaDashboard, board.name.as_str());
        let Some(text) =
            service_files::render(context, service, template, about, board.span, diagnostics)
        else {
            continue;
        };
        match serde_json::from_str::<Value>(&text) {
            Ok(mut value) => {
                ask_ours(&mut value, sources);
                let origin = vec![
                    format!("service {}", model[service].name),
                    format!("dashboard {}", board.name),
                ];
                let file = File::board(&name, &value, origin);
                if let Some(problem) = refusal::of(&file.named) {
                    diagnostics.push(refusal::found(board.span, &board.name, problem));
                }
                let declared = Some((board.span, board.name.clone()));
                files.insert(name.clone(), File { declared, ..file });
            }
            Err(error) => {
                let message = format!("`{}` is not JSON: {error}", template.name);
                diagnostics.push(
                    Diagnostic::new(&DASHBOARD_NOT_JSON, board.span, message).on(&board.name),
                );
            }
        }
    }
    files.into_values().collect()
}

/// Replaces `${DS_PROMETHEUS}` and `${DS_LOKI}` by our datasources, and removes what only an import
/// needs.
fn ask_ours(value: &mut Value, sources: &[Source]) {
    match value {
        Value::String(text) => {
            let kind = match text.as_str() {
                "${DS_PROMETHEUS}" => "prometheus",
                "${DS_LOKI}" => "loki",
                _ => return,
            };
            if let Some(source) = sources.iter().find(|source| source.kind == kind) {
                text.clone_from(&source.uid);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| ask_ours(item, sources)),
        Value::Object(fields) => {
            fields.remove("__inputs");
            fields.remove("__requires");
            fields.values_mut().for_each(|field| ask_ours(field, sources));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A dashboard that the machine fetches.
#[derive(Serialize)]
struct Fetched {
    id: u32,
    revision: String,
    sha256: String,
}

impl Fetched {
    /// Lists the dashboards by id: those of the service's option, and those that the lab and the
    /// modules name.
    fn all(context: &Context<'_>, grafana: &Service) -> Vec<Self> {
        let model = context.model();
        let option = grafana.option("dashboard").items();
        let plain = option
            .iter()
            .filter_map(|id| Some((u32::try_from(id.as_integer()?).ok()?, None, None)));
        let named = |board: &Dashboard| Some((board.id?, board.revision, board.sha256.clone()));
        let boards =
            model.services.iter().flat_map(|service| &service.dashboards).chain(&model.dashboards);
        // A declaration with more details comes later and wins.
        let all: BTreeMap<u32, (Option<u32>, Option<String>)> = plain
            .chain(boards.filter_map(named))
            .map(|(id, revision, sha256)| (id, (revision, sha256)))
            .collect();
        all.into_iter()
            .map(|(id, (revision, sha256))| {
                let known = KNOWN_REVISIONS
                    .iter()
                    .find(|(known, _)| *known == id)
                    .map(|(_, revision)| *revision);
                let revision = revision
                    .or(known)
                    .map_or_else(|| "newest".to_owned(), |revision| revision.to_string());
                Self { id, revision, sha256: sha256.unwrap_or_default() }
            })
            .collect()
    }
}

#[derive(Serialize)]
struct Fetching {
    folder: String,
    cache: String,
    sources: String,
    dashboards: Vec<Fetched>,
}

fn add_fetching(
    context: &Context<'_>,
    service: &Service,
    sources: &[Source],
    dashboards: Vec<Fetched>,
    artifacts: &mut Artifacts,
    diagnostics: &mut Diagnostics,
) {
    let mut uids: BTreeMap<&str, &str> = BTreeMap::new();
    for source in sources {
        uids.entry(source.kind).or_insert(&source.uid);
    }
    let view = Fetching {
        folder: format!("{}/dashboards/grafana-com", service.config_folder()),
        cache: format!("/var/cache/labwright/{}", service.name),
        sources: serde_json::json!(uids).to_string(),
        dashboards,
    };
    let name = "fetch-dashboards.sh";
    let Some(script) =
        TEMPLATES.write("fetch-dashboards.sh.j2", &view, &context.this().name, diagnostics)
    else {
        return;
    };
    let path = format!("{}/{name}", service.name);
    artifacts.install(
        &path,
        Artifact::new(Kind::Shell, script, origin(service)),
        &format!("{}/{name}", service.config_folder()),
        "0755",
    );
    // This runs before the container starts, because Grafana complains if the folder of dashboards
    // is missing.
    let body = format!("exec sh {}\n", format::shell_word(&path));
    artifacts.step(
        Slot::UNITS,
        &format!("dashboards-{}", service.name),
        &[&path],
        &body,
        origin(service),
    );
}

/// Returns the id of a data source. Grafana accepts at most 40 characters, so a longer one is cut
/// and ends in a digest of itself.
fn source_uid(kind: &str, service: &str) -> String {
    const LONGEST: usize = 40;
    let uid = format!("{kind}-{service}");
    if uid.len() <= LONGEST {
        return uid;
    }
    let digest = short(&sha256_hex(uid.as_bytes())).to_owned();
    let kept: String = uid.chars().take(LONGEST - digest.len() - 1).collect();
    format!("{kept}-{digest}")
}

fn origin(service: &Service) -> Vec<Origin> {
    vec![format!("service {}", service.name)]
}

fn sources_origin(context: &Context<'_>, grafana: &Service, sources: &[Source]) -> Vec<Origin> {
    let names =
        sources.iter().map(|source| &context.model()[source.service].name).chain([&grafana.name]);
    names.map(|name| format!("service {name}")).collect::<BTreeSet<_>>().into_iter().collect()
}

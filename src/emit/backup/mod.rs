//! Emits backups: the scripts that dump, save, check and restore, and the timers that run them.
//!
//! The scripts are the same for every service. What differs is in `common.sh` and in the lists
//! next to it.

mod view;

use std::sync::LazyLock;

use serde::Serialize;

use super::{Context, Emitter};
use crate::artifact::{Artifact, Artifacts, Slot};
use crate::diag::Diagnostics;
use crate::format::Templates;
use crate::kind::Kind;
use crate::model::{Cron, UnitAction};
use crate::plan::{BackupPlan, backups};
use view::View;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| {
    Templates::new(&[
        ("backup.sh.j2", include_str!("backup.sh.j2")),
        ("check.sh.j2", include_str!("check.sh.j2")),
        ("common.sh.j2", include_str!("common.sh.j2")),
        ("drill.sh.j2", include_str!("drill.sh.j2")),
        ("dump.sh.j2", include_str!("dump.sh.j2")),
        ("folders.sh.j2", include_str!("folders.sh.j2")),
        ("lines.txt.j2", include_str!("lines.txt.j2")),
        ("restore.sh.j2", include_str!("restore.sh.j2")),
        ("sftp.sh.j2", include_str!("sftp.sh.j2")),
        ("unit.service.j2", include_str!("unit.service.j2")),
        ("unit.timer.j2", include_str!("unit.timer.j2")),
    ])
});

/// The emitter of backups.
pub const EMITTER: Emitter = Emitter { name: "backup", folders: &["backup"], emit };

fn emit(context: &Context<'_>, artifacts: &mut Artifacts, diagnostics: &mut Diagnostics) {
    let plans = &context.plan.backups;
    let of_service = |id| plans.binary_search_by_key(&id, |backup| backup.service).ok();
    let backups: Vec<&BackupPlan> = context
        .services()
        .filter_map(|(id, _)| of_service(id))
        .filter_map(|index| plans.get(index))
        .collect();
    for backup in &backups {
        let Some(view) = view::view(context.plan, backup) else { continue };
        // The scripts of two backup services have the same names, so each needs a folder of its
        // own.
        let folder = if backups.len() == 1 {
            "backup".to_owned()
        } else {
            format!("backup/{}", view.service)
        };
        let mut writer = Writer { context, backup, view: &view, folder, artifacts, diagnostics };
        writer.scripts();
        writer.lists();
        writer.folders();
        writer.units();
    }
}

/// A writer of the files of one backup service.
struct Writer<'w, 'p> {
    context: &'w Context<'p>,
    backup: &'w BackupPlan,
    view: &'w View,
    folder: String,
    artifacts: &'w mut Artifacts,
    diagnostics: &'w mut Diagnostics,
}

impl Writer<'_, '_> {
    fn origin(&self) -> Vec<String> {
        let model = self.context.model();
        let mut origin = vec![format!("service {}", self.view.service)];
        origin.extend(self.backup.sources.iter().map(|source| source.what.clone()));
        origin.extend(
            self.backup.dumps.iter().map(|dump| format!("service {}", model[dump.service].name)),
        );
        origin.sort();
        origin.dedup();
        origin
    }

    fn installed(&self, name: &str) -> String {
        format!("{}/{name}", backups::scripts(&self.context.model()[self.backup.service]))
    }

    fn render(&mut self, template: &str, view: &impl Serialize) -> Option<String> {
        TEMPLATES.write(template, view, &self.context.this().name, self.diagnostics)
    }

    fn add(&mut self, name: &str, kind: Kind, text: String, mode: &str) {
        let (path, installed, origin) =
            (format!("{}/{name}", self.folder), self.installed(name), self.origin());
        self.artifacts.install(&path, Artifact::new(kind, text, origin), &installed, mode);
    }

    fn scripts(&mut self) {
        let view = self.view;
        let names = ["backup.sh", "check.sh", "common.sh", "drill.sh", "restore.sh"];
        let sometimes =
            [("dump.sh", view.has_dumps), ("sftp.sh", view.repository.server.is_some())];
        let sometimes = sometimes.into_iter().filter_map(|(name, wanted)| wanted.then_some(name));
        for name in names.into_iter().chain(sometimes) {
            if let Some(text) = self.render(&format!("{name}.j2"), view) {
                self.add(name, Kind::Shell, text, "0755");
            }
        }
    }

    fn lists(&mut self) {
        let view = self.view;
        // `sftp.sh` gives the server this name with `HostKeyAlias`, whatever its address is.
        let known_hosts: Vec<String> =
            view.repository.host_key.iter().map(|key| format!("repository {key}")).collect();
        let mut lists = vec![("mounts".to_owned(), &view.mounts)];
        if !known_hosts.is_empty() {
            lists.push(("known_hosts".to_owned(), &known_hosts));
        }
        for (class, sources) in &view.sources {
            lists.push((format!("{}.sources", class.name()), &sources.paths));
            lists.push((format!("{}.excludes", class.name()), &sources.excludes));
        }
        for (class, dumps) in &view.awaited {
            lists.push((format!("{}.dumps", class.name()), dumps));
        }
        for (name, lines) in lists {
            if let Some(text) = self.render("lines.txt.j2", &Lines { lines }) {
                self.add(&name, Kind::Text, text, "0644");
            }
        }
    }

    fn folders(&mut self) {
        let view = self.view;
        if let Some(body) = self.render("folders.sh.j2", &Folders { folders: &view.folders }) {
            let origin = self.origin();
            self.artifacts.step(
                Slot::FOLDERS,
                &format!("backup-{}", view.service),
                &[&format!("{}/", self.folder)],
                &body,
                origin,
            );
        }
    }

    fn units(&mut self) {
        let service = &self.view.service;
        for (class, schedule) in &self.backup.schedule {
            let name = class.name();
            let commands = vec![format!("{} {name}", self.installed("backup.sh"))];
            self.unit(
                &BackupPlan::unit(service, name),
                &format!("The {name} backup of {service}"),
                commands,
                schedule,
            );
        }
        if let Some(schedule) = &self.backup.check {
            // systemd runs the second command of a oneshot unit only if the first one succeeded.
            let commands = vec![self.installed("check.sh"), self.installed("drill.sh")];
            self.unit(
                &BackupPlan::unit(service, "check"),
                &format!("The check and restore drill of {service}"),
                commands,
                schedule,
            );
        }
    }

    /// Adds a service and the timer that starts it.
    fn unit(&mut self, name: &str, description: &str, commands: Vec<String>, schedule: &Cron) {
        let view = self.view;
        let writes = view.writes.iter().map(|path| sandbox_path(path)).collect();
        let unit = ServiceUnit { service: &view.service, description, commands, writes };
        let timezone = &self.context.model().lab.timezone;
        let timer = TimerUnit { description, calendar: schedule.calendar(), timezone };
        let (Some(unit), Some(timer)) =
            (self.render("unit.service.j2", &unit), self.render("unit.timer.j2", &timer))
        else {
            return;
        };
        let origin = vec![format!("service {}", view.service)];
        // Only the timer is enabled. Starting the service itself would run a backup within the
        // apply.
        self.artifacts.unit(
            &format!("{name}.service"),
            UnitAction::Install,
            unit,
            origin.clone(),
            Vec::new(),
        );
        self.artifacts.unit(
            &format!("{name}.timer"),
            UnitAction::EnableStart,
            timer,
            origin,
            Vec::new(),
        );
    }
}

#[derive(Serialize)]
struct Lines<'v> {
    lines: &'v [String],
}

#[derive(Serialize)]
struct Folders<'v> {
    folders: &'v [String],
}

#[derive(Serialize)]
struct ServiceUnit<'v> {
    service: &'v str,
    description: &'v str,
    commands: Vec<String>,
    writes: Vec<String>,
}

#[derive(Serialize)]
struct TimerUnit<'v> {
    description: &'v str,
    calendar: String,
    timezone: &'v str,
}

/// Writes a path that a sandbox opens as one word of a unit file. There, `%` begins a specifier,
/// and a backslash is literal.
///
/// A path with both kinds of quotes can't be written in a unit file. Its folder is opened instead.
fn sandbox_path(path: &str) -> String {
    let quote = if path.contains('"') { '\'' } else { '"' };
    match path.rsplit_once('/') {
        Some((folder, _)) if path.contains(quote) => {
            sandbox_path(if folder.is_empty() { "/" } else { folder })
        }
        // With the hyphen, systemd starts the unit although the path is missing. The script then
        // says what is missing.
        _ => format!("{quote}-{}{quote}", path.replace('%', "%%")),
    }
}

#[cfg(test)]
mod tests {
    use super::sandbox_path;

    #[test]
    fn a_path_is_one_word() {
        assert_eq!(sandbox_path("/mnt/backups"), r#""-/mnt/backups""#);
        assert_eq!(sandbox_path(r"/srv/50% \ of"), r#""-/srv/50%% \ of""#);
        assert_eq!(sandbox_path(r#"/srv/a"b"#), r#"'-/srv/a"b'"#);
        assert_eq!(sandbox_path(r#"/srv/it's/"x"/y"#), r#""-/srv/it's""#);
    }
}

//! What is kept, where, and what saves it.

use super::{Collector, Family};
use crate::diag::suspect::without_password;
use crate::model::{Data, Database, Dataset, Pool, PoolLayout, Role, Service};
use crate::plan::store::Store;
use crate::plan::{Coverage, Plan};

pub(super) fn collect(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    states(plan, facts);
    storage(plan, facts);
    backups(plan, facts);
    copies(plan, facts);
}

fn states(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for kept in &plan.states {
        let service = &model[kept.service];
        let machine = facts.machine(&model[service.machine].name).to_owned();
        let name = facts.service(&service.name).to_owned();
        let how = kept.in_words(model);
        let how = match kept.coverage {
            Coverage::Saved => how,
            Coverage::LeftOut => "left out".to_owned(),
            Coverage::Lost => "not saved".to_owned(),
        };
        let store = facts.store(&kept.store, model);
        let place = format!("{} on {machine}, {store}", kept.state.path);
        facts.add(Family::State, "", &name, &kept.state.name, place);
        facts.add(Family::Saved, "", &name, &kept.state.name, how);
    }
    for service in &model.services {
        let name = facts.service(&service.name).to_owned();
        // What nothing declares follows from the state that it is looked for in.
        for database in service.databases.iter().filter(|one| one.is_declared()) {
            let engine = database.engine.name().to_owned();
            let engine = match &database.major {
                _ if database.engine.is_on_disk() => engine,
                Some(major) => format!("{engine} {major}"),
                None => format!("{engine} of an unknown version"),
            };
            facts.add(Family::Database, "", &name, own_name(database, service), engine);
        }
    }
}

/// Returns the name of a database without that of its service, which may be another one tomorrow.
fn own_name<'d>(database: &'d Database, service: &Service) -> &'d str {
    let own = database.name.strip_prefix(&service.name).and_then(|rest| rest.strip_prefix('-'));
    own.unwrap_or(&database.name)
}

fn storage(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for machine in &model.machines {
        let name = facts.machine(&machine.name).to_owned();
        for pool in &machine.pools {
            let disks: Vec<String> = pool
                .disks
                .iter()
                .filter_map(|index| machine.disks.get(*index as usize))
                .map(|disk| format!("{} ({})", disk.name, disk.device))
                .collect();
            let value = format!("{} of {}", layout(pool), disks.join(" and "));
            facts.add(Family::Pool, &name, &pool.name, "", value);
            for dataset in &pool.datasets {
                let path = format!("{}/{}", pool.name, dataset.name);
                facts.add(Family::Dataset, &name, &path, "", &dataset.mountpoint);
                if let Some(class) = &dataset.backup {
                    facts.add(Family::StoreSaved, &name, &path, "", class.value.name());
                }
                for (age, count) in ages(dataset).into_iter().filter(|(_, count)| *count > 0) {
                    facts.add(Family::Snapshots, &name, &path, age, count.to_string());
                }
                if let Some(quota) = &dataset.quota {
                    facts.add(Family::Limit, &name, &path, "quota", quota.value.to_string());
                }
                if let Some(size) = &dataset.reservation {
                    facts.add(Family::Limit, &name, &path, "reservation", size.to_string());
                }
                if let Some(size) = &dataset.recordsize {
                    facts.add(Family::Layout, &name, &path, "record size", size.to_string());
                }
                facts.add(Family::Layout, &name, &path, "compression", &dataset.compression);
            }
        }
        for export in &machine.exports {
            facts.add(Family::Export, &name, &export.name, "", &export.path);
            if let Some(class) = &export.backup {
                let export = format!("export {}", export.name);
                facts.add(Family::StoreSaved, &name, &export, "", class.value.name());
            }
        }
        for share in &machine.shares {
            let source = facts.store(&Store::from(&share.source), model);
            let how = if share.read_only { ", read-only" } else { "" };
            let user = share.login.as_ref().map(|login| format!(" as {}", login.user));
            let value =
                format!("{source} by {}{}{how}", share.via.name(), user.unwrap_or_default());
            facts.add(Family::Share, &name, &share.at, "", value);
        }
        if let Some(guest) = &machine.guest {
            for disk in &guest.disks {
                let storage = disk.storage.as_ref().unwrap_or(&guest.storage);
                let value = format!("{} on {storage}", disk.size);
                facts.add(Family::GuestDisk, &name, &disk.name, "", value);
            }
        }
    }
}

const fn layout(pool: &Pool) -> &'static str {
    match pool.layout {
        PoolLayout::Stripe => "stripe",
        PoolLayout::Mirror => "mirror",
        PoolLayout::Raidz => "raidz",
        PoolLayout::Raidz2 => "raidz2",
    }
}

const fn ages(dataset: &Dataset) -> [(&'static str, u32); 4] {
    let kept = dataset.snapshots;
    [
        ("hourly", kept.hourly),
        ("daily", kept.daily),
        ("weekly", kept.weekly),
        ("monthly", kept.monthly),
    ]
}

fn backups(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let model = plan.model;
    for planned in &plan.backups {
        let service = &model[planned.service];
        let name = facts.service(&service.name).to_owned();
        for source in &planned.sources {
            let but = match source.exclude.len() {
                0 => String::new(),
                _ => format!(" without {}", source.exclude.join(" ")),
            };
            let value = format!("{}{but}", source.class.name());
            facts.add(Family::BackupSource, "", &name, &source.path, value);
        }
        for (class, cron) in &planned.schedule {
            facts.add(Family::BackupRun, "", &name, class.name(), cron.as_str());
        }
        for dump in &planned.dumps {
            let owner = &model[dump.service];
            if !model.database(dump.service, dump.database).is_declared() {
                continue;
            }
            let database = owner.databases.get(dump.database as usize);
            let database = database.map_or("", |database| own_name(database, owner));
            let part = format!("{} of {}", database, facts.service(&owner.name));
            facts.add(Family::Dump, "", &name, &part, dump.class.name());
        }
    }
    for service in &model.services {
        let name = facts.service(&service.name).to_owned();
        let Some(backup) = &service.backup else { continue };
        facts.add(Family::Repository, "", &name, "", without_password(&backup.repository.value));
        for (age, count) in &backup.keep {
            facts.add(Family::Keep, "", &name, age, count.to_string());
        }
        let check = backup.check.as_ref().map_or("never", |cron| cron.as_str());
        facts.add(Family::BackupRun, "", &name, "check", check);
    }
}

fn copies(plan: &Plan<'_>, facts: &mut Collector<'_>) {
    let services = plan.model.services.iter().filter(|service| service.has(Role::Copy));
    for service in services {
        let name = facts.service(&service.name).to_owned();
        let option = |name: &str| service.options.get(name).map_or(&[][..], Data::items);
        let remote = option("remote").first().and_then(Data::as_text).unwrap_or_default();
        for folder in option("folder").iter().filter_map(Data::as_text) {
            facts.add(Family::Copied, "", &name, folder, without_password(remote));
        }
    }
}

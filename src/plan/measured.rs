//! Finds out what a Prometheus has metrics about. An alert or a panel makes sense only if its
//! metric exists.

use std::collections::BTreeSet;

use super::Plan;
use crate::model::{BackupClass, Data, MachineId, Role, ServiceId, ShareTransport};

/// The things that one Prometheus has metrics about.
#[derive(Debug)]
pub struct Measured {
    /// Machines with a node exporter.
    pub machines: BTreeSet<MachineId>,
    /// Whether one of them is bare metal.
    pub bare_metal: bool,
    /// Whether one of them says which of its units have failed.
    pub units: bool,
    /// Whether one of them has snapshots.
    pub snapshots: bool,
    /// Whether one of them mounts NFS.
    pub nfs: bool,
    /// Machines whose containers are measured.
    pub containers: BTreeSet<MachineId>,
    /// Whether it measures itself.
    pub itself: bool,
    /// Whether an Alertmanager receives its alerts.
    pub alertmanager: bool,
    /// Whether it measures an Alertmanager, and so the delivery of alerts.
    pub delivery: bool,
    /// Whether an Alertmanager hands on an alert that always fires.
    pub heartbeat: bool,
    /// Whether routes are probed.
    pub routes: bool,
    /// Whether databases of measured machines are dumped.
    pub dumps: bool,
    /// The backup services of measured machines, with each of their classes.
    pub backups: BTreeSet<(ServiceId, BackupClass)>,
}

impl Measured {
    /// Finds out what a Prometheus has metrics about.
    pub(super) fn of(plan: &Plan<'_>, prometheus: ServiceId) -> Self {
        let model = plan.model;
        let scrapes = || plan.scrapes.iter().filter(move |scrape| scrape.by == prometheus);
        let any = |role| scrapes().any(|scrape| model[scrape.endpoint.service].has(role));
        let with = |role| {
            scrapes()
                .filter(move |scrape| model[scrape.endpoint.service].has(role))
                .map(|scrape| scrape.machine)
        };
        let machines: BTreeSet<_> = with(Role::NodeExporter).collect();
        let backups = plan.backups.iter().flat_map(|backup| {
            let service = backup.service;
            backup.schedule.keys().map(move |class| (service, *class))
        });
        Self {
            dumps: plan
                .backups
                .iter()
                .flat_map(|backup| &backup.dumps)
                .map(|dump| dump.machine)
                .chain(plan.dump_jobs.iter().map(|job| job.machine))
                .any(|machine| machines.contains(&machine)),
            bare_metal: machines.iter().any(|machine| model[*machine].guest.is_none()),
            units: machines.iter().any(|machine| model[*machine].kind.offers().system),
            snapshots: machines.iter().any(|machine| model[*machine].snapshots().next().is_some()),
            nfs: machines.iter().any(|machine| {
                model[*machine].shares.iter().any(|share| share.via == ShareTransport::Nfs)
            }),
            containers: with(Role::ContainerExporter).collect(),
            itself: scrapes().any(|scrape| scrape.endpoint.service == prometheus),
            alertmanager: plan.alertmanagers(prometheus).next().is_some(),
            delivery: any(Role::Alertmanager),
            heartbeat: plan
                .alertmanagers(prometheus)
                .any(|(endpoint, _)| model[endpoint.service].option("heartbeat") != &Data::None),
            routes: plan.prober(prometheus).is_some(),
            backups: backups
                .filter(|(service, _)| machines.contains(&model[*service].machine))
                .collect(),
            machines,
        }
    }
}

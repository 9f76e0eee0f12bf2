//! Checks a whole lab against rules, one in each file, registered in [`RULES`].
//!
//! A rule reads the plan and adds findings. It repairs nothing and does not depend on other rules.

pub mod accept;
mod account_unknown;
mod acme_out_of_reach;
mod acme_private_domain;
mod address_twice;
mod address_unknown;
mod admin_exposed;
mod admin_without_key;
mod alert_expression_broken;
mod alerts_reach_nobody;
mod backup_across_zones;
mod backup_leaves_out_all;
mod backup_of_itself;
mod backup_repository_too_small;
mod backup_same_disk;
mod bridge_not_of_host;
mod client_without_password;
mod container_name_twice;
mod container_not_linked;
mod container_prefix_unfit;
mod container_without_runtime;
mod cores_overcommit;
mod cpus_above_machine;
mod dashboard_without_metrics;
mod database_apart_from_files;
mod database_on_nfs;
mod database_published;
mod database_shared;
mod database_without_dump;
mod dependency_circle;
mod dependency_never_met;
mod device_not_passed;
mod device_twice;
mod disk_overcommit;
mod dns_asks_itself;
mod export_twice;
mod families_disjoint;
mod folder_moved;
mod gateway_to_itself;
mod gpu_undeclared;
mod guest_id_twice;
mod guest_too_small;
mod host_port_twice;
mod image_of_another_program;
mod image_retired;
mod images_disagree;
mod internal_network_leads_nowhere;
mod joined_name_twice;
mod left_to_a_person;
mod loopback_opened;
mod memory_below_need;
mod memory_overcommit;
mod mount_below_read_only;
mod mount_twice;
mod mount_without_source;
mod name_leads_elsewhere;
mod name_server_silent;
mod name_too_long;
mod name_without_dns;
mod networks_overlap;
mod own_address_unfit;
mod own_address_unused;
mod places;
mod pool_impossible;
mod port_at_foreign_address;
mod port_moved;
mod port_published_by_hand;
pub mod programs;
mod proxmox_too_old;
mod raw_names_nothing;
mod route_open_to_nobody;
mod route_to_itself;
mod route_twice;
mod router_with_one_card;
mod schedule_at_clock_change;
mod scrape_without_exporter;
mod settings_disagree;
mod share_across_zones;
mod share_circle;
mod share_transport_unsupported;
mod sockets;
mod state_shared;
mod state_without_backup;
pub mod system_path;
mod system_unit;
mod systems;
mod too_many_devices;
mod typed_secret;
mod units;
mod unpinned_base;
mod unpinned_image;
mod unused_secret;
mod variable_without_effect;
mod vpn_network_unfit;
mod vpn_reaches_nothing;
mod zone_inside_trusted_cidr;

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::model::{Container, Service};
use crate::plan::Plan;
use crate::resolve::codes::{ASSERTION_FAILED, UNMET_NEED};

pub use alerts_reach_nobody::RECEIVERS;

/// A rule: the code that it raises and the function that finds it.
#[derive(Debug)]
pub struct Rule {
    /// The code of its findings.
    pub code: &'static Code,
    /// Checks the lab.
    pub check: fn(&Plan<'_>, &mut Diagnostics),
}

/// The rules. Their order does not matter.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub static RULES: &[&Rule] = &[
    &account_unknown::RULE,
    &acme_out_of_reach::RULE,
    &acme_private_domain::RULE,
    &address_twice::RULE,
    &address_unknown::RULE,
    &admin_exposed::RULE,
    &admin_without_key::RULE,
    &alert_expression_broken::RULE,
    &alerts_reach_nobody::RULE,
    &backup_across_zones::RULE,
    &backup_leaves_out_all::RULE,
    &backup_of_itself::RULE,
    &backup_repository_too_small::RULE,
    &backup_same_disk::RULE,
    &container_name_twice::RULE,
    &container_not_linked::RULE,
    &container_prefix_unfit::RULE,
    &container_without_runtime::RULE,
    &bridge_not_of_host::RULE,
    &client_without_password::RULE,
    &cores_overcommit::RULE,
    &cpus_above_machine::RULE,
    &dashboard_without_metrics::RULE,
    &database_apart_from_files::RULE,
    &database_on_nfs::RULE,
    &database_published::RULE,
    &database_shared::RULE,
    &database_without_dump::RULE,
    &dependency_circle::RULE,
    &dependency_never_met::RULE,
    &device_not_passed::RULE,
    &device_twice::RULE,
    &disk_overcommit::RULE,
    &dns_asks_itself::RULE,
    &export_twice::RULE,
    &families_disjoint::RULE,
    &folder_moved::RULE,
    &gateway_to_itself::RULE,
    &gpu_undeclared::RULE,
    &guest_id_twice::RULE,
    &guest_too_small::RULE,
    &host_port_twice::RULE,
    &image_of_another_program::RULE,
    &image_retired::RULE,
    &images_disagree::RULE,
    &internal_network_leads_nowhere::RULE,
    &joined_name_twice::RULE,
    &left_to_a_person::RULE,
    &loopback_opened::RULE,
    &memory_below_need::RULE,
    &memory_overcommit::RULE,
    &mount_below_read_only::RULE,
    &mount_twice::RULE,
    &mount_without_source::RULE,
    &name_leads_elsewhere::RULE,
    &name_without_dns::RULE,
    &name_server_silent::RULE,
    &name_too_long::RULE,
    &networks_overlap::RULE,
    &own_address_unfit::RULE,
    &own_address_unused::RULE,
    &pool_impossible::RULE,
    &port_at_foreign_address::RULE,
    &port_moved::RULE,
    &port_published_by_hand::RULE,
    &proxmox_too_old::RULE,
    &raw_names_nothing::RULE,
    &route_open_to_nobody::RULE,
    &route_to_itself::RULE,
    &route_twice::RULE,
    &router_with_one_card::RULE,
    &schedule_at_clock_change::RULE,
    &scrape_without_exporter::RULE,
    &settings_disagree::RULE,
    &share_across_zones::RULE,
    &share_circle::RULE,
    &share_transport_unsupported::RULE,
    &state_shared::RULE,
    &state_without_backup::RULE,
    &system_path::RULE,
    &system_unit::RULE,
    &too_many_devices::RULE,
    &typed_secret::RULE,
    &unpinned_base::RULE,
    &unpinned_image::RULE,
    &unused_secret::RULE,
    &variable_without_effect::RULE,
    &vpn_network_unfit::RULE,
    &vpn_reaches_nothing::RULE,
    &zone_inside_trusted_cidr::RULE,
];

/// The codes of findings that something is missing or unused. They are unreliable if a part of the
/// lab is left out.
pub static ABSENCES: &[&Code] = &[
    &accept::UNUSED,
    alerts_reach_nobody::RULE.code,
    dashboard_without_metrics::RULE.code,
    name_without_dns::RULE.code,
    scrape_without_exporter::RULE.code,
    state_without_backup::RULE.code,
    UNUSED_SECRET,
    vpn_reaches_nothing::RULE.code,
    &UNMET_NEED,
];

/// The codes of findings that a declaration in another file may prevent although the finding's
/// place doesn't name it.
pub static SATISFIED_ELSEWHERE: &[&Code] =
    &[acme_private_domain::RULE.code, &ASSERTION_FAILED, &UNMET_NEED];

/// The code of findings that a service can't run where it is, so that nothing else about it counts
/// yet.
pub static CONTAINER_WITHOUT_RUNTIME: &Code = container_without_runtime::RULE.code;

/// The code of [`ABSENCES`] that is unreliable as soon as a service has an unknown option, because
/// the option may have been a secret.
pub static UNUSED_SECRET: &Code = unused_secret::RULE.code;

/// The code of findings that a folder is missing, which a share may have put there that is not read
/// because of another fault.
pub static MOUNT_WITHOUT_SOURCE: &Code = mount_without_source::RULE.code;

/// Runs every rule. No service may have the name of one of `own_folders`, the folders of a payload
/// that belong to no service.
pub fn check(plan: &Plan<'_>, own_folders: &BTreeSet<&str>, diagnostics: &mut Diagnostics) {
    run(plan, own_folders, |_| true, diagnostics);
}

/// Runs the rules that find errors, as [`check`] does, and no others.
pub fn errors(plan: &Plan<'_>, own_folders: &BTreeSet<&str>, diagnostics: &mut Diagnostics) {
    run(plan, own_folders, |rule| rule.code.severity == Severity::Error, diagnostics);
}

fn run(
    plan: &Plan<'_>,
    own_folders: &BTreeSet<&str>,
    is_wanted: impl Fn(&Rule) -> bool + Sync,
    diagnostics: &mut Diagnostics,
) {
    // Each rule has findings of its own, which are joined in the order of the rules. So their order
    // does not depend on the threads.
    let found: Vec<Diagnostics> = RULES
        .par_iter()
        .filter(|rule| is_wanted(rule))
        .map(|rule| {
            let mut found = Diagnostics::default();
            (rule.check)(plan, &mut found);
            found
        })
        .collect();
    for found in found {
        diagnostics.append(found);
    }
    container_name_twice::check_folders(plan.model, own_folders, diagnostics);
}

/// Starts a finding about the image of a container: at the place where the service sets it, or else
/// at the service.
fn about_image(
    code: &'static Code,
    service: &Service,
    container: &Container,
    message: String,
) -> Diagnostic {
    Diagnostic::new(code, service.option_span("image"), message)
        .label(container.span, format!("the image of container `{}`", container.name))
        .on(service.name.clone())
}

//! Builds our own dashboards: the lab at a glance, machines, containers. A panel is shown only if
//! its metrics exist.

use std::fmt::Write as _;

use super::panels::{Board, Panel, bar_gauge, stat, table, text, time_series};
use crate::format::markdown_text;
use crate::plan::Measured;
use crate::plan::Plan;

/// The colours of a percentage of use.
const FULL: &[(f64, &str)] = &[(80.0, "orange"), (95.0, "red")];

/// The selector of file systems that store data.
const REAL: &str = r#"fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nfs.*|fuse.*""#;

/// The selector of what is scraped, without the probes: their job is up whenever the blackbox
/// exporter is, whatever becomes of the routes.
const UP: &str = r#"up{job!="probe:routes"}"#;

/// Builds the overview of the lab.
pub(super) fn overview<'b>(plan: &Plan<'_>, measured: &Measured, datasource: &'b str) -> Board<'b> {
    let firing = r#"ALERTS{alertstate="firing",alertname!="Heartbeat"}"#;
    let mut panels = vec![
        // Without `or vector(0)`, Grafana would show no data instead of a zero.
        stat("Alerts that fire", "none", (&format!("count({firing}) or vector(0)"), "firing"))
            .coloured("green", &[(1.0, "red")]),
        stat(
            "Services that do not answer",
            "none",
            (&format!("count({UP} == 0) or vector(0)"), "down"),
        )
        .coloured("green", &[(1.0, "red")]),
        // A machine is up if anything on it answers, but a service only if all of it does.
        stat("Machines", "none", (&format!("max by (machine) ({UP})"), "{{machine}}"))
            .up_or_down()
            .sized(12, 4),
        table("Alerts", firing, &["alertname", "severity", "machine", "service"]),
        stat("Services", "none", (&format!("min by (service) ({UP})"), "{{service}}"))
            .up_or_down()
            .sized(12, 8),
    ];
    if !measured.backups.is_empty() {
        let age = "time() - max by (machine, backup, class) \
                   (labwright_backup_last_success_timestamp_seconds)";
        panels.push(
            stat("Age of the newest backup", "s", (age, "{{backup}} {{class}}")).sized(12, 8),
        );
    }
    if !measured.machines.is_empty() {
        // ZFS's cache is not available to the kernel's mind, although it shrinks.
        let memory = "100 * (1 - (node_memory_MemAvailable_bytes \
                      + clamp_min(node_zfs_arc_size - node_zfs_arc_c_min, 0) \
                      or node_memory_MemAvailable_bytes) / node_memory_MemTotal_bytes)";
        panels.push(
            bar_gauge("Memory in use", "percent", (memory, "{{machine}}"))
                .coloured("green", FULL)
                .between(0, 100),
        );
        panels.push(disk_use());
    }
    if measured.routes {
        panels.push(
            stat("Routes", "none", ("probe_success", "{{instance}}")).up_or_down().sized(12, 8),
        );
        let days = "(probe_ssl_earliest_cert_expiry - time()) / 86400";
        let soon = &[(7.0, "orange"), (21.0, "green")];
        panels.push(
            bar_gauge("Days that certificates are good for", "none", (days, "{{instance}}"))
                .coloured("red", soon),
        );
    }
    panels.push(text("Machines of the lab", &machines(plan)));
    if !plan.routes.is_empty() {
        panels.push(text("Routes of the lab", &routes(plan)));
    }
    Board {
        uid: "labwright-overview",
        title: format!("{}: overview", plan.model.lab.name),
        datasource,
        variables: &[],
        panels,
    }
}

/// Builds the dashboard of machines.
pub(super) fn machine<'b>(measured: &Measured, datasource: &'b str) -> Option<Board<'b>> {
    if measured.machines.is_empty() {
        return None;
    }
    let here = r#"machine=~"$machine""#;
    let of = |metric: &str| format!("{metric}{{{here}}}");
    let rate =
        |metric: &str, more: &str| format!("rate({metric}{{{here}{more}}}[$__rate_interval])");
    let up = format!("time() - {}", of("node_boot_time_seconds"));
    let busy = format!(
        "100 * (1 - avg by (machine) ({}))",
        rate("node_cpu_seconds_total", r#",mode="idle""#)
    );
    let modes = format!(
        "100 * avg by (machine, mode) ({})",
        rate("node_cpu_seconds_total", r#",mode!="idle""#)
    );
    let memory =
        format!("{} - {}", of("node_memory_MemTotal_bytes"), of("node_memory_MemAvailable_bytes"));
    let swap =
        format!("{} - {}", of("node_memory_SwapTotal_bytes"), of("node_memory_SwapFree_bytes"));
    let received = rate(
        "node_network_receive_bytes_total",
        r#",device!~"lo|veth.*|br-.*|docker.*|tap.*|fwbr.*|fwln.*|fwpr.*""#,
    );
    let sent = rate(
        "node_network_transmit_bytes_total",
        r#",device!~"lo|veth.*|br-.*|docker.*|tap.*|fwbr.*|fwln.*|fwpr.*""#,
    );
    let free = format!("node_filesystem_avail_bytes{{{here},{REAL}}}");
    let mut panels = vec![
        stat("Up for", "s", (&up, "{{machine}}")).sized(24, 4),
        time_series("Processors in use", "percent", &[(&busy, "{{machine}}")]).between(0, 100),
        time_series(
            "Load",
            "short",
            &[(&of("node_load1"), "{{machine}}"), (&of("node_load15"), "{{machine}}, 15 min")],
        ),
        time_series("Processor time by kind", "percent", &[(&modes, "{{machine}} {{mode}}")]),
        time_series(
            "Memory in use",
            "bytes",
            &[(&memory, "{{machine}}"), (&swap, "{{machine}} swap")],
        ),
        time_series("Free space", "bytes", &[(&free, "{{machine}} {{mountpoint}}")]),
        time_series(
            "Disks",
            "Bps",
            &[
                (&rate("node_disk_read_bytes_total", ""), "{{machine}} {{device}} read"),
                (&rate("node_disk_written_bytes_total", ""), "{{machine}} {{device}} written"),
            ],
        ),
        time_series(
            "Disks' time in use",
            "percentunit",
            &[(&rate("node_disk_io_time_seconds_total", ""), "{{machine}} {{device}}")],
        ),
        time_series(
            "Network",
            "Bps",
            &[
                (&received, "{{machine}} {{device}} received"),
                (&sent, "{{machine}} {{device}} sent"),
            ],
        ),
    ];
    if measured.bare_metal {
        // An input that nothing is connected to shows its highest value.
        let hot =
            format!("max by (machine, chip, sensor) ({} < 125)", of("node_hwmon_temp_celsius"));
        let legend = "{{machine}} {{chip}} {{sensor}}";
        panels.push(time_series("Temperature", "celsius", &[(&hot, legend)]));
    }
    if measured.nfs {
        let waited = rate("node_mountstats_nfs_operations_request_time_seconds_total", "");
        let requests = rate("node_mountstats_nfs_operations_requests_total", "");
        let latency = format!(
            "sum by (machine, export) ({waited}) / (sum by (machine, export) ({requests}) > 0)"
        );
        panels.push(time_series(
            "NFS: time for one operation",
            "s",
            &[(&latency, "{{machine}} {{export}}")],
        ));
    }
    Some(Board {
        uid: "labwright-machines",
        title: "Machines".to_owned(),
        datasource,
        variables: &[("machine", "label_values(node_boot_time_seconds, machine)")],
        panels,
    })
}

/// Builds the dashboard of containers.
pub(super) fn containers<'b>(measured: &Measured, datasource: &'b str) -> Option<Board<'b>> {
    if measured.containers.is_empty() {
        return None;
    }
    let here = r#"machine=~"$machine",name=~"$container",name!="""#;
    let rate = |metric: &str| {
        format!("sum by (machine, name) (rate({metric}{{{here}}}[$__rate_interval]))")
    };
    let legend = "{{machine}} {{name}}";
    let memory = format!("container_memory_working_set_bytes{{{here}}}");
    let started = format!("time() - container_start_time_seconds{{{here}}}");
    let panels = vec![
        time_series("Processors", "short", &[(&rate("container_cpu_usage_seconds_total"), legend)]),
        time_series("Memory", "bytes", &[(&memory, legend)]),
        time_series("Received", "Bps", &[(&rate("container_network_receive_bytes_total"), legend)]),
        time_series("Sent", "Bps", &[(&rate("container_network_transmit_bytes_total"), legend)]),
        time_series("Read from disk", "Bps", &[(&rate("container_fs_reads_bytes_total"), legend)]),
        time_series(
            "Written to disk",
            "Bps",
            &[(&rate("container_fs_writes_bytes_total"), legend)],
        ),
        stat("Running for", "s", (&started, legend)).sized(24, 8),
    ];
    Some(Board {
        uid: "labwright-containers",
        title: "Containers".to_owned(),
        datasource,
        variables: &[
            ("machine", "label_values(container_last_seen, machine)"),
            (
                "container",
                r#"label_values(container_last_seen{machine=~"$machine",name!=""}, name)"#,
            ),
        ],
        panels,
    })
}

fn disk_use() -> Panel {
    let used = format!(
        "100 * (1 - node_filesystem_avail_bytes{{{REAL}}} \
         / (node_filesystem_size_bytes{{{REAL}}} > 0))"
    );
    bar_gauge("Disks in use", "percent", (&used, "{{machine}} {{mountpoint}}"))
        .coloured("green", FULL)
        .between(0, 100)
}

fn machines(plan: &Plan<'_>) -> String {
    let model = plan.model;
    let mut text = String::from(
        "| machine | kind | address | cores | memory | services |\n|---|---|---|---|---|---|\n",
    );
    for (id, machine) in model.machines() {
        let services: Vec<&str> =
            plan.machine(id).services.iter().map(|service| model[*service].name.as_str()).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            markdown_text(&machine.name),
            machine.kind.name(),
            machine.address().map(|address| address.to_string()).unwrap_or_default(),
            machine.cores.map(|cores| cores.to_string()).unwrap_or_default(),
            machine.memory.as_ref().map(|memory| memory.rounded()).unwrap_or_default(),
            markdown_text(&services.join(", ")),
        );
    }
    text
}

fn routes(plan: &Plan<'_>) -> String {
    let model = plan.model;
    let mut text =
        String::from("| name | leads to | on | through | for |\n|---|---|---|---|---|\n");
    for route in &plan.routes {
        let service = &model[route.service];
        let zones: Vec<&str> = route.from.iter().map(|zone| model[*zone].name.as_str()).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            markdown_text(&route.host),
            markdown_text(&service.name),
            markdown_text(&model[service.machine].name),
            markdown_text(&model[route.via].name),
            markdown_text(&zones.join(", ")),
        );
    }
    text
}

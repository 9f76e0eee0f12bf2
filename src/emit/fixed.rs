//! What the emitters write whatever a lab declares, and why: one sentence for each kind of line.
//!
//! `labwright why` shows the sentence where no declaration decides what a line says.

/// A kind of line that an emitter fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// The path of the file below `payload/`; a star stands for any text.
    pub path: &'static str,
    /// The beginning of the line without its indent. An empty text is any line.
    pub line: &'static str,
    /// The file that writes it, below `src/`.
    pub source: &'static str,
    /// The reason, as one sentence without a final stop.
    pub why: &'static str,
}

const fn fixed(
    path: &'static str,
    line: &'static str,
    source: &'static str,
    why: &'static str,
) -> Fixed {
    Fixed { path, line, source, why }
}

/// Finds why a line is as it is.
pub fn reason(path: &str, line: &str) -> Option<&'static Fixed> {
    let line = line.trim_start();
    FIXED.iter().find(|fixed| line.starts_with(fixed.line) && matches(fixed.path, path))
}

/// Returns whether `path` is what `pattern` says, in which a star is any text.
fn matches(pattern: &str, path: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == path };
    let Some(rest) = path.strip_prefix(head) else { return false };
    (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| matches(tail, rest)))
}

const COMPOSE: &str = "compose/compose.yaml";
const COMPOSE_SOURCE: &str = "emit/compose/definition.rs";

/// The lines, the most special first.
#[rustfmt::skip] // One a line: each is added and removed by itself.
pub const FIXED: &[Fixed] = &[
    fixed("*.sh", "#!/bin/sh", "artifact/step.rs", "scripts are POSIX sh, which every machine has"),
    fixed("*.sh", "set -eu", "artifact/step.rs", "a script stops at the first command that fails, so that no step builds on a broken one"),
    fixed("*.sh", "# shellcheck", "artifact/step.rs", "a value of the lab may contain a dollar sign literally, which shellcheck would report"),
    fixed("*.sh", "# inputs:", "artifact/step.rs", "labctl runs a step again when a file that it names has changed"),
    fixed(COMPOSE, "logging:", COMPOSE_SOURCE, "compose files log to json-file with a limit so that disks don't fill"),
    fixed(COMPOSE, "driver: 'json-file'", COMPOSE_SOURCE, "compose files log to json-file so that disks don't fill"),
    fixed(COMPOSE, "max-", COMPOSE_SOURCE, "each container keeps three logs of 10 MB so that disks don't fill"),
    fixed(COMPOSE, "options:", COMPOSE_SOURCE, "each container keeps three logs of 10 MB so that disks don't fill"),
    fixed(COMPOSE, "restart: 'unless-stopped'", COMPOSE_SOURCE, "containers come back after a crash or a reboot, but not after somebody stopped them"),
    fixed(COMPOSE, "bind:", COMPOSE_SOURCE, "a mount says what to do when its folder is missing"),
    fixed(COMPOSE, "create_host_path:", COMPOSE_SOURCE, "a missing folder is an error, so that no container writes below a mount that is not there"),
    fixed(COMPOSE, "labels:", COMPOSE_SOURCE, "labels say which lab and service a container belongs to"),
    fixed(COMPOSE, "labwright.config:", COMPOSE_SOURCE, "the hash of the files that a container reads makes it anew when they change"),
    fixed(COMPOSE, "labwright.", COMPOSE_SOURCE, "labels say which lab and service a container belongs to"),
    fixed(COMPOSE, "condition:", COMPOSE_SOURCE, "a container starts after the ones that it needs"),
    fixed(COMPOSE, "start_interval:", COMPOSE_SOURCE, "a new container is asked often at first, so that applying a bundle does not wait"),
    fixed(COMPOSE, "start_period:", COMPOSE_SOURCE, "a container has a while to start before it counts as unhealthy"),
    fixed(COMPOSE, "interval:", COMPOSE_SOURCE, "health is asked for twice a minute"),
    fixed(COMPOSE, "timeout:", COMPOSE_SOURCE, "an answer that takes longer counts as none"),
    fixed(COMPOSE, "retries:", COMPOSE_SOURCE, "one lost answer makes no container unhealthy"),
    fixed(COMPOSE, "propagation:", COMPOSE_SOURCE, "mounts that appear on the machine later are seen in the container too"),
    fixed(COMPOSE, "networks:", "emit/compose/file.rs", "all containers of a machine share one network with a fixed prefix, which firewall rules name"),
    fixed(COMPOSE, "default:", "emit/compose/file.rs", "all containers of a machine share one network with a fixed prefix, which firewall rules name"),
    fixed(COMPOSE, "driver_opts:", "emit/compose/file.rs", "the bridge has a name of its own, which firewall rules can name"),
    fixed(COMPOSE, "com.docker.network.bridge.name", "emit/compose/file.rs", "the bridge has a name of its own, which firewall rules can name"),
    fixed(COMPOSE, "ipam:", "emit/compose/file.rs", "the prefix of the network is fixed, so that firewall rules can name it"),
    fixed(COMPOSE, "", COMPOSE_SOURCE, "compose wants the key or the item; what it says follows from the service's module"),
    fixed("compose/containers.tsv", "", "emit/compose/mod.rs", "labctl finds the services of containers in this table"),
    fixed("cloud-init/user-data", "disable_root:", "emit/cloud_init/user_data.rs", "administrators have accounts of their own, and root has no login over ssh"),
    fixed("cloud-init/user-data", "ssh_pwauth:", "emit/cloud_init/user_data.rs", "only keys open ssh, since passwords can be guessed"),
    fixed("cloud-init/user-data", "lock_passwd:", "emit/cloud_init/user_data.rs", "administrators have keys and no password"),
    fixed("cloud-init/user-data", "sudo:", "emit/cloud_init/user_data.rs", "administrators have no password that sudo could ask for"),
    fixed("cloud-init/user-data", "#cloud-config", "emit/cloud_init/user_data.rs", "cloud-init reads a user-data with this first line as YAML"),
    fixed("*cloud-init/*/user-data*", "", "emit/cloud_init/user_data.rs", "the first boot makes the machine fit for its bundle: users, packages, mounts and labctl"),
    fixed("*cloud-init/user-data*", "", "emit/cloud_init/user_data.rs", "the first boot makes the machine fit for its bundle: users, packages, mounts and labctl"),
    fixed("*cloud-init/*network-config", "", "emit/cloud_init/network.rs", "netplan's format, version 2, is what cloud-init writes on Debian"),
    fixed("*cloud-init/*meta-data", "", "emit/cloud_init/mod.rs", "cloud-init takes a machine for new when its instance id changes"),
    fixed("firewall/nftables.nft", "", "emit/firewall/nftables.nft.j2", "one table of our own is loaded in one transaction, so that the machine is never without rules"),
    fixed("firewall/ufw.sh", "", "emit/firewall/ufw.sh.j2", "only rules with our comment are touched, so that rules made by hand stay"),
    fixed("firewall/forward.sh", "", "emit/firewall/forward.sh.j2", "Docker refuses forwarded packets, so a machine that routes says which ones pass"),
    fixed("firewall/*.tsv", "", "emit/firewall/mod.rs", "a table shows reviewers who may reach what"),
    fixed("systemd/labwright-firewall.service", "", "emit/firewall/labwright-firewall.service", "the rules are loaded before the network is up, and again after nftables flushes them"),
    fixed("*.d/*firewall*", "", "emit/firewall/mod.rs", "the firewall is checked before it is loaded, so that a faulty rule locks nobody out"),
    fixed("systemd/labwright-routes.service", "", "emit/routes/mod.rs", "ways to networks behind other machines must come back after a reboot"),
    fixed("systemd/*.mount", "", "emit/machine/mod.rs", "shares are mounted before Docker starts, so that no container writes below a missing mount"),
    fixed("systemd/units.tsv", "", "emit/units/mod.rs", "labctl finds in this table which units are enabled, and what restarts them"),
    fixed("systemd/*.timer", "", "emit/backup/unit.timer.j2", "a timer that was missed while the machine was off runs afterwards"),
    fixed("systemd/*.service", "", "emit/backup/unit.service.j2", "units of ours see no more of the machine than they need"),
    fixed("backup/*", "", "emit/backup/mod.rs", "backups are made by plain scripts around restic, which are the same on every machine"),
    fixed("*/backup.sh", "", "emit/backup/backup.sh.j2", "backups are made by plain scripts around restic, which are the same on every machine"),
    fixed("activate.d/*-backup-*", "", "emit/backup/folders.sh.j2", "a backup needs its folders before it first runs"),
    fixed("activate.d/*-packages.sh", "", "emit/machine/packages.sh.j2", "packages are installed only where they are missing, so that a second run does nothing"),
    fixed("activate.d/*-mounts.sh", "", "emit/machine/mounts.sh.j2", "a mount is checked before anything is written below it"),
    fixed("activate.d/*-folders.sh", "", "emit/machine/folders.sh.j2", "folders have their owner before a container writes to them"),
    fixed("activate.d/*-sysctl.sh", "", "emit/machine/sysctl.sh.j2", "kernel settings take effect without a reboot"),
    fixed("activate.d/*-ssh.sh", "", "emit/machine/ssh.sh.j2", "sshd reads its settings again only after it has checked them"),
    fixed("machine/*", "", "emit/machine/mod.rs", "settings of the machine follow from what its services need"),
    fixed("activate.d/*-images.sh", "", "emit/compose/pull.sh.j2", "images are pulled before anything changes, so that a registry that is down stops the change early"),
    fixed("activate.d/*-running.sh", "", "emit/compose/running.sh.j2", "a script finds out what runs before containers are changed"),
    fixed("activate.d/*-compose.sh", "", "emit/compose/up.sh.j2", "compose brings up what is missing and leaves alone what did not change"),
    fixed("activate.d/*-secret-files.sh", "", "emit/compose/secrets.sh.j2", "a container that reads a changed secret must start again"),
    fixed("activate.d/*-reload-*", "", "emit/compose/reload.sh.j2", "a service that can reload its files need not restart"),
    fixed("activate.d/*-restart-*", "", "emit/compose/restart.sh.j2", "a service that can't reload its files restarts when they change"),
    fixed("activate.d/*-provision-*", "", "emit/npm/provision.sh.j2", "the proxy keeps its routes in a database, which only its own interface may change"),
    fixed("*/reconcile.sh", "", "emit/npm/reconcile.sh", "the proxy keeps its routes in a database, which only its own interface may change"),
    fixed("*/provision.sh", "", "emit/npm/provision.sh.j2", "the proxy keeps its routes in a database, which only its own interface may change"),
    fixed("*/routes.json", "", "emit/npm/mod.rs", "the script that talks to the proxy reads the routes from this file"),
    fixed("activate.d/*-dashboards-*", "", "emit/grafana/fetch-dashboards.sh.j2", "dashboards of grafana.com are fetched once, and kept"),
    fixed("*/fetch-dashboards.sh", "", "emit/grafana/fetch-dashboards.sh.j2", "dashboards of grafana.com are fetched once, and kept"),
    fixed("*/datasources/labwright.yaml", "", "emit/grafana/mod.rs", "dashboards find the lab's metrics and logs under fixed names"),
    fixed("*/dashboards/labwright.yaml", "", "emit/grafana/mod.rs", "grafana reads its dashboards from a folder, and nobody edits them in the browser"),
    fixed("*/dashboards/*.json", "", "emit/grafana/boards.rs", "the boards show what the lab measures, and are the same in every lab that measures it"),
    fixed("*/rules/*.yml", "", "emit/prometheus/alerts.rs", "alerts ask only for what the lab measures, and are the same in every lab that measures it"),
    fixed("*/tests/*.yml", "", "emit/prometheus/alerts.rs", "each alert has a test, which promtool runs"),
    fixed("*/prometheus.yml", "", "emit/prometheus/config.rs", "targets carry the names that alerts and boards ask for"),
    fixed("activate.d/*.service.sh", "", "emit/units/unit.sh.j2", "a unit restarts only when it or its files have changed"),
    fixed("activate.d/*.timer.sh", "", "emit/units/unit.sh.j2", "a unit restarts only when it or its files have changed"),
    fixed("activate.d/*.socket.sh", "", "emit/units/unit.sh.j2", "a unit restarts only when it or its files have changed"),
    fixed("health.d/*-units.sh", "", "emit/units/health.sh.j2", "a change is rolled back when a unit does not run afterwards"),
    fixed("health.d/*-containers.sh", "", "emit/compose/health.sh.j2", "a change is rolled back when a container is not healthy afterwards"),
    fixed("health.d/*-endpoints.sh", "", "emit/machine/endpoints.sh.j2", "a change is rolled back when an endpoint does not answer afterwards"),
    fixed("check.d/*-compose.sh", "", "emit/compose/check.sh.j2", "compose must accept its file before anything changes"),
    fixed("check.d/*-storage.sh", "", "emit/storage/storage.sh.j2", "what would destroy data is refused before anything changes"),
    fixed("*.d/*-storage.sh", "", "emit/storage/storage.sh.j2", "storage is only ever created or changed in place, and never destroyed"),
    fixed("*.d/*-guests.sh", "", "emit/guests/guests.sh.j2", "guests are only ever created or changed in place, and never destroyed"),
    fixed("proxmox/storage.sh", "", "emit/storage/storage.sh.j2", "storage is only ever created or changed in place, and never destroyed"),
    fixed("proxmox/guests.sh", "", "emit/guests/guests.sh.j2", "guests are only ever created or changed in place, and never destroyed"),
    fixed("proxmox/firewall.sh", "", "emit/proxmox_firewall/firewall.sh", "Proxmox keeps its rules in a cluster file system, where files are replaced whole"),
    fixed("proxmox/firewall/*", "", "emit/proxmox_firewall/guest.fw.j2", "the hypervisor refuses what the guest's own firewall refuses, in case the guest is taken over"),
    fixed("storage/*", "", "emit/storage/mod.rs", "snapshots and exports follow from the datasets"),
    fixed("reach/*", "", "emit/reach/mod.rs", "labctl asks these connections, open and closed ones, and compares the answers"),
    fixed("labctl", "", "emit/labctl/parts/main.sh", "labctl is the same on every machine, and each bundle brings it along"),
    fixed("labctl/*", "", "emit/labctl/parts/main.sh", "labctl is the same on every machine, and each bundle brings it along"),
    fixed("RUNBOOK.md", "", "emit/runbook/RUNBOOK.md.j2", "each bundle says in words what an operator must know of its machine"),
    fixed("install.tsv", "", "bundle/tables.rs", "labctl reads in this table where files are installed"),
    fixed("secrets.required", "", "bundle/tables.rs", "labctl refuses a bundle while a secret of this table is missing"),
    fixed("one-way.tsv", "", "bundle/tables.rs", "labctl asks before it changes what can't be undone"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        assert!(matches("activate.d/*-compose.sh", "activate.d/60-compose.sh"));
        assert!(matches("*.sh", "a/b.sh"));
        assert!(!matches("*.sh", "a/b.sh.txt"));
        assert!(!matches("a", "b"));
    }
}

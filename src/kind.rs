//! Names the kinds of emitted files, by the program that reads them.

/// The kind of a file: the program that reads it. The names are those of `manifest.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// cloud-init's user-data.
    CloudInitUserData,
    /// cloud-init's meta-data.
    CloudInitMetaData,
    /// cloud-init's network-config, version 2.
    CloudInitNetworkConfig,
    /// A compose file.
    Compose,
    /// A POSIX sh script.
    Shell,
    /// An nftables file.
    Nftables,
    /// A Proxmox firewall file.
    PveFirewall,
    /// Prometheus' configuration.
    PrometheusConfig,
    /// Prometheus rules.
    PrometheusRules,
    /// Alertmanager's configuration.
    Alertmanager,
    /// Loki's configuration.
    Loki,
    /// Alloy's configuration.
    Alloy,
    /// Grafana provisioning.
    GrafanaProvisioning,
    /// A Grafana dashboard.
    GrafanaDashboard,
    /// Traefik's configuration.
    Traefik,
    /// A Caddyfile.
    Caddy,
    /// A systemd unit.
    SystemdUnit,
    /// A fail2ban jail, filter or action.
    Fail2ban,
    /// `KEY=value` lines.
    Env,
    /// An INI-like file.
    Ini,
    /// JSON.
    Json,
    /// YAML without a kind of its own.
    Yaml,
    /// Markdown.
    Markdown,
    /// Tab-separated lines.
    Table,
    /// Text without a kind of its own.
    Text,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 25] = [
        Self::CloudInitUserData,
        Self::CloudInitMetaData,
        Self::CloudInitNetworkConfig,
        Self::Compose,
        Self::Shell,
        Self::Nftables,
        Self::PveFirewall,
        Self::PrometheusConfig,
        Self::PrometheusRules,
        Self::Alertmanager,
        Self::Loki,
        Self::Alloy,
        Self::GrafanaProvisioning,
        Self::GrafanaDashboard,
        Self::Traefik,
        Self::Caddy,
        Self::SystemdUnit,
        Self::Fail2ban,
        Self::Env,
        Self::Ini,
        Self::Json,
        Self::Yaml,
        Self::Markdown,
        Self::Table,
        Self::Text,
    ];

    /// Returns the word of the manifest.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CloudInitUserData => "cloud-init.user-data",
            Self::CloudInitMetaData => "cloud-init.meta-data",
            Self::CloudInitNetworkConfig => "cloud-init.network-config",
            Self::Compose => "compose",
            Self::Shell => "shell",
            Self::Nftables => "nftables",
            Self::PveFirewall => "pve-firewall",
            Self::PrometheusConfig => "prometheus.config",
            Self::PrometheusRules => "prometheus.rules",
            Self::Alertmanager => "alertmanager",
            Self::Loki => "loki",
            Self::Alloy => "alloy",
            Self::GrafanaProvisioning => "grafana.provisioning",
            Self::GrafanaDashboard => "grafana.dashboard",
            Self::Traefik => "traefik",
            Self::Caddy => "caddy",
            Self::SystemdUnit => "systemd.unit",
            Self::Fail2ban => "fail2ban",
            Self::Env => "env",
            Self::Ini => "ini",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Markdown => "markdown",
            Self::Table => "table",
            Self::Text => "text",
        }
    }
}

//! Defines the words that docker takes: platforms, options of the confinement, drivers of logs.

/// The processors that docker knows images for. Source: `platforms/database.go` of
/// <https://github.com/containerd/platforms>.
const PROCESSORS: &[&str] =
    &["386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"];

/// Returns whether text is a platform of Linux: the system, a processor, and its variant.
pub fn is_platform(text: &str) -> bool {
    let mut parts = text.split('/');
    let system = parts.next() == Some("linux");
    let processor = parts.next().is_some_and(|one| PROCESSORS.contains(&one));
    let variant = parts.next().is_none_or(|variant| {
        variant.strip_prefix('v').is_some_and(|number| number.parse::<u8>().is_ok())
    });
    system && processor && variant && parts.next().is_none()
}

/// Returns whether text is an option of a container's confinement. Source: `parseSecurityOpt` in
/// `daemon/daemon_unix.go` of <https://github.com/moby/moby>.
pub fn is_confinement(text: &str) -> bool {
    if matches!(text, "no-new-privileges" | "writable-cgroups") {
        return true;
    }
    // Docker takes both signs.
    let at = text.find(['=', ':']);
    let Some((name, value)) = at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))) else {
        return false;
    };
    let plain = |value: &str| {
        !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
    };
    match name {
        "no-new-privileges" | "writable-cgroups" => matches!(value, "true" | "false"),
        "seccomp" => matches!(value, "unconfined" | "builtin") || value.starts_with('/'),
        "apparmor" => plain(value),
        "systempaths" => value == "unconfined",
        "label" => {
            let kinds = ["user:", "role:", "type:", "level:", "filetype:"];
            value == "disable"
                || kinds.iter().any(|kind| value.strip_prefix(kind).is_some_and(plain))
        }
        _ => false,
    }
}

/// The options of every driver of logs.
const ANY: &[&str] = &["mode", "max-buffer-size"];
/// The options of what a driver writes of a container.
const ABOUT: &[&str] = &["labels", "labels-regex", "env", "env-regex", "tag"];

/// The drivers that docker has, each with its own options and whether it has those of `ABOUT`.
/// Source: the pages of the drivers in <https://docs.docker.com/engine/logging/drivers/>.
#[rustfmt::skip] // A table is read line by line.
const DRIVERS: &[(&str, &[&str], bool)] = &[
    ("none", &[], false),
    ("local", &["max-size", "max-file", "compress"], false),
    ("json-file", &["max-size", "max-file", "compress"], true),
    ("journald", &[], true),
    ("syslog", &["syslog-address", "syslog-facility", "syslog-tls-ca-cert", "syslog-tls-cert",
        "syslog-tls-key", "syslog-tls-skip-verify", "syslog-format"], true),
    ("gelf", &["gelf-address", "gelf-compression-type", "gelf-compression-level",
        "gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"], true),
    ("fluentd", &["fluentd-address", "fluentd-async", "fluentd-async-reconnect-interval",
        "fluentd-buffer-limit", "fluentd-max-retries", "fluentd-request-ack", "fluentd-retry-wait",
        "fluentd-sub-second-precision", "fluentd-write-timeout"], true),
    ("awslogs", &["awslogs-region", "awslogs-endpoint", "awslogs-group", "awslogs-stream",
        "awslogs-create-group", "awslogs-create-stream", "awslogs-datetime-format",
        "awslogs-multiline-pattern", "awslogs-credentials-endpoint",
        "awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events",
        "awslogs-format"], true),
    ("splunk", &["splunk-token", "splunk-url", "splunk-source", "splunk-sourcetype",
        "splunk-index", "splunk-capath", "splunk-caname", "splunk-insecureskipverify",
        "splunk-format", "splunk-verify-connection", "splunk-gzip", "splunk-gzip-level"], true),
    ("gcplogs", &["gcp-project", "gcp-log-cmd", "gcp-meta-zone", "gcp-meta-name",
        "gcp-meta-id"], true),
];

/// Returns what is wrong with the name of a driver of logs.
pub fn driver_fault(driver: &str) -> Option<String> {
    // A plugin has a name like an image. That of Loki is mostly installed under a short one.
    let plugin = driver.contains(['/', ':']) || driver == "loki";
    let known = plugin || DRIVERS.iter().any(|(name, ..)| *name == driver);
    (!known).then(|| {
        let names: Vec<&str> = DRIVERS.iter().map(|(name, ..)| *name).collect();
        format!("docker has no log driver `{driver}`: there are {}", names.join(", "))
    })
}

/// Returns what is wrong with an option of a driver of logs.
pub fn log_option_fault(driver: &str, name: &str, value: &str) -> Option<String> {
    let (_, own, about) = DRIVERS.iter().find(|(known, ..)| *known == driver)?;
    let known = own.contains(&name) || ANY.contains(&name) || (*about && ABOUT.contains(&name));
    if !known {
        return Some(format!("the log driver `{driver}` has no option `{name}`"));
    }
    let (fits, wanted) = match name {
        "max-size" | "max-buffer-size" => (is_size(value), "a size such as `10m`"),
        "max-file" => (value.parse::<u32>().is_ok_and(|count| count > 0), "a number from 1"),
        "compress" | "syslog-tls-skip-verify" | "fluentd-async" | "fluentd-request-ack" => {
            (matches!(value, "true" | "false"), "`true` or `false`")
        }
        "mode" => (matches!(value, "blocking" | "non-blocking"), "`blocking` or `non-blocking`"),
        "syslog-address" => (
            ["tcp://", "udp://", "tcp+tls://", "unix://", "unixgram://"]
                .iter()
                .any(|scheme| value.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty())),
            "an address such as `udp://192.168.1.5:514`",
        ),
        "gelf-address" => (
            ["tcp://", "udp://"].iter().any(|scheme| value.starts_with(scheme)),
            "an address such as `udp://192.168.1.5:12201`",
        ),
        _ => return None,
    };
    (!fits).then(|| format!("`{name}` can't be `{value}`: write {wanted}"))
}

/// Returns whether text is a number of bytes as docker writes them: `10m`, or `64k`.
pub fn is_size(text: &str) -> bool {
    let number = text.trim_end_matches(['b', 'B']);
    let number = number.strip_suffix(['k', 'K', 'm', 'M', 'g', 'G']).unwrap_or(number);
    text.len() - number.len() <= 2 && number.parse::<f64>().is_ok_and(|number| number > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_docker_are_what_they_are() {
        for right in ["linux/amd64", "linux/arm/v7", "linux/arm64/v8"] {
            assert!(is_platform(right), "{right}");
        }
        for wrong in
            ["amd64", "linux", "linux/sparc", "windows/amd64", "linux/arm/7", "linux/arm/v7/x"]
        {
            assert!(!is_platform(wrong), "{wrong}");
        }
        for right in [
            "no-new-privileges",
            "no-new-privileges:true",
            "seccomp=unconfined",
            "seccomp:/etc/x.json",
            "apparmor:unconfined",
            "label=disable",
            "label:type:container_t",
            "systempaths=unconfined",
        ] {
            assert!(is_confinement(right), "{right}");
        }
        for wrong in
            ["foo", "apparmor", "apparmor=", "seccomp=nope", "label:x", "no-new-privileges:yes", ""]
        {
            assert!(!is_confinement(wrong), "{wrong}");
        }
        assert!(is_size("10m") && is_size("1.5g") && is_size("512") && is_size("64kb"));
        assert!(!is_size("lots") && !is_size("0") && !is_size("5k5") && !is_size(""));
    }

    #[test]
    fn logs_go_where_docker_can_send_them() {
        assert_eq!(driver_fault("journald"), None);
        assert_eq!(driver_fault("grafana/loki-docker-driver:latest"), None);
        assert!(driver_fault("bogus").is_some());
        for (driver, name, value, right) in [
            ("json-file", "max-size", "10m", true),
            ("json-file", "max-size", "lots", false),
            ("json-file", "tag", "{{.Name}}", true),
            ("json-file", "syslog-address", "udp://x", false),
            ("local", "tag", "x", false),
            ("none", "max-size", "1m", false),
            ("syslog", "syslog-address", "192.168.1.5", false),
            ("syslog", "syslog-address", "udp://192.168.1.5:514", true),
            ("local", "max-file", "0", false),
            ("gelf", "mode", "fast", false),
        ] {
            assert_eq!(log_option_fault(driver, name, value).is_none(), right, "{driver} {name}");
        }
    }
}

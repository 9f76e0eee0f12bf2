//! Knows what the kernel takes as the value of a setting. Source:
//! `Documentation/admin-guide/sysctl` and `Documentation/networking/ip-sysctl.rst` of Linux.

/// The first words of all settings.
const ROOTS: &[&str] =
    &["abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm"];

/// The last words of settings whose value is text.
#[rustfmt::skip] // A table is read line by line.
const TEXTS: &[&str] = &[
    "core_pattern", "domainname", "hostname", "modprobe", "poweroff_cmd", "hotplug",
    "printk_devkmsg", "actions_logged", "default_qdisc", "tcp_congestion_control",
    "tcp_allowed_congestion_control", "tcp_fastopen_key", "stable_secret", "scheduler",
    "path_manager", "numa_zonelist_order", "rps_default_mask", "ip_local_reserved_ports",
];

/// The limits of settings that people set often.
#[rustfmt::skip] // A table is read line by line.
const LIMITS: &[(&str, i64, i64)] = &[
    ("net.ipv4.ip_forward", 0, 1), ("net.ipv4.tcp_syncookies", 0, 2),
    ("net.ipv4.ip_unprivileged_port_start", 0, 65_535), ("vm.swappiness", 0, 200),
    ("vm.overcommit_memory", 0, 2), ("vm.dirty_ratio", 0, 100), ("vm.panic_on_oom", 0, 2),
    ("vm.dirty_background_ratio", 0, 100), ("kernel.kptr_restrict", 0, 2),
    ("kernel.dmesg_restrict", 0, 1), ("kernel.randomize_va_space", 0, 2),
];

/// Writes the name of a setting with dots between its words. With a slash between the first two,
/// slashes are what separates words, and dots are part of them.
pub fn dotted(name: &str) -> String {
    if name.find(['.', '/']).is_none_or(|at| name.get(at..=at) == Some(".")) {
        return name.to_owned();
    }
    let swapped = |letter| match letter {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    name.chars().map(swapped).collect()
}

/// Returns what is wrong with a setting and its value.
pub fn fault(name: &str, value: &str) -> Option<String> {
    let name = dotted(name);
    let parts: Vec<&str> = name.split('.').collect();
    let (Some(root), Some(last)) = (parts.first(), parts.last()) else { return None };
    if parts.len() < 2 || !ROOTS.contains(root) || parts.iter().any(|part| part.is_empty()) {
        return Some(format!("the kernel has no setting `{name}`"));
    }
    let free =
        TEXTS.contains(last) || parts.iter().any(|part| matches!(*part, "binfmt_misc" | "nf_log"));
    if free {
        return None;
    }
    let numbers: Option<Vec<i64>> = value.split_whitespace().map(number).collect();
    let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
        return Some(format!("the kernel reads a number as `{name}`, and not `{value}`"));
    };
    let plain = parts.join(".");
    let (_, least, most) = LIMITS.iter().find(|(known, ..)| *known == plain)?;
    let within = numbers.iter().all(|number| (least..=most).contains(&number));
    (!within).then(|| format!("the kernel takes {least} to {most} as `{name}`, and not {value}"))
}

fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        // Some are as large as a processor's word.
        None => text.parse().ok().or_else(|| text.parse::<u64>().ok().map(|_| i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn values_are_what_the_kernel_reads() {
        for (name, value) in [
            ("net.ipv4.ip_forward", "1"),
            ("net/ipv4/conf/eth0.1/rp_filter", "2"),
            ("net.ipv4.ping_group_range", "0 2147483647"),
            ("kernel.core_pattern", "|/usr/bin/x %p"),
            ("net.core.default_qdisc", "fq"),
            ("kernel.shmmax", "18446744073692774399"),
            ("vm.swappiness", "10"),
        ] {
            assert_eq!(fault(name, value), None, "{name} {value}");
        }
        for (name, value) in [
            ("net.ipv4.ip_forward", "yes"),
            ("net.ipv4.ip_forward", "2"),
            ("vm.swappiness", "900"),
            ("bogus.setting", "1"),
            ("vm", "1"),
            ("vm..x", "1"),
            ("fs.inotify.max_user_watches", "many"),
        ] {
            assert!(fault(name, value).is_some(), "{name} {value}");
        }
    }
}

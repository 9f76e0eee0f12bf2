//! Checks the grammar of Proxmox firewall files as we understand it. No program outside a Proxmox
//! host can check them, and Proxmox itself skips a bad line with a warning, which leaves a hole in
//! the firewall.

use super::Verdict;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

/// Checks `cluster.fw` or a guest's `<vmid>.fw` strictly: every line is understood, every name is
/// defined here or in the `cluster.fw` next to it, and the file turns its firewall on.
pub fn pve_firewall(file: &Path) -> Verdict {
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let mut names = Names::default();
    let cluster = file.with_file_name("cluster.fw");
    if cluster.exists() {
        names.collect(&read(&cluster)?);
    }
    let level = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("cluster") => Level::Cluster,
        Some(vmid) if !vmid.is_empty() && vmid.bytes().all(|byte| byte.is_ascii_digit()) => {
            Level::Guest
        }
        _ => return Err(format!("{}: neither cluster.fw nor <vmid>.fw", file.display())),
    };
    let text = read(file)?;
    names.collect(&text);
    check(&text, level, &names).map_err(|why| format!("{}:{why}", file.display()))
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Cluster,
    Guest,
}

/// The names that rules may refer to, in lower case as Proxmox compares them.
#[derive(Default)]
struct Names {
    aliases: BTreeSet<String>,
    sets: BTreeSet<String>,
    groups: BTreeSet<String>,
}

impl Names {
    fn collect(&mut self, text: &str) {
        let mut section = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(header) = line.strip_prefix('[') {
                section = header.split(']').next().unwrap_or_default().to_lowercase();
                match section.split_once(' ') {
                    Some(("ipset", name)) => _ = self.sets.insert(name.trim().to_owned()),
                    Some(("group", name)) => _ = self.groups.insert(name.trim().to_owned()),
                    _ => {}
                }
            } else if section == "aliases"
                && let Some((name, _)) = line.split_once(' ')
            {
                self.aliases.insert(name.to_lowercase());
            }
        }
    }
}

enum Section {
    None,
    Options,
    Aliases,
    Rules,
    Group,
    Set,
}

fn check(text: &str, level: Level, names: &Names) -> Result<(), String> {
    let mut section = Section::None;
    let mut enabled = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.split('#').next().unwrap_or_default().trim_end();
        let verdict = if line.starts_with('[') {
            header(line, level).map(|found| section = found)
        } else {
            match section {
                Section::None => Err("a line before the first section".to_owned()),
                Section::Options => option(line, level).map(|on| enabled |= on),
                Section::Aliases => alias(line),
                Section::Set => member(line, names),
                Section::Rules => rule(line, level, names, true),
                Section::Group => rule(line, level, names, false),
            }
        };
        verdict.map_err(|why| format!("{}: {why}: {line}", number + 1))?;
    }
    if enabled {
        Ok(())
    } else {
        Err(" the firewall is not turned on: no `enable: 1` in [OPTIONS]".to_owned())
    }
}

fn header(line: &str, level: Level) -> Result<Section, String> {
    let inner = line
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or("a section without its bracket")?;
    match inner.to_lowercase().split_once(' ') {
        None if inner.eq_ignore_ascii_case("options") => Ok(Section::Options),
        None if inner.eq_ignore_ascii_case("aliases") => Ok(Section::Aliases),
        None if inner.eq_ignore_ascii_case("rules") => Ok(Section::Rules),
        Some(("group", group)) if level == Level::Cluster => {
            name(group, 18).map(|()| Section::Group)
        }
        Some(("ipset", set)) => name(set, 64).map(|()| Section::Set),
        _ => Err("an unknown section".to_owned()),
    }
}

/// Checks for `[A-Za-z][A-Za-z0-9_-]+` with at most `longest` characters.
fn name(name: &str, longest: usize) -> Result<(), String> {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = bytes.len() > 0
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !starts || !goes_on {
        return Err(format!("`{name}` is no name"));
    }
    if name.len() > longest {
        return Err(format!("`{name}` is longer than {longest} characters"));
    }
    Ok(())
}

const LOG_LEVELS: [&str; 9] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"];
const VERDICTS: [&str; 3] = ["ACCEPT", "DROP", "REJECT"];

/// Checks an option. Returns whether it turns the firewall on.
fn option(line: &str, level: Level) -> Result<bool, String> {
    let (key, value) = line.split_once(": ").ok_or("an option without a value")?;
    let switch = ["0", "1"].contains(&value);
    let known = match (level, key) {
        (_, "enable")
        | (Level::Cluster, "ebtables")
        | (Level::Guest, "dhcp" | "ndp" | "radv" | "macfilter" | "ipfilter" | "ips") => switch,
        (_, "policy_in" | "policy_out") | (Level::Cluster, "policy_forward") => {
            VERDICTS.contains(&value)
        }
        (Level::Cluster, "log_ratelimit") => !value.contains(' '),
        (Level::Guest, "log_level_in" | "log_level_out") => LOG_LEVELS.contains(&value),
        _ => return Err("an unknown option".to_owned()),
    };
    if known {
        Ok(key == "enable" && value == "1")
    } else {
        Err("a value that the option does not take".to_owned())
    }
}

fn alias(line: &str) -> Result<(), String> {
    let (alias, network) = line.split_once(' ').ok_or("an alias without an address")?;
    name(alias, 64)?;
    address(network).map(drop)
}

/// Checks one member of an address set: an address, a network or an alias, with `!` before an
/// exclusion.
fn member(line: &str, names: &Names) -> Result<(), String> {
    let member = line.strip_prefix('!').unwrap_or(line).trim_start();
    if member == "0.0.0.0/0" || member == "::/0" {
        return Err("a set cannot hold a whole address family".to_owned());
    }
    reference(member, &names.aliases, "alias")
        .or_else(|why| address(member).map(drop).map_err(|other| format!("{why}, {other}")))
}

/// Checks that a name, which may have a scope, is defined.
fn reference(word: &str, defined: &BTreeSet<String>, what: &str) -> Result<(), String> {
    let bare = word
        .strip_prefix("dc/")
        .or_else(|| word.strip_prefix("guest/"))
        .unwrap_or(word)
        .to_lowercase();
    if defined.contains(&bare) { Ok(()) } else { Err(format!("no {what} `{word}`")) }
}

/// Checks an address or network. Returns whether it is IPv6.
fn address(text: &str) -> Result<bool, String> {
    let (ip, prefix) = text.split_once('/').map_or((text, None), |(ip, prefix)| (ip, Some(prefix)));
    let ip: IpAddr = ip.parse().map_err(|_| format!("`{text}` is no address"))?;
    let longest = if ip.is_ipv6() { 128 } else { 32 };
    match prefix.map(str::parse::<u8>) {
        Some(Ok(length)) if length <= longest => Ok(ip.is_ipv6()),
        None => Ok(ip.is_ipv6()),
        _ => Err(format!("`{text}` has no such prefix")),
    }
}

fn rule(line: &str, level: Level, names: &Names, groups_allowed: bool) -> Result<(), String> {
    let mut words = line.strip_prefix('|').unwrap_or(line).split_ascii_whitespace();
    let direction = words.next().ok_or("an empty rule")?;
    let action = words.next().ok_or("a rule without an action")?;
    match direction {
        "GROUP" if groups_allowed => reference(action, &names.groups, "group")?,
        "IN" | "OUT" => verdict(action)?,
        "FORWARD" if level == Level::Cluster => verdict(action)?,
        _ => return Err(format!("`{direction}` is no direction")),
    }
    let is_macro = action.contains('(');
    let (mut protocol, mut ports, mut families) = (None, false, BTreeSet::new());
    let mut seen = BTreeSet::new();
    while let Some(key) = words.next() {
        let value = words.next().ok_or_else(|| format!("`{key}` without a value"))?;
        if !seen.insert(key) {
            return Err(format!("`{key}` twice"));
        }
        match key {
            "-i" if value.starts_with("net") || level == Level::Cluster => {}
            _ if direction == "GROUP" => return Err(format!("`{key}` does not go with a group")),
            "-p" if ["tcp", "udp", "icmp", "ipv6-icmp", "sctp", "esp", "ah", "gre"]
                .contains(&value) =>
            {
                protocol = Some(value);
            }
            "-dport" | "-sport" => {
                ports = true;
                port_list(value)?;
            }
            "-source" | "-dest" => families.extend(address_list(value, names)?),
            "-log" if LOG_LEVELS.contains(&value) => {}
            "-icmp-type" if protocol.is_some_and(|protocol| protocol.contains("icmp")) => {}
            _ => return Err(format!("`{key} {value}` is not understood")),
        }
    }
    if ports
        && !is_macro
        && !protocol.is_some_and(|protocol| ["tcp", "udp", "sctp"].contains(&protocol))
    {
        return Err("ports without a protocol that has ports".to_owned());
    }
    if is_macro && (ports || protocol.is_some()) {
        return Err("a macro brings its own protocol and ports".to_owned());
    }
    if families.len() > 1 {
        return Err("IPv4 and IPv6 in one rule".to_owned());
    }
    Ok(())
}

/// Checks `ACCEPT`, or a macro with its verdict such as `SSH(ACCEPT)`.
fn verdict(action: &str) -> Result<(), String> {
    let verdict = match action.split_once('(') {
        Some((macro_name, rest)) if macro_name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            rest.strip_suffix(')').unwrap_or_default()
        }
        _ => action,
    };
    if VERDICTS.contains(&verdict) {
        Ok(())
    } else {
        Err(format!("`{action}` is none of ACCEPT, DROP, REJECT"))
    }
}

/// Checks a port list: at most 15 numbers, where a range counts as two.
fn port_list(list: &str) -> Result<(), String> {
    let mut numbers = 0;
    for item in list.split(',') {
        let bounds: Vec<u16> = item
            .split(':')
            .map(|port| port.parse().map_err(|_| format!("`{item}` is no port")))
            .collect::<Result<_, _>>()?;
        numbers += bounds.len();
        if bounds.len() > 2
            || bounds.contains(&0)
            || bounds.is_sorted_by(|low, high| low >= high) && bounds.len() == 2
        {
            return Err(format!("`{item}` is no range"));
        }
    }
    if numbers > 15 {
        Err(format!("{numbers} numbers in one port list; 15 is the most"))
    } else {
        Ok(())
    }
}

/// Checks an address list, a range, a set or an alias. Returns whether the addresses in it are
/// IPv6.
fn address_list(list: &str, names: &Names) -> Result<Option<bool>, String> {
    if let Some(set) = list.strip_prefix('+') {
        return reference(set, &names.sets, "set").map(|()| None);
    }
    if reference(list, &names.aliases, "alias").is_ok() {
        return Ok(None);
    }
    let families = match list.split_once('-') {
        Some((low, high)) => vec![address(low)?, address(high)?],
        None => list.split(',').map(address).collect::<Result<Vec<_>, _>>()?,
    };
    if families.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(format!("IPv4 and IPv6 in one list: `{list}`"));
    }
    Ok(families.first().copied())
}

const CLUSTER: &str = "[OPTIONS]\n\nenable: 1\npolicy_in: DROP\n\n[ALIASES]\n\nproxy \
                       192.168.1.111\n\n[IPSET lan] # the LAN\n\n\
    192.168.1.0/24\n!192.168.1.111\nfd00:1::/64\n\n[group web]\n\nIN ACCEPT -p tcp -dport 80,443 \
    -log nolog # the proxy\n\n[RULES]\n\n\
    IN SSH(ACCEPT) -source +lan\n|IN DROP -p udp -dport 1000:2000\n";

#[test]
fn accepts_what_proxmox_reads() {
    let guest = "[OPTIONS]\nenable: 1\nndp: 1\nlog_level_in: info\n\n[RULES]\nGROUP web -i \
                 net0\nIN ACCEPT -source dc/proxy -p tcp -dport 8096\n\
        IN ACCEPT -source 10.8.0.0/24,192.168.1.5 -p udp -dport 53\nIN ACCEPT -source \
        fd00::1-fd00::9 -p ipv6-icmp\nOUT ACCEPT\n";
    let sample = super::Sample::new(&[("cluster.fw", CLUSTER), ("101.fw", guest)]);
    pve_firewall(&sample.path("cluster.fw")).expect("the cluster's file");
    pve_firewall(&sample.path("101.fw")).expect("the guest's file");
}

#[test]
fn refuses_what_proxmox_would_skip() {
    let long_list = format!(
        "IN ACCEPT -p tcp -dport {}",
        (1..17).map(|port| port.to_string()).collect::<Vec<_>>().join(",")
    );
    let bad_rules = [
        ("IN ALLOW -p tcp -dport 80", "none of ACCEPT"),
        ("IN ACCEPT -dport 80", "without a protocol"),
        ("IN ACCEPT -p tcp -dport 80 -source 192.168.1.0/24,fd00::/64", "IPv4 and IPv6"),
        ("IN ACCEPT -source 192.168.1.1 -dest fd00::1", "IPv4 and IPv6"),
        ("IN ACCEPT -p tcp -dport 2000:1000", "no range"),
        ("IN ACCEPT -p tcp -dport 70000", "no port"),
        ("IN ACCEPT -p tcp -dports 80", "not understood"),
        ("IN ACCEPT -source +nobody", "no set"),
        ("IN ACCEPT -source nobody", "no address"),
        ("IN ACCEPT -source 192.168.1.0/33", "no such prefix"),
        ("GROUP nobody", "no group"),
        ("IN ACCEPT -i eth0", "not understood"),
        (long_list.as_str(), "15 is the most"),
    ];
    for (rule, words) in bad_rules {
        let guest = format!("[OPTIONS]\nenable: 1\n[RULES]\n{rule}\n");
        refuses("101.fw", &guest, words);
    }
    refuses("101.fw", "[OPTIONS]\nenable: 0\n", "not turned on");
    refuses("101.fw", "[OPTIONS]\nenable: 1\npolicy_forward: DROP\n", "unknown option");
    refuses("101.fw", "[OPTIONS]\nenable: 1\n[group web]\n", "unknown section");
    refuses("guest.fw", "[OPTIONS]\nenable: 1\n", "neither");
    refuses(
        "cluster.fw",
        "[OPTIONS]\nenable: 1\n[group a-name-of-more-than-18]\n",
        "longer than 18",
    );
    refuses("cluster.fw", "[OPTIONS]\nenable: 1\n[IPSET all]\n0.0.0.0/0\n", "whole address family");
}

fn refuses(file: &str, text: &str, words: &str) {
    let refusal = pve_firewall(&super::Sample::new(&[(file, text)]).path(file)).expect_err(text);
    assert!(refusal.contains(words), "`{words}` is missing in: {refusal}");
}

//! Defines the words that are safe to give to programs that run as root: none of them becomes an
//! option, a second word or another line.

use std::net::IpAddr;

/// Returns whether text is free of characters that control a terminal, turn the direction of text
/// or can't be seen. Line breaks and tabs are allowed.
pub fn is_text(text: &str) -> bool {
    !text.chars().any(|character| {
        let blank = matches!(character, '\n' | '\t');
        let turns = matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        );
        turns || (character.is_control() && !blank)
    })
}

/// Returns whether text is one line that no program takes for an option.
pub fn is_line(text: &str) -> bool {
    is_text(text) && !text.contains(['\n', '\t']) && !text.starts_with('-')
}

/// Returns whether text is the value of a setting in a file of lines: blanks at its ends would be
/// lost.
pub fn is_setting(text: &str) -> bool {
    is_text(text) && !text.contains(['\n', '\t']) && !text.is_empty() && text.trim() == text
}

fn all(text: &str, most: usize, valid: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(valid)
}

fn alphanumeric_or(more: &[u8]) -> impl Fn(u8) -> bool {
    move |byte| byte.is_ascii_alphanumeric() || more.contains(&byte)
}

/// Returns whether text is the name of a Debian package, as Debian's policy writes it.
pub fn is_package(text: &str) -> bool {
    let valid =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte);
    text.len() >= 2
        && all(text, 100, valid)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        // `apt-get install x-` removes the package `x`.
        && !text.ends_with('-')
}

/// Returns whether text is the name of a systemd unit, with its suffix.
pub fn is_unit(text: &str) -> bool {
    const SUFFIXES: &[&str] =
        &["service", "socket", "timer", "path", "mount", "automount", "swap", "target", "slice"];
    all(text, 255, alphanumeric_or(br":_.\@-"))
        && !text.starts_with(['-', '.'])
        && text.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix))
}

/// Returns whether text is the name of an environment variable.
pub fn is_variable(text: &str) -> bool {
    all(text, 200, alphanumeric_or(b"_.-"))
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// Returns whether text is a key without blanks, such as that of a label.
pub fn is_key(text: &str) -> bool {
    all(text, 200, |byte| byte.is_ascii_graphic() && !b"=\"'\\$`".contains(&byte))
        && !text.starts_with('-')
}

/// Returns whether text is the name of a kernel setting.
pub fn is_sysctl(text: &str) -> bool {
    all(text, 200, alphanumeric_or(b"_./-"))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// Returns whether a kernel setting is one that a container has for itself. With any other, it does
/// not start. Source: `libcontainer/configs/validate` of <https://github.com/opencontainers/runc>.
pub fn is_sysctl_of_container(text: &str, host_network: bool) -> bool {
    const OWN: &[&str] = &[
        "kernel.domainname",
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shm_rmid_forced",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
    ];
    let name = super::sysctl::dotted(text);
    (name.starts_with("net.") && !host_network)
        || name.starts_with("fs.mqueue.")
        || OWN.contains(&name.as_str())
}

/// The capabilities of Linux, without `CAP_`, and `ALL`. Docker refuses a container with another
/// one. Source: capabilities(7).
#[rustfmt::skip] // A table is read line by line.
const CAPABILITIES: &[&str] = &[
    "ALL", "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF",
    "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID",
    "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE",
    "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW", "PERFMON", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE",
    "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "SYSLOG",
    "WAKE_ALARM",
];

/// Returns whether text is the name of a capability.
pub fn is_capability(text: &str) -> bool {
    CAPABILITIES.contains(&text)
}

/// The signals of Linux, without `SIG`. Source: signal(7).
#[rustfmt::skip] // A table is read line by line.
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE",
    "POLL", "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS", "TERM",
    "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Returns whether text is a signal, by its name or number.
pub fn is_signal(text: &str) -> bool {
    let name = text.strip_prefix("SIG").unwrap_or(text);
    // The signals for programs' own use are counted from both ends: `RTMIN+3`, `RTMAX-1`.
    let counted = ["RTMIN+", "RTMAX-"].iter().find_map(|from| name.strip_prefix(from));
    let number = |text: &str, most| text.parse::<u8>().is_ok_and(|n| (1..=most).contains(&n));
    SIGNALS.contains(&name) || counted.is_some_and(|count| number(count, 15)) || number(text, 64)
}

/// Returns whether text is a path in a container at which docker and the kernel let something be:
/// `:` would end it, and `/proc` is the kernel's.
pub fn is_inside(text: &str) -> bool {
    is_path(text)
        && text != "/"
        && !text.contains(':')
        && text != "/proc"
        && !text.starts_with("/proc/")
}

/// Returns whether text is a folder in memory as docker takes it: a path, and options that change
/// no more than the folder.
pub fn is_tmpfs(text: &str) -> bool {
    let (path, options) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
    let is_option = |option: &str| match option.split_once('=') {
        Some(("mode", mode)) => all(mode, 4, |byte| matches!(byte, b'0'..=b'7')),
        Some(("size", size)) => {
            let number = size.strip_suffix(['k', 'm', 'g', 'K', 'M', 'G', '%']).unwrap_or(size);
            number.parse::<u64>().is_ok_and(|number| number > 0)
        }
        Some(("uid" | "gid" | "nr_inodes", number)) => number.parse::<u32>().is_ok(),
        Some(_) => false,
        None => ["ro", "rw", "exec", "noexec", "suid", "nosuid", "dev", "nodev"].contains(&option),
    };
    let opposed = |options: &str| {
        let has = |word: &str| options.split(',').any(|option| option == word);
        ["ro rw", "exec noexec", "suid nosuid", "dev nodev"]
            .iter()
            .any(|pair| pair.split(' ').all(has))
    };
    is_inside(path)
        && options.is_none_or(|options| options.split(',').all(is_option) && !opposed(options))
}

/// Returns whether text is an absolute path that labctl installs a file at.
pub fn is_installed(text: &str) -> bool {
    is_path(text) && text.bytes().all(alphanumeric_or(b"/._@:+-"))
}

/// Returns whether text is the path of a page, with a query at most, that means the same to every
/// program.
pub fn is_web_path(text: &str) -> bool {
    all(text, 200, alphanumeric_or(b"/_.-?=&")) && text.starts_with('/')
}

/// Returns whether text is the path of a page that every program reads alike, without a query.
pub fn is_web_page(text: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "." | "..");
    all(text, 200, alphanumeric_or(b"/_.-"))
        && text.starts_with('/')
        && !text.contains("//")
        && text.split('/').all(is_plain)
}

/// Returns whether text is a path that pages are below, or `/`.
pub fn is_web_folder(text: &str) -> bool {
    is_web_page(text) && (text == "/" || !text.ends_with('/'))
}

/// Returns whether text is the name of a header of HTTP.
pub fn is_header(text: &str) -> bool {
    all(text, 80, alphanumeric_or(b"-"))
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// Returns whether text is a user or a group.
pub fn is_owner(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    // Docker takes no number above these.
    let number = text.parse::<u64>().is_ok_and(|number| number > 2_147_483_647);
    // `useradd` accepts at most 32 characters.
    !text.is_empty()
        && text.len() <= 32
        && !text.starts_with('-')
        && text.bytes().all(valid)
        && !number
}

/// Returns whether text is an absolute path without detours.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text.len() <= 1024
        && is_line(text)
        && !text.split('/').any(|part| part == ".." || part == "." || part.len() > 255)
        && !text.contains("//")
        // A part like these is most likely in a list that was written as one value.
        && !text.split('/').any(|part| part.ends_with([' ', ',']) || part.starts_with(' '))
        && (text.len() == 1 || !text.ends_with('/'))
}

/// Returns whether text is a name with an address, as a line of a hosts file has them.
pub fn is_host_line(text: &str) -> bool {
    // Compose takes both signs.
    let at = text.find(['=', ':']);
    let Some((name, address)) = at.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)))
    else {
        return false;
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let address = address.trim_matches(['[', ']']);
    !name.is_empty()
        && !name.starts_with(['-', '.'])
        && name.bytes().all(plain)
        && (address == "host-gateway" || address.parse::<IpAddr>().is_ok())
}

/// Returns whether text is the path of a device, which a colon would end.
pub fn is_device(text: &str) -> bool {
    is_device_path(text) && !text.contains(':')
}

fn is_device_path(text: &str) -> bool {
    is_path(text) && text.starts_with("/dev/")
}

/// Returns whether text is the path of a disk that stays the same after a restart. Those by UUID
/// and label are of a file system on it, and gone when the disk is used for a pool.
pub fn is_disk(text: &str) -> bool {
    let kept = ["id", "path", "partuuid", "partlabel", "vdev", "diskseq"];
    let name =
        |kind: &str| text.strip_prefix("/dev/disk/by-")?.strip_prefix(kind)?.strip_prefix('/');
    is_device_path(text) && kept.iter().any(|kind| name(kind).is_some_and(|name| !name.is_empty()))
}

/// Returns whether text can be the name of a share for SMB. Samba has some itself.
pub fn is_share_name(text: &str) -> bool {
    const OWN: &[&str] = &["global", "homes", "printers", "print", "ipc", "admin"];
    all(text, 80, alphanumeric_or(b"._-"))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !OWN.contains(&text.to_ascii_lowercase().as_str())
}

/// Returns whether text is a public key of `WireGuard`: 32 bytes in Base64.
pub fn is_wireguard_key(text: &str) -> bool {
    let key = text.strip_suffix('=').filter(|key| key.len() == 43);
    key.is_some_and(|key| {
        all(key, 43, alphanumeric_or(b"+/"))
            // The 43 letters have two bits more than 32 bytes. In these letters, both are zero.
            && key.ends_with(|last| "AEIMQUYcgkosw048".contains(last))
            // With a key of zeros no two peers agree on anything.
            && key.bytes().any(|byte| byte != b'A')
    })
}

/// Returns whether text is a user, or a user and a group with a colon between them.
pub fn is_account(text: &str) -> bool {
    match text.split_once(':') {
        Some((user, group)) => is_owner(user) && is_owner(group),
        None => is_owner(text),
    }
}

/// Returns whether text is the name of a network interface.
pub fn is_interface(text: &str) -> bool {
    // The kernel keeps a name in 16 bytes, one of which ends it.
    all(text, 15, alphanumeric_or(b"_.-")) && !text.starts_with(['-', '.'])
}

/// Returns whether text is the name of a database that every client takes for one: with a `=` or
/// `://` it would be a connection string. `PostgreSQL` cuts names after 63 bytes, and a restore
/// makes a database with a longer name first. Some are the servers' own, and hold no data.
pub fn is_database(text: &str) -> bool {
    const OWN: [&str; 4] = ["template0", "template1", "information_schema", "performance_schema"];
    !OWN.contains(&text.to_ascii_lowercase().as_str())
        && all(text, 50, alphanumeric_or(b"_.-"))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
}

/// Returns whether text is the name of a dataset below its pool.
pub fn is_dataset(text: &str) -> bool {
    text.len() <= 200
        && text.split('/').all(|part| {
            all(part, 200, alphanumeric_or(b"_.:-"))
                && part.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that a grammar takes all of `right` and none of `wrong`.
    fn holds(takes: fn(&str) -> bool, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(takes(text), "{text:?} is right");
        }
        for text in wrong.iter().chain(&["", "-x", "--help", "a b", "a\nb", "a\u{202e}b"]) {
            assert!(!takes(text), "{text:?} is wrong");
        }
    }

    #[test]
    fn words_of_commands_are_what_they_are() {
        holds(
            is_package,
            &["restic", "g++", "libc6-dev"],
            &["-oDPkg::Pre-Invoke::=touch", "A", "x", "openssh-server-"],
        );
        holds(is_unit, &["a.service", "wg-quick@wg0.service", r"mnt-a\x2db.mount"], &["a", "a.sh"]);
        holds(is_variable, &["TZ", "_x", "A.b-c"], &["A=B", "1A", "$A"]);
        holds(is_key, &["diun.enable", "a.domains[0].main"], &["a=b", "a'b", "$x"]);
        holds(is_sysctl, &["net.ipv4.ip_forward", "net/ipv4/conf/eth0.1"], &["a=b", ".x"]);
        holds(is_capability, &["NET_ADMIN", "ALL"], &["net_admin", "CAP,X", "NET_ADMN"]);
        holds(is_signal, &["SIGINT", "TERM", "9", "RTMIN+3"], &["FOO", "0", "65", "int", "RTMIN+"]);
        holds(is_inside, &["/data", "/process"], &["/", "/proc", "/proc/sys", "/x:ro", "x"]);
        holds(
            is_tmpfs,
            &["/x", "/x:size=64m,mode=1777"],
            &["/x:", "/x:bind", "/:ro", "/x:a=b", "/x:size=5k5", "/x:ro,rw"],
        );
        holds(is_installed, &["/etc/x@a.conf", "/opt/a:b"], &["/opt/$(id)", "/opt/x/", "x"]);
        holds(is_web_path, &["/auth/x", "/o/start?rd="], &["auth", "/a b", "/a;", "/a\n", "/{"]);
        holds(is_web_page, &["/", "/a.b/c/"], &["a", "/a?b", "/a//b", "/../a", "/a/.", "/a*"]);
        holds(is_web_folder, &["/", "/a/b"], &["/a/", "/a b", "//", "/a/..", ""]);
        holds(is_header, &["Remote-User", "X-A"], &["Remote User", "A:b", "-A", "a_b", ""]);
        holds(is_device, &["/dev/dri/renderD128"], &["/a:b", "/dev/a:b", "/dev/../etc", "dri"]);
        holds(is_share_name, &["media", "A.b_c"], &["homes", "a/b", "IPC$", "Global", ".x"]);
        holds(
            is_disk,
            &["/dev/disk/by-id/nvme-A", "/dev/disk/by-path/pci-0000:00"],
            &["/dev/sda", "/dev/disk/by-uuid/x"],
        );
        holds(
            is_wireguard_key,
            &["xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="],
            &["xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D=", "x=", &format!("{}=", "A".repeat(43))],
        );
        holds(is_account, &["1000", "1000:1000", "www-data"], &["a:b:c", ":", "a:", "4294967295"]);
        holds(is_interface, &["eth0", "vmbr0.10"], &["sixteen-letters-", "a/b", ".."]);
        let long = "x".repeat(51);
        holds(
            is_database,
            &["immich", "app-data", "a.b_c", &long[1..]],
            &[
                "a=b",
                "host=x",
                "postgres://x",
                "a/b",
                "a'b",
                "a`b",
                "a\"b",
                "$a",
                ".a",
                "template0",
                "Information_Schema",
                &long,
            ],
        );
        holds(is_dataset, &["photos", "a/b"], &["/a", "a/", "a//b", "a/-b", "a@b", "../a"]);
    }

    #[test]
    fn text_has_lines_and_no_tricks() {
        assert!(is_text("ünïcödé ✓\n\t日本 'x' \"y\"") && is_line("a 'b'"));
        for text in ["a\0", "a\u{1b}[31m", "a\rb", "abc\u{202e}cba", "a\u{2066}b", "a\u{85}b"] {
            assert!(!is_text(text) && !is_line(text), "{text:?}");
        }
        assert!(!is_line("a\nb") && !is_line("a\tb") && !is_line("--host=x"));
    }
}

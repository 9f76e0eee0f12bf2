//! Knows the programs that root runs by name, and the folders that come first where it looks.

/// The folders in which sh looks for a program before it looks in those of the system.
const FIRST: &[&str] = &["/usr/local/bin/", "/usr/local/sbin/"];

/// The programs that labctl, the scripts of bundles and admins run by name.
#[rustfmt::skip] // A table is read line by line.
pub const PROGRAMS: &[&str] = &[
    "addgroup", "adduser", "apt", "apt-cache", "apt-get", "apt-mark", "awk", "basename", "bash",
    "blkid", "bridge", "busybox", "cat", "chattr", "chgrp", "chmod", "chown", "chroot", "clear",
    "cloud-init", "cmp", "comm", "containerd", "cp", "createdb", "crontab", "curl", "cut",
    "dash", "date", "ddclient", "df", "diff", "dir", "dirname", "docker", "docker-compose",
    "dpkg", "dpkg-query", "dropdb", "du", "echo", "env", "exportfs", "expr", "fail2ban-client",
    "false", "find", "findmnt", "flock", "free", "getconf", "getent", "getfacl", "grep",
    "groupadd", "groups", "gunzip", "gzip", "halt", "head", "hostname", "hostnamectl", "id",
    "init", "install", "ip", "ip6tables", "iptables", "join", "journalctl", "jq", "kill",
    "killall", "labctl", "ldconfig", "link", "ln", "logger", "login", "loginctl", "ls",
    "lsattr", "lsblk", "lsmod", "mariadb", "mariadb-dump", "mkdir", "mkfs.ext4", "mktemp",
    "modprobe", "more", "mount", "mountpoint", "mv", "mysql", "mysqldump", "nc", "netplan",
    "networkctl", "nft", "nginx", "nohup", "nsenter", "od", "openssl", "openvpn", "partx",
    "passwd", "patch", "pct", "perl", "pg_dump", "pg_restore", "pgrep", "ping", "pkill",
    "poweroff", "pr", "printf", "prometheus", "prometheus-node-exporter", "ps", "psql", "pvesh",
    "pvesm", "pveum", "pveversion", "pwd", "python3", "qm", "rclone", "readlink", "reboot",
    "resolvectl", "restic", "rm", "rmdir", "runc", "runuser", "sed", "seq", "service",
    "setfacl", "setpriv", "setsid", "sftp", "sgdisk", "sh", "sha256sum", "sha512sum", "shuf",
    "shutdown", "sleep", "smbd", "sort", "split", "sqlite3", "ssh", "ssh-keygen", "sshd",
    "stat", "stty", "su", "sudo", "sum", "swapoff", "swapon", "sync", "sysctl", "systemctl",
    "systemd-cat", "systemd-notify", "systemd-run", "systemd-tmpfiles", "tail", "tar", "tee",
    "test", "timedatectl", "timeout", "top", "touch", "tr", "true", "truncate", "tty",
    "udevadm", "ufw", "umount", "uname", "uniq", "unshare", "unzip", "update-ca-certificates",
    "update-initramfs", "uptime", "useradd", "usermod", "w", "watch", "wc", "wg", "wg-quick",
    "wget", "which", "who", "wipefs", "xargs", "yes", "zfs", "zpool",
];

/// Returns the program of the system in whose place a file would be run.
pub fn hides(path: &str) -> Option<&str> {
    let name = FIRST.iter().find_map(|folder| path.strip_prefix(folder))?;
    PROGRAMS.binary_search(&name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{PROGRAMS, hides};

    #[test]
    fn only_a_program_by_its_name_is_hidden() {
        assert!(PROGRAMS.is_sorted());
        assert_eq!(hides("/usr/local/sbin/docker"), Some("docker"));
        assert_eq!(hides("/usr/local/bin/tar"), Some("tar"));
        for path in ["/usr/local/bin/sync-photos", "/usr/local/bin/x/tar", "/opt/bin/tar"] {
            assert_eq!(hides(path), None, "{path}");
        }
    }
}

//! A small file system for tests of full and read-only disks.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::left_out::left_out;

/// A file system of its own, gone with the value.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one of `size`, as mount writes it. Only root can; for others the check is left out.
    pub fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(folder.path())
            .output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        left_out("a tmpfs cannot be mounted");
        None
    }

    /// Returns the folder that it is mounted on.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes it read-only.
    pub fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(self.path()).status();
        assert!(status.expect("mount starts").success(), "it is remounted");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

//! Changes a few words of the lab `media-server-home`, and builds its release with the program.

use crate::trixie::text;
use labwright::load::read_lab;
use labwright::source::Sources;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The lab in a folder of its own, and its release.
pub struct Lab {
    folder: tempfile::TempDir,
    version: u32,
}

impl Lab {
    /// Copies the lab with the modules.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs/media-server-home");
        fs::create_dir(folder.path().join("lab")).expect("a folder");
        for file in fs::read_dir(source).expect("the lab").flatten() {
            fs::copy(file.path(), folder.path().join("lab").join(file.file_name()))
                .expect("a file of the lab");
        }
        Self { folder, version: 0 }
    }

    /// Replaces text, which must be there.
    pub fn change(&self, file: &str, from: &str, to: &str) {
        let path = self.folder.path().join("lab").join(file);
        let before = fs::read_to_string(&path).expect("a file of the lab");
        assert!(before.contains(from), "{file} has no `{from}`");
        fs::write(path, before.replace(from, to)).expect("a file of the lab");
    }

    /// Reads the lab in its current state.
    pub fn sources(&self) -> Sources {
        read_lab(&self.folder.path().join("lab")).unwrap_or_else(|_| panic!("the lab can be read"))
    }

    /// Builds the lab in its current state, under a version of its own.
    pub fn release(&mut self) -> Release {
        let number = |version: u32| format!("version=\"2025.11.{version}\"");
        let next = if self.version == 0 { 3 } else { self.version + 1 };
        self.change("lab.kdl", &number(self.version.max(3)), &number(next));
        self.version = next;
        let folder = self.folder.path().join(next.to_string());
        let built = Command::new(env!("CARGO_BIN_EXE_labwright"))
            .args(["build", "--out"])
            .args([&folder, &self.folder.path().join("lab")])
            .output()
            .expect("labwright starts");
        assert!(built.status.success(), "{}{}", text(&built.stdout), text(&built.stderr));
        Release { folder }
    }
}

/// A built release.
pub struct Release {
    folder: PathBuf,
}

impl Release {
    /// Returns a machine's archive.
    pub fn archive(&self, machine: &str) -> PathBuf {
        let start = format!("media-server-home-{machine}-");
        let archives =
            fs::read_dir(&self.folder).expect("the release").flatten().map(|file| file.path());
        let mine = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&start))
        };
        archives.into_iter().find(mine).expect("the machine's archive")
    }

    /// Unpacks a machine's payload and returns its folder.
    pub fn unpack(&self, machine: &str) -> PathBuf {
        let folder = self.folder.join("unpacked").join(machine);
        fs::create_dir_all(&folder).expect("a folder");
        let status = Command::new("tar")
            .arg("-C")
            .arg(&folder)
            .args(["--strip-components=1", "-xzf"])
            .arg(self.archive(machine))
            .status();
        assert!(status.expect("tar starts").success());
        folder.join("payload")
    }

    /// Lists the images of a machine's containers.
    pub fn images(&self, machine: &str) -> Vec<String> {
        let table = fs::read_to_string(self.unpack(machine).join("compose/containers.tsv"))
            .expect("containers.tsv");
        table.lines().filter_map(|line| line.split('\t').nth(1)).map(str::to_owned).collect()
    }
}

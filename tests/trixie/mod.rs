//! Runs programs of Debian 13 on our files, each time in a throwaway copy of its root folder.
//!
//! `build` makes the root, `enter` goes into it. Without a root, checks that need it are left out
//! (see [`crate::left_out`]).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::left_out::left_out;

/// Returns the trixie root, or leaves a check out if this machine can't have one.
pub fn root() -> Option<&'static Path> {
    static ROOT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    ROOT.get_or_init(find_root).as_deref().map_err(|why| left_out(why)).ok()
}

/// Returns whether the consumers can be asked here. Tests that expect a refusal check this first.
pub fn available() -> bool {
    root().is_some()
}

fn find_root() -> Result<PathBuf, String> {
    if !fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return Err("not root: the consumers run in a chroot".to_owned());
    }
    let root = if let Ok(root) = std::env::var("LABWRIGHT_TRIXIE") {
        PathBuf::from(root)
    } else {
        let answer = Command::new(script("build"))
            .arg("--path")
            .output()
            .map_err(|error| format!("tests/trixie/build: {error}"))?;
        PathBuf::from(text(&answer.stdout).trim_end())
    };
    if root.is_dir() {
        Ok(root)
    } else {
        Err(format!("no trixie root in {}: run ./test", root.display()))
    }
}

/// Returns one of this folder's scripts.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trixie").join(name)
}

/// Converts a program's output to text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A copy of the root in which one command will run, and which is deleted afterwards.
pub struct Room {
    command: Command,
}

impl Room {
    /// Prepares a copy of the root. Returns `None` when this machine has none.
    pub fn new() -> Option<Self> {
        let mut command = Command::new(script("enter"));
        command.arg(root()?);
        Some(Self { command })
    }

    /// Makes a file or folder visible at `place`, read-only.
    pub fn show(mut self, path: &Path, place: &str) -> Self {
        self.command.arg("--ro").arg(absolute(path)).arg(place);
        self
    }

    /// Makes a file or folder writable at `place`. What the command writes there is kept.
    pub fn lend(mut self, path: &Path, place: &str) -> Self {
        self.command.arg("--rw").arg(absolute(path)).arg(place);
        self
    }

    /// Runs a program and waits for it.
    pub fn run<S: AsRef<OsStr>>(self, program: &[S]) -> Output {
        self.command(program).output().expect("tests/trixie/enter starts")
    }

    /// Prepares a program whose input and output are used while it runs.
    pub fn command<S: AsRef<OsStr>>(mut self, program: &[S]) -> Command {
        self.command.arg("--").args(program);
        self.command
    }

    /// Runs an sh script with `arguments` as `$1`, `$2`, ….
    pub fn sh(self, script: &str, arguments: &[&str]) -> Output {
        self.run(&[&["sh", "-euc", script, "sh"], arguments].concat())
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

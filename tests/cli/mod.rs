//! Runs the program as people and CI do: in real folders and with an empty environment. Checks what
//! it prints and how it ends.

mod determinism;
mod exits;
mod failures;
mod formats;
mod outputs;
mod snapshot;
mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Returns a folder of `tests/cases`.
pub fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

/// Returns a command for the program with an empty environment, run in `folder`.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_labwright"));
    command.env_clear().current_dir(folder);
    command
}

/// The result of a run: its exit code and output.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints text");
        Self {
            code: output.status.code().expect("it ends by itself"),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Run {
    /// Returns everything that a person would see.
    pub fn all(&self) -> String {
        format!("{}{}", self.err, self.out)
    }

    /// Returns whether a person would read these words. Where a line is broken depends on how long
    /// a path in it is, so a break is a blank.
    pub fn says(&self, words: &str) -> bool {
        self.all().split_whitespace().collect::<Vec<_>>().join(" ").contains(words)
    }

    /// Parses the result as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Runs the program in `folder`.
pub fn labwright(folder: &Path, arguments: &[&str]) -> Run {
    program(folder).args(arguments).output().expect("the program runs").into()
}

/// Copies the lab `tests/cases/<name>` to a folder `<name>` of its own.
pub fn copy(name: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in files(&case(name)) {
        put(&folder.path().join(name), &path, &text);
    }
    folder
}

/// Writes a file and the folders above it.
pub fn put(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("write");
}

/// Reads every file below `folder`, by its path there.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(
                files(&path).into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)),
            );
        } else {
            found.insert(name, fs::read(&path).expect("a file"));
        }
    }
    found
}

/// Lists the names in a folder, hidden ones too.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Replaces ids and sizes, which change with every emitted byte, by their kind.
pub fn steady(text: &str) -> String {
    let is_hex = |word: &str| word.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let mut steady = String::new();
    for piece in text.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        match word.len() {
            64 if is_hex(word) => steady.push_str(&piece.replace(word, "SHA256")),
            12 if is_hex(word) => steady.push_str(&piece.replace(word, "CONTENT")),
            _ => steady.push_str(piece),
        }
    }
    steady
}

//! Compiles labs in a temporary folder to the files of their machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use labwright::artifact::Artifacts;
use labwright::bundle::{Identity, Packer};
use labwright::compile::analyze;
use labwright::diag::{Diagnostics, Severity};
use labwright::emit::{self, Context, Shared};
use labwright::load::read_lab;
use labwright::model::Model;
use labwright::plan::plan;
use labwright::source::Sources;

/// The result of compiling a lab.
pub struct Compiled {
    /// The files of each machine.
    pub machines: BTreeMap<String, Artifacts>,
    /// The findings of the emitters, as `code: message`.
    pub findings: Vec<String>,
}

impl Compiled {
    /// Returns a file's text.
    pub fn text(&self, machine: &str, path: &str) -> &str {
        let file = self.machines[machine]
            .files
            .get(path)
            .unwrap_or_else(|| panic!("{machine} has no {path}"));
        std::str::from_utf8(&file.bytes).expect("emitted files are text")
    }

    /// Writes a machine's payload into a folder.
    pub fn unpack(&self, machine: &str, folder: &Path) {
        for (path, file) in &self.machines[machine].files {
            let to = folder.join(path);
            std::fs::create_dir_all(to.parent().expect("a folder"))
                .expect("a folder of the payload");
            std::fs::write(to, &file.bytes).expect("a file of the payload");
        }
    }
}

/// A lab in a folder of its own.
pub struct Lab(tempfile::TempDir);

/// Writes a lab given as files.
pub fn write(files: &[(&str, &str)]) -> Lab {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of the lab");
        std::fs::write(path, text).expect("a file of the lab");
    }
    Lab(folder)
}

/// Compiles a lab given as files.
pub fn compile(files: &[(&str, &str)]) -> Compiled {
    write(files).compiled()
}

/// Compiles the lab in a folder.
pub fn compile_folder(folder: &Path) -> Compiled {
    let (sources, model) = checked(folder);
    let plan = plan(&model);
    let shared = Shared::default();
    let (mut machines, mut findings) = (BTreeMap::new(), Vec::new());
    for (machine, facts) in model.machines() {
        let mut found = Diagnostics::default();
        let context = Context { plan: &plan, machine, sources: &sources, shared: &shared };
        machines.insert(facts.name.clone(), emit::emit(&context, &mut found));
        findings.extend(say(&found));
    }
    Compiled { machines, findings }
}

fn checked(folder: &Path) -> (Sources, Model) {
    let sources = read_lab(folder).unwrap_or_else(|_| panic!("{} can be read", folder.display()));
    let mut analyzed = analyze(&sources);
    let checked = analyzed.check(&sources);
    assert_eq!(checked.diagnostics.count(Severity::Error), 0, "{:#?}", say(&checked.diagnostics));
    (sources, analyzed.model.expect("a lab"))
}

impl Lab {
    /// Emits the files of its machines.
    pub fn compiled(&self) -> Compiled {
        compile_folder(self.0.path())
    }

    /// Packs a machine's bundle into a folder and returns its path.
    pub fn bundle(&self, machine: &str, folder: &Path) -> PathBuf {
        let (_, model) = checked(self.0.path());
        let identity = Identity {
            lab: model.lab.name.clone(),
            machine: machine.to_owned(),
            version: model.lab.version.clone(),
        };
        let bundle =
            Packer::new().pack(&identity, &self.compiled().machines[machine]).expect("it packs");
        let path = folder.join(bundle.file_name());
        std::fs::write(&path, &bundle.archive).expect("the bundle");
        path
    }
}

fn say(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.iter().map(|one| format!("{}: {}", one.code.name, one.message)).collect()
}

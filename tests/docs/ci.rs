//! The workflows in docs/ci.md: every step that runs a command, run in a local repository whose
//! pull request changes a lab.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{read, root};

/// The name of a step, and its script.
type Step = (String, String);

/// Returns the steps with a `run` of each workflow of the page.
fn workflows() -> Vec<Vec<Step>> {
    let page = read("docs/ci.md");
    let blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(steps).collect()
}

/// Reads the steps of a workflow, which we write in one form only.
fn steps(workflow: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut name, mut block) = (String::new(), false);
    for line in workflow.lines() {
        if let Some(text) = line.trim().strip_prefix("- name: ") {
            text.clone_into(&mut name);
            block = false;
        } else if let Some(script) = line.trim().strip_prefix("run: ") {
            block = script == "|";
            steps.push((name.clone(), if block { String::new() } else { script.to_owned() }));
        } else if block && line.starts_with("          ") {
            let (_, script) = steps.last_mut().expect("a step");
            script.push_str(line.trim_start_matches("          "));
            script.push('\n');
        } else {
            block = false;
        }
    }
    steps
}

/// Makes a repository with a lab and its snapshots on `main`, and a pull request that opens a port.
/// `gh` and `curl` record what they are called with.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let lab = folder.path().join("lab");
    fs::create_dir(&lab).expect("a folder");
    for entry in fs::read_dir(root().join("modules/labs/media-server-home")).expect("the lab") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, lab.join(path.file_name().expect("a name"))).expect("a copy");
    }
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    for name in ["gh", "curl"] {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' {name} \"$@\" >>\"$HOME/calls\"\n[ {name} = gh ] || cat \
             >>\"$HOME/calls\"\n"
        );
        fs::write(bin.join(name), script).expect("it is written");
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("a mode");
    }
    let git = "git -c user.name=ada -c user.email=ada@example.org";
    let script = format!(
        "git init -q -b main . && printf 'bin\\ncalls\\n' >.gitignore && labwright snapshot lab \
         >/dev/null && git add . && \
         {git} commit -qm lab && git update-ref refs/remotes/origin/main HEAD && \
         sed -i 's|expose web to=lan,tunnel  .*|expose web to=lan,tunnel,internet|' \
         lab/services.kdl && \
         labwright snapshot lab >/dev/null && {git} commit -qam open"
    );
    assert_eq!(run(folder.path(), &script).0, 0);
    folder
}

/// Runs a script as a runner does, and returns its exit code with what it prints.
fn run(folder: &Path, script: &str) -> (i32, String) {
    let binary = Path::new(env!("CARGO_BIN_EXE_labwright")).parent().expect("a folder");
    let path =
        format!("{}/bin:{}:/usr/local/bin:/usr/bin:/bin", folder.display(), binary.display());
    let output = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", script])
        .env_clear()
        .envs([
            ("PATH", path.as_str()),
            ("HOME", &folder.to_string_lossy()),
            ("GITHUB_BASE_REF", "main"),
            ("GITHUB_STEP_SUMMARY", "calls"),
            ("GITHUB_API_URL", "https://forge.example.org/api/v1"),
            ("GITHUB_REPOSITORY", "ada/lab"),
            ("PULL", "7"),
            ("TOKEN", "s3cret-token"),
        ])
        .current_dir(folder)
        .output()
        .expect("bash runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap_or(-1), text + &String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_step_of_the_workflows_runs() {
    let workflows = workflows();
    assert_eq!(workflows.len(), 2);
    for steps in workflows {
        let folder = repository();
        let names: Vec<&str> = steps.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["findings", "snapshots", "diff", "guard", "build", "reproduce", "verify"]
        );
        for (name, script) in &steps {
            let (code, text) = run(folder.path(), script);
            // The pull request opens a port, and has no label.
            assert_eq!(code, i32::from(name == "guard"), "{name}: {text}");
        }
        let diff = fs::read_to_string(folder.path().join("diff.md")).expect("the comment");
        assert!(diff.contains("8096/tcp"), "{diff}");
        let calls = fs::read_to_string(folder.path().join("calls")).expect("the calls");
        assert!(calls.contains("\n7\n") || calls.contains("/issues/7/comments"), "{calls}");
        let arguments = calls.split("header = ").next().unwrap_or_default();
        assert!(!arguments.contains("s3cret-token"), "{calls}");
        assert!(folder.path().join("release/release.json").exists());
    }
}

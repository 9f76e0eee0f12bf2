//! Checks what the health check of containers makes of the states that Docker tells.

use std::process::Command;

use super::lab::{Compiled, compile};

const LAB: &str = r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24"
host box kind=debian { os debian-13; address lan "192.168.1.2" nic=eth0; }
service app on=box
"#;

const APP: &str = r#"
edition 1
module app version="1.0" {
    summary "Two programs, and work that ends"
    container app { image "x/app:1.0"; health none="a stand-in"; }
    container db { image "x/db:1.0"; health "app-ready"; }
    container work { image "x/app:1.0"; once; }
}
"#;

/// A stand-in for Docker that lists what is in a file, and notes each list.
const DOCKER: &str =
    "#!/bin/sh\ncase $* in 'ps --all --format'*) echo list >>calls; cat states ;; esac\n";

/// Asks how the containers are that Docker has in some states, and returns the exit status with
/// what the check says.
fn asked(compiled: &Compiled, states: &str) -> (Option<i32>, String) {
    let files = &compiled.machines["box"].files;
    let script = files.keys().find(|path| path.ends_with("-containers.sh"));
    let script = script.expect("the check of containers").clone();
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    for (name, text) in [("states", states), ("bin/docker", DOCKER)] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let run = Command::new("sh")
        .args(["-euc", "chmod 755 bin/docker; PATH=\"$PWD/bin:$PATH\"; exec sh \"$0\"", &script])
        .current_dir(folder.path())
        .output()
        .expect("a shell");
    let calls = std::fs::read_to_string(folder.path().join("calls")).expect("a list");
    assert_eq!(calls.lines().count(), 1, "Docker is asked once about all containers");
    (run.status.code(), String::from_utf8_lossy(&run.stderr).into_owned())
}

#[test]
fn docker_is_asked_once_and_each_container_has_its_own_state() {
    let compiled = compile(&[("lab.kdl", LAB), ("modules/app/module.kdl", APP)]);
    assert_eq!(compiled.findings, [""; 0]);
    let asked = |states: &str| asked(&compiled, states);
    let well = "\
        app-work Exited (0) 3 minutes ago\n\
        app-db Up 3 minutes (healthy)\n\
        app Up 11 seconds\n";
    assert_eq!(asked(well), (Some(0), String::new()));
    // One that is not there has no state of another one whose name begins, ends or looks like it.
    for (from, to, said) in [
        ("app Up 11 seconds", "app Up 9 seconds", "app: Up 9 seconds\n"),
        ("app Up", "app-two Up", "app: not there\n"),
        ("app Up", "my-app Up", "app: not there\n"),
        ("app-db Up", "app.db Up", "app-db: not there\n"),
        ("(healthy)", "(unhealthy)", "app-db: Up 3 minutes (unhealthy)\n"),
        ("(0)", "(1)", "app-work: Exited (1) 3 minutes ago\n"),
    ] {
        assert_eq!(asked(&well.replace(from, to)), (Some(75), said.to_owned()), "{to}");
    }
}

#[test]
fn an_endpoint_that_is_published_nowhere_is_not_asked_at_the_port_of_another_service() {
    let lab = r#"
edition 1
lab home version="1.0" { domain "example.org"; }
network lan cidr="192.168.1.0/24"
host box kind=debian { os debian-13; address lan "192.168.1.2" nic=eth0; }
secret grafana-password
service prometheus on=box
service grafana on=box {
    admin-password (secret)grafana-password
    port web 3001
    expose web to=lan
}
service homepage on=box { expose web to=lan; }
"#;
    let compiled = compile(&[("lab.kdl", lab)]);
    let health = compiled.text("box", "health.d/30-endpoints.sh");
    let asked: Vec<&str> =
        health.lines().filter_map(|line| line.strip_prefix("answers ")).collect();
    assert_eq!(
        asked,
        ["'web of homepage' http://127.0.0.1:3000/", "'web of grafana' http://127.0.0.1:3001/"]
    );
}

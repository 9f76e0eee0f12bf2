//! Follows `docs/operating.md` word by word: a new machine gets its first bundle from a laptop.

use std::path::Path;

use super::Rig;
use crate::emit::lab::write;

/// The page's own names: the lab `home`, the machine `intranet`, the admin `ada`.
const LAB: &str = r#"
edition 1
lab home version="2025.1.0" { domain "example.org"; timezone "Europe/Brussels"; }
admin ada { ssh-key "KEY"; }
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
secret db-password
host pve kind=proxmox version="8.4" { address lan "192.168.1.100" nic=eno1 bridge=vmbr0; }
vm intranet id=101 on=pve {
    os debian-13
    memory "4GiB"
    disk root size="20GiB"
    address lan "192.168.1.101"
    ssh from=lan
}
service app on=intranet
"#;

const MODULE: &str = r#"
edition 1
module app version="1.0" {
    summary "Waits"
    uses-secret db-password
    unit "app.service" {
        section Service { set Type oneshot; set ExecStart "/bin/true"; set RemainAfterExit yes; }
        section Install { set WantedBy "multi-user.target"; }
    }
}
"#;

/// Returns the lines of the blocks of `sh` in a section of the page, without their comments.
fn commands(page: &str, section: &str) -> Vec<String> {
    let text = page.split(section).nth(1).expect("the section");
    let text = text.split("\n## ").next().expect("text");
    let blocks = text.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    let lines = blocks.flat_map(str::lines);
    let commands = lines.map(|line| line.split(" #").next().unwrap_or_default().trim());
    commands.filter(|command| !command.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_new_machine_gets_its_bundle_as_the_page_says() {
    let Some(rig) = Rig::new() else { return };
    rig.network("lan", "192.168.1.0/24", "192.168.1.1");
    let laptop = rig.node("laptop", &["192.168.1.50"]);
    laptop
        .sh("mkdir -m 700 -p /root/.ssh && ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
        printf 'StrictHostKeyChecking accept-new\nLogLevel ERROR\n' >/root/.ssh/config");
    let key = laptop.sh("cat /root/.ssh/id_ed25519.pub");
    let lab = write(&[
        ("lab.kdl", &LAB.replace("KEY", key.trim_end())),
        ("modules/app/module.kdl", MODULE),
    ]);
    let folder = tempfile::tempdir().expect("a folder");
    lab.compiled().unpack("intranet", folder.path());
    let machine = rig.machine("intranet", &["192.168.1.101"], &folder.path().join("cloud-init"));

    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operating.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let commands = commands(&page, "### From a downloaded bundle to a running machine");
    let archive = "home-intranet-8b69178cd41d.tar.gz";
    let bundle = lab.bundle("intranet", folder.path());
    laptop.copy_in(&bundle, "/root");
    let name = bundle.file_name().expect("a name").to_string_lossy();
    laptop.sh(&format!("mv /root/{name} /root/{archive}"));

    // A login as root, which the page used to tell, is refused.
    let root = laptop.exec(&["ssh", "-o", "BatchMode=yes", "root@192.168.1.101", "true"]);
    assert!(!root.status.success(), "root can log in");

    let [copy, login, become_root, on_the_machine @ ..] = commands.as_slice() else {
        panic!("{commands:?}")
    };
    assert!(copy.starts_with("scp ") && login.starts_with("ssh "), "{commands:?}");
    laptop.sh(&format!("cd /root && {copy}"));
    // What is typed after the login, in the shell that the page opens.
    let typed = |lines: &str| {
        laptop.exec(&["sh", "-c", &format!("{login} <<'END'\n{become_root}\n{lines}\nEND\n")])
    };
    let said = |answer: &std::process::Output| {
        crate::trixie::text(&answer.stdout) + &crate::trixie::text(&answer.stderr)
    };
    let mut seen = Vec::new();
    for command in on_the_machine {
        seen.push(command.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
        match seen.last().map(String::as_str) {
            Some("labctl secrets") if command.contains(" set ") => {
                let answer = typed(&format!("{command} <<'SECRET'\nvalue\nSECRET"));
                assert!(answer.status.success(), "{command}: {}", said(&answer));
            }
            Some("labctl apply") => {
                let confirm = page
                    .split('`')
                    .find(|code| code.starts_with("ssh ") && code.ends_with("labctl confirm"))
                    .expect("the page says how to confirm");
                laptop.sh(&format!(
                    "{login} >/root/said 2>&1 <<'END' &\n{become_root}\n{command}\nEND\n\
                    until grep -q 'labctl confirm' /root/said; do
                        kill -0 $! || {{ cat /root/said; exit 1; }}
                        sleep 0.2
                    done
                    {confirm}
                    wait $! || {{ cat /root/said; exit 1; }}"
                ));
            }
            _ => {
                let answer = typed(&format!("{command}; true"));
                assert!(answer.status.success(), "{command}: {}", said(&answer));
                assert!(said(&answer).contains("db-password"), "{command}: {}", said(&answer));
            }
        }
    }
    assert_eq!(seen, ["labctl plan", "labctl secrets", "labctl secrets", "labctl apply"]);
    assert!(machine.sh("labctl status").contains("2025.1.0"));
    machine.sh("systemctl is-active app");
}

//! Checks that the runbook tells a person at night what the plan does.

use super::payload::payload;

const LAB: &str = r#"
    host box kind=debian {
        os debian-13
        address lan "192.168.1.10"
        appdata "/srv/appdata" backup=weekly
        ssh from=lan
    }
    service keeper on=box
"#;

const RESTIC: &str = r#"
    secret restic-password
    service restic on=box { repository "/mnt/elsewhere"; password (secret)restic-password; }
"#;

const MODULE: &str = r#"
    edition 1
    module keeper version="1.0.0" {
        summary "Keeps folders"
        state inside path=(f)"{machine.appdata}/inside"
        state beside path="/srv/beside"
        state daily path="/srv/daily" backup=daily
        state scratch path="/srv/appdata/scratch" backup=never reason="made anew"
    }
"#;

/// Returns the runbook's text about each state, by name.
fn backups(lab: &str) -> Vec<String> {
    let payload = payload(lab, &[("modules/keeper/module.kdl", MODULE)], "box");
    let runbook = std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        matches!(cells[..], ["", "keeper", _, _, _, _, ""])
            .then(|| format!("{}: {}", cells[2], cells[5]))
    };
    runbook.lines().filter(|line| line.matches('|').count() == 6).filter_map(row).collect()
}

#[test]
fn states_are_described_as_they_are_saved() {
    let saved = backups(&format!("{LAB}{RESTIC}"));
    assert_eq!(
        saved,
        [
            "inside: weekly",
            "beside: none: no backup contains it",
            "daily: daily",
            "scratch: none: made anew"
        ]
    );
}

#[test]
fn a_class_without_a_backup_service_saves_nothing() {
    let lost = backups(LAB);
    assert_eq!(
        lost,
        [
            "inside: none: no backup contains it",
            "beside: none: no backup contains it",
            "daily: none: no backup contains it",
            "scratch: none: made anew"
        ]
    );
}

/// Returns the runbook of each machine of a lab with a Proxmox host, a guest, an appliance and an
/// unmanaged machine.
fn of_every_kind() -> [String; 4] {
    let lab = r#"
        admin ada {
            ssh-key "ssh-ed25519 \
                AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE ada"
        }
        secret restic-password
        host pve kind=proxmox { address lan "192.168.1.2"; ssh from=lan; }
        host nas kind=unmanaged {
            address lan "192.168.1.3"
            export files path="/volume1/my_files"
        }
        vm box id=100 on=pve {
            os debian-13
            cores 1
            memory "1GiB"
            disk root size="8GiB"
            address lan "192.168.1.10"
            share nas.files at="/mnt/my_files" via=nfs
            appdata "/srv/app_data" backup=weekly
            ssh from=lan port=2222
        }
        vm wall id=101 on=pve kind=appliance {
            cores 1
            memory "1GiB"
            disk root size="8GiB"
            address lan "192.168.1.1"
        }
        service keeper on=box
        service restic on=box { repository "/mnt/my_files/repo"; password (secret)restic-password; }
    "#;
    ["pve", "nas", "box", "wall"].map(|machine| {
        let payload = payload(lab, &[("modules/keeper/module.kdl", MODULE)], machine);
        std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook")
    })
}

#[test]
fn a_person_is_told_how_to_get_in() {
    let [host, nas, guest, appliance] = of_every_kind();
    assert!(
        host.contains("- Login: `ssh root@192.168.1.2` from lan")
            && host.contains("https://192.168.1.2:8006 from lan"),
        "{host}"
    );
    assert!(guest.contains("- Login: `ssh -p 2222 ada@192.168.1.10` from lan"), "{guest}");
    assert!(guest.contains("qm guest exec 100 -- labctl status"), "{guest}");
    for other in [&nas, &appliance] {
        assert!(!other.contains("- Login") && !other.contains("qm guest exec"), "{other}");
    }
}

#[test]
fn the_host_says_that_its_web_interface_is_open_too() {
    let [host, _, guest, _] = of_every_kind();
    let but = "Nothing else is open but the web interface and the consoles, see above.\n";
    assert!(host.contains(but), "{host}");
    assert!(guest.contains("Nothing else is open.\n"), "{guest}");
}

/// Without it, the first backup is refused, and nothing on the machine's own page says why.
#[test]
fn a_machine_with_the_repository_of_another_says_what_that_needs() {
    let lab = |repository: &str, key: &str| {
        format!(
            "{LAB}secret restic-password\nsecret backup-key
            host nas kind=unmanaged {{ address lan \"192.168.1.3\"; }}
            service restic on=box {{
                repository \"{repository}\"
                password (secret)restic-password
                {key}
            }}"
        )
    };
    let of_nas = |repository: &str, key: &str| {
        let payload =
            payload(&lab(repository, key), &[("modules/keeper/module.kdl", MODULE)], "nas");
        std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook")
    };
    let keyed = of_nas("sftp:me@192.168.1.3:/volume1/repo", "sftp-key (secret)backup-key");
    let words = "Let the backups of box in: an account `me`, to which sftp is open from there, \
                 which may write to `/volume1/repo`, and which has the public half of the secret \
                 `backup-key`, which `ssh-keygen -y` makes from the private one.";
    assert!(keyed.contains(words), "no {words} in\n{keyed}");
    let own = of_nas("sftp:192.168.1.3:/volume1/repo", "");
    assert!(own.contains("an account `root`") && own.contains("root's own key on box."), "{own}");
    let elsewhere = of_nas("sftp:me@192.0.2.7:/volume1/repo", "");
    assert!(!elsewhere.contains("Let the backups"), "{elsewhere}");
}

#[test]
fn what_a_person_copies_is_to_the_letter() {
    let [.., guest, _] = of_every_kind();
    for words in [
        "`/srv/app_data/inside`",
        "`/mnt/my_files`",
        "    cd /usr/local/lib/labwright/restic\n",
        "`38 6 * * 0`",
    ] {
        assert!(guest.contains(words), "{words} is missing in: {guest}");
    }
}

/// A person who sets the router up reads its own page, not those of the machines behind it.
#[test]
fn a_router_of_the_lab_says_what_it_must_forward() {
    let lab = |address: &str| {
        format!(
            "{LAB}router gate on=lan address=\"{address}\"\n\
             host gate kind=unmanaged {{ address lan \"192.168.1.1\"; }}\n\
             extend host box {{ ssh from=internet; }}"
        )
    };
    let runbook = |lab: &str| {
        let payload = payload(lab, &[("modules/keeper/module.kdl", MODULE)], "gate");
        std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook")
    };
    let own = runbook(&lab("192.168.1.1"));
    assert!(own.contains("| 22/tcp | 192.168.1.10, port 22 (box) |"), "{own}");
    let of_another = runbook(&lab("192.168.1.254"));
    assert!(!of_another.contains("must forward"), "{of_another}");
}

/// Nothing is brought back to a machine whose services keep nothing that lasts.
#[test]
fn a_machine_without_data_gets_none_back() {
    let page = |service: &str| {
        let lab = format!("{LAB}{service}").replace("service keeper on=box", "");
        let payload = payload(&lab, &[("modules/keeper/module.kdl", MODULE)], "box");
        std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook")
    };
    let none = page("service node-box module=node-exporter on=box");
    assert!(!none.contains("comes back from"), "{none}");
    let some = page("service memos on=box { url \"https://notes.example.org\"; }");
    assert!(some.contains("comes back from"), "{some}");
}

/// A proxy that no name leads to is visited by nobody.
#[test]
fn a_person_is_told_which_names_must_lead_where() {
    let lab = |more: &str| {
        format!(
            "extend lab home {{ domain \"example.org\"; email \"me@example.org\"; }}\n\
             router isp on=lan address=\"192.168.1.1\"\n\
             host box kind=debian {{ os debian-13; address lan \"192.168.1.10\" }}\n\
             service caddy on=box\n\
             service grocy on=box {{\n\
             route \"food.example.org\" to=web via=caddy from=lan\n\
             route \"shop.example.org\" to=web via=caddy from=internet,lan\n}}\n{more}"
        )
    };
    let runbook = |more: &str| {
        let payload = payload(&lab(more), &[], "box");
        std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook")
    };
    let alone = runbook("");
    for line in [
        "| food.example.org | grocy | caddy | 192.168.1.10 | lan |",
        "No machine of this lab answers for these names. Enter them where devices ask for names, \
         such as in the router.",
        "On the internet, shop.example.org must lead to the address that the router has there: \
         enter that at the domain's provider. If that address changes, make them aliases (CNAME) \
         of a name that is kept up to date.",
    ] {
        assert!(alone.lines().any(|one| one == line), "no {line} in\n{alone}");
    }
    let answered = runbook("secret one\nservice pihole on=box { admin-password (secret)one; }");
    assert!(answered.contains("Whoever asks pihole is led there.\n"), "{answered}");
    assert!(!answered.contains("No machine of this lab answers"), "{answered}");
}

const BY_HAND: &str = r#"
    edition 1
    module chat version="1.0.0" {
        summary "Talks"
        option open type=boolean { default #false; }
        container chat { image "docker.io/library/busybox:1.37"; health none="a test"; }
        provides web container=chat port=8080 protocol=http
        by-hand account "make `ada` <b>b</b> [x](http://evil) an *account*" done="`ada` | logs in" {
            run (f)"docker exec {container.chat} chat add ada"
        }
        when (expr)"opt.open" {
            by-hand shut "shut `it"
        }
    }
"#;

/// What a person must do comes after what brings data back, and can't be anything but text.
#[test]
fn what_a_person_does_once_a_service_runs_is_listed_to_be_ticked_off() {
    let module = ("modules/chat/module.kdl", BY_HAND);
    let read = |services: &str| {
        let payload = payload(
            &format!("{LAB}{services}"),
            &[("modules/keeper/module.kdl", MODULE), module],
            "box",
        );
        std::fs::read_to_string(payload.path().join("RUNBOOK.md")).expect("a runbook")
    };
    let runbook = read(&format!("service chat on=box {{ open #true; }}\n{RESTIC}"));
    for part in [
        "\n- [ ] chat: make `ada` \\<b\\>b\\</b\\> \\[x\\](http://evil) an \\*account\\* ",
        " (done when `ada` \\| logs in)\n\n      docker exec chat chat add ada\n\n",
        "\n- [ ] chat: shut \\`it\n",
    ] {
        assert!(runbook.contains(part), "{part} is not in\n{runbook}");
    }
    let data = runbook.find("Give the services their data back").expect("a restore");
    let step = runbook.find("Do what is listed above under").expect("a step");
    assert!(data < step, "{runbook}");
    let runbook = read("service chat on=box");
    assert!(runbook.contains("make `ada`") && !runbook.contains("shut"), "{runbook}");
    assert!(!read("").contains("by hand once it runs"));
}

/// What is only found out with a screen at the board, or without the internet, is said before.
#[test]
fn a_board_and_a_router_that_is_a_guest_are_set_up_as_they_are() {
    let lab = |hardware: &str, device: &str| {
        format!(
            r#"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1" dns="192.168.1.1"
router wall on=lan address="192.168.1.1"
host pi kind=debian arch=arm64 {{
    hardware "{hardware}" cores=4 memory="8GiB"
    os debian-13
    address lan "192.168.1.9" nic=eth0
    ssh from=lan
}}
host pve kind=proxmox version="8.4" {{
    address lan "192.168.1.2" nic=enp1s0 bridge=vmbr0
    ssh from=lan
    {device}
}}
vm wall id=101 on=pve kind=appliance {{
    cores 1
    memory "1GiB"
    disk root size="8GiB"
    address lan "192.168.1.1"
    image "local:iso/wall.iso"
    {}
}}
"#,
            if device.is_empty() { "" } else { "passthrough card" }
        )
    };
    let read = |lab: &str, machine: &str| {
        let lab = format!("edition 1\nlab home version=\"1.0\"\n{lab}");
        super::lab::compile(&[("lab.kdl", &lab)]).text(machine, "RUNBOOK.md").to_owned()
    };
    let board = lab("Raspberry Pi 5", "");
    let page = read(&board, "pi");
    for word in ["Raspberry Pi OS Lite (64-bit", "`ssh`", "`cgroup_enable=memory`", "`eth0`"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let other = read(&lab("Dell OptiPlex 7040", ""), "pi");
    assert!(other.contains("Install its system;") && !other.contains("Raspberry"), "{other}");

    // The installer of such a system draws on a screen, and nothing on a serial line.
    let wall = read(&board, "wall");
    assert!(!wall.contains("qm terminal"), "{wall}");
    let alone = "Its only network card is in the lab's network";
    assert!(read(&board, "pve").contains(alone), "{}", read(&board, "pve"));
    let device = "device card pci=\"0000:03:00.0\"";
    assert!(!read(&lab("Raspberry Pi 5", device), "pve").contains(alone));
}

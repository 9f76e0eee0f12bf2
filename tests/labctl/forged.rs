//! Gives labctl bundles whose files a forger wrote, with every hash made right again. A path of a
//! table must not leave its folder, and a word of one must not become an option of a command of
//! root's.

use super::{Machine, Payload, under_each_shell};

/// Lines that no labwright writes, by their table.
const LINES: &[(&str, &[&str])] = &[
    (
        "kept/writers.tsv",
        &[
            "../../../../../etc\tjellyfin\tone-way",
            "jellyfin more\tjellyfin\tone-way",
            "*\tjellyfin\tone-way",
            "-rf\tjellyfin\tone-way",
            ".\tjellyfin\tone-way",
            "jellyfin\t--all\tone-way",
            "jellyfin\t'jellyfin\tone-way",
            "jellyfin\tjellyfin\tnever",
            "jellyfin\tjellyfin",
            "jellyfin\tjellyfin\tone-way\tmore",
            "",
        ],
    ),
    (
        "kept/databases.tsv",
        &[
            "../x\tapp\tapp.dump\tsqlite\t-\t/srv/app.db\tneeded",
            "jellyfin\tapp\t../../app.dump\tsqlite\t-\t/srv/app.db\tneeded",
            "jellyfin\t-c\tapp.dump\tsqlite\t-\t/srv/app.db\tneeded",
            "jellyfin\tapp b\tapp.dump\tsqlite\t-\t/srv/app.db\tneeded",
            "jellyfin\tapp\t.dump/x\tsqlite\t-\t/srv/app.db\tneeded",
            "jellyfin\tapp\tapp.dump\toracle\t-\t/srv/app.db\tneeded",
            "jellyfin\tapp\tapp.dump\tpostgres\t--rm\t-\tneeded",
            "jellyfin\tapp\tapp.dump\tsqlite\t-\t/srv/../etc/shadow\tneeded",
            "jellyfin\tapp\tapp.dump\tsqlite\t-\tsrv/app.db\tneeded",
            "jellyfin\tapp\tapp.dump\tsqlite\t-\t/srv/app.db\tperhaps",
            "jellyfin\tapp\tapp.dump\tsqlite\t-\t/srv/app.db",
        ],
    ),
    (
        "kept/places.tsv",
        &[
            "../x\tdataset\ttank/app\t/srv",
            "jellyfin\tdataset\t-r tank\t/srv",
            "jellyfin\tdataset\t-r\t/srv",
            "jellyfin\tdataset\ttank/app@daily,x\t/srv",
            "jellyfin\tdataset\ttank//app\t/srv",
            "jellyfin\tdataset\t/tank\t/srv",
            "jellyfin\tdataset\t-\t/srv",
            "jellyfin\tfolder\ttank\t/srv",
            "jellyfin\telsewhere\ttank\t/srv",
            "jellyfin\tsomewhere\t-\t/srv",
            "jellyfin\tfolder\t-\tsrv",
            "jellyfin\tfolder\t-\t/srv/../etc",
        ],
    ),
    (
        "compose/containers.tsv",
        &[
            "--all\tjellyfin:1\taaaa",
            "a b\tjellyfin:1\taaaa",
            "jellyfin|.*\tjellyfin:1\taaaa",
            "jellyfin\t-v\taaaa",
            "jellyfin\tjellyfin:1 x\taaaa",
            "jellyfin\tjellyfin:1\taaaa\tnever",
            "jellyfin\tjellyfin:1",
        ],
    ),
    (
        "systemd/units.tsv",
        &[
            "-Hroot@evil\tenable-start",
            "--root=/x\tstart",
            "../x.service\tenable",
            "app.service x.service\tenable",
            "app.service\tmask",
            "app.service",
        ],
    ),
    (
        "reach/connections.tsv",
        &[
            "open\t-e/bin/sh\t22\tnas\tssh",
            "open\tnas.example.org\t22\tnas\tssh",
            "open\t192.168.1.10/../..\t22\tnas\tssh",
            "open\t192.168.1.10\t22/../../../tmp/x\tnas\tssh",
            "open\t192.168.1.10\t-c\tnas\tssh",
            "open\t192.168.1.10\t0\tnas\tssh",
            "open\t192.168.1.10\t65536\tnas\tssh",
            "perhaps\t192.168.1.10\t22\tnas\tssh",
            "open\t192.168.1.10\t22\tnas",
            "open\t\t22\tnas\tssh",
        ],
    ),
    (
        "firewall/flows.tsv",
        &[
            "lan\tssh\t22\tssh\t192.168.1.0/24\t-",
            "lan\ttcp\tssh\tssh\t192.168.1.0/24\t-",
            "lan\ttcp\t22\tssh\t$(id)\t-",
            "lan\ttcp\t22",
            "lan\ttcp\t22\tssh\t-\t-\tmore",
        ],
    ),
    ("one-way.tsv", &["postgres\t16", "postgres\t16\ta\tb", "\t16\tdata"]),
    (
        "secrets.required",
        &[
            "key\t/etc/shadow\troot\t0400",
            "key\t/etc/labwright/trust/allowed_signers\troot\t0400",
            "key\t/etc/labwright/secrets\troot\t0400",
            "key\t/etc/labwright/secrets/a/b/c\troot\t0400",
            "../key\t/etc/labwright/secrets/key\troot\t0400",
            "-key\t/etc/labwright/secrets/key\troot\t0400",
        ],
    ),
];

/// A machine on which a bundle was applied, so that a second one has something to change.
fn used(machine: &Machine) {
    machine.apply(&machine.bundle(&Payload::sample())).exits(0);
    machine.calls();
}

#[track_caller]
fn assert_refused(machine: &Machine, payload: &Payload, why: &str) {
    let bundle = machine.bundle(payload);
    let outside = || {
        let mut names: Vec<_> = std::fs::read_dir(machine.folder.path().join("root"))
            .expect("the machine")
            .map(|entry| entry.expect("a file").file_name())
            .collect();
        names.sort();
        names
    };
    let before = outside();
    machine.plan(&bundle).exits(3).says(why);
    machine.apply(&bundle).exits(3).says("nothing was changed").says(why);
    assert_eq!(machine.calls(), "", "no program was called");
    assert_eq!(outside(), before);
    assert_eq!(machine.whole(), "2025.1.0");
}

/// The sample in a later release, whose tables are all such as labwright writes them.
fn honest() -> Payload {
    let mut payload = Payload::later();
    for (path, text) in [
        ("kept/writers.tsv", "jellyfin\tjellyfin\tone-way\n"),
        (
            "kept/databases.tsv",
            "jellyfin\tjellyfin-a.db\tjellyfin-a.db.sqlite\tsqlite\t-\t/srv/a b/a.db\toptional\n\
             jellyfin\tjellyfin\tjellyfin.dump\tpostgres\tjellyfin-database\t-\tneeded\n",
        ),
        (
            "kept/places.tsv",
            "jellyfin\tdataset\ttank/app.data_1\t/srv\njellyfin\telsewhere\ttank/a:b of \
             pve\t/srv/b\njellyfin\tfolder\t-\t/srv/c d\n",
        ),
        (
            "systemd/units.tsv",
            "vpn@home.service\tenable\nvar-lib-a\\x2db.mount\tstart\na.timer\tenable-start\n",
        ),
        (
            "reach/connections.tsv",
            "open\t192.168.1.10\t22\tnas\tssh\nclosed\tfd00::1\t65535\tnas\ta.web\n",
        ),
        ("secrets.required", "key\t/etc/labwright/secrets/1000:1000/key\t1000:1000\t0400\n"),
    ] {
        payload.set(path, text);
    }
    payload
}

#[test]
fn tables_such_as_labwright_writes_them_are_taken() {
    under_each_shell(|machine| {
        used(&machine);
        machine.plan(&machine.bundle(&honest())).exits(2);
    });
}

#[test]
fn lines_of_tables_that_no_labwright_writes_are_refused() {
    under_each_shell(|machine| {
        used(&machine);
        for (table, lines) in LINES {
            for (number, line) in lines.iter().enumerate() {
                let mut payload = Payload::later();
                payload.set(table, &format!("{line}\n"));
                eprintln!("{table}: {line:?}");
                let why = format!("{table} has a line that is not allowed");
                if number == 0 {
                    assert_refused(&machine, &payload, &why);
                } else {
                    machine.plan(&machine.bundle(&payload)).exits(3).says(&why);
                }
            }
        }
    });
}

#[test]
fn a_table_that_is_cut_in_a_line_is_refused() {
    under_each_shell(|machine| {
        used(&machine);
        for (table, _) in LINES.iter().chain(&[("install.tsv", &[][..])]) {
            let mut payload = honest();
            let text = payload.text(table).to_owned();
            payload.set(table, text.trim_end_matches('\n'));
            assert_refused(&machine, &payload, "is cut");
        }
    });
}

//! Checks that secrets are named before they are needed, and are written without being shown.

use super::{Payload, answer_to, run, state, under_each_shell};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

#[test]
fn a_missing_secret_is_named_and_can_be_set() {
    under_each_shell(|machine| {
        let me = run(Command::new("id").arg("-un"));
        let me = me.trim();
        let mut payload = Payload::sample();
        payload.set(
            "secrets.required",
            &format!("db-password\t/etc/labwright/secrets/db-password\t{me}\t0400\n"),
        );
        let bundle = machine.bundle(&payload);
        let file = bundle.to_str().unwrap();

        machine.plan(&bundle).exits(2).says("! missing  db-password");
        machine
            .apply(&bundle)
            .exits(3)
            .says("the secret `db-password`")
            .says(me)
            .says("0400")
            .says(&format!("`labctl secrets set db-password {file}` writes it"));
        assert_eq!(machine.whole(), "");
        machine.labctl(&["secrets", file]).exits(1).says("missing   db-password");

        let set = ["secrets", "set", "db-password", file];
        answer_to(&mut machine.command(&set), "").exits(3).says("standard input was empty");
        let told = answer_to(&mut machine.command(&set), "hunter2 $(id) `id` 'q'").exits(0);
        assert!(!told.out.contains("hunter2"), "{}", told.out);
        let path = machine.path("etc/labwright/secrets/db-password");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "hunter2 $(id) `id` 'q'");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o400);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no copy is left beside it"
        );
        // `echo` ends the line, which is no part of a password; a key of several lines stays whole.
        for (given, kept) in [("hunter3\n", "hunter3"), ("two\nlines\n", "two\nlines\n")] {
            answer_to(&mut machine.command(&set), given).exits(0);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
        }
        answer_to(&mut machine.command(&set), "\n").exits(3).says("standard input was empty");
        machine.labctl(&["secrets", file]).exits(0).says("ok        db-password");
        machine.apply(&bundle).exits(0);

        // Without a bundle, the secrets of the current generation are meant.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        machine.labctl(&["secrets"]).exits(1).says("of mode 644");
        answer_to(&mut machine.command(&["secrets", "set", "db-password"]), "other")
            .exits(0)
            .says("--all-steps");
        let current = machine.labctl(&["list"]).out[..12].to_owned();
        machine.calls();
        machine.labctl(&["rollback", &current, "--all-steps"]).exits(0);
        assert!(
            machine.calls().contains(" up -d"),
            "every step of the current generation runs again"
        );
        let shown = machine.labctl(&["secrets", "--json"]).exits(0).json();
        assert_eq!(shown["secrets"][0]["is"], "ok");
        machine
            .labctl(&["secrets", "set", "no-such"])
            .exits(3)
            .says("no secret is called `no-such`");
        let log = machine.read(&state("log")).unwrap();
        assert!(
            log.contains("the secret db-password was set")
                && !log.contains("hunter2")
                && !log.contains("other"),
            "{log}"
        );
    });
}

#[test]
fn a_secret_that_two_programs_read_is_written_to_both_files() {
    under_each_shell(|machine| {
        let me = run(Command::new("id").arg("-un"));
        let me = me.trim();
        let mut payload = Payload::sample();
        payload.set(
            "secrets.required",
            &format!(
                "key\t/etc/labwright/secrets/1000/key\t{me}\t0400\n\
                 key\t/etc/labwright/secrets/key\t{me}\t0440\n"
            ),
        );
        let bundle = machine.bundle(&payload);
        let file = bundle.to_str().unwrap();
        answer_to(&mut machine.command(&["secrets", "set", "key", file]), "hunter2").exits(0);
        for (path, mode) in [("1000/key", 0o400), ("key", 0o440)] {
            let path = machine.path(&format!("etc/labwright/secrets/{path}"));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "hunter2");
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        machine.labctl(&["secrets", file]).exits(0);
        machine.apply(&bundle).exits(0);
        // Each file is judged by itself.
        std::fs::remove_file(machine.path("etc/labwright/secrets/key")).unwrap();
        let shown = machine.labctl(&["secrets", "--json"]).exits(1).json();
        assert_eq!(shown["secrets"][0]["is"], "ok");
        assert_eq!(shown["secrets"][1]["is"], "missing");
    });
}

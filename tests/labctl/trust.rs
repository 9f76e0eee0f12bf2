//! Checks that nothing in an archive is trusted before all of it is verified, and that nothing is
//! written outside the staging folder before that.

use super::{Machine, Payload, run, state, under_each_shell};
use labwright::check::programs::PROGRAMS;
use labwright::check::system_path::closed_to_files;
use labwright::emit::labctl::SCRIPT;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::trixie;

/// Fails unless the bundle is refused and the machine is unchanged.
#[track_caller]
fn assert_refused(machine: &Machine, bundle: &Path, why: &str) {
    machine.apply(bundle).exits(3).says("nothing was changed").says(why);
    assert!(!machine.path("var/lib/labwright").exists(), "written to in spite of: {why}");
    assert!(
        !machine.path("etc").exists() && !machine.path("evil").exists(),
        "written to in spite of: {why}"
    );
}

/// Returns a copy of the bundle with changed bytes.
fn altered(bundle: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
    let copy = bundle.with_file_name("altered.tar.gz");
    std::fs::write(&copy, change(std::fs::read(bundle).unwrap())).unwrap();
    copy
}

/// Returns a copy of the bundle with a changed tar archive inside gzip.
fn repacked(bundle: &Path, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> PathBuf {
    let tar = Command::new("gzip").arg("-dc").arg(bundle).output().unwrap().stdout;
    let copy = bundle.with_file_name("repacked.tar");
    std::fs::write(&copy, change(tar)).unwrap();
    run(Command::new("gzip").arg("-nf").arg(&copy));
    copy.with_extension("tar.gz")
}

/// Sets a field of a tar header and corrects the header's checksum.
fn set_header(tar: &mut [u8], header: usize, field: usize, value: &[u8]) {
    tar[header + field..header + field + value.len()].copy_from_slice(value);
    tar[header + 148..header + 156].fill(b' ');
    let sum: u32 = tar[header..header + 512].iter().map(|byte| u32::from(*byte)).sum();
    tar[header + 148..header + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Returns where the header of an entry begins whose name ends with `name`.
fn header_of(tar: &[u8], name: &str) -> usize {
    (0..tar.len())
        .step_by(512)
        .find(|at| {
            String::from_utf8_lossy(&tar[*at..*at + 100]).trim_end_matches('\0').ends_with(name)
        })
        .expect("the entry is there")
}

#[test]
fn archives_that_are_cut_changed_or_extended_are_refused() {
    under_each_shell(|machine| {
        let bundle = machine.bundle(&Payload::sample());
        let size = std::fs::read(&bundle).unwrap().len();
        for length in [0, 1, 10, size / 2, size - 9, size - 1] {
            let cut = altered(&bundle, |mut bytes| {
                bytes.truncate(length);
                bytes
            });
            assert_refused(&machine, &cut, if length == 0 { "" } else { "cut" });
        }
        let flipped = altered(&bundle, |mut bytes| {
            bytes[size / 2] ^= 4;
            bytes
        });
        assert_refused(&machine, &flipped, "");
        for tail in [&b"more"[..], &[0; 5], &[0; 512]] {
            let extended = altered(&bundle, |bytes| [&bytes[..], tail].concat());
            assert_refused(&machine, &extended, "");
        }
        let twice = altered(&bundle, |bytes| [&bytes[..], &bytes[..]].concat());
        assert_refused(&machine, &twice, "trailing data");
        machine.plan(&twice).exits(3).says("trailing data");

        let tar_cut = repacked(&bundle, |mut tar| {
            tar.truncate(tar.len() - 1024);
            tar
        });
        assert_refused(&machine, &tar_cut, "it is cut");
        let tar_extended = repacked(&bundle, |tar| [&tar[..], &tar[..]].concat());
        assert_refused(&machine, &tar_extended, "");
        let second_archive = repacked(&bundle, |tar| [&tar[..], &tar[..512], &[0; 1024]].concat());
        assert_refused(&machine, &second_archive, "data after the end");
        let not_even_gzip = altered(&bundle, |_| b"hello".to_vec());
        assert_refused(&machine, &not_even_gzip, "");
        assert_refused(&machine, Path::new("/nowhere"), "not a file");
    });
}

#[test]
fn entries_that_are_not_plain_files_are_refused() {
    under_each_shell(|machine| {
        let bundle = machine.bundle(&Payload::sample());
        let entry = |field: usize, value: &'static [u8]| {
            repacked(&bundle, |mut tar| {
                let header = header_of(&tar, "payload/etc/app.conf");
                set_header(&mut tar, header, field, value);
                tar
            })
        };
        for kind in [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"x", b"g", b"L", b"K", b"S", b"\0"]
        {
            assert_refused(&machine, &entry(156, kind), "not a regular file");
        }
        assert_refused(&machine, &entry(157, b"/etc/passwd"), "a link");
        assert_refused(&machine, &entry(345, b"prefix"), "more than 100 bytes");
        assert_refused(&machine, &entry(257, b"ustar  \0"), "not plain ustar");
        assert_refused(&machine, &entry(100, b"0004755"), "with a mode");
        assert_refused(&machine, &entry(100, b"0000755"), "with a mode");
        assert_refused(&machine, &entry(108, b"0001750"), "with an owner");
        let named = |name: &str| {
            repacked(&bundle, |mut tar| {
                let header = header_of(&tar, "payload/etc/app.conf");
                set_header(&mut tar, header, 0, format!("{name:\0<100}").as_bytes());
                tar
            })
        };
        assert_refused(&machine, &entry(0, b"x\0"), "goes on after its end");
        assert_refused(&machine, &named("/evil"), "the name");
        assert_refused(&machine, &named("../evil"), "the name");
        let root = bundle.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz");
        assert_refused(&machine, &named(&format!("{root}/payload/-rf")), "the name");
        assert_refused(&machine, &named("x/../../evil"), "the name");
        assert_refused(&machine, &named("a\nb"), "not allowed");
        assert_refused(&machine, &named("evil"), "outside the root folder");
        assert_refused(&machine, &named("other/payload/x"), "two root folders");
        assert_refused(&machine, &named(&format!("{root}/payload/one-way.tsv")), "twice");
        let wrong_sum = repacked(&bundle, |mut tar| {
            tar[100] ^= 1;
            tar
        });
        assert_refused(&machine, &wrong_sum, "checksum");
    });
}

#[test]
fn a_world_that_is_not_closed_is_refused() {
    under_each_shell(|machine| {
        let sample = Payload::sample();
        let spoilt = |meddle: &str| machine.spoilt_bundle(&sample, meddle, "");
        for (meddle, why) in [
            ("echo more >payload/extra", "payload/extra is in it or in SHA256SUMS, not in both"),
            ("echo more >extra", "extra is in it or in SHA256SUMS, not in both"),
            (
                "rm payload/etc/app.conf",
                "payload/etc/app.conf is in it or in SHA256SUMS, not in both",
            ),
            (
                "echo changed >payload/etc/app.conf",
                "payload/etc/app.conf is not what SHA256SUMS says",
            ),
            ("echo >>SHA256SUMS", "SHA256SUMS is not the one that BUNDLE names"),
            ("echo >>manifest.json", "manifest.json is not the one that BUNDLE names"),
            ("rm manifest.json", "there is no manifest.json"),
            ("rm BUNDLE", "there is no BUNDLE"),
            ("sed -i s,bundle/1,bundle/9, BUNDLE", "labwright.bundle/9"),
            ("echo extra line >>BUNDLE", "line 8 of BUNDLE"),
            ("sed -i '/^seq/d' BUNDLE", "line 5 of BUNDLE"),
            ("sed -i 's/^seq .*/seq 09/' BUNDLE", "strange seq"),
            ("sed -i 's/^machine .*/machine ..\\/..\\/evil/' BUNDLE", "strange machine"),
            ("sed -i 's/^lab .*/lab $(id)/' BUNDLE", "strange lab"),
            ("ln -s /etc/passwd payload/etc/link", "not a regular file"),
            ("mkfifo payload/etc/fifo", "not a regular file"),
            ("chmod 4755 payload/labctl", "with a mode"),
            ("chmod 755 payload/etc/app.conf", "with a mode"),
            ("echo x >payload/etc/APP.conf", "alike but for case"),
            ("echo x >'payload/a b'", "not allowed"),
            ("echo x >'payload/a;b'", "the name"),
        ] {
            assert_refused(&machine, &spoilt(meddle), why);
        }
        let owned = machine.spoilt_bundle(&sample, "", "--owner=1000");
        assert_refused(&machine, &owned, "with an owner");
        let renamed = machine.spoilt_bundle(&sample, "", "--transform=s,^home-,work-,");
        assert_refused(&machine, &renamed, "does not agree with its BUNDLE");
    });
}

#[test]
fn a_bundle_that_installs_where_it_must_not_is_refused() {
    under_each_shell(|machine| {
        for (row, why) in [
            ("etc/app.conf\t../evil\troot\troot\t0644", "not allowed"),
            ("etc/app.conf\t/etc/../evil\troot\troot\t0644", "not allowed"),
            ("../BUNDLE\t/etc/app.conf\troot\troot\t0644", "not allowed"),
            ("etc/app.conf\t/etc/app.conf\troot\troot\t4755", "not allowed"),
            ("etc/nothing\t/etc/app.conf\troot\troot\t0644", "not in the bundle"),
            (
                "etc/app.conf\t/etc/x\troot\troot\t0644\netc/app.conf\t/etc/x\troot\troot\t0644",
                "twice",
            ),
        ] {
            let mut payload = Payload::sample();
            payload.set("install.tsv", &format!("{row}\n"));
            let bundle = machine.bundle(&payload);
            machine.apply(&bundle).exits(3).says(why);
            assert!(!machine.path("etc").exists() && !machine.path("evil").exists());
        }
    });
}

/// The places below which bundles install some files, of which labctl knows the names.
const PARTLY: &[&str] = &[
    "/etc/labwright",
    "/etc/labwright/firewall",
    "/etc/security",
    "/etc/ssh",
    "/etc/sysctl.d/60-labwright.conf",
    "/etc/systemd",
    "/usr/local/lib",
    "/usr/local/lib/labwright",
    "/usr/share",
];

#[test]
fn labctl_and_the_compiler_keep_the_same_places() {
    let (_, rest) = SCRIPT.split_once("NEVER_INSTALLED='").expect("the list");
    let (list, _) = rest.split_once('\'').expect("its end");
    let own: BTreeSet<&str> = list.split_whitespace().collect();
    let expected: BTreeSet<&str> =
        closed_to_files().filter(|path| !PARTLY.contains(path)).collect();
    assert_eq!(own, expected);
    let (_, rest) = SCRIPT.split_once("NEVER_HIDDEN='").expect("the list");
    let (list, _) = rest.split_once('\'').expect("its end");
    assert!(list.split_whitespace().eq(PROGRAMS.iter().copied()), "{list}");
}

#[test]
fn the_programs_that_labctl_runs_are_never_hidden() {
    let Some(root) = trixie::root() else { return };
    let is_program = |word: &&str| {
        ["usr/bin", "usr/sbin"].iter().any(|folder| root.join(folder).join(word).exists())
    };
    // The places that are never installed are paths, of which labctl runs none.
    let (before, rest) = SCRIPT.split_once("NEVER_INSTALLED='").expect("the list");
    let (_, after) = rest.split_once('\'').expect("its end");
    let lines = before.lines().chain(after.lines());
    let lines = lines.filter(|line| !line.trim_start().starts_with('#'));
    let words = lines.flat_map(|line| {
        line.split(|one: char| !(one.is_ascii_alphanumeric() || "._+-".contains(one)))
    });
    let words: BTreeSet<&str> =
        words.filter(|word| !word.is_empty() && !word.starts_with('.')).collect();
    let run: Vec<&str> = words.into_iter().filter(is_program).collect();
    assert!(run.len() > 40, "{run:?}");
    // Words that mean something else are kept too, which harms nobody.
    let open: Vec<_> = run.iter().filter(|word| PROGRAMS.binary_search(word).is_err()).collect();
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_bundle_installs_nothing_over_what_a_machine_needs() {
    let places = [
        "/etc/passwd",
        "/etc/passwd/x",
        "/etc",
        "/usr",
        "/root/.ssh/authorized_keys",
        "/home/ada/x",
        "/dev/sda",
        "/var/lib/labwright/home/gen/x",
        "/etc/labwright/secrets/x",
        "/etc/labwright/trust/allowed_signers",
        "/etc/ssh/sshd_config",
        "/etc/systemd/system/multi-user.target.wants/x.service",
        "/etc/systemd/system.conf",
        "/etc/app.conf/x",
        "/etc//x",
        "/usr/local/sbin/docker",
        "/usr/local/bin/labctl",
        "/etc/alternatives/awk",
        "/usr/local",
        "/usr/local/lib/systemd/system/ssh.service",
        "/usr/local/lib/libc.so.6",
        "/etc/systemd/network/10-lan.network.d/x.conf",
        "/etc/default/docker",
        "/etc/polkit-1/rules.d/x.rules",
        "/etc/security/access.conf",
        "/usr/local/libexec/docker/cli-plugins/docker-compose",
        "/usr/share/perl5/Debconf/Db.pm",
    ];
    under_each_shell(|machine| {
        for place in places {
            let mut payload = Payload::sample();
            let row = |to: &str| format!("etc/app.conf\t{to}\troot\troot\t0644\n");
            payload.set("install.tsv", &(row("/etc/app.conf") + &row(place)));
            let bundle = machine.bundle(&payload);
            machine.plan(&bundle).exits(3).says("install.tsv");
            assert_refused(&machine, &bundle, "install.tsv");
        }
    });
}

#[test]
fn a_bundle_with_a_script_that_no_shell_reads_is_refused() {
    under_each_shell(|machine| {
        let script = |text: &str| {
            let mut payload = Payload::sample();
            payload.set("app/run.sh", text);
            payload
                .set("install.tsv", "app/run.sh\t/usr/local/lib/labwright/run\troot\troot\t0755\n");
            machine.bundle(&payload)
        };
        let broken = script("#!/bin/sh\ntouch \"$LABWRIGHT_ROOT/ran\"\nif true; then\n");
        machine.plan(&broken).exits(3).says("sh can't read /usr/local/lib/labwright/run:");
        assert_refused(&machine, &broken, "sh can't read");
        let whole = script("#!/bin/sh\ntouch \"$LABWRIGHT_ROOT/ran\"\nif true; then :; fi\n");
        machine.plan(&whole).exits(2);
        machine.plan(&script("#!/usr/bin/python3\nif true:\n    pass\n")).exits(2);
        assert!(!machine.path("ran").exists(), "a plan runs no script");
    });
}

#[test]
fn a_bundle_whose_tables_hide_what_they_say_is_refused() {
    under_each_shell(|machine| {
        let files = ["firewall/flows.tsv", "one-way.tsv", "systemd/units.tsv", "RUNBOOK.md"];
        for (file, hidden) in files.into_iter().flat_map(|file| {
            ["\u{1b}[2J", "\u{202e}", "\u{200b}", "\u{2066}", "\u{85}", "\r"].map(|it| (file, it))
        }) {
            let mut payload = Payload::sample();
            payload.set(file, &format!("a\tb{hidden}\tc\n"));
            let bundle = machine.bundle(&payload);
            let said = machine.plan(&bundle).exits(3).says("does not show");
            let repeats = said.out.contains(hidden) || said.err.contains(hidden);
            assert!(!repeats, "{file}: {hidden:?}");
        }
        let mut payload = Payload::sample();
        payload.set("RUNBOOK.md", "# Größe, 東京 and 👨\u{200d}👩\n");
        let bundle = machine.bundle(&payload);
        machine.plan(&bundle).exits(2);
    });
}

#[test]
fn a_bundle_of_another_machine_lab_or_time_is_refused() {
    under_each_shell(|machine| {
        let (first, later) =
            (machine.bundle(&Payload::sample()), machine.bundle(&Payload::later()));
        machine.apply(&later).exits(0);
        machine.apply(&first).exits(3).says("replayed");
        let log = machine.read(&state("log"));
        machine.plan(&first).exits(3).says("replayed");
        assert_eq!(machine.read(&state("log")), log, "a plan touches nothing, not even the log");
        let mut other = Payload::later();
        other.machine = "extranet";
        let bundle = machine.bundle(&other);
        let refused = machine.apply(&bundle);
        refused.exits(3).says("this machine is `intranet`, the bundle is for `extranet`");
        // As it says, a machine may have a new name.
        machine.write(&state("machine"), "extranet\n");
        machine.plan(&bundle).exits(0).says("home, extranet");
        machine.write(&state("machine"), "intranet\n");
        let mut other = Payload::later();
        other.lab = "work";
        machine
            .apply(&machine.bundle(&other))
            .exits(3)
            .says("this machine belongs to the lab `home`, the bundle to `work`");
        assert_eq!(machine.whole(), "2025.2.0");
        // A rollback is a separate command. After it, the newer bundle is not a replay.
        machine.apply(&later).exits(0);
    });
}

#[test]
fn where_a_key_is_trusted_a_signature_is_required() {
    under_each_shell(|machine| {
        let bundle = machine.bundle(&Payload::sample());
        let keys = machine.folder.path().join("keys");
        std::fs::create_dir(&keys).unwrap();
        for name in ["ours", "theirs"] {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
                .arg(keys.join(name)));
        }
        let public = std::fs::read_to_string(keys.join("ours.pub")).unwrap();
        machine.write(
            "etc/labwright/trust/allowed_signers",
            &format!("operator namespaces=\"labwright\" {public}"),
        );
        let signature = PathBuf::from(format!("{}.sig", bundle.display()));
        let sign = |key: &str, namespace: &str, text: &[u8]| {
            let unsigned = machine.folder.path().join("text");
            std::fs::File::create(&unsigned).unwrap().write_all(text).unwrap();
            let _ = std::fs::remove_file(unsigned.with_extension("sig"));
            run(Command::new("ssh-keygen")
                .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
                .arg(keys.join(key))
                .arg(&unsigned));
            std::fs::rename(unsigned.with_extension("sig"), &signature).unwrap();
        };
        let name = bundle.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz");
        let inside =
            run(Command::new("tar").arg("-xzOf").arg(&bundle).arg(format!("{name}/BUNDLE")));

        machine.apply(&bundle).exits(3).says("is not signed");
        sign("theirs", "labwright", inside.as_bytes());
        machine.apply(&bundle).exits(3).says("not by a key in");
        sign("ours", "labwright", b"another BUNDLE\n");
        machine.apply(&bundle).exits(3).says("does not sign this bundle");
        sign("ours", "file", inside.as_bytes());
        machine.apply(&bundle).exits(3);
        assert_eq!(machine.whole(), "");
        sign("ours", "labwright", inside.as_bytes());
        machine.apply(&bundle).exits(0);
    });
}

#[test]
fn an_archive_with_too_many_files_is_refused() {
    under_each_shell(|machine| {
        let mut payload = Payload::sample();
        for number in 0..10_000 {
            payload.set(&format!("x/{number}"), "");
        }
        assert_refused(&machine, &machine.bundle(&payload), "more than 10000 files");
    });
}

/// What labwright never writes: another folder, a strange owner or mode, too many or few columns.
#[test]
fn lines_of_secrets_that_no_release_has_are_refused() {
    under_each_shell(|machine| {
        for line in [
            "key\t/etc/labwright/../shadow\troot\t0400",
            "key\tetc/key\troot\t0400",
            "key\t/etc/./key\troot\t0400",
            "key\t/etc//key\troot\t0400",
            "key\t/etc/key/\troot\t0400",
            "key\t/etc/key\t-R\t0400",
            "key\t/etc/key\troot root\t0400",
            "key\t/etc/key\troot:\t0400",
            "key\t/etc/key\troot\t4755",
            "key\t/etc/key\troot\t400",
            "key\t/etc/key\troot\tu+s",
            "key\t/etc/key\troot",
            "key\t/etc/key\troot\t0400\tmore",
        ] {
            let mut payload = Payload::sample();
            payload.set("secrets.required", &format!("{line}\n"));
            assert_refused(&machine, &machine.bundle(&payload), "a line that is not allowed");
        }
    });
}

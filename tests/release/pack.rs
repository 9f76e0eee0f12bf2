//! Checks what a bundle contains, and that its bytes are always the same.

use std::io::Read;
use std::path::Path;

use labwright::artifact::{Artifacts, Install};
use labwright::bundle::constant::CONSTANTS;
use labwright::bundle::verify::verify_bundle;
use labwright::bundle::{Identity, Manifest, Packer, ids};
use labwright::digest;
use labwright::kind::Kind;
use rayon::prelude::*;

use super::{artifacts, identity, pack};

/// Reads an archive with plain libraries: path, mode, content.
fn unpack(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    let mut plain = Vec::new();
    flate2::bufread::GzDecoder::new(archive)
        .read_to_end(&mut plain)
        .expect("one whole gzip member");
    let mut archive = tar::Archive::new(plain.as_slice());
    let mut files = Vec::new();
    for entry in archive.entries().expect("tar") {
        let mut entry = entry.expect("tar entry");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("ascii");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("content");
        files.push((path, entry.header().mode().expect("mode"), bytes));
    }
    files
}

fn file(name: &str) -> String {
    let files = unpack(&pack("intranet").archive);
    let (_, _, bytes) = files
        .iter()
        .find(|(path, ..)| path.ends_with(&format!("/{name}")))
        .expect("the file is there");
    String::from_utf8(bytes.clone()).expect("text")
}

#[test]
fn the_archive_has_the_bytes_it_always_had() {
    let bundle = pack("intranet");
    // The content id never changes. The archive's hash holds for one version of the compressor.
    insta::assert_snapshot!(bundle.content_id,
    @"6e15849b51c46b3cc20fcd86d37ddb4b9150b754ca9769f2b8616449e8a1e1f5");
    insta::assert_snapshot!(bundle.archive_sha256,
    @"2891b7c6fd95c74074337766adc81c6f47bd272b1987fe3b61a583368fd1d66a");
    assert_eq!(bundle.archive_sha256, digest::sha256_hex(&bundle.archive));
}

#[test]
fn the_same_bytes_whatever_was_packed_before_and_on_how_many_threads() {
    let expected = pack("m07");
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let packer = Packer::new();
        let bundles: Vec<_> = pool.install(|| {
            (0..40)
                .into_par_iter()
                .map(|index| {
                    let mut artifacts = artifacts();
                    if index != 7 {
                        artifacts.add(
                            "other.txt",
                            Kind::Text,
                            format!("{index}").repeat(300 * index),
                            Vec::new(),
                        );
                    }
                    packer.pack(&identity(&format!("m{index:02}")), &artifacts).expect("it packs")
                })
                .collect()
        });
        assert_eq!(bundles[7], expected, "{threads} threads");
    }
}

/// Makes bytes that can't be compressed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn files_of_every_length_read_back_as_they_were() {
    let mut artifacts = Artifacts::default();
    let origin = || vec!["lab home".to_owned()];
    for length in [0, 1, 511, 512, 513, 8191, 8192, 8193, 8704, 70_000, 300_000] {
        artifacts.add(format!("noise/{length}"), Kind::Text, noise(length), origin());
        artifacts.add(format!("zeros/{length}"), Kind::Text, vec![0; length], origin());
    }
    let packer = Packer::new();
    for _ in 0..2 {
        let bundle = packer.pack(&identity("a"), &artifacts).expect("it packs");
        let read = verify_bundle(&bundle.file_name(), &bundle.archive).expect("it is sound");
        for (path, file) in &artifacts.files {
            assert!(read.files[&format!("payload/{path}")] == file.bytes, "{path}");
        }
        let [root_files, tables] = [3, 3];
        assert_eq!(read.files.len(), artifacts.files.len() + root_files + tables);
    }
}

#[test]
fn one_root_folder_sorted_files_and_modes_by_path() {
    let bundle = pack("intranet");
    let listing: Vec<String> = unpack(&bundle.archive)
        .iter()
        .map(|(path, mode, _)| format!("{mode:04o} {}", path.replace(&bundle.name, "ROOT")))
        .collect();
    assert!(
        bundle.name.starts_with("home-intranet-")
            && bundle.content_id.starts_with(&bundle.name[14..])
    );
    insta::assert_snapshot!(listing.join("\n"), @r#"
    0644 ROOT/BUNDLE
    0644 ROOT/SHA256SUMS
    0644 ROOT/manifest.json
    0644 ROOT/payload/RUNBOOK.md
    0755 ROOT/payload/activate.d/50-compose.sh
    0755 ROOT/payload/backup/backup.sh
    0644 ROOT/payload/compose/compose.yaml
    0644 ROOT/payload/empty.txt
    0644 ROOT/payload/install.tsv
    0755 ROOT/payload/labctl
    0644 ROOT/payload/one-way.tsv
    0644 ROOT/payload/secrets.required
    0644 ROOT/payload/systemd/dump.timer
    "#);
}

#[test]
fn the_head_is_lines_that_sh_can_read() {
    let head = file("BUNDLE");
    let content = digest::sha256_hex(file("SHA256SUMS").as_bytes());
    let manifest = digest::sha256_hex(file("manifest.json").as_bytes());
    insta::assert_snapshot!(head.replace(&content, "CONTENT").replace(&manifest, "MANIFEST"), @r#"
    format labwright.bundle/1
    lab home
    machine intranet
    version 2025.11.3
    seq 2025000011000003
    content CONTENT
    manifest-sha256 MANIFEST
    "#);
}

#[test]
fn the_tables_say_what_the_lists_say() {
    insta::assert_snapshot!(file("install.tsv"), @r#"
    backup/backup.sh	/usr/local/sbin/backup	root	root	0755
    systemd/dump.timer	/etc/systemd/system/dump.timer	root	root	0644
    "#);
    insta::assert_snapshot!(file("secrets.required"),
    @"grafana-password	/etc/labwright/secrets/grafana-password	472	0400");
    insta::assert_snapshot!(file("one-way.tsv"), @"postgres-major immich	14	the data directory is \
                                                   written for one major version");
}

#[test]
fn a_table_without_rows_is_there_and_empty() {
    let mut artifacts = Artifacts::default();
    artifacts.add("RUNBOOK.md", Kind::Markdown, "# a\n", vec!["lab home".to_owned()]);
    let bundle = Packer::new().pack(&identity("a"), &artifacts).expect("it packs");
    let read = verify_bundle(&bundle.file_name(), &bundle.archive).expect("it is sound");
    for table in ["install.tsv", "one-way.tsv", "secrets.required"] {
        assert_eq!(read.files[&format!("payload/{table}")], b"", "{table}");
    }
}

#[test]
fn the_manifest_is_sorted_and_reads_back() {
    let text = file("manifest.json");
    let manifest: Manifest = serde_json::from_str(&text).expect("the manifest's own type");
    let sorted: serde_json::Value = serde_json::from_str(&text).expect("json");
    assert_eq!(
        format!("{}\n", serde_json::to_string_pretty(&sorted).expect("json")),
        text,
        "keys are sorted"
    );
    assert!(manifest.files.is_sorted_by(|a, b| a.path < b.path));
    let table =
        manifest.files.iter().find(|file| file.path == "payload/install.tsv").expect("the table");
    assert_eq!((table.kind.as_str(), table.mode.as_str()), ("table", "0644"));
    let compose =
        manifest.files.iter().find(|file| file.kind == "compose").expect("the compose file");
    assert_eq!(compose.origin, ["machine intranet", "service jellyfin"]);
}

#[test]
fn another_version_changes_no_content() {
    let newer = Identity { version: "2025.11.4".to_owned(), ..identity("intranet") };
    let newer = Packer::new().pack(&newer, &artifacts()).expect("it packs");
    assert_eq!(newer.content_id, pack("intranet").content_id);
    assert_eq!(newer.name, pack("intranet").name);
}

#[test]
fn a_sequence_grows_with_the_version() {
    assert_eq!(ids::sequence("2025.11.3"), Ok(2_025_000_011_000_003));
    assert_eq!(ids::sequence("v1.2-rc3"), Ok(1_000_002_000_003));
    assert_eq!(ids::sequence("dev"), Ok(0));
    assert!(
        ids::sequence("2025.11").expect("a version")
            < ids::sequence("2025.11.1").expect("a version")
    );
    assert_eq!(
        ids::sequence("20251103").expect_err("too long"),
        "the version `20251103` holds a number of more than six digits"
    );
}

fn refusal(change: impl FnOnce(&mut Artifacts)) -> String {
    let mut artifacts = artifacts();
    change(&mut artifacts);
    Packer::new().pack(&identity("intranet"), &artifacts).expect_err("it is refused").problem
}

#[test]
fn names_that_some_reader_would_misread_are_refused() {
    let add = |path: &str| refusal(|artifacts| artifacts.add(path, Kind::Text, "x", Vec::new()));
    let problems: Vec<String> = [
        "a b.txt",
        "é.txt",
        "a//b",
        "/abs",
        "a/../b",
        "./a",
        "-rf",
        "tail/",
        "tab\there",
        "Compose/other.yaml",
        "runbook.md",
        "labctl/x",
        "install.tsv",
    ]
    .into_iter()
    .map(add)
    .collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    the path `a b.txt`: ` ` is not one of A-Z a-z 0-9 . _ -
    the path `é.txt`: `é` is not one of A-Z a-z 0-9 . _ -
    the path `a//b`: an empty name
    the path `/abs`: an empty name
    the path `a/../b`: `..` is not a name
    the path `./a`: `.` is not a name
    the path `-rf`: a name that begins with `-` reads as an option
    the path `tail/`: an empty name
    the path `tab\there`: `\t` is not one of A-Z a-z 0-9 . _ -
    `compose/compose.yaml` and `Compose/other.yaml` differ only by case in `compose` and `Compose`
    `RUNBOOK.md` and `runbook.md` differ only by case in `RUNBOOK.md` and `runbook.md`
    `labctl` is a file and the folder of `labctl/x`
    an emitter wrote `install.tsv`, which is made from its lists
    "#);
    let longest = 100 - pack("intranet").name.len() - "/payload/".len();
    insta::assert_snapshot!(add(&"x".repeat(longest + 1)).split_once(" has ").expect("a length").1,
    @"101 bytes; the limit is 100");
    let mut artifacts = artifacts();
    artifacts.add("x".repeat(longest), Kind::Text, "x", Vec::new());
    Packer::new()
        .pack(&identity("intranet"), &artifacts)
        .expect("a name of a hundred bytes is fine");
}

#[test]
fn lists_that_contradict_themselves_are_refused() {
    let missing = refusal(|artifacts| {
        artifacts
            .installs
            .push(Install { source: "nowhere".to_owned(), ..artifacts.installs[0].clone() });
    });
    let relative = refusal(|artifacts| artifacts.installs[0].destination = "etc/passwd".to_owned());
    let dots = refusal(|artifacts| artifacts.installs[0].destination = "/etc/../root".to_owned());
    let mode = refusal(|artifacts| artifacts.installs[0].mode = "rwx".to_owned());
    let twice = refusal(|artifacts| {
        artifacts.installs[0].destination = artifacts.installs[1].destination.clone();
    });
    let tab = refusal(|artifacts| artifacts.installs[0].owner = "ro\tot".to_owned());
    let setuid = refusal(|artifacts| artifacts.installs[0].mode = "4755".to_owned());
    let option = refusal(|artifacts| artifacts.installs[0].group = "-R".to_owned());
    let blank = refusal(|artifacts| artifacts.installs[0].destination = "/etc/a b".to_owned());
    let secret = refusal(|artifacts| {
        let mut other = artifacts.secrets[0].clone();
        other.mode = "0444".to_owned();
        artifacts.secrets.push(other);
    });
    let one_way = refusal(|artifacts| {
        let mut other = artifacts.one_way[0].clone();
        other.value = "16".to_owned();
        artifacts.one_way.push(other);
    });
    let refusals =
        [missing, relative, dots, mode, twice, tab, setuid, option, blank, secret, one_way];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    `nowhere` is to be installed, but is missing
    `etc/passwd` is not an absolute path
    `/etc/../root` is not an absolute path
    the mode `rwx` is not four octal digits
    `backup/backup.sh` and `systemd/dump.timer` both go to `/usr/local/sbin/backup`
    `ro\tot` is not a user or group
    the mode `4755` gives a file more than reading, writing and running
    `-R` is not a user or group
    `/etc/a b` is not a path that labctl installs
    the secret file `/etc/labwright/secrets/grafana-password` is required twice, in different ways
    the one-way fact `postgres-major immich` has two values
    "#);
}

#[test]
fn what_the_build_script_deflated_is_in_the_files_of_a_lab() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules/labs/media-server-home");
    let machines = crate::emit::lab::compile_folder(&folder).machines;
    for constant in CONSTANTS {
        let part = std::str::from_utf8(constant.bytes).expect("text");
        let holds = machines.values().flat_map(|artifacts| &artifacts.files).any(|(path, file)| {
            let text = std::str::from_utf8(&file.bytes).expect("text");
            path.rsplit('/').next() == Some(constant.file)
                && (text == part || text.lines().any(|line| line == part))
        });
        assert!(holds, "no `{}` has the part that is deflated for it", constant.file);
    }
}

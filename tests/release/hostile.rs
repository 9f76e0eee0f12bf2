//! Checks archives that are malicious or damaged: each is refused with a reason.

use std::io::{Read, Write};
use std::path::Path;

use labwright::bundle::read::read_archive;
use labwright::bundle::verify::verify_bundle;
use tar::{EntryType, Header};

use super::pack;

const NAME: &str = "home-a-0123456789ab.tar.gz";
const ROOT: &str = "home-a-0123456789ab";

/// Compresses tar blocks as our gzip does.
fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut archive = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(plain).expect("memory");
    archive.extend(deflate.finish().expect("memory"));
    let mut crc = flate2::Crc::new();
    crc.update(plain);
    archive.extend(crc.sum().to_le_bytes());
    archive.extend(crc.amount().to_le_bytes());
    archive
}

fn gunzip(archive: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    flate2::bufread::GzDecoder::new(archive).read_to_end(&mut plain).expect("gzip");
    plain
}

/// Makes an entry as labwright does, then lets `change` damage its header.
fn entry(path: &str, bytes: &[u8], change: impl FnOnce(&mut Header)) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_ustar_mut().expect("ustar").name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(315_532_800);
    header.set_size(bytes.len() as u64);
    change(&mut header);
    header.set_cksum();
    let mut blocks = header.as_bytes().to_vec();
    blocks.extend_from_slice(bytes);
    blocks.resize(blocks.len().next_multiple_of(512), 0);
    blocks
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut plain = entries.concat();
    plain.resize(plain.len() + 1024, 0);
    gzip(&plain)
}

fn one(path: &str, change: impl FnOnce(&mut Header)) -> String {
    read_archive(NAME, &archive(&[entry(path, b"", change)])).expect_err("it is refused")
}

#[test]
fn what_the_helpers_make_is_accepted_when_nothing_is_spoiled() {
    let good = archive(&[
        entry(&format!("{ROOT}/a"), b"1", |_| ()),
        entry(&format!("{ROOT}/b"), &[7; 600], |_| ()),
    ]);
    let contents = read_archive(NAME, &good).expect("it is accepted");
    assert_eq!(contents.files.keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn hostile_headers_are_refused() {
    let path = format!("{ROOT}/a");
    let kind = |kind: EntryType| one(&path, |header| header.set_entry_type(kind));
    let problems = [
        kind(EntryType::Symlink),
        kind(EntryType::Link),
        kind(EntryType::Directory),
        kind(EntryType::Char),
        kind(EntryType::Block),
        kind(EntryType::Fifo),
        kind(EntryType::GNULongName),
        kind(EntryType::GNULongLink),
        kind(EntryType::XHeader),
        kind(EntryType::XGlobalHeader),
        kind(EntryType::GNUSparse),
        kind(EntryType::Continuous),
        one("/etc/passwd", |_| ()),
        one(&format!("{ROOT}/../../etc/passwd"), |_| ()),
        one(&format!("{ROOT}/./a"), |_| ()),
        one(&format!("{ROOT}//a"), |_| ()),
        one(&format!("{ROOT}/a b"), |_| ()),
        one(&format!("{ROOT}/\u{e9}"), |_| ()),
        one("elsewhere/a", |_| ()),
        one(ROOT, |_| ()),
        one(&format!("{ROOT}x/a"), |_| ()),
        one(&path, |header| header.set_mode(0o4755)),
        one(&path, |header| header.set_mode(0o777)),
        one(&path, |header| header.set_uid(1000)),
        one(&path, |header| header.set_mtime(1)),
        one(&path, |header| header.set_size(1 << 40)),
        one(&path, |header| header.as_ustar_mut().expect("ustar").prefix[0] = b'x'),
        one(&path, |header| header.as_ustar_mut().expect("ustar").linkname[0] = b'x'),
        one(&path, |header| header.set_username("root").expect("a name")),
    ];
    insta::assert_snapshot!(problems.join("\n"), @r#"
    `home-a-0123456789ab/a` is a link
    `home-a-0123456789ab/a` is a link
    `home-a-0123456789ab/a` is an entry for a folder
    `home-a-0123456789ab/a` is a device or a pipe
    `home-a-0123456789ab/a` is a device or a pipe
    `home-a-0123456789ab/a` is a device or a pipe
    `home-a-0123456789ab/a` carries a long name
    `home-a-0123456789ab/a` carries a long name
    `home-a-0123456789ab/a` is a PAX header
    `home-a-0123456789ab/a` is a PAX header
    `home-a-0123456789ab/a` is not a regular file
    `home-a-0123456789ab/a` is not a regular file
    `/etc/passwd` is an absolute name
    the path `home-a-0123456789ab/../../etc/passwd`: `..` is not a name
    the path `home-a-0123456789ab/./a`: `.` is not a name
    the path `home-a-0123456789ab//a`: an empty name
    the path `home-a-0123456789ab/a b`: ` ` is not one of A-Z a-z 0-9 . _ -
    the path `home-a-0123456789ab/\xc3\xa9`: `é` is not one of A-Z a-z 0-9 . _ -
    `elsewhere/a` is outside the root folder `home-a-0123456789ab`
    `home-a-0123456789ab` is outside the root folder `home-a-0123456789ab`
    `home-a-0123456789abx/a` is outside the root folder `home-a-0123456789ab`
    `a` has the mode 4755, not 0644
    `a` has the mode 0777, not 0644
    the header of `a` is not as labwright writes it
    the header of `a` is not as labwright writes it
    it is cut off in `a`
    `x/home-a-0123456789ab/a` is outside the root folder `home-a-0123456789ab`
    the header of `a` is not as labwright writes it
    the header of `a` is not as labwright writes it
    "#);
}

#[test]
fn hostile_archives_are_refused() {
    let (a, b) =
        (entry(&format!("{ROOT}/a"), b"1", |_| ()), entry(&format!("{ROOT}/b"), b"2", |_| ()));
    let good = archive(&[a.clone(), b.clone()]);
    let plain = gunzip(&good);
    let mut hidden = plain.clone();
    hidden[1023] = 1;
    let mut checksum = plain.clone();
    checksum[148] = b'7';
    let mut spoiled = good.clone();
    let middle = spoiled.len() - 20;
    spoiled[middle] ^= 0xff;
    let problems = [
        archive(&[a.clone(), a.clone()]),
        archive(&[b.clone(), a.clone()]),
        gzip(&plain[..512 + 100]),
        gzip(&plain[..1024]),
        gzip(&plain[..plain.len() - 512]),
        gzip(&[plain.as_slice(), &[0; 512]].concat()),
        gzip(&[plain.as_slice(), &a].concat()),
        gzip(&hidden),
        gzip(&checksum),
        good[..good.len() - 1].to_vec(),
        good[..good.len() / 2].to_vec(),
        [good.as_slice(), b"x"].concat(),
        [good.as_slice(), &good].concat(),
        spoiled,
        b"".to_vec(),
        b"\x1f\x8b\x08\x08\0\0\0\0\0\xffname\0".to_vec(),
    ]
    .map(|archive| read_archive(NAME, &archive).expect_err("it is refused"));
    insta::assert_snapshot!(problems.join("\n"), @r#"
    `a` is in it twice
    `a` is out of order
    it is cut off after `a`
    it is cut off
    it is cut off
    something follows its end
    something follows its end
    something is hidden after `a`
    the header of `a` is not as labwright writes it
    it is cut off
    it is cut off
    something follows its end
    something follows its end
    it is cut off
    it does not begin as the gzip of a bundle does
    it does not begin as the gzip of a bundle does
    "#);
    assert!(read_archive("a.zip", &good).is_err());
    assert!(read_archive("..tar.gz", &good).is_err());
}

#[test]
fn an_archive_that_swells_is_refused() {
    // One deflated mebibyte of zeros that ends at a byte boundary can be repeated.
    let mut mebibyte = Vec::with_capacity(4096);
    let mut compress = flate2::Compress::new(flate2::Compression::best(), false);
    compress
        .compress_vec(&vec![0; 1024 * 1024], &mut mebibyte, flate2::FlushCompress::Full)
        .expect("memory");
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    bomb.extend(mebibyte.repeat(257));
    assert!(bomb.len() < 512 * 1024);
    assert_eq!(
        read_archive(NAME, &bomb).expect_err("it is refused"),
        "it holds more than 268435456 bytes"
    );
}

/// Damages one file of a sound bundle and packs it again.
fn spoiled(from: &str, to: &str) -> String {
    let bundle = pack("intranet");
    assert_eq!(from.len(), to.len());
    let mut plain = gunzip(&bundle.archive);
    let at = plain
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .expect("the text is there");
    plain[at..at + from.len()].copy_from_slice(to.as_bytes());
    verify_bundle(&bundle.file_name(), &gzip(&plain)).expect_err("it is refused")
}

#[test]
fn a_bundle_that_contradicts_itself_is_refused() {
    let bundle = pack("intranet");
    let sound = verify_bundle(&bundle.file_name(), &bundle.archive).expect("it is sound");
    assert_eq!(
        (sound.lab.as_str(), sound.machine.as_str(), sound.content_id.as_str()),
        ("home", "intranet", bundle.content_id.as_str())
    );
    let renamed =
        verify_bundle(&bundle.file_name().replace("intranet", "extranet"), &bundle.archive)
            .expect_err("it is refused");
    let problems = [
        renamed,
        spoiled("echo labctl", "rm -rf ./x/"),
        spoiled("version 2025.11.3", "version 2025.11.4"),
        spoiled("seq 2025", "seq 2026"),
        spoiled("machine intranet", "machine extranet"),
        spoiled("bundle/1", "bundle/2"),
        spoiled("\"oneWay\": [", "\"oneWay\":[ "),
        spoiled("  payload/RUNBOOK.md", "  payload/RUNBOOK.me"),
    ];
    crate::snapshots::assert_snapshot("release", "hostile-names", &problems.join("\n"));
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let bundle = pack("intranet");
    let plain = gunzip(&bundle.archive);
    let flipped = |bytes: &[u8], at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    };
    for at in 0..bundle.archive.len() {
        let archive = flipped(&bundle.archive, at);
        // Some bits of deflate mean nothing, such as those between a flush and the next byte. The
        // release's index contains the archive's own hash.
        let noticed =
            verify_bundle(&bundle.file_name(), &archive).is_err() || gunzip(&archive) == plain;
        assert!(noticed, "byte {at} of the archive");
    }
    for at in (0..plain.len()).step_by(41) {
        assert!(
            verify_bundle(&bundle.file_name(), &gzip(&flipped(&plain, at))).is_err(),
            "byte {at} of the tar"
        );
    }
}

/// Changes texts of a sound bundle and makes every hash right again, as an attacker would.
fn forged(changes: &[(&str, &str, &str)]) -> String {
    let bundle = pack("intranet");
    let read = read_archive(&bundle.file_name(), &bundle.archive).expect("it is sound");
    let mut files: std::collections::BTreeMap<String, String> = read
        .files
        .into_iter()
        .map(|(path, bytes)| (path, String::from_utf8(bytes).expect("text")))
        .collect();
    for (path, from, to) in changes {
        let text = files.get_mut(*path).expect("the file is there");
        assert!(text.contains(from), "{path} holds `{from}`");
        *text = text.replacen(from, to, 1);
    }
    let hash = |text: &str| labwright::digest::sha256_hex(text.as_bytes());
    let sums: String = files
        .iter()
        .filter(|(path, _)| path.starts_with("payload/"))
        .map(|(path, text)| format!("{}  {path}\n", hash(text)))
        .collect();
    let mut manifest: serde_json::Value =
        serde_json::from_str(&files["manifest.json"]).expect("json");
    for file in manifest["files"].as_array_mut().expect("files") {
        let text = &files[file["path"].as_str().expect("a path")];
        file["sha256"] = hash(text).into();
        file["size"] = text.len().into();
    }
    let manifest = serde_json::to_string_pretty(&manifest).expect("json") + "\n";
    let content = hash(&sums);
    let head = |text: &str| {
        let lines = text.lines().map(|line| match line.split_once(' ').expect("a word").0 {
            "content" => format!("content {content}\n"),
            "manifest-sha256" => format!("manifest-sha256 {}\n", hash(&manifest)),
            _ => format!("{line}\n"),
        });
        lines.collect::<String>()
    };
    let head = head(&files["BUNDLE"]);
    files.insert("BUNDLE".to_owned(), head);
    files.insert("SHA256SUMS".to_owned(), sums);
    files.insert("manifest.json".to_owned(), manifest);
    let root = format!("home-intranet-{}", labwright::digest::short(&content));
    let entries: Vec<Vec<u8>> = files
        .iter()
        .map(|(path, text)| {
            let is_script = path == "payload/labctl"
                || Path::new(path).extension().is_some_and(|end| end == "sh");
            let mode = if is_script { 0o755 } else { 0o644 };
            entry(&format!("{root}/{path}"), text.as_bytes(), |header| header.set_mode(mode))
        })
        .collect();
    match verify_bundle(&format!("{root}.tar.gz"), &archive(&entries)) {
        Ok(_) => "it is accepted".to_owned(),
        Err(problem) => problem,
    }
}

#[test]
fn a_bundle_that_was_put_together_with_new_hashes_is_refused() {
    let install = |from: &str, to: &str| {
        forged(&[("payload/install.tsv", from, to), ("manifest.json", from, to)])
    };
    let manifest = |from: &str, to: &str| forged(&[("manifest.json", from, to)]);
    let dump = "/etc/systemd/system/dump.timer";
    let problems = [
        forged(&[]),
        install(dump, "/etc/systemd/../dump.timer"),
        forged(&[
            ("payload/install.tsv", "root\troot\t0755", "root\troot\t4755"),
            (
                "manifest.json",
                "\"mode\": \"0755\",\n      \"owner\"",
                "\"mode\": \"4755\",\n      \"owner\"",
            ),
        ]),
        forged(&[
            ("payload/install.tsv", "systemd/dump.timer\t", "systemd/nope.timer\t"),
            ("manifest.json", "\"src\": \"systemd/dump.timer\"", "\"src\": \"systemd/nope.timer\""),
        ]),
        manifest("\"kind\": \"shell\"", "\"kind\": \"text\""),
        manifest("\"kind\": \"table\"", "\"kind\": \"riddle\""),
        manifest("\"service jellyfin\"", "\"service \\u001b[2J\""),
        manifest("\"fixed by the bundle\"", "\"service jellyfin\""),
    ];
    insta::assert_snapshot!(problems.join("\n"), @r#"
    it is accepted
    `/etc/systemd/../dump.timer` is not an absolute path
    the mode `4755` gives a file more than reading, writing and running
    `systemd/nope.timer` is to be installed, but is missing
    `manifest.json` is wrong about `payload/activate.d/50-compose.sh`
    `manifest.json` is wrong about `payload/install.tsv`
    `manifest.json` holds `service \u{1b}[2J`, which no lab can say
    `manifest.json` is wrong about `payload/install.tsv`
    "#);
}

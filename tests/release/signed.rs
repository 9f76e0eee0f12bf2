//! Checks signatures by the real ssh-keygen, next to the archives of a release.

use std::fs;
use std::path::Path;
use std::process::Command;

use labwright::bundle::signature::AllowedSigners;
use labwright::bundle::verify::verify_release;
use labwright::disk::folder;
use labwright::disk::interrupt::Interrupt;

/// Makes a key pair. Returns the public key's line.
fn key(folder: &Path, name: &str, kind: &str) -> String {
    keygen(
        Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-N", "", "-C", name, "-f"])
            .arg(folder.join(name)),
    );
    fs::read_to_string(folder.join(format!("{name}.pub")))
        .expect("a public key")
        .trim_end()
        .to_owned()
}

fn keygen(command: &mut Command) {
    let output = command.output().expect("ssh-keygen runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Signs the `BUNDLE` of the archive, or `text` in its place.
fn sign(release: &Path, archive: &str, key: &Path, namespace: &str, text: Option<&str>) {
    let root = archive.strip_suffix(".tar.gz").expect("an archive");
    let tar = Command::new("tar")
        .arg("-xzOf")
        .arg(release.join(archive))
        .arg(format!("{root}/BUNDLE"))
        .output()
        .expect("tar runs");
    let file = key.with_file_name("text");
    fs::write(&file, text.map_or(&tar.stdout[..], str::as_bytes)).expect("it is written");
    let _ = fs::remove_file(key.with_file_name("text.sig"));
    keygen(
        Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(key)
            .arg(&file),
    );
    fs::rename(key.with_file_name("text.sig"), release.join(format!("{archive}.sig")))
        .expect("it has its place");
}

/// Signs the list of hashes, which covers everything that is not in an archive.
fn sign_sums(release: &Path, key: &Path) {
    let _ = fs::remove_file(release.join("SHA256SUMS.sig"));
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-Y", "sign", "-n", "labwright", "-f"]).arg(key);
    keygen(sign.arg(release.join("SHA256SUMS")));
}

#[test]
fn a_release_is_signed_when_every_archive_is_by_an_allowed_key() {
    let base = tempfile::tempdir().expect("a temporary folder");
    let release = base.path().join("home-2025.11.3");
    super::folder::write(&release, &Interrupt::default()).expect("it is written");
    let archives: Vec<String> = folder::list(&release)
        .expect("a folder")
        .into_iter()
        .filter(|name| name.ends_with(".tar.gz"))
        .collect();
    let [extranet, intranet] = &archives[..] else { panic!("{archives:?}") };
    let keys = base.path().join("keys");
    fs::create_dir(&keys).expect("a folder");
    let (ada, bob, eve) =
        (key(&keys, "ada", "ed25519"), key(&keys, "bob", "ecdsa"), key(&keys, "eve", "ed25519"));

    let file = format!(
        "# who may\n\nada@lab {ada}\n\"bob,b*\" namespaces=\"labwright,file\" {bob}\neve \
         namespaces=\"git\" {eve}\n"
    );
    let signers = AllowedSigners::parse(&file).expect("a file as ssh-keygen reads it");
    let verify = || {
        let names = folder::list(&release).expect("a folder");
        verify_release(&names, Some(&signers), |name| {
            folder::read(&release, name).map_err(|error| error.to_string())
        })
    };

    assert_eq!(verify().len(), 3, "no archive is signed, and no list");
    sign_sums(&release, &keys.join("ada"));
    assert_eq!(
        verify(),
        archives
            .iter()
            .map(|name| format!("`{name}` is not signed: `{name}.sig` is missing"))
            .collect::<Vec<_>>()
    );

    sign(&release, extranet, &keys.join("ada"), "labwright", None);
    sign(&release, intranet, &keys.join("bob"), "labwright", None);
    assert_eq!(verify(), [""; 0]);
    assert_eq!(
        super::folder::verify(&release),
        [""; 0],
        "who asks for no signature is not bothered by one"
    );

    let refused = |said: &str| assert_eq!(verify(), [format!("`{intranet}.sig` {said}")]);
    sign(&release, intranet, &keys.join("eve"), "labwright", None);
    refused("is by a key that is not among the allowed signers");
    sign(&release, intranet, &keys.join("ada"), "file", None);
    refused("is for the namespace `file`, not for labwright");
    sign(&release, intranet, &keys.join("ada"), "labwright", Some("another BUNDLE\n"));
    refused("signs something else");
    fs::copy(release.join(format!("{extranet}.sig")), release.join(format!("{intranet}.sig")))
        .expect("a copy");
    refused("signs something else");
    fs::write(release.join(format!("{intranet}.sig")), "-----BEGIN SSH SIGNATURE-----\nU1NI\n")
        .expect("it is written");
    refused("is not a signature by ssh-keygen");

    sign(&release, intranet, &keys.join("ada"), "labwright", None);
    fs::write(release.join("other.tar.gz.sig"), "").expect("it is written");
    assert_eq!(verify(), ["`other.tar.gz.sig` is not in `SHA256SUMS`"]);
    fs::remove_file(release.join("other.tar.gz.sig")).expect("remove");

    // What no bundle says, in the index and in the report, is covered by the signature of the list.
    let sums = fs::read_to_string(release.join("SHA256SUMS")).expect("read");
    let old = fs::read(release.join("review/report.html")).expect("read");
    let forged = [&old[..], b"<p>Nothing has changed.</p>\n"].concat();
    let hash = |bytes: &[u8]| labwright::digest::sha256_hex(bytes);
    fs::write(release.join("review/report.html"), &forged).expect("write");
    fs::write(release.join("SHA256SUMS"), sums.replace(&hash(&old), &hash(&forged)))
        .expect("write");
    assert_eq!(super::folder::verify(&release), [""; 0], "without a signature nobody can tell");
    assert_eq!(verify(), ["`SHA256SUMS.sig` signs something else"]);
    sign_sums(&release, &keys.join("eve"));
    assert_eq!(verify(), ["`SHA256SUMS.sig` is by a key that is not among the allowed signers"]);
}

#[test]
fn a_file_of_signers_that_cannot_be_followed_is_refused() {
    let base = tempfile::tempdir().expect("a temporary folder");
    let ada = key(base.path(), "ada", "ed25519");
    let said = |text: &str| AllowedSigners::parse(text).expect_err("it is refused");
    assert_eq!(said("# nobody\n"), "it names no key that may sign for the namespace labwright");
    assert_eq!(
        said(&format!("ada namespaces=\"git\" {ada}\n")),
        "it names no key that may sign for the namespace labwright"
    );
    assert_eq!(
        said(&format!("\nada valid-before=\"20300101\" {ada}\n")),
        "line 2: the option `valid-before` is not supported"
    );
    assert_eq!(
        said(&format!("ada cert-authority {ada}\n")),
        "line 1: the option `cert-authority` is not supported"
    );
    assert_eq!(said("ada\n"), "line 1: it is not `WHO [OPTIONS] KEY-TYPE KEY`");
    assert_eq!(said(&format!("{ada}\n")), "line 1: it is not `WHO [OPTIONS] KEY-TYPE KEY`");
}

//! Asks the programs that unpack our archives: GNU tar, bsdtar, busybox tar and Python's tarfile.

use super::{Verdict, ask};
use std::path::Path;

/// Checks that they all list the same names and unpack the same bytes, and that gzip finds the
/// archive intact.
pub fn tar_listings(archive: &Path) -> Verdict {
    ask(
        archive,
        r#"
cd /tmp
gzip -t "$1"
for tool in tar bsdtar 'busybox tar' 'python3 -m tarfile'; do
    mkdir one
    case $tool in
        python3*)
            $tool -l "$1" >spaced.list
            sed 's/ $//' spaced.list >one.list
            $tool -e "$1" one
            ;;
        *)
            $tool -tzf "$1" >one.list
            $tool -xzf "$1" -C one
            ;;
    esac
    (cd one && find . -type f -exec sha256sum {} + | sort) >one.sums
    [ -s one.list ] || { echo "$tool lists nothing"; exit 1; }
    if [ -e first.list ]; then
        diff -u first.list one.list
        diff -u first.sums one.sums
    else
        mv one.list first.list
        mv one.sums first.sums
    fi
    rm -rf one
done
"#,
    )
}

#[test]
fn refuses_a_cut_archive_and_a_name_read_in_two_ways() {
    if !super::available() {
        return;
    }
    let sample = super::Sample::new(&[]);
    let archive = |name: &str, cut: usize| {
        let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
            Vec::new(),
            flate2::Compression::default(),
        ));
        let mut header = tar::Header::new_ustar();
        header.set_size(4);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, &b"text"[..]).expect("an entry");
        let bytes =
            tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("an archive");
        let path = sample.path("a.tar.gz");
        std::fs::write(&path, &bytes[..bytes.len() - cut]).expect("the archive");
        path
    };
    tar_listings(&archive("a/b", 0)).expect("a plain archive is accepted");
    tar_listings(&archive("a/b", 20)).expect_err("a cut archive is refused");
    tar_listings(&archive("a/b\u{e9}\n", 0))
        .expect_err("a name that is listed in two ways is refused");
}

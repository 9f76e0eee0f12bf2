//! Asks `ShellCheck`, and the two shells that run our scripts.

use super::{Verdict, ask, ask_all};
use std::path::Path;

const CHECK: &str = r#"
shellcheck -s sh "$@" || exit
for script in "$@"; do
    dash -n "$script" && busybox ash -n "$script" || exit
done
"#;

/// Asks `ShellCheck` (as POSIX sh, every severity), dash and busybox ash to check a script.
pub fn shellcheck(file: &Path) -> Verdict {
    ask(file, CHECK)
}

/// Asks them to check many scripts below a folder at once.
pub fn shellcheck_all(folder: &Path, files: &[&Path]) -> Verdict {
    ask_all(folder, files, CHECK)
}

#[test]
fn refuses_a_word_that_splits() {
    let good = "#!/bin/sh\nset -eu\nrm -f \"$1\"\n";
    let bad = "#!/bin/sh\nset -eu\nrm -f $1\n";
    super::tells_apart("a.sh", good, bad, "SC2086", shellcheck);
}

#[test]
fn refuses_what_only_bash_knows() {
    let good = "#!/bin/sh\n[ \"$1\" = a ]\n";
    let bad = "#!/bin/sh\n[[ $1 == a ]]\n";
    super::tells_apart("a.sh", good, bad, "SC3010", shellcheck);
}

#[test]
fn accepts_the_scripts_of_these_tests() {
    let Some(room) = crate::trixie::Room::new() else { return };
    let answer = room.show(Path::new(env!("CARGO_MANIFEST_DIR")), "/project").sh(
        "cd /project; shellcheck -x test .ci/run; cd tests; shellcheck -x trixie/build \
         trixie/enter stubs/*.sh stubs/bin/* machines/*.sh machines/mount-share",
        &[],
    );
    assert!(answer.status.success(), "{}", super::words(&answer));
}

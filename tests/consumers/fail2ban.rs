//! Asks fail2ban-client, over Debian's own configuration.

use super::{Verdict, ask};
use std::path::Path;

/// Asks fail2ban to check a folder laid over `/etc/fail2ban` (`jail.d/…`, `filter.d/…`), or one
/// jail file.
///
/// A jail's log file must exist on the machine, so an empty one replaces it.
pub fn fail2ban(path: &Path) -> Verdict {
    ask(
        path,
        r#"
if [ -d "$1" ]; then cp -r "$1/." /etc/fail2ban/; else cp "$1" /etc/fail2ban/jail.d/; fi
find "$1" -type f -exec sed -n 's/^logpath *= *\(\/[^*%]*\)$/\1/p' {} + | while read -r log; do
    install -D -m 644 /dev/null "$log"
done
fail2ban-client -t
"#,
    )
}

#[test]
fn refuses_a_filter_that_is_not_there() {
    let good = "[sshd]\nenabled = true\nbackend = systemd\nmaxretry = 5\n";
    let bad = "[proxy]\nenabled = true\nfilter = nobody\nlogpath = /var/log/proxy/access.log\n";
    super::tells_apart("labwright.conf", good, bad, "nobody", fail2ban);
}

#[test]
fn reads_a_folder_with_its_filter() {
    let jail = "[proxy]\nenabled = true\nbackend = polling\nfilter = proxy\nlogpath = \
                /srv/proxy/access.log\n";
    let filter = "[Definition]\nfailregex = ^<HOST> denied$\n";
    let sample =
        super::Sample::new(&[("jail.d/proxy.conf", jail), ("filter.d/proxy.conf", filter)]);
    fail2ban(&sample.path("")).expect("a jail with its filter is accepted");
}

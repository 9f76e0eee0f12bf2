//! Starts units that modules bring, and reads what their programs were given.

use super::payload::payload;
use crate::consumers;
use crate::trixie::{Room, text};

const BOX: &str = "host box kind=debian { os debian-13; address lan \"192.168.1.2\" nic=eth0; }\n\
                   service thing on=box\n";

/// The words of a command, as KDL and as the program must see them.
const WORDS: &[(&str, &str)] = &[
    (r#"";""#, ";"),
    (r#""; /bin/sh -c 'touch /run/was-here'""#, "; /bin/sh -c 'touch /run/was-here'"),
    (r#""${HOME} $HOME $$""#, "${HOME} $HOME $$"),
    (r#""%h %n 50%""#, "%h %n 50%"),
    (r##"#"it's "one" "#"##, r#"it's "one" "#),
    (r##"#"\x41\"#"##, r"\x41\"),
    (r#""""#, ""),
    (r#""-x""#, "-x"),
    (r#""* ~ # & | > <""#, "* ~ # & | > <"),
    (r#""ünïcödé ✓""#, "ünïcödé ✓"),
];

/// A program that writes what it is given, and a manager of systemd that starts one unit.
const START: &str = r#"
mkdir -p /run/systemd/system /run/user/0 /root/.config/systemd/user /opt
mkfifo /run/said
printf '#!/bin/sh\nprintf "%%s\\n" "$@" "VARIABLE=$VARIABLE" >/run/said\n' >/opt/say
chmod 755 /opt/say
cp /payload/systemd/thing.service /root/.config/systemd/user/
printf '[Unit]\nWants=thing.service\n' >/root/.config/systemd/user/default.target
mount -t cgroup2 cgroup2 /sys/fs/cgroup
XDG_RUNTIME_DIR=/run/user/0 /usr/lib/systemd/systemd --user >/dev/null 2>&1 &
timeout 60 cat /run/said
[ ! -e /run/was-here ]
"#;

#[test]
fn a_program_sees_each_word_of_its_command_as_it_was_written() {
    let words: Vec<&str> = WORDS.iter().map(|(kdl, _)| *kdl).collect();
    let module = format!(
        r##"module thing {{
            summary "Thing"
            unit "thing.service" {{
                section Service {{
                    set Type oneshot
                    set Environment #"VARIABLE=a "b" ${{HOME}} %h OTHER=c"# "THIRD=d"
                    set ExecStart "/opt/say" {}
                }}
                section Install {{ set WantedBy multi-user.target; }}
            }}
        }}"##,
        words.join(" ")
    );
    let payload = payload(BOX, &[("modules/thing/module.kdl", &module)], "box");
    let unit = payload.path().join("systemd/thing.service");
    consumers::systemd_verify(&unit).unwrap_or_else(|words| panic!("{words}"));
    let Some(room) = Room::new() else { return };
    let answer = room.show(payload.path(), "/payload").sh(START, &[]);
    let expected: String = WORDS.iter().map(|(_, word)| format!("{word}\n")).collect();
    assert_eq!(
        text(&answer.stdout),
        format!("{expected}VARIABLE=a \"b\" ${{HOME}} %h OTHER=c\n"),
        "{}",
        text(&answer.stderr)
    );
    assert!(answer.status.success(), "{}", text(&answer.stderr));
}

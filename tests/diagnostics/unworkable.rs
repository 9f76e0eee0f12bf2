//! Checks that what a machine can't work with is refused in modules and labs, and that what looks
//! like it is not.

use std::fmt::Write as _;

use super::refused::errors;

const PREAMBLE: &str = include_str!("preamble.kdl");

#[rustfmt::skip] // A table is read line by line.
/// Lines of a module, each with the error that it must raise. Without a code it must raise none.
const IN_MODULES: &[(&str, &str)] = &[
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }; }"#, "bad-module"),
    (r#"unit "t.service" action=enable { section Service { set ExecStart "/bin/t"; }; }"#,
        "bad-module"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; }; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set WantedBy ""; }; }"#, "bad-module"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multiuser.target; }; }"#, "bad-module"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set UpheldBy network-online.target; }; }"#, ""),
    (r#"package t-package
unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy t.target; }; }"#, ""),
    (r#"unit "t.timer" { section Timer { set OnCalendar daily; }; }
unit "t.service" action=install { section Service { set ExecStart "/bin/t"; }; }"#, "bad-module"),
    (r#"unit "t.service" action=install { section Service { set ExecStart "/bin/"; }; }"#,
        "value-not-writable"),
    (r#"unit "t.swap" action=install { section Unit { set Description t; }; }"#, "bad-module"),
    (r#"unit "ssh.service" action=install {
section Service { set ExecStart "/bin/true"; }; }"#, "system-path"),
    (
        r#"unit "systemd-networkd.service" action=install {
section Service { set ExecStart "/bin/true"; }; }"#,
        "system-path",
    ),
    (r#"unit "multi-user.target" action=install {
section Unit { set Description "x"; }; }"#, "system-path"),
    (
        r#"unit "etc.mount" action=install {
section Mount { set What "/dev/x"; set Where "/etc"; }; }"#,
        "system-path",
    ),
    (
        r#"unit "srv-x.mount" action=install {
section Mount { set What "/dev/x"; set Where "/srv/y"; }; }"#,
        "system-path",
    ),
    (r#"unit "srv-x.mount" action=install {
section Mount { set What "/dev/x"; set Where "/srv/x"; }; }"#, ""),
    (r#"unit "poweroff.target""#, "system-unit"),
    (r#"unit "systemd-reboot.service" action=enable"#, "system-unit"),
    (r#"unit "chrony.service""#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set Alias ssh.service; }; }"#, "system-unit"),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set Alias other.service; }; }"#, ""),
    (r#"unit "t.service" { section Service { set ExecStart "/bin/t"; }
section Install { set WantedBy multi-user.target; set Also docker.service; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set Conflicts ssh.service; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"unit "t.service" action=install { section Unit { set Conflicts shutdown.target; }
section Service { set ExecStart "/bin/t"; }; }"#, ""),
    (r#"unit "t.service" action=install { section Unit { set Wants reboot.target; }
section Service { set ExecStart "/bin/t"; }; }"#, "system-unit"),
    (r#"file "x" from="t.j2" install="/etc/x" reload=reboot.target"#, "system-unit"),
    (r#"file "x" from="t.j2" install="/etc/x" restart=t.service"#, "bad-module"),
    (r#"file "x" from="t.j2" install="/etc/x" restart=t.service
unit "t.service""#, ""),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/ssh.service.d/x.conf""#, "system-unit"),
    (r#"file "x" from="t.j2" install="/etc/systemd/system/t.service.d/x.conf""#, ""),
];

#[test]
fn what_a_machine_cannot_work_with_is_refused() {
    let thing = format!("{PREAMBLE}service thing on=box\n");
    let in_modules = IN_MODULES.iter().map(|(line, code)| (thing.clone(), *line, *line, *code));
    let mut wrong = String::new();
    for (text, module, line, code) in in_modules {
        let found = errors(&text, module);
        let as_expected = match &found[..] {
            [] => code.is_empty(),
            [(own, at)] => *own == code && (line.contains(at) || at.starts_with("service ")),
            _ => false,
        };
        if !as_expected {
            let _ = writeln!(wrong, "{line}\n    expected `{code}`, found {found:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

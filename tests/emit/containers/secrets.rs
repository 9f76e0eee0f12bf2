//! How secrets reach containers: in variables, in texts around them, and in command lines.

use super::{HOSTILE, as_compose_sees, lab};
use crate::trixie::{Room, text};

#[test]
fn a_container_whose_secret_was_written_anew_starts_again() {
    let compiled = lab(
        "container thing { image \"x/thing:1.0\"; secret token; }\ncontainer other { image \
         \"x/other:1.0\"; }",
        "",
    );
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    let Some(room) = Room::new() else { return };
    let answer = room.show(folder.path(), "/payload").sh(
        r#"set -e
        mkdir -p /tmp/bin /tmp/state /etc/labwright/secrets
        printf '#!/bin/sh\ncase $1 in inspect) cat /tmp/id ;; *) echo "$*" >>/tmp/asked ;; esac\n' \
            >/tmp/bin/docker
        chmod 755 /tmp/bin/docker
        export PATH=/tmp/bin:$PATH LABWRIGHT_STATE=/tmp/state
        secret() { echo "$1" >/tmp/fresh; mv /tmp/fresh /etc/labwright/secrets/token; }
        step() { : >/tmp/asked; sh /payload/activate.d/65-secret-files.sh; cat /tmp/asked; }
        echo first >/tmp/id
        secret one
        cd /payload
        [ -z "$(step)" ] && [ -z "$(step)" ]
        secret two
        step | grep -q ' restart thing$'
        [ -z "$(step)" ]
        secret three
        echo second >/tmp/id
        [ -z "$(step)" ]
        ! grep -rq -e one -e two -e three /tmp/state"#,
        &[],
    );
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

#[test]
fn a_secret_that_only_a_variable_takes_arrives_whatever_is_in_it() {
    let compiled =
        lab("container thing { image \"x/thing:1.0\"; secret token value-variable=TOKEN; }", "");
    let step = compiled.text("box", "activate.d/58-secret-variables.sh");
    assert!(
        !step.contains("# inputs:"),
        "a value that changes on the machine alone must reach the container"
    );
    for secret in [HOSTILE, r"ends in \", r#"\"$x\n"#, "two\nlines", "$(id)`id`"] {
        let before = format!(
            "mkdir -p /etc/labwright/secrets && cat >/etc/labwright/secrets/token \
             <<'END'\n{secret}\nEND\n\
             sh activate.d/58-secret-variables.sh && sh activate.d/58-secret-variables.sh\n\
             [ \"$(stat -c %a /etc/labwright/env/thing.env)\" = 600 ]"
        );
        let Some(seen) = as_compose_sees(&compiled, &before) else { return };
        assert_eq!(seen["services"]["thing"]["environment"]["TOKEN"], secret.replace('$', "$$"));
    }
}

#[test]
fn the_machine_puts_secrets_into_text() {
    let module = "option pw type=secret { required; }\ncontainer thing { image \"x/thing:1.0\"\n\
                  env URL (f)\"postgres://u:{opt.pw}@db/x?a=$HOME\"\nenv TEXT (f)\"a '{opt.pw}' \
                  {opt.pw}\"\nenv WHOLE (ref)opt.pw\nenv PLAIN (f)\"x://{opt.pw}\" \
                  encode=none\n}";
    let compiled = lab(module, "pw (secret)token");
    let compose = compiled.text("box", "compose/compose.yaml");
    assert!(!compose.contains("token") && !compose.contains("URL"), "{compose}");
    let before = r#"mkdir -p /etc/labwright/secrets /tmp/p
        printf '%s\n' 'p@s:s/w"o\r$d é'"'" >/etc/labwright/secrets/token
        sh /payload/activate.d/58-secret-variables.sh
        [ "$(stat -c %a /etc/labwright/env/thing.env)" = 600 ]"#;
    let Some(seen) = as_compose_sees(&compiled, before) else { return };
    let environment = &seen["services"]["thing"]["environment"];
    // Compose prints a file for itself, so a dollar is doubled there too.
    let secret = r#"p@s:s/w"o\r$$d é'"#;
    assert_eq!(
        environment["URL"],
        "postgres://u:p%40s%3As%2Fw%22o%5Cr%24d%20%C3%A9%27@db/x?a=$$HOME"
    );
    assert_eq!(environment["TEXT"], format!("a '{secret}' {secret}"));
    assert_eq!(environment["WHOLE"], secret);
    assert_eq!(environment["PLAIN"], format!("x://{secret}"));
}

#[test]
fn a_shell_puts_secrets_into_a_command_line() {
    let module = "option pw type=secret { required; }\ncontainer thing { image \"x/thing:1.0\"\n\
                  entrypoint \"/tmp/say\" \"it's $HOME\"\ncommand (f)\"--token={opt.pw}\" \
                  --at (f)\"x://u:{opt.pw}@h\" (ref)opt.pw\n}";
    let compiled = lab(module, "pw (secret)token");
    let compose = compiled.text("box", "compose/compose.yaml");
    assert!(!compose.contains("token=\n") && !compose.contains("{opt"), "{compose}");
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
        set -e
        mkdir -p /etc/labwright/secrets
        printf '%s\n' 'p@s" $(id) %' >/etc/labwright/secrets/token
        printf '#!/bin/sh\nprintf "<%%s>" "$@"\n' >/tmp/say
        chmod 755 /tmp/say
        sh /payload/activate.d/58-secret-variables.sh
        cd /payload
        docker-compose -f compose/compose.yaml config --format json >/tmp/seen
        exec python3 -c '
import json, os
thing = json.load(open("/tmp/seen"))["services"]["thing"]
for name, value in thing["environment"].items():
    os.environ[name] = value.replace("$$", "$")
words = [word.replace("$$", "$") for word in thing["entrypoint"]]
assert "command" not in thing or not thing["command"], thing
os.execv(words[0], words)'"#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
    let secret = r#"p@s" $(id) %"#;
    let url = "x://u:p%40s%22%20%24%28id%29%20%25@h";
    let wanted = format!("<it's $HOME><--token={secret}><--at><{url}><{secret}>");
    assert_eq!(text(&answer.stdout), wanted);
}

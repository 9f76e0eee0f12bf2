//! Puts values into files of lines, and asks the programs that read them: each value that is not
//! refused arrives as it is.

use std::fs;

use labwright::format::Grammar;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::{boxed, build, faults};
use crate::trixie::Room;
use labwright::bundle::read::read_archive;
use labwright::source::{Layer, SourceFile};

/// Texts of characters that mean something to one of the programs.
pub fn values() -> Vec<String> {
    let characters: Vec<char> = "aa/.b \"'\\#;=%$@{}[]`,:-<>()|&*?!~é\n\t\r".chars().collect();
    let character = prop::sample::select(characters);
    let text = prop::collection::vec(character, 0..8)
        .prop_map(|characters| characters.into_iter().collect::<String>());
    let mut runner = TestRunner::new(Config::default());
    let value = || text.new_tree(&mut runner).expect("a value").current();
    std::iter::repeat_with(value).take(600).collect()
}

/// Writes a file with a line for each value that the grammar takes, has `script` print what its
/// reader finds there as a JSON list, and compares.
pub fn arrives(
    grammar: Grammar,
    write: impl Fn(Grammar, &str) -> Result<String, String>,
    line: impl Fn(usize, &str) -> String,
    (head, tail): (&str, &str),
    script: &str,
) {
    let (mut text, mut taken) = (head.to_owned(), Vec::new());
    for value in values() {
        if let Ok(written) = write(grammar, &value) {
            text += &line(taken.len(), &written);
            taken.push(value);
        }
    }
    assert!(taken.len() > 20, "{grammar:?} takes only {} values", taken.len());
    text += tail;
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), &text).expect("a file");
    let answer = room.show(folder.path(), "/in").sh(script, &[&taken.len().to_string()]);
    let said = String::from_utf8_lossy(&answer.stdout);
    let found: Vec<String> = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{grammar:?}: {error}: {said}{}", String::from_utf8_lossy(&answer.stderr))
    });
    for (index, value) in taken.iter().enumerate() {
        assert_eq!(found.get(index), Some(value), "{grammar:?}, line {index}");
    }
    assert_eq!(found.len(), taken.len());
}

#[test]
fn a_value_in_an_ini_file_arrives() {
    let line = |index, value: &str| format!("k{index} = {value}\n");
    let python = "python3 - \"$1\" <<'END'\nimport configparser, json, sys\np = \
                  configparser.RawConfigParser(inline_comment_prefixes=('#', \
                  ';'))\np.read('/in/file')\nassert p.sections() == ['s'] and len(p['s']) == \
                  int(sys.argv[1])\nprint(json.dumps([p['s']['k%d' % i] for i in \
                  range(int(sys.argv[1]))]))\nEND";
    arrives(Grammar::Ini, Grammar::value, line, ("[s]\n", ""), python);
    // This is what sanoid reads its configuration with.
    let perl = "perl -MConfig::IniFiles -MJSON::PP -e 'my $p = Config::IniFiles->new(-file => \
                \"/in/file\"); die if $p->Parameters(\"s\") != $ARGV[0]; print \
                JSON::PP->new->utf8->encode([map { utf8::decode(my $v = $p->val(\"s\", \
                \"k$_\")); $v } 0..$ARGV[0]-1])' \"$1\"";
    arrives(Grammar::Ini, Grammar::value, line, ("[s]\n", ""), perl);
}

#[test]
fn a_value_in_a_file_of_fail2ban_arrives() {
    let line = |index, value: &str| format!("k{index} = {value}\n");
    let script = "python3 - \"$1\" <<'END'\nimport json, sys\nfrom \
                  fail2ban.client.configparserinc import SafeConfigParserWithIncludes\np = \
                  SafeConfigParserWithIncludes()\np.read('/in/file')\nprint(json.dumps([p.get('s', \
                  'k%d' % i) for i in range(int(sys.argv[1]))]))\nEND";
    arrives(Grammar::Fail2ban, Grammar::value, line, ("[s]\n", ""), script);
}

#[test]
fn a_value_in_an_env_file_arrives() {
    let line = |index, value: &str| format!("K{index}={value}\n");
    let script = "printf 'services:\\n  a:\\n    image: x\\n    env_file: /in/file\\n' \
                  >/tmp/c.yaml\ndocker compose -f /tmp/c.yaml config --format json | jq \
                  --argjson n \"$1\" '.services.a.environment as $e | [range($n) | \
                  $e[\"K\\(.)\"]]'";
    arrives(Grammar::Env, Grammar::value, line, ("", ""), script);
}

#[test]
fn a_value_in_a_caddyfile_arrives() {
    let line = |index, value: &str| format!("header X{index} {value}\n");
    let script = "caddy adapt --adapter caddyfile --config /in/file | jq --argjson n \"$1\" '[.. | \
                  .set? // empty | to_entries[] | {(.key): .value[0]}] | add as $h | [range($n) | \
                  $h[\"X\\(.)\"]]'";
    arrives(Grammar::Caddy, Grammar::word, line, (":80 {\n", "}\n"), script);
}

#[test]
fn a_path_in_the_exports_arrives() {
    let values = ["/srv/a b", "/srv/a\"b", "/srv/#b", "/srv/a\\b", "/srv/é(rw)", "/srv/a'b"];
    let text: String = values
        .map(|value| {
            format!("{} 192.168.1.0/24(ro)\n", Grammar::Exports.value(value).expect("a path"))
        })
        .concat();
    let Some(room) = Room::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), text).expect("a file");
    // It says of each folder that it is missing, in its own words.
    let script =
        "mkdir -p /etc/exports.d; cp /in/file /etc/exports.d/x.exports; exportfs -ra 2>&1 ||:";
    let answer = room.show(folder.path(), "/in").sh(script, &[]);
    let said = String::from_utf8_lossy(&answer.stdout);
    for value in values {
        assert!(said.contains(value), "{value} is missing in: {said}");
    }
}

pub fn lab(module: &str, service: &str) -> Vec<SourceFile> {
    let file = |path: &str, text, layer| SourceFile { path: path.to_owned(), text, layer };
    vec![
        file(
            "lab.kdl",
            format!("{}service thing on=box {{\n{service}\n}}\n", boxed("")),
            Layer::Lab,
        ),
        file(
            "modules/thing/module.kdl",
            format!(
                "edition 1\nmodule thing version=\"1\" {{\n    summary \"x\"\n    option t \
                 type=text {{ default \"0\"; }}\n{module}\n}}\n"
            ),
            Layer::Site,
        ),
    ]
}

#[test]
fn a_kernel_setting_is_one_line() {
    let hostile = [r"1\nkernel.core_pattern=|/tmp/x", r"1\r", " 1", "1 ", ""];
    for value in hostile {
        let written = format!("sysctl vm.swappiness \"{value}\"");
        let by_option = "sysctl vm.swappiness (ref)opt.t";
        let by_name = format!("sysctl \"vm.swappiness={value}\" 1");
        let labs = [
            lab(&written, ""),
            lab(by_option, &format!("t \"{value}\"")),
            lab(&by_name, ""),
            lab("sysctl (ref)opt.t 1", &format!("t \"vm.swappiness={value}\"")),
        ];
        for files in labs {
            let faults = faults(&files);
            assert!(!faults.is_empty(), "{value:?} is taken");
            assert!(faults.iter().all(|places| !places.is_empty()), "an error without a line");
        }
    }
    let odd =
        ["4096 131072 6291456", "|/usr/lib/systemd/systemd-coredump %P %u", "a=b # c; d", "-1"];
    // What is written is sorted by name.
    let names =
        ["kernel.core_pattern", "kernel.domainname", "kernel.hostname", "net.ipv4.tcp_rmem"];
    let lines = || names.iter().zip(odd);
    let module: String =
        lines().map(|(name, value)| format!("    sysctl {name} \"{value}\"\n")).collect();
    let (name, archive) = build(lab(&module, "")).expect("it is built").remove(0);
    let contents = read_archive(&name, &archive).expect("our own archive can be read");
    let file = contents.files.iter().find(|(path, _)| path.ends_with("machine/sysctl.conf"));
    let Some((room, (_, bytes))) = Room::new().zip(file) else {
        assert!(file.is_some());
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), bytes).expect("a file");
    let answer = room.show(folder.path(), "/in").sh("sysctl --dry-run -p /in/file", &[]);
    let said = String::from_utf8_lossy(&answer.stdout);
    let expected = lines().map(|(name, value)| format!("{name} = {value}\n"));
    assert_eq!(said, expected.collect::<String>(), "{answer:?}");
}

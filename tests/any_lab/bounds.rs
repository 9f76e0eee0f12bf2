//! Checks that no text of a lab keeps labwright busy for long, takes its memory or overflows its
//! stack: it ends with a finding at the line.

use std::fs;
use std::process::{Command, Output};

use super::boxed;

/// What a run may take, in KiB: 256 MiB and what the threads of a program without optimization
/// reserve.
const MEMORY: u64 = (256 << 10) + (64 << 10);

/// The processor time that a run may take, in seconds. The tests run without optimization, and
/// at the same time.
const SECONDS: u64 = 8;

/// The variable that names an optimized program to ask instead. It has a second of processor time
/// and 256 MiB.
const RELEASED: &str = "LABWRIGHT_RELEASED";

/// Checks a lab with limits of its own. The shell sets them, since they hold for all of a process.
fn check(module: &str, template: &str, rest: &str) -> Output {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("modules/thing");
    fs::create_dir_all(&below).expect("a folder");
    let lab = boxed(r#"appdata "/srv/appdata""#) + "service thing on=box\n" + rest;
    fs::write(folder.path().join("lab.kdl"), lab).expect("a file");
    fs::write(below.join("t.conf.j2"), template).expect("a file");
    let module = format!(
        "edition 1\nmodule thing version=\"1\" {{\n    summary \"x\"\n    option x type=text {{ \
         default \"{}\"; }}\n    option none type=text\n{module}\n}}\n",
        "x".repeat(1000)
    );
    fs::write(below.join("module.kdl"), module).expect("a file");
    let built = env!("CARGO_BIN_EXE_labwright").to_owned();
    let (program, memory, seconds) = match std::env::var(RELEASED) {
        Ok(program) => (program, 256 << 10, 1),
        Err(_) => (built, MEMORY, SECONDS),
    };
    Command::new("sh")
        .args([
            "-c",
            "ulimit -v \"$3\" && ulimit -t \"$4\" && exec \"$1\" check --format json \"$2\"",
            "sh",
        ])
        .arg(program)
        .arg(folder.path())
        .args([memory.to_string(), seconds.to_string()])
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("sh runs")
}

/// Runs labs, and asserts that each ends with an error of the code at a place. The labs are given
/// as module, template and the rest.
fn refused(labs: impl IntoIterator<Item = [String; 3]>, code: &str) {
    let short = |text: &str| text.chars().take(200).collect::<String>();
    let mut wrong = Vec::new();
    for [module, template, rest] in labs {
        let output = check(&module, &template, &rest);
        let said = String::from_utf8_lossy(&output.stdout);
        let is_found = said.contains(&format!("\"{code}\"")) && said.contains("\"line\"");
        if output.status.code() != Some(1) || !is_found {
            let what = [&*module, &template, &rest].map(short);
            let errors = short(&String::from_utf8_lossy(&output.stderr));
            let said = said.chars().take(600).collect::<String>();
            wrong.push(format!("{what:?}: {:?} {errors} {said}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{} are not refused:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// A lab in which a file is made from a template.
fn of_template(template: impl Into<String>) -> [String; 3] {
    ["file \"t.conf\" from=\"t.conf.j2\"".to_owned(), template.into(), String::new()]
}

fn twice(statement: &str, times: usize) -> String {
    statement.repeat(times)
}

#[test]
fn a_template_ends() {
    let long = "{% set x = opt.x %}";
    let doubled = format!("{long}{}", twice("{% set x = x ~ x %}", 28));
    let list = format!("{{% set x = [1] %}}{}", twice("{% set x = [x, x] %}", 28));
    let flat = format!("{{% set x = [1] %}}{}", twice("{% set x = x + x %}", 13));
    let loops = |body: &str| {
        let open = twice("{% for i in opt.x %}", 5);
        format!("{open}{body}{}", twice("{% endfor %}", 5))
    };
    let big = format!("{long}{}", twice("{% set x = x ~ x %}", 10));
    let templates = [
        format!("{doubled}{{{{ x }}}}"),
        format!("{long}{}{{{{ x }}}}", twice("{% set x %}{{ x }}{{ x }}{% endset %}", 28)),
        format!("{long}{}{{{{ x }}}}", twice("{% set x = x + x %}", 28)),
        format!("{big}{{{{ opt.x | replace('x', x) }}}}"),
        format!("{big}{{{{ [x] | map('replace', 'x', x) | list }}}}"),
        format!("{big}{{{{ opt.x | list | join(x) }}}}"),
        "{{ 'a' * 100000000 }}".to_owned(),
        "{{ ([[1] * 1000] * 1000) * 100 }}".to_owned(),
        "{{ 'a\\nb' | indent(2000000000) }}".to_owned(),
        "{{ ['a\\nb'] | map('indent', width=2000000000) | list }}".to_owned(),
        format!("{list}{{{{ x }}}}"),
        format!("{list}{{{{ x == x }}}}"),
        format!("{list}{{{{ x | sort }}}}"),
        format!("{flat}{}", loops("{% if x | last %}a{% endif %}")),
        format!("{flat}{}", loops("{% if x | upper %}a{% endif %}")),
        format!("{flat}{}", loops("{% if x | lower %}a{% endif %}")),
        format!("{{% set x = {{}} %}}{}", twice("{% set x = {'a': x, 'b': x} %}", 28)),
        format!("{{% set x = [1] %}}{}{{{{ x | join }}}}", twice("{% set x = [x] %}", 5000)),
        format!("{{% set x = [[1]] %}}{}", twice("{% set x = x | groupby(0) %}", 2000)),
        loops("{{ i }}"),
        loops(&"raw ".repeat(250)),
        format!(
            "{big}{{% for i in opt.x %}}{{% for j in opt.x %}}{{% if x == x ~ i %}}a{{% endif \
                 %}}{{% endfor %}}{{% endfor %}}"
        ),
        format!("{big}{}", loops("{% if 'y' in x %}a{% endif %}")),
        format!("{big}{}", loops("{% if x[1000000] %}a{% endif %}")),
        format!("{big}{}", loops("{% if x | length %}a{% endif %}")),
        format!("{big}{}", loops("{% if x | upper %}a{% endif %}")),
        format!("{big}{}", loops("{% if [x] | map('length') | list %}a{% endif %}")),
        format!("{big}{}", loops("{% if [x] | select('eq', x) | list %}a{% endif %}")),
        "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}".to_owned(),
        "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}".to_owned(),
        "{% for i in opt.x recursive %}{{ loop(opt.x) }}{% endfor %}".to_owned(),
        format!("{{% if opt.none %}}{}{{% endif %}}", twice("{% elif opt.none %}", 20_000)),
        format!("{}{}", twice("{% if opt.x %}", 20_000), twice("{% endif %}", 20_000)),
        format!("{{# {} #}}{{{{ opt.y }}}}", "x".repeat(1 << 20)),
    ];
    refused(templates.map(of_template), "template-error");
}

/// What other template languages of this family have, and further ways to repeat and to recurse.
#[test]
fn a_template_ends_whatever_it_repeats() {
    let big = format!("{{% set x = opt.x %}}{}", twice("{% set x = x ~ x %}", 10));
    let twice_over = |body: &str| {
        let open = twice("{% for i in opt.x %}", 2);
        format!("{big}{open}{body}{}", twice("{% endfor %}", 2))
    };
    let mutual = "{% macro f(n) %}{{ g(n) }}{% endmacro %}{% macro g(n) %}{{ f(n) }}{% endmacro %}";
    let doubling = "{% macro f(n) %}{% if n > 0 %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}\
                    {% endmacro %}";
    let templates = [
        "{% for i in range(1000000000) %}a{% endfor %}".to_owned(),
        "{{ '%1000000000d' | format(1) }}".to_owned(),
        "{{ opt.x | list | batch(1000000000, 1) | list }}".to_owned(),
        "{{ opt.x | list | slice(1000000000) | list }}".to_owned(),
        "{% set n = namespace(a='x') %}{% for i in opt.x %}{% set n.a = n.a ~ n.a %}{% endfor %}"
            .to_owned(),
        format!("{mutual}{{{{ f(1) }}}}"),
        format!("{doubling}{{{{ f(40) }}}}"),
        "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}x{% endcall %}".to_owned(),
        "{% include \"t.conf.j2\" %}".to_owned(),
        "{% extends \"t.conf.j2\" %}".to_owned(),
        "{% import \"t.conf.j2\" as x %}".to_owned(),
        "{{ 2 ** 100000000 }}".to_owned(),
        "{{ 1 // 0 }}".to_owned(),
        "{{ opt.x[::0] }}".to_owned(),
        format!("{big}{{{{ x | replace('', x) }}}}"),
        format!("{big}{{{{ [x | list] | map('join', x) | list }}}}"),
        "{{ 'a\\nb' | indent(18446744073709551615) }}".to_owned(),
        twice_over("{{ x | split('x') | length }}"),
        twice_over("{{ x | lower | length }}"),
        twice_over("{{ x | trim | length }}"),
        twice_over("{{ x[::2] | length }}"),
        twice_over("{{ 'yy' in x }}"),
        twice_over("{{ x == x ~ 'a' }}"),
        twice_over("{{ x | first }}"),
        twice_over("{{ opt | items | list | length }}"),
        format!("{{% set d = {{}} %}}{}{{{{ d }}}}", twice("{% set d = {'a': d, 'b': d} %}", 40)),
        format!("{{% set d = [1] %}}{}{{{{ d }}}}", twice("{% set d = [d] %}", 3000)),
        "{{ opt.x }}".repeat(15_000),
    ];
    refused(templates.map(of_template), "template-error");
}

/// Code that is nested as deep as an operator can nest it.
fn deep(times: usize) -> Vec<String> {
    vec![
        format!("{}1", "not ".repeat(times)),
        format!("{}1", "-".repeat(times)),
        format!("{}1{}", "(".repeat(times), ")".repeat(times)),
        format!("{}1{}", "[".repeat(times), "]".repeat(times)),
        format!("{}1{}", "{'a':".repeat(times), "}".repeat(times)),
        format!("opt{}", ".x".repeat(times)),
        format!("opt{}", "['x']".repeat(times)),
        format!("opt.x{}", "|upper".repeat(times)),
        format!("opt.x{}", " is string".repeat(times)),
        format!("1{}", " ~ 1".repeat(times)),
        format!("1{}", " + 1".repeat(times)),
        format!("1{}", " and 1".repeat(times)),
        format!("{}1", "1 if opt.none else ".repeat(times)),
        format!("1{}", " if 1".repeat(times)),
        format!("opt.x{}", "()".repeat(times)),
        format!("{}1{}", "f(".repeat(times), ")".repeat(times)),
    ]
}

#[test]
fn deep_code_ends() {
    let code = |code: String| of_template(format!("{{{{ {code} }}}}"));
    refused(deep(50_000).into_iter().map(code), "template-error");
    // The parser takes the most of these that its limits let through.
    for [module, template, _] in deep(240).into_iter().chain(deep(140)).map(code) {
        let output = check(&module, &template, "");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{template}: {output:?}");
    }
    let [module, template, _] = of_template(format!(
        "{{% if opt.none %}}{}{{% endif %}}",
        "{% elif opt.none %}".repeat(199)
    ));
    let output = check(&module, &template, "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn an_expression_ends() {
    let container = |inside: &str| {
        format!(
            "container thing {{\n image \"docker.io/library/busybox:1.37\"\n health none=\"x\"\n \
             {inside}\n}}"
        )
    };
    let mut expressions = vec![
        "'a' * 100000000".to_owned(),
        "([[1] * 1000] * 1000) * 100".to_owned(),
        "'a' | indent(2000000000, true)".to_owned(),
        format!("opt.x{}", " | replace('x', 'xxxxxxxxxxxxxxxx')".repeat(60)),
        format!("'{}'", "a".repeat(10_000)),
    ];
    expressions.extend(deep(50_000));
    let labs = expressions.iter().map(|expression| {
        let quoted = expression.replace('\\', "\\\\").replace('"', "\\\"");
        container(&format!("env X (expr)\"{quoted}\""))
    });
    let filled = container(&format!("env X (f)\"{}\"", "{opt.x}".repeat(100_000)));
    let labs = labs.chain([filled]).map(|module| [module, String::new(), String::new()]);
    refused(labs, "bad-module");
    let letters = "(expr)\"opt.x | list\"";
    let nested = format!(
        "container {letters} {{\n image \"docker.io/library/busybox:1.37\"\n secret x \
         at=(f)\"/{{opt.x}}\"\n mount \"/srv\" at=\"/x\"\n device {letters}\n cap-add {letters}\n}}"
    );
    let output = check(&nested, "", "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

/// Sources that are large or deep in every way that KDL has.
#[test]
fn a_source_ends() {
    let many =
        |name: &str| (0..20_000).map(|index| format!("{name}{index}=1 ")).collect::<String>();
    let deep = [
        ("a { ".repeat(20_000), "nesting-too-deep"),
        ("/*".repeat(200_000), "unclosed-comment"),
        ("}".repeat(200_000), "unbalanced-brace"),
        ("(".repeat(200_000), "unquoted-text"),
        (format!("x {}", "\\\n".repeat(200_000)), "unknown-node"),
        (format!("a \"{}", "x".repeat(2 << 20)), "unclosed-string"),
        (format!("a {}\"", "#".repeat(1 << 20)), "unclosed-string"),
        (format!("x {}", "1 ".repeat(200_000)), "unknown-node"),
        (format!("secret x {}", "y=1 ".repeat(20_000)), "duplicate-property"),
        (format!("secret x {}", many("y")), "unknown-property"),
        (format!("secret x {{ {} }}", many("\ny").replace('=', " ")), "unknown-node"),
        (format!("x {}", "9".repeat(200_000)), "number-out-of-range"),
    ];
    for (text, code) in deep {
        refused([[String::new(), String::new(), text]], code);
    }
}

//! Asks docker-compose how it reads the compose files: it must see every value as the lab wrote it.

mod secrets;

use serde_json::Value;

use crate::emit::lab::{Compiled, compile};
use crate::trixie::{Room, text};

const LAB: &str = r#"
edition 1
lab home version="1.0"
network lan cidr="192.168.1.0/24" gateway="192.168.1.1"
secret token
host box kind=debian { os debian-13; address lan "192.168.1.2" nic=eth0; }
"#;

/// A value that YAML, compose and sh would each read differently.
const HOSTILE: &str = r#"$HOME ${HOME} $$ {{x}} 'q' "d" \ # no: yes, 0755 12:30:45"#;

fn module(body: &str) -> String {
    format!("edition 1\nmodule thing version=\"1.0\" {{ summary \"Thing\"; {body} }}\n")
}

fn lab(body: &str, service: &str) -> Compiled {
    let service = format!("service thing on=box {{ {service} }}\n");
    compile(&[
        ("lab.kdl", LAB),
        ("services.kdl", &service),
        ("modules/thing/module.kdl", &module(body)),
    ])
}

/// Returns docker-compose's reading of the compose file, or nothing where it can't be asked.
fn as_compose_sees(compiled: &Compiled, before: &str) -> Option<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    let script = format!(
        "cd /payload\n{before}\ndocker-compose -f compose/compose.yaml config --format json"
    );
    let answer = Room::new()?.show(folder.path(), "/payload").sh(&script, &[]);
    assert!(
        answer.status.success() && answer.stderr.is_empty(),
        "{}{}",
        text(&answer.stdout),
        text(&answer.stderr)
    );
    Some(serde_json::from_slice(&answer.stdout).expect("JSON"))
}

#[test]
fn a_value_reaches_the_container_as_written() {
    let body = format!(
        r##"container thing {{
            image "x/thing:1.0"
            env A #"{HOSTILE}"#
            env B "0755"
            env C "yes"
            env D "12:30:45"
            env E " "
            command #"{HOSTILE}"# "--flag=~"
            label note #"{HOSTILE}"#
            sysctl "net.core.somaxconn" 1024
        }}"##
    );
    let compiled = lab(&body, "");
    let Some(seen) = as_compose_sees(&compiled, "") else { return };
    let thing = &seen["services"]["thing"];
    // Compose prints a file for itself, so a dollar is doubled there too.
    let written = HOSTILE.replace('$', "$$");
    for (name, value) in
        [("A", written.as_str()), ("B", "0755"), ("C", "yes"), ("D", "12:30:45"), ("E", " ")]
    {
        assert_eq!(thing["environment"][name], value, "{name}");
    }
    assert_eq!(thing["command"], serde_json::json!([written, "--flag=~"]));
    assert_eq!(thing["labels"]["note"], written);
    assert_eq!(thing["sysctls"]["net.core.somaxconn"], "1024");
}

#[test]
fn what_the_language_does_not_model_goes_over_ours() {
    let compiled = lab(
        "container thing { image \"x/thing:1.0\"; env OURS 1; mount \"/srv/ours\" at=\"/ours\"; }",
        "raw compose.environment \"THEIRS=2\"\n raw compose.environment \"MORE=3\"\n raw \
         compose.volumes \"/srv/theirs:/theirs:ro\"\n raw compose.restart \"no\"\n raw \
         compose.mem_swappiness 10\n raw compose.domainname \"$HOME\"",
    );
    let Some(seen) = as_compose_sees(&compiled, "") else { return };
    let thing = &seen["services"]["thing"];
    assert_eq!(thing["environment"], serde_json::json!({"OURS": "1", "THEIRS": "2", "MORE": "3"}));
    let mounted: Vec<&str> = thing["volumes"]
        .as_array()
        .expect("volumes")
        .iter()
        .filter_map(|volume| volume["target"].as_str())
        .collect();
    assert_eq!(mounted, ["/ours", "/theirs"]);
    assert_eq!(thing["restart"], "no");
    assert_eq!(thing["mem_swappiness"], "10");
    assert_eq!(thing["domainname"], "$$HOME");
}

#[test]
fn a_container_is_recreated_for_a_file_that_it_mounts_and_for_no_other() {
    let module = module(
        "file a.conf from=\"a.j2\" at=\"/etc/a.conf\" container=one\n option word type=text\n\
         container one { image \"x/one:1.0\"; }\n container two { image \"x/two:1.0\"; }",
    );
    let table = |word: &str| {
        let service = format!("service thing on=box {{ word \"{word}\"; }}\n");
        let files = [
            ("lab.kdl", LAB),
            ("s.kdl", &service),
            ("modules/thing/module.kdl", &module),
            ("modules/thing/a.j2", "{{ opt.word }}\n"),
        ];
        compile(&files)
            .text("box", "compose/containers.tsv")
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (before, after) = (table("x"), table("y"));
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1], after[1]);
}

#[test]
fn a_file_in_a_mounted_folder_is_reloaded_where_a_signal_is_known() {
    let module = module(
        "file a.conf from=\"a.j2\"\n option word type=text\n\
         container thing { image \"x/one:1.0\"; mount (ref)service.config at=\"/etc/thing\" \
         read-only=#true; reload HUP; }",
    );
    let compiled = |word: &str| {
        let service = format!("service thing on=box {{ word \"{word}\"; }}\n");
        compile(&[
            ("lab.kdl", LAB),
            ("s.kdl", &service),
            ("modules/thing/module.kdl", &module),
            ("modules/thing/a.j2", "{{ opt.word }}\n"),
        ])
    };
    let (before, after) = (compiled("x"), compiled("y"));
    assert_eq!(
        before.text("box", "compose/compose.yaml"),
        after.text("box", "compose/compose.yaml")
    );
    let reload = after.text("box", "activate.d/70-reload-thing.sh");
    assert!(
        reload.contains("# inputs: thing/a.conf\n") && reload.contains("kill -s HUP"),
        "{reload}"
    );
}

#[test]
fn a_network_that_is_anothers_comes_and_goes_with_it() {
    let module = module(
        "option tag type=text\n container thing { image (f)\"x/vpn:{opt.tag}\"; cap-add \
         NET_ADMIN; }",
    );
    let inner = "edition 1\nmodule inner version=\"1.0\" { summary \"Inner\"\n container inner { \
                 image \"x/in:1\"; network service service=thing; }\n\
                 provides web container=inner port=80 protocol=http }\n";
    let compiled = |tag: &str| {
        let services = format!(
            "service thing on=box {{ tag \"{tag}\"; }}\nservice inner on=box {{ expose web \
             to=lan; }}\n"
        );
        compile(&[
            ("lab.kdl", LAB),
            ("s.kdl", &services),
            ("modules/thing/module.kdl", &module),
            ("modules/inner/module.kdl", inner),
        ])
    };
    let (before, after) = (compiled("1"), compiled("2"));
    let row = |compiled: &Compiled| {
        compiled.text("box", "compose/containers.tsv").lines().next().map(str::to_owned)
    };
    assert_ne!(row(&before), row(&after), "its network is gone with the old container");
    let Some(seen) = as_compose_sees(&before, "") else { return };
    assert_eq!(seen["services"]["inner"]["network_mode"], "service:thing");
    assert_eq!(seen["services"]["inner"].get("ports"), None);
    assert_eq!(seen["services"]["thing"]["ports"][0]["published"], "80");
    assert_eq!(seen["services"]["inner"]["depends_on"]["thing"]["restart"], true);
}

#[test]
fn names_that_yaml_takes_for_values_stay_names() {
    let module = "edition 1\nmodule no version=\"1.0\" { summary \"No\"\n container no { image \
                  \"x/no:1.0\"; env y \"1\"; env \"null\" \"2\"; }; }\n";
    let compiled = compile(&[
        ("lab.kdl", LAB),
        ("s.kdl", "service no on=box\n"),
        ("modules/no/module.kdl", module),
    ]);
    let Some(seen) = as_compose_sees(&compiled, "") else { return };
    assert_eq!(seen["services"]["no"]["environment"], serde_json::json!({"y": "1", "null": "2"}));
}

#[test]
fn what_ends_by_itself_is_run_as_the_lab_says() {
    let compiled = lab(
        r#"container thing { image "x/thing:1.0"; depends-on migrate completed; restart always
            logging syslog { set "syslog-address" "udp://192.168.1.5:514"; } }
        container migrate { image "x/thing:1.0"; once; restart on-failure retries=3; }
        container seed { image "x/thing:1.0"; manual; depends-on thing healthy=#false; }
        container sweep { image "x/thing:1.0"; every (cron)"30 2 * * 1"; }"#,
        "",
    );
    let health = compiled.text("box", "health.d/20-containers.sh");
    assert!(health.contains("\nwell thing\n") && health.contains("\nended thing-migrate\n"));
    let runbook = compiled.text("box", "RUNBOOK.md");
    assert!(runbook.contains("docker compose run --rm thing-seed\n"), "{runbook}");
    let timer = compiled.text("box", "systemd/labwright-run-thing-sweep.timer");
    assert!(timer.contains("OnCalendar=Mon *-*-* 02:30:00 Etc/UTC\n"), "{timer}");
    let unit = compiled.text("box", "systemd/labwright-run-thing-sweep.service");
    assert!(unit.contains("run --rm --no-deps --no-TTY thing-sweep\n"), "{unit}");
    let table = compiled.text("box", "compose/containers.tsv");
    let words: Vec<Option<&str>> = table.lines().map(|line| line.split('\t').nth(3)).collect();
    assert_eq!(words, [None, Some("once"), Some("manual"), Some("every")]);

    let Some(seen) = as_compose_sees(&compiled, "") else { return };
    let services = &seen["services"];
    assert_eq!(
        services["thing"]["depends_on"]["thing-migrate"]["condition"],
        "service_completed_successfully"
    );
    assert_eq!(services["thing"]["restart"], "always");
    assert_eq!(services["thing"]["logging"]["driver"], "syslog");
    assert_eq!(services["thing-migrate"]["restart"], "on-failure:3");
    // Compose shows what it would start.
    assert_eq!(services.get("thing-seed"), None);
    assert_eq!(services.get("thing-sweep"), None);
}

#[test]
fn ports_are_published_in_rows_and_at_addresses() {
    let compiled = lab(
        r#"container thing { image "x/thing:1.0"; health none="it has none"; }
        provides media container=thing port="50000-50002" protocol=udp
        provides own container=thing port=81
        provides web container=thing port=80 protocol=http"#,
        r#"port media "60000-60002"
        port own 8081 address="127.0.0.1"
        port web 8080 address="192.168.1.2,127.0.0.1"
        expose media to=lan
        expose web to=lan"#,
    );
    let rules = compiled.text("box", "firewall/nftables.nft");
    assert!(
        rules.contains("meta l4proto udp ct original proto-dst 60000-60002 ip saddr @zone-lan-4")
    );
    assert!(rules.contains("proto-dst 8080 ct original ip daddr 192.168.1.2 ip saddr @zone-lan-4"));
    assert!(!rules.contains("8081"), "{rules}");
    let health = compiled.text("box", "health.d/30-endpoints.sh");
    assert!(health.contains("http://127.0.0.1:8080/"), "{health}");
    let flows = compiled.text("box", "firewall/flows.tsv");
    assert!(flows.starts_with("lan\ttcp\t8080\t"), "{flows}");
    assert!(flows.contains("\nlan\tudp\t60000-60002\texpose thing.media\t"), "{flows}");

    let Some(seen) = as_compose_sees(&compiled, "") else { return };
    let ports = seen["services"]["thing"]["ports"].as_array().expect("ports");
    let ports: Vec<String> = ports
        .iter()
        .map(|port| {
            let word = |name: &str| port[name].to_string().trim_matches('"').to_owned();
            let [at, outside, inside] = ["host_ip", "published", "target"].map(word);
            format!("{at} {outside} {inside}/{}", word("protocol"))
        })
        .collect();
    let row = |port| format!("0.0.0.0 {} {port}/udp", port + 10_000);
    let single = ["127.0.0.1 8080 80/tcp", "192.168.1.2 8080 80/tcp", "127.0.0.1 8081 81/tcp"];
    let wanted = single.map(str::to_owned).into_iter().chain([50_000, 50_001, 50_002].map(row));
    assert_eq!(ports, wanted.collect::<Vec<_>>());
}

#[test]
fn an_image_is_built_from_a_folder_of_its_module() {
    let module = module(&format!(
        r##"container thing {{
                build site target=prod {{ arg VERSION #"{HOSTILE}"#; }}
                health none="x"
            }}"##
    ));
    let compiled = |dockerfile: &str| {
        compile(&[
            ("lab.kdl", LAB),
            ("services.kdl", "service thing on=box\n"),
            ("modules/thing/module.kdl", &module),
            ("modules/thing/site/Dockerfile", dockerfile),
            ("modules/thing/site/bin/start.sh", "#!/bin/sh\necho {{ 7 }}\n"),
        ])
    };
    let first = compiled("FROM docker.io/library/busybox:1.37.0 AS prod\nCOPY bin /bin\n");
    let again = compiled("FROM docker.io/library/busybox:1.37.0 AS prod\nCOPY bin /sbin\n");
    let image = |compiled: &Compiled| {
        let table = compiled.text("box", "compose/containers.tsv");
        table.split('\t').nth(1).expect("an image").to_owned()
    };
    assert_ne!(image(&first), image(&again), "a change builds another image");
    assert_eq!(first.text("box", "thing/build/thing/bin/start.sh"), "#!/bin/sh\necho {{ 7 }}\n");

    let folder = tempfile::tempdir().expect("a folder");
    first.unpack("box", folder.path());
    let Some(room) = Room::new() else { return };
    // The stand-in keeps what docker would be given.
    let script = r#"
        set -e
        mkdir -p /tmp/bin
        cat >/tmp/bin/docker <<'EOF'
#!/bin/sh
case "$1 $2" in
    "image inspect") [ -e /tmp/built ] ;;
    "build "*)
        for word; do printf '%s\n' "$word"; last=$word; done | grep -v "^/tmp/tmp" >/tmp/words
        for last; do :; done
        (cd "$last" && find . -type f -printf '%P %m\n' | sort) >/tmp/files
        cp "$last/Dockerfile" /tmp/built ;;
esac
EOF
        chmod 755 /tmp/bin/docker
        cd /payload
        umask 077
        PATH=/tmp/bin:$PATH sh activate.d/12-images.sh
        cat /tmp/files /tmp/words
        rm /tmp/files
        PATH=/tmp/bin:$PATH sh activate.d/12-images.sh
        [ ! -e /tmp/files ]
        [ -z "$(ls -d /tmp/tmp.* 2>/dev/null)" ]"#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
    let said = text(&answer.stdout);
    assert!(said.starts_with("Dockerfile 644\nbin/start.sh 755\n"), "{said}");
    let argument = format!("\n--build-arg\nVERSION={HOSTILE}\n");
    for word in ["\n--target\nprod\n", &argument] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.contains(&format!("\n--tag\n{}\n", image(&first))), "{said}");
    assert!(first.text("box", "activate.d/10-packages.sh").contains("docker-buildx"));
    let Some(seen) = as_compose_sees(&first, "") else { return };
    assert_eq!(seen["services"]["thing"]["pull_policy"], "never");
}

#[test]
fn a_user_is_in_the_group_that_its_gpu_has_on_the_machine() {
    let compiled = lab(
        r#"container thing {
            image "x/thing:1.0"; user "1000"; group "44"; health none="x"
            gpu dri capabilities=compute
            gpu coral device="/dev/apex_1"
            gpu coral-usb
            gpu nvidia count=1
        }"#,
        "",
    );
    let check = compiled.text("box", "machine/requirements.sh");
    for device in ["/dev/dri/renderD128", "/dev/kfd", "/dev/apex_1", "/dev/bus/usb"] {
        assert!(check.contains(&format!("device {device} ")), "{device}: {check}");
    }
    let up = compiled.text("box", "activate.d/60-compose.sh");
    let asked = "groups LABWRIGHT_GROUP_thing 44 /dev/dri/renderD128 /dev/kfd /dev/apex_1\n";
    assert!(up.contains(asked), "{up}");
    let before = "export LABWRIGHT_GROUP_thing_0=993";
    let Some(seen) = as_compose_sees(&compiled, before) else { return };
    let thing = &seen["services"]["thing"];
    assert_eq!(thing["group_add"], serde_json::json!(["44", "993", "2147483001", "2147483002"]));
    assert_eq!(thing["devices"].as_array().expect("devices").len(), 4);
    assert_eq!(thing["deploy"]["resources"]["reservations"]["devices"][0]["driver"], "nvidia");

    // A device of the room stands in for the renderer.
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    let Some(room) = Room::new() else { return };
    let script = r#"
        set -e
        sed -n '/^group.*() {/,/^}/p' /payload/activate.d/60-compose.sh >/tmp/groups
        . /tmp/groups
        mknod /tmp/a c 1 3 && mknod /tmp/b c 1 3 && mknod /tmp/c c 1 3
        mkdir /tmp/dri && mknod /tmp/dri/renderD129 c 1 3
        chgrp 993 /tmp/a /tmp/b && chgrp 44 /tmp/c && chgrp 994 /tmp/dri/renderD129
        groups V "44 video" /tmp/a /tmp/b /tmp/c /tmp/dri
        env | grep '^V_' | sort >/tmp/exported
        printf 'V_0=993\nV_3=994\n' | cmp - /tmp/exported
        ! group /dev/none 2>/dev/null"#;
    let answer = room.show(folder.path(), "/payload").sh(script, &[]);
    assert!(answer.status.success(), "{}{}", text(&answer.stdout), text(&answer.stderr));
}

/// What `docker ps` says of a container that ends by itself, and whether the machine is well then.
const ENDS: [(&str, bool); 4] = [
    ("thing Exited (0) 5 seconds ago", true),
    ("thing Exited (1) 5 seconds ago", false),
    ("thing Up 3 seconds", false),
    ("", false),
];

#[test]
fn a_migration_must_end_without_a_fault() {
    let compiled = lab("container thing { image \"x/thing:1.0\"; once; }", "");
    let folder = tempfile::tempdir().expect("a folder");
    compiled.unpack("box", folder.path());
    for (state, well) in ENDS {
        let Some(room) = Room::new() else { return };
        let room = room.show(folder.path(), "/payload");
        let script = format!(
            "mkdir -p /tmp/bin; printf '#!/bin/sh\necho \"{state}\"\n' >/tmp/bin/docker; chmod 755 \
             /tmp/bin/docker; PATH=/tmp/bin:$PATH; \
             sed /networks.sh/d /payload/health.d/20-containers.sh | sh -eu"
        );
        assert_eq!(room.sh(&script, &[]).status.success(), well, "{state}");
    }
}

#[test]
fn a_folder_of_the_module_travels_with_its_files() {
    let body = "container thing { image \"x/thing:1.0\"; }\nfolder conf from=\"conf.d\" \
                at=\"/etc/thing\" mode=\"0640\" owner=101";
    let files = |content: &'static str| {
        let module = module(body);
        let compiled = compile(&[
            ("lab.kdl", LAB),
            ("services.kdl", "service thing on=box\n"),
            ("modules/thing/module.kdl", &module),
            ("modules/thing/conf.d/a.conf", "a {{ b }}\n"),
            ("modules/thing/conf.d/more/b.sh", content),
        ]);
        assert_eq!(compiled.text("box", "thing/conf/a.conf"), "a {{ b }}\n");
        assert_eq!(compiled.text("box", "thing/conf/more/b.sh"), content);
        let compose = compiled.text("box", "compose/compose.yaml");
        assert!(compose.contains("/etc/labwright/services/thing/conf"), "{compose}");
        let line = compose.lines().find(|line| line.contains("labwright.config"));
        line.expect("the hash of its files").to_owned()
    };
    assert_ne!(files("one"), files("two"));
}

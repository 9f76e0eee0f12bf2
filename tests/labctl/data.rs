//! Changes the image of a service that keeps a database: what is dumped before, what a way back
//! loads, and that nothing is lost wherever the power fails.

use super::power_cuts::points;
use super::{Machine, Payload, SHELLS, state, under_each_shell};

/// A program that migrates its database to its own version, and can't read that of a newer one.
/// What it writes says which version wrote it.
const PROGRAM: &str = r#"
    db=$LABWRIGHT_ROOT/srv/app.db
    mkdir -p "${db%/*}"
    version=$(sed 's/.*jellyfin:\([0-9]*\).*/\1/' compose/compose.yaml)
    [ -e "$db" ] || echo "schema $version" >"$db"
    read -r _ schema <"$db"
    if [ "$schema" -gt "$version" ]; then
        echo "version $version cannot read schema $schema" >>"$LABWRIGHT_ROOT/live/broken"
    elif [ "$schema" -lt "$version" ]; then
        sed "1s/.*/schema $version/" "$db" >"$db.new" && mv "$db.new" "$db"
    fi
    : >"$LABWRIGHT_ROOT/ran-$version"
    grep -qx "row of $version" "$db" || echo "row of $version" >>"$db"
"#;

/// Returns a release with this version of the program.
fn release(version: u32) -> Payload {
    let mut payload = Payload::sample();
    payload.version = version;
    payload.set(
        "compose/compose.yaml",
        &format!("services: {{jellyfin: {{image: \"jellyfin:{version}\"}}}}\n"),
    );
    payload.set("compose/containers.tsv", &format!("jellyfin\tjellyfin:{version}\thash\n"));
    payload.set("kept/writers.tsv", "jellyfin\tjellyfin\tone-way\n");
    payload.set(
        "kept/databases.tsv",
        "jellyfin\tjellyfin-app\tapp.dump\tsqlite\t-\t/srv/app.db\tneeded\n",
    );
    payload.set("kept/places.tsv", "jellyfin\telsewhere\ttank/appdata of pve\t/srv\n");
    payload.set(
        "databases/dump.sh",
        "[ ! -e \"$LABWRIGHT_ROOT/fail-dump\" ] || { echo the disk is bad >&2; exit 1; }\n\
         cp \"$LABWRIGHT_ROOT/srv/app.db\" \"$1/app.dump\"\n",
    );
    payload.set(
        "databases/load.sh",
        "[ \"$1\" = jellyfin-app ] && [ ! -e \"$LABWRIGHT_ROOT/fail-load\" ] && cp \"$2\" \
         \"$LABWRIGHT_ROOT/srv/app.db\"\n",
    );
    payload.set("databases/size.sh", "echo \"${SIZE:-1}\"\n");
    payload.set("program.sh", PROGRAM);
    payload.step(
        "activate.d/60-compose.sh",
        "compose/",
        "docker compose -f compose/compose.yaml up -d; sh program.sh",
    );
    payload
}

const DATABASE: &str = "srv/app.db";

/// Writes something as a user does.
fn write(machine: &Machine, row: &str) {
    let before = machine.read(DATABASE).expect("a database");
    machine.write(DATABASE, &format!("{before}{row}\n"));
}

/// Returns what was put aside of a generation.
fn aside(machine: &Machine, version: u32) -> String {
    let dumps = machine.path(&state("dumps"));
    let found = walk(&dumps).into_iter().filter(|path| {
        let about = path.with_file_name("about");
        path.ends_with("app.dump")
            && path.to_string_lossy().contains("/reverted-")
            && std::fs::read_to_string(about)
                .is_ok_and(|about| about.contains(&format!("generation {}", id(machine, version))))
    });
    found.map(|path| std::fs::read_to_string(path).expect("a dump")).collect()
}

fn id(machine: &Machine, version: u32) -> String {
    let list = machine.labctl(&["list", "--json"]).json();
    let list = list["generations"].as_array().expect("generations").clone();
    let version = format!("2025.{version}.0");
    let found = list.iter().find(|one| one["version"] == version.as_str());
    found.map(|one| one["id"].as_str().expect("an id").to_owned()).unwrap_or_default()
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if entry.path().is_dir() {
            found.extend(walk(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn a_new_image_is_preceded_by_a_dump_and_the_way_back_offers_it() {
    under_each_shell(|machine| {
        let (first, second) = (machine.bundle(&release(1)), machine.bundle(&release(2)));
        machine.apply(&first).exits(0);
        write(&machine, "precious");

        machine
            .plan(&second)
            .exits(2)
            .says("~ jellyfin: 1 -> 2; saved first: database jellyfin-app; a snapshot of")
            .says("tank/appdata of pve is yours to take");
        assert!(machine.read(&state("dumps")).is_none());
        machine.calls();
        machine.apply(&second).exits(0).says("saving jellyfin ... done");
        let calls = machine.calls();
        let (stop, up) = (calls.find("docker stop jellyfin"), calls.find(" up -d"));
        assert!(
            stop.is_some() && stop < up,
            "nobody writes between the dump and the start: {calls}"
        );
        let migrated = "schema 2\nrow of 1\nprecious\nrow of 2\n";
        assert_eq!(machine.read(DATABASE).as_deref(), Some(migrated));
        machine.labctl(&["list"]).says("previous  dumps of jellyfin");
        let dumps = machine.path(&state("dumps"));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(&dumps).expect("the folder").permissions(),
        );
        assert_eq!(mode & 0o777, 0o700, "only root reads dumps");

        // Going back is a decision.
        machine
            .labctl(&["rollback"])
            .exits(3)
            .says("jellyfin goes back to an older image")
            .says("--with-data` loads the dump of 20")
            .says("--without-data`");
        assert_eq!(machine.whole(), "2025.2.0");
        let other = machine.copy();

        machine.labctl(&["rollback", "--with-data", "--confirm-within", "0"]).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
        assert_eq!(machine.read(DATABASE).as_deref(), Some("schema 1\nrow of 1\nprecious\n"));
        assert_eq!(machine.read("live/broken"), None);
        let left = walk(&dumps.join(id(&machine, 2)));
        let left = left.iter().find(|path| path.ends_with("left/app.dump")).expect("a dump of 2");
        assert_eq!(std::fs::read_to_string(left).expect("it"), migrated, "nothing is lost");
        // Forward again, it is no way back.
        machine.apply(&second).exits(0);

        other.labctl(&["rollback", "--without-data", "--confirm-within", "0"]).exits(0);
        assert_eq!(other.whole(), "2025.1.0");
        assert!(other.read(DATABASE).expect("a database").starts_with("schema 2\n"));
    });
}

#[test]
fn what_cannot_be_saved_stops_the_change_before_it_begins() {
    under_each_shell(|machine| {
        let (first, second) = (machine.bundle(&release(1)), machine.bundle(&release(2)));
        machine.apply(&first).exits(0);
        machine.write("fail-dump", "");
        machine.calls();
        machine
            .apply(&second)
            .exits(3)
            .says("what jellyfin keeps could not be saved")
            .says("| the disk is bad")
            .says("--without-data` goes on without that")
            .says("nothing was changed");
        assert_eq!(machine.whole(), "2025.1.0");
        assert!(!machine.calls().contains("docker stop"), "everything still runs");
        assert_eq!(walk(&machine.path(&state("dumps"))), Vec::<std::path::PathBuf>::new());

        // A release that leaves the image alone needs no dump.
        let mut same = release(1);
        same.version = 3;
        same.set("etc/app.conf", "level 3\n");
        machine.copy().apply(&machine.bundle(&same)).exits(0);

        let arguments =
            ["apply", second.to_str().unwrap(), "--confirm-within", "0", "--without-data"];
        machine.labctl(&arguments).exits(0).says("could not be saved");
        assert_eq!(machine.whole(), "2025.2.0");
        machine
            .labctl(&["rollback"])
            .exits(3)
            .says("there is no dump from before: `--without-data`");
        machine
            .labctl(&["rollback", "--with-data"])
            .exits(3)
            .says("there is no dump of what that one left");
        machine.labctl(&["rollback", "--with-data", "--without-data"]).exits(64);
    });
}

#[test]
fn dumps_that_the_disk_has_no_room_for_are_not_begun() {
    under_each_shell(|machine| {
        let (first, second) = (machine.bundle(&release(1)), machine.bundle(&release(2)));
        machine.apply(&first).exits(0);
        let arguments = ["apply", second.to_str().unwrap(), "--confirm-within", "0"];
        machine
            .labctl_with("SIZE", "9000000000000000", &arguments)
            .exits(3)
            .says("MiB on the disk of")
            .says("labctl gc");
        assert_eq!(machine.whole(), "2025.1.0");
    });
}

#[test]
fn a_failed_change_takes_the_data_back_and_puts_aside_what_was_written_since() {
    under_each_shell(|machine| {
        let (first, second) = (machine.bundle(&release(1)), machine.bundle(&release(2)));
        machine.apply(&first).exits(0);
        write(&machine, "precious");
        machine.write("fail-health", "");
        machine
            .apply(&second)
            .exits(4)
            .says("jellyfin has what it kept before; what was written since is in dumps/");
        assert_eq!(machine.whole(), "2025.1.0");
        assert_eq!(machine.read("live/broken"), None, "the old version never saw the new schema");
        assert_eq!(machine.read(DATABASE).as_deref(), Some("schema 1\nrow of 1\nprecious\n"));
        assert!(aside(&machine, 2).contains("row of 2"));

        // A version that the module calls reversible reads it as it is.
        let kept = |payload: &mut Payload| {
            payload.set("kept/writers.tsv", "jellyfin\tjellyfin\treversible\n");
        };
        let (mut third, mut fourth) = (release(1), release(4));
        third.version = 3;
        kept(&mut third);
        kept(&mut fourth);
        std::fs::remove_file(machine.path("fail-health")).unwrap();
        machine.apply(&machine.bundle(&third)).exits(0);
        machine.apply(&machine.bundle(&fourth)).exits(0);
        machine.labctl(&["rollback", "--confirm-within", "0"]).exits(0);
        assert!(machine.read(DATABASE).expect("a database").starts_with("schema 4\n"));
    });
}

#[test]
fn data_that_cannot_be_taken_back_makes_the_revert_fail_until_it_can_or_somebody_decides() {
    under_each_shell(|machine| {
        let (first, second) = (machine.bundle(&release(1)), machine.bundle(&release(2)));
        machine.apply(&first).exits(0);
        write(&machine, "precious");
        machine.write("fail-health", "");
        machine.write("fail-load", "");
        machine
            .apply(&second)
            .exits(5)
            .says("app.dump could not be loaded; `labctl rollback --without-data`");
        assert!(
            machine.read("live/stopped").is_some(),
            "nobody writes meanwhile: {}",
            machine.calls()
        );
        std::fs::remove_file(machine.path("fail-health")).unwrap();

        let decided = machine.copy();
        decided.labctl(&["rollback", "--without-data"]).exits(0);
        assert_eq!(decided.whole(), "2025.1.0");
        assert!(decided.read(DATABASE).expect("a database").starts_with("schema 2\n"));

        // Forward from a failed revert: what is to be loaded is not overwritten by what is there.
        let forward = machine.copy();
        let third = release(3);
        let bundle = forward.bundle(&third);
        let arguments = ["apply", bundle.to_str().unwrap(), "--all-steps", "--confirm-within", "0"];
        forward.labctl(&arguments).exits(0);
        std::fs::remove_file(forward.path("fail-load")).unwrap();
        let back = id(&forward, 1);
        forward.labctl(&["rollback", &back, "--with-data", "--confirm-within", "0"]).exits(0);
        assert_eq!(forward.read(DATABASE).as_deref(), Some("schema 1\nrow of 1\nprecious\n"));

        std::fs::remove_file(machine.path("fail-load")).unwrap();
        machine.labctl(&["rollback"]).exits(0);
        assert_eq!(machine.whole(), "2025.1.0");
        assert_eq!(machine.read(DATABASE).as_deref(), Some("schema 1\nrow of 1\nprecious\n"));
        assert!(aside(&machine, 2).contains("row of 2"));
        assert_eq!(machine.read("live/stopped"), None);
    });
}

#[test]
fn a_newer_release_with_an_older_image_is_a_way_back_too() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&release(1))).exits(0);
        machine.apply(&machine.bundle(&release(2))).exits(0);
        let mut back = release(1);
        back.version = 3;
        let back = machine.bundle(&back);
        machine.apply(&back).exits(3).says("jellyfin goes back to an older image");
        let arguments = ["apply", back.to_str().unwrap(), "--confirm-within", "0", "--with-data"];
        machine.labctl(&arguments).exits(0);
        assert_eq!(machine.read(DATABASE).as_deref(), Some("schema 1\nrow of 1\n"));
    });
}

#[test]
fn gc_removes_dumps_with_their_generation() {
    under_each_shell(|machine| {
        for version in 1..=4 {
            machine.apply(&machine.bundle(&release(version))).exits(0);
        }
        let dumps = || std::fs::read_dir(machine.path(&state("dumps"))).expect("dumps").count();
        assert_eq!(dumps(), 3);
        machine.labctl(&["gc", "--keep", "1"]).exits(0);
        assert_eq!(dumps(), 2);
    });
}

/// Where there is no ZFS, only databases are saved. That is said while there is still time to make
/// a backup.
#[test]
fn a_plan_names_the_files_of_which_nobody_makes_a_copy() {
    under_each_shell(|machine| {
        let in_folders = |version| {
            let mut payload = release(version);
            payload.set(
                "kept/places.tsv",
                "jellyfin\tfolder\t-\t/srv/one\njellyfin\tfolder\t-\t/srv/two\n",
            );
            machine.bundle(&payload)
        };
        machine.apply(&in_folders(1)).exits(0);
        machine.plan(&in_folders(2)).says("no copy is made of").says("/srv/one, /srv/two");
    });
}

#[test]
fn a_plan_names_what_a_dump_finds() {
    under_each_shell(|machine| {
        // The sizes are what the bundle's own script says of each.
        let with_more = |version| {
            let mut payload = release(version);
            payload.set(
                "kept/databases.tsv",
                "jellyfin\tjellyfin-app\tapp.dump\tsqlite\t-\t/srv/app.db\tneeded\n\
                 jellyfin\tjellyfin-log\tlog.dump\tsqlite\t-\t/srv/log.db\toptional\n\
                 jellyfin\tjellyfin.sqlite-of-none\ta.tar\tundeclared\t-\t/srv\toptional\n\
                 jellyfin\tjellyfin.sqlite-of-some\tb.tar\tundeclared\t-\t/srv\toptional\n",
            );
            payload.set(
                "databases/size.sh",
                "case $* in jellyfin.sqlite-of-none) echo 0 ;; *) echo 4096 ;; esac\n",
            );
            machine.bundle(&payload)
        };
        machine.apply(&with_more(1)).exits(0);
        let output = machine.plan(&with_more(2)).says("saved first: database jellyfin-app").out;
        assert!(output.contains("jellyfin.sqlite-of-some"), "{output}");
        assert!(!output.contains("jellyfin.sqlite-of-none"), "nothing is found there: {output}");
        assert!(!output.contains("jellyfin-log"), "the program has not made it: {output}");
    });
}

#[test]
fn a_dataset_of_the_machine_gets_a_snapshot_that_goes_with_its_generation() {
    under_each_shell(|machine| {
        let on_zfs = |version| {
            let mut payload = release(version);
            payload.set("kept/places.tsv", "jellyfin\tdataset\ttank/app\t/srv\n");
            machine.bundle(&payload)
        };
        machine.apply(&on_zfs(1)).exits(0);
        machine
            .plan(&on_zfs(2))
            .says("saved first: database jellyfin-app, dataset")
            .says("tank/app\n");
        machine.calls();
        machine.apply(&on_zfs(2)).exits(0);
        let snapshot = format!("tank/app@labwright-{}", id(&machine, 1));
        let calls = machine.calls();
        let taken = calls.rfind(&format!("zfs snapshot {snapshot}")).expect("a snapshot");
        assert!(
            calls.find("docker stop") < Some(taken) && Some(taken) < calls.find(" up -d"),
            "while nobody writes: {calls}"
        );
        machine.apply(&on_zfs(3)).exits(0);
        machine.apply(&on_zfs(4)).exits(0);
        machine.calls();
        machine.labctl(&["gc", "--keep", "1"]).exits(0);
        assert!(machine.calls().contains(&format!("zfs destroy {snapshot}")));
    });
}

#[test]
fn a_health_check_says_how_long_it_is_waited_for() {
    under_each_shell(|machine| {
        machine.apply(&machine.bundle(&release(1))).exits(0);
        // The usual time is over at once here, yet the service has time left.
        let mut slow = release(2);
        slow.step(
            "health.d/20-slow.sh",
            "",
            "[ \"$LABWRIGHT_REVERT\" = 1 ] || [ -e \"$LABWRIGHT_ROOT/asked\" ] || { touch \
             \"$LABWRIGHT_ROOT/asked\"; exit 75; }",
        );
        machine.apply(&machine.bundle(&slow)).exits(0).says("health 20-slow.sh ... ok");
        let mut over = release(3);
        over.step("health.d/20-over.sh", "", "[ \"$LABWRIGHT_REVERT\" = 1 ] || exit 70");
        let over = machine.bundle(&over);
        let arguments = ["apply", over.to_str().unwrap(), "--confirm-within", "0"];
        machine
            .labctl_with("LABWRIGHT_HEALTH_TIMEOUT", "300", &arguments)
            .exits(4)
            .says("the health check 20-over.sh failed");
    });
}

/// Cuts the power at every point of a call, lets the timer or the next boot put the machine right,
/// and asks `check` about it. Each shell tests every other point.
fn cut(machine: &Machine, arguments: &[&str], check: impl Fn(&Machine, &str)) -> Vec<String> {
    let points = points(machine, arguments);
    let ours = |number: &usize| number % 2 == usize::from(machine.shell == SHELLS[0]);
    for (number, point) in points.iter().enumerate().filter(|(number, _)| ours(number)) {
        let machine = machine.copy();
        machine.labctl_with("LABWRIGHT_TEST_KILL", point, arguments).exits(137);
        eprintln!("cut at {point}");
        if number % 4 < 2 {
            machine.labctl(&["revert", "--lab", "home"]).exits(0);
        } else {
            // Docker starts what nobody stopped, and it writes before labctl is there.
            if machine.read("live/stopped").is_none() {
                let current = machine.path(&state("current/payload"));
                let mut boot = std::process::Command::new("sh");
                boot.arg("program.sh").current_dir(current);
                boot.env("LABWRIGHT_ROOT", machine.path(""));
                if machine.read("live/compose")
                    == machine.read(&state("current/payload/compose/compose.yaml"))
                {
                    super::run(&mut boot);
                }
            }
            machine.labctl(&["revert", "--at-boot"]).exits(0);
        }
        assert_eq!(machine.read("live/stopped"), None, "it runs again");
        assert_eq!(machine.read("live/broken"), None, "no version saw what it cannot read");
        check(&machine, point);
    }
    points
}

#[test]
fn a_power_cut_at_any_point_leaves_version_and_data_that_belong_together() {
    under_each_shell(|machine| {
        let (first, second) = (machine.bundle(&release(1)), machine.bundle(&release(2)));
        machine.apply(&first).exits(0);
        write(&machine, "precious");
        let old = "schema 1\nrow of 1\nprecious\n";
        let new = "schema 2\nrow of 1\nprecious\nrow of 2\n";

        // On the way there.
        let there = ["apply", second.to_str().unwrap(), "--confirm-within", "0"];
        let points = cut(&machine, &there, |machine, point| {
            let expected = if machine.whole() == "2025.1.0" { old } else { new };
            assert_eq!(machine.read(DATABASE).as_deref(), Some(expected), "cut at {point}");
        });
        for point in ["data-stopped", "data-saved", "data-touched", "step-60-compose.sh"] {
            assert!(points.iter().any(|known| known == point), "{points:?}");
        }

        // On the way back after a failed health check.
        machine.write("fail-health", "");
        let points = cut(&machine, &there, |machine, point| {
            assert_eq!(machine.whole(), "2025.1.0");
            assert_eq!(machine.read(DATABASE).as_deref(), Some(old), "cut at {point}");
            let started = machine.read("ran-2").is_some();
            assert!(!started || aside(machine, 2).contains("row of 2"), "cut at {point}");
        });
        for point in ["data-aside", "data-loaded", "data-restored"] {
            assert!(points.iter().any(|known| known == point), "{points:?}");
        }
        std::fs::remove_file(machine.path("fail-health")).unwrap();

        // On the way back that somebody asks for.
        machine.apply(&second).exits(0);
        write(&machine, "later");
        let newer = format!("{new}later\n");
        let back = ["rollback", "--with-data", "--confirm-within", "0"];
        cut(&machine, &back, |machine, point| {
            let expected = if machine.whole() == "2025.1.0" { old } else { &newer };
            assert_eq!(machine.read(DATABASE).as_deref(), Some(expected), "cut at {point}");
        });
    });
}

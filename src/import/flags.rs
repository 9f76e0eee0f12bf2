//! Knows the flags of programs that have a password after them, without a name that says so.

use std::ops::Range;

use super::secrets::is_variable;

/// Programs, one of their flags, and whether the password is in the same word.
const FLAGS: &[(&[&str], &str, bool)] = &[
    (&["mysql", "mysqladmin", "mysqldump", "mysqlshow", "mysqlcheck"], "-p", true),
    (&["mariadb", "mariadb-admin", "mariadb-dump", "mariadb-show", "mariadb-check"], "-p", true),
    (&["redis-cli", "valkey-cli", "keydb-cli"], "-a", false),
    (&["mongo", "mongosh", "mongodump", "mongorestore", "sshpass"], "-p", false),
    (&["mosquitto_pub", "mosquitto_sub"], "-P", false),
    (&["ldapsearch", "ldapwhoami"], "-w", false),
    (&["curl"], "-u", false),
    (&["curl"], "--user", false),
];

/// Finds the words of a command line that are such passwords: their numbers, and where in the word
/// they are. A program may also be one that a shell or another program starts.
pub fn passwords(words: &[&str]) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    let mut program = "";
    for (number, word) in words.iter().enumerate() {
        let name = word.rsplit('/').next().unwrap_or(word);
        if FLAGS.iter().any(|(programs, ..)| programs.contains(&name)) {
            program = name;
            continue;
        }
        let before = number.checked_sub(1).and_then(|before| words.get(before));
        let place =
            FLAGS.iter().filter(|(of, ..)| of.contains(&program)).find_map(|(_, flag, own)| {
                let start = if *own {
                    word.starts_with(flag).then_some(flag.len())?
                } else {
                    (before? == flag).then_some(0)?
                };
                // curl asks for the password of a user without one.
                let user = (program == "curl").then(|| word.find(':'));
                let start = user.map_or(Some(start), |colon| Some(colon? + 1))?;
                Some(start..word.len())
            });
        let value = |place: &Range<usize>| word.get(place.clone()).unwrap_or_default();
        let is_open = |place: &Range<usize>| {
            let value = value(place).trim_matches(['"', '\'']);
            !value.is_empty() && !is_variable(value)
        };
        found.extend(place.filter(is_open).map(|place| (number, place)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::passwords;

    #[test]
    fn a_password_after_a_short_flag_is_found() {
        let of = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            let found = passwords(&words).into_iter();
            let found = found.filter_map(|(number, place)| words.get(number)?.get(place));
            found.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("mysqladmin ping -u root -phunter"), "hunter");
        assert_eq!(of("/usr/bin/mariadb -phunter -e x"), "hunter");
        assert_eq!(of("sh -c redis-cli -a hunter ping"), "hunter");
        assert_eq!(of("curl -u ada:hunter http://localhost"), "hunter");
        assert_eq!(of("mosquitto_sub -u x -P hunter"), "hunter");
        for line in [
            "mysqladmin ping -p$PW",
            "mysqladmin ping -p",
            "curl -u ada http://localhost",
            "redis-cli -a ${PW} ping",
            "cp -a b c",
            "mkdir -pv x",
        ] {
            assert_eq!(of(line), "", "{line}");
        }
    }
}

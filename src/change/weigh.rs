//! What is more and what is less: how well something is saved, how loud an alert is, how many
//! addresses a zone has.

use crate::model::{Duration, Size};

/// Says how well something is saved; the more often, the more.
pub(super) fn strength(how: Option<&str>) -> u8 {
    let word = how.and_then(|how| how.split_whitespace().next());
    match word {
        Some("hourly") => 5,
        Some("daily") => 4,
        // A dump runs as often as what holds it; it saves more than nothing.
        Some("by" | "weekly") => 3,
        Some("monthly") => 2,
        _ => 0,
    }
}

/// Says how loud an alert is: `critical after 5m`.
pub(super) fn alarm(value: Option<&str>) -> u8 {
    match value.and_then(|value| value.split_whitespace().next()) {
        Some("critical") => 3,
        Some("warning") => 2,
        Some(_) => 1,
        None => 0,
    }
}

pub(super) fn number(value: Option<&str>) -> u64 {
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

pub(super) fn size(value: Option<&str>) -> u64 {
    let word = value.and_then(|value| value.split_whitespace().next());
    word.and_then(Size::parse).map_or(0, |size| size.0)
}

/// Says whether a zone has addresses that it did not have.
pub(super) fn widens(was: &str, is: &str) -> bool {
    let parts = |text: &str| {
        let (include, exclude) = text.split_once(" without ").unwrap_or((text, ""));
        let list = |text: &str| {
            text.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .collect::<Vec<ipnet::IpNet>>()
        };
        (list(include), list(exclude))
    };
    let ((old, old_without), (new, new_without)) = (parts(was), parts(is));
    let covered =
        |nets: &[ipnet::IpNet], net: &ipnet::IpNet| nets.iter().any(|own| own.contains(net));
    !new.iter().all(|net| covered(&old, net))
        // An exclusion may go together with the addresses that it was cut out of.
        || !old_without.iter().all(|net| covered(&new_without, net) || !overlaps(&new, net))
}

fn overlaps(nets: &[ipnet::IpNet], net: &ipnet::IpNet) -> bool {
    nets.iter().any(|own| own.contains(net) || net.contains(own))
}

/// Returns the seconds of a time: `30d`.
pub(super) fn seconds(value: Option<&str>) -> u64 {
    value.and_then(Duration::parse).map_or(0, |time| time.0)
}

/// The word between what is saved and what of it is left out. `facts/data.rs` writes it.
const WITHOUT: &str = " without ";

/// The most folders that are named of those that a backup leaves out.
const LEFT_OUT: usize = 3;

/// Writes what a backup saves of a folder. Of the folders that it leaves out, those are named that
/// it does not leave out in the `other` state.
pub(super) fn saved(value: &str, other: Option<&str>) -> String {
    let parts = |text: &str| {
        let (how, without) = text.split_once(WITHOUT).unwrap_or((text, ""));
        (how.to_owned(), without.split(' ').map(str::to_owned).collect::<Vec<_>>())
    };
    let (how, without) = parts(value);
    let known = other.map(|other| parts(other).1).unwrap_or_default();
    let own: Vec<String> =
        without.into_iter().filter(|path| !path.is_empty() && !known.contains(path)).collect();
    match own.split_at_checked(LEFT_OUT) {
        Some((_, rest)) if !rest.is_empty() => {
            format!("{how}{WITHOUT}{} folders or files in it", own.len())
        }
        _ if own.is_empty() => how,
        _ => format!("{how}{WITHOUT}{}", own.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::saved;

    #[test]
    fn of_what_a_backup_leaves_out_the_difference_is_named() {
        assert_eq!(saved("daily without /a /b", Some("daily without /a")), "daily without /b");
        assert_eq!(saved("daily without /a", Some("daily without /a /b")), "daily");
        assert_eq!(saved("daily without /a /b", None), "daily without /a /b");
        let many = "daily without /a /b /c /d";
        assert_eq!(saved(many, None), "daily without 4 folders or files in it");
    }
}

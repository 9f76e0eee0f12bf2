//! A changed fact, and which facts follow from which.

use std::collections::BTreeSet;

use super::cause::Cause;
use super::edits::Place;
use super::facts::{Family, Key};
use super::say::Said;
use super::state::FileName;

/// A changed fact on its way to an entry.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub key: Key,
    pub was: Option<String>,
    pub is: Option<String>,
    pub cause: Cause,
    pub places: Vec<Place>,
    pub said: Said,
    /// The files that it explains.
    pub files: BTreeSet<FileName>,
}

impl Draft {
    /// Says whether a fact is new or gone in the same way as another one.
    pub(super) fn same_way(&self, other: &Self) -> bool {
        (self.was.is_none(), self.is.is_none()) == (other.was.is_none(), other.is.is_none())
    }

    pub(super) fn one_sided(&self) -> bool {
        self.was.is_none() || self.is.is_none()
    }
}

/// What a container is and may do, which is new or gone with it.
const OF_CONTAINER: [Family; 7] = [
    Family::Image,
    Family::Limit,
    Family::RunsAs,
    Family::Hardening,
    Family::OnNetwork,
    Family::Through,
    Family::Runs,
];

/// Says whether a fact follows from another one, if both have the same cause.
pub(super) fn follows(child: &Draft, parent: &Draft) -> bool {
    let (own, above) = (&child.key, &parent.key);
    let same_way = child.same_way(parent) && parent.one_sided();
    // `web-db` belongs to the service `web`, and `webdav` does not.
    let of_service = |name: &str| {
        name.strip_prefix(above.name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    // What a backup leaves out follows what services keep.
    let class = |value: &Option<String>| {
        value.as_ref().and_then(|value| value.split(' ').next().map(str::to_owned))
    };
    if own.family == Family::BackupSource && class(&child.was) == class(&child.is) {
        return matches!(above.family, Family::State | Family::Service | Family::Saved);
    }
    // Where a folder is saved no longer, what was kept in it says more.
    if own.family == Family::BackupSource && child.is.is_none() && above.family == Family::Saved {
        return parent.is.as_deref() == Some("not saved");
    }
    // What is installed for something new follows it, and so does what nothing needs any more.
    if own.family == Family::Installed && child.one_sided() {
        return matches!(
            above.family,
            Family::Service
                | Family::Machine
                | Family::Share
                | Family::Export
                | Family::Guard
                | Family::System
                | Family::Passthrough
                | Family::Pool
        ) && (above.machine.is_empty() || above.machine == own.machine);
    }
    // A folder that becomes what its service keeps is still in the container, and the other way
    // round.
    if own.family == Family::Mount && above.family == Family::State {
        let place = format!("{} on ", own.part);
        let kept = parent.was.as_ref().or(parent.is.as_ref());
        return of_service(&own.name) && kept.is_some_and(|kept| kept.starts_with(&place));
    }
    match above.family {
        // A finding that nobody accepts any more is not new, and one that is accepted is not gone.
        Family::Accepted if parent.one_sided() && child.one_sided() => {
            own.family == Family::Finding
                && child.is.is_none() == parent.was.is_none()
                && (&own.name, &own.part) == (&above.name, &above.part)
        }
        Family::Machine if same_way && own.machine == above.machine => matches!(
            own.family,
            Family::Guard
                | Family::System
                | Family::Shape
                | Family::Address
                | Family::GuestDisk
                | Family::Name
                | Family::Unit
                | Family::Room
        ),
        Family::Service if same_way => match own.family {
            Family::Module | Family::Name | Family::Raw | Family::Database => {
                own.name == above.name
            }
            Family::Container | Family::Unit => of_service(&own.name),
            family if OF_CONTAINER.contains(&family) => of_service(&own.name),
            // What a new one may do is worth a line.
            Family::Privilege | Family::Mount => parent.is.is_none() && of_service(&own.name),
            Family::Alert => own.part == above.name,
            Family::ContainerNetwork
            | Family::Copied
            | Family::Keep
            | Family::BackupRun
            | Family::Retention
            | Family::Receiver => own.name == above.name,
            _ => false,
        },
        Family::Container if same_way && own.machine == above.machine => {
            own.name == above.name && OF_CONTAINER.contains(&own.family)
        }
        Family::State if same_way => {
            own.family == Family::Saved && own.name == above.name && own.part == above.part
        }
        Family::Dataset if same_way => {
            own.name == above.name
                && matches!(
                    own.family,
                    Family::StoreSaved | Family::Snapshots | Family::Limit | Family::Layout
                )
        }
        Family::Pool if same_way => {
            // `facts/machines.rs` gives the room of a pool this name.
            let room = format!("pool {}", above.name);
            own.family == Family::Room && own.machine == above.machine && own.name == room
        }
        Family::Export if same_way => {
            // `facts/data.rs` gives the backup of an export this name.
            own.family == Family::StoreSaved && own.name == format!("export {}", above.name)
        }
        Family::Host
            if same_way
                && matches!(
                    own.family,
                    Family::RouteAuth | Family::RouteHidden | Family::RouteHandling
                ) =>
        {
            // What guards a name that is gone lets nobody in any more.
            own.name == above.name
        }
        Family::Host if same_way => {
            // What is probed is a URL, which ends in the host name.
            own.family == Family::Scrape && own.name == "probe" && own.part.ends_with(&above.name)
        }
        // It sees the folder to copy it.
        Family::Copied if same_way => {
            own.family == Family::Mount && own.name == above.name && own.part == above.part
        }
        Family::BackupRun => own.family == Family::Unit && of_service(&own.name),
        Family::Repository if same_way => {
            own.name == above.name
                && matches!(own.family, Family::Keep | Family::BackupRun | Family::BackupSource)
        }
        _ => false,
    }
}

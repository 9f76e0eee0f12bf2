//! The table of what the kinds of machines offer to services, and to their bundles.

use super::{Guest, Machine, MachineKind};

/// What a kind of machine offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offers {
    /// Whether containers may run there.
    pub containers: Containers,
    /// Whether its bundle installs packages, units, kernel settings and mounts.
    pub system: bool,
    /// Whether its kernel is its own: it loads modules, and has every device of its hardware.
    pub kernel: bool,
}

/// Whether containers may run on a kind of machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Containers {
    /// They may, and the bundle installs what runs them.
    Installed,
    /// They may if the system has what runs them.
    Present,
    /// They may if the machine has these features, which the hypervisor gives it.
    WithFeatures(&'static [&'static str]),
    /// They must not, for this reason.
    No(&'static str),
}

impl MachineKind {
    /// Returns what machines of this kind offer.
    pub const fn offers(self) -> Offers {
        match self {
            Self::Proxmox => Offers {
                containers: Containers::No(
                    "Docker's firewall drops what the guests of a hypervisor send through its \
                     bridge",
                ),
                system: true,
                kernel: true,
            },
            Self::Debian | Self::Vm => {
                Offers { containers: Containers::Installed, system: true, kernel: true }
            }
            Self::Lxc => Offers {
                containers: Containers::WithFeatures(&["keyctl", "nesting"]),
                system: true,
                kernel: false,
            },
            Self::Unmanaged => {
                Offers { containers: Containers::Present, system: false, kernel: true }
            }
            Self::Appliance => Offers {
                containers: Containers::No("labwright does not manage the system of an appliance"),
                system: false,
                kernel: true,
            },
        }
    }
}

impl Machine {
    /// Returns whether containers may run on machines of its kind.
    pub const fn may_run_containers(&self) -> bool {
        !matches!(self.kind.offers().containers, Containers::No(_))
    }

    /// Lists the features that its containers need and that it lacks. Root of a privileged guest
    /// needs no `keyctl`, which Proxmox refuses there.
    pub fn lacking_features(&self) -> Vec<&'static str> {
        let Containers::WithFeatures(features) = self.kind.offers().containers else {
            return Vec::new();
        };
        let lacks = |guest: &Guest, feature: &str| {
            !guest.features.iter().any(|given| given == feature)
                && (guest.unprivileged || feature != "keyctl")
        };
        let guest = self.guest.as_ref();
        let needed = features.iter().copied();
        needed.filter(|feature| guest.is_some_and(|guest| lacks(guest, feature))).collect()
    }
}

//! The steps of a bundle: when each one runs, and the path of its script.

use crate::digest::sha256_hex;

/// The time at which a step of the bundle runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before anything changes.
    Check,
    /// Shows what an activate step would do, without changes.
    Plan,
    /// Changes the machine.
    Activate,
    /// Checks whether the machine is healthy.
    Health,
}

impl Phase {
    /// Returns the folder of the phase's steps.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Check => "check.d",
            Self::Plan => "plan.d",
            Self::Activate => "activate.d",
            Self::Health => "health.d",
        }
    }
}

/// The place of a step in the order of all steps. Steps of one slot run in the order of their
/// names, so none of them may need another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The phase.
    pub phase: Phase,
    /// The number in its phase, less than 100.
    pub number: u8,
}

/// Every slot that an emitter uses. The script of a module names its own, and has number 40 if it
/// names none.
impl Slot {
    /// Refuses a bundle that needs a device or another thing that the machine lacks.
    pub const CHECK_REQUIREMENTS: Self = Self { phase: Phase::Check, number: 5 };
    /// Refuses pools and datasets that can't be made.
    pub const CHECK_STORAGE: Self = Self { phase: Phase::Check, number: 10 };
    /// Refuses a compose file that docker can't read.
    pub const CHECK_CONTAINERS: Self = Self { phase: Phase::Check, number: 20 };
    /// Refuses a new value that only a person can make known to its program.
    pub const CHECK_FIRST_START: Self = Self { phase: Phase::Check, number: 25 };
    /// Refuses a firewall that the kernel can't load.
    pub const CHECK_FIREWALL: Self = Self { phase: Phase::Check, number: 30 };

    /// Shows what [`Self::CHECK_REQUIREMENTS`] would refuse.
    pub const PLAN_REQUIREMENTS: Self = Self { phase: Phase::Plan, number: 10 };
    /// Shows what [`Self::STORAGE`] would do.
    pub const PLAN_STORAGE: Self = Self { phase: Phase::Plan, number: 20 };
    /// Shows what [`Self::NETWORK`] would do on a hypervisor.
    pub const PLAN_NETWORK: Self = Self { phase: Phase::Plan, number: 30 };
    /// Shows what [`Self::GUESTS`] would do.
    pub const PLAN_GUESTS: Self = Self { phase: Phase::Plan, number: 40 };
    /// Shows the new values that [`Self::FIRST_START_RUNNING`] would give to programs.
    pub const PLAN_FIRST_START: Self = Self { phase: Phase::Plan, number: 57 };

    /// Installs the packages that later steps and services need.
    pub const PACKAGES: Self = Self { phase: Phase::Activate, number: 10 };
    /// Sets up the container engine.
    pub const ENGINE: Self = Self { phase: Phase::Activate, number: 11 };
    /// Pulls images while the old containers still run.
    pub const IMAGES: Self = Self { phase: Phase::Activate, number: 12 };
    /// Sets the kernel's settings.
    pub const KERNEL: Self = Self { phase: Phase::Activate, number: 15 };
    /// Makes what folders are on: pools and datasets, or mounted shares.
    pub const STORAGE: Self = Self { phase: Phase::Activate, number: 20 };
    /// Sets up the snapshots of datasets.
    pub const SNAPSHOTS: Self = Self { phase: Phase::Activate, number: 21 };
    /// Exports folders of datasets to other machines.
    pub const EXPORTS: Self = Self { phase: Phase::Activate, number: 22 };
    /// Makes the folders of services and of backups.
    pub const FOLDERS: Self = Self { phase: Phase::Activate, number: 25 };
    /// Changes who reaches the machine: firewall and ports of sshd.
    pub const NETWORK: Self = Self { phase: Phase::Activate, number: 30 };
    /// Makes the guests of a hypervisor.
    pub const GUESTS: Self = Self { phase: Phase::Activate, number: 40 };
    /// Starts units, and fetches what containers read when they start.
    pub const UNITS: Self = Self { phase: Phase::Activate, number: 50 };
    /// Gives new values to running programs that read them only at their first start.
    pub const FIRST_START_RUNNING: Self = Self { phase: Phase::Activate, number: 57 };
    /// Writes the variables of containers whose values are secrets.
    pub const SECRET_VARIABLES: Self = Self { phase: Phase::Activate, number: 58 };
    /// Notes which containers run before compose starts others, because only those are reloaded.
    pub const RUNNING: Self = Self { phase: Phase::Activate, number: 59 };
    /// Starts, recreates and removes containers.
    pub const CONTAINERS: Self = Self { phase: Phase::Activate, number: 60 };
    /// Gives the same values to programs that have just started.
    pub const FIRST_START: Self = Self { phase: Phase::Activate, number: 64 };
    /// Restarts containers that read a secret file which changed.
    pub const SECRET_FILES: Self = Self { phase: Phase::Activate, number: 65 };
    /// Reloads what runs on, with a file that changed.
    pub const RELOADS: Self = Self { phase: Phase::Activate, number: 70 };
    /// Configures running services through their API.
    pub const PROVISION: Self = Self { phase: Phase::Activate, number: 80 };

    /// Checks what the system itself runs: units and firewall.
    pub const HEALTH_SYSTEM: Self = Self { phase: Phase::Health, number: 10 };
    /// Checks the containers.
    pub const HEALTH_CONTAINERS: Self = Self { phase: Phase::Health, number: 20 };
    /// Checks that services answer.
    pub const HEALTH_ENDPOINTS: Self = Self { phase: Phase::Health, number: 30 };
}

/// The length above which the name of a step is cut. Names in a tar archive are limited, and names
/// of steps can combine several long names.
const LONG_NAME: usize = 36;

impl Slot {
    /// Returns the path of the step `NN-name.sh` below `payload/`. A long name is cut and ends in a
    /// digest of itself.
    pub fn path(self, name: &str) -> String {
        let (folder, number) = (self.phase.folder(), self.number);
        // A name is cut at a byte, which may be inside a character that is not ASCII. Such a name
        // stays whole here, and `bundle` refuses its path.
        if name.len() <= LONG_NAME || !name.is_ascii() {
            return format!("{folder}/{number:02}-{name}.sh");
        }
        let digest = sha256_hex(name.as_bytes());
        format!("{folder}/{number:02}-{}-{}.sh", &name[..LONG_NAME - 9], &digest[..8])
    }
}

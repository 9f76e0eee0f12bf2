//! Ports: one, or several in a row.

use std::fmt;

use serde::{Serialize, Serializer};

/// A port, or several in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The first one.
    pub first: u16,
    /// The last one, which is the first one if there are no others.
    pub last: u16,
}

impl Ports {
    /// Returns a single port.
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// Returns a port and a number of further ones after it, up to the last port there is.
    pub const fn row(first: u16, more: u16) -> Self {
        Self { first, last: first.saturating_add(more) }
    }

    /// Reads `8080` or `50000-50100`.
    pub fn parse(text: &str) -> Option<Self> {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|number| digits && *number > 0)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let ports = Self { first: number(first)?, last: number(last)? };
        (ports.first <= ports.last).then_some(ports)
    }

    /// Returns the number of ports after the first one.
    pub const fn more(self) -> u16 {
        self.last - self.first
    }

    /// Returns whether a port is one of them.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Returns whether a port is one of both.
    pub const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(out, "{}", self.first)
        } else {
            write!(out, "{}-{}", self.first, self.last)
        }
    }
}

impl Serialize for Ports {
    /// Writes a single port as a number, and several as text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last {
            serializer.serialize_u16(self.first)
        } else {
            serializer.collect_str(self)
        }
    }
}

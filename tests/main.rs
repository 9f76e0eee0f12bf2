//! The one integration binary; a module a concern.
#![expect(clippy::disallowed_methods, reason = "tests set up and look at real folders")]

mod release;

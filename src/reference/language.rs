//! The reference of the language.

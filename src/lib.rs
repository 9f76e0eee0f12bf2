//! The labwright compiler.

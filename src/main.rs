//! The `labwright` program: a thin shell around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    labwright::cli::run()
}

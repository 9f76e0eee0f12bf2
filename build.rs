//! Lists the files of the standard library, so that the binary contains them and cargo rebuilds
//! when one changes.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script gets its folders from the environment"
)]

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let library = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("modules").join("std");
    println!("cargo::rerun-if-changed={}", library.display());
    let mut files = Vec::new();
    list(&library, "", &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for (name, path) in files {
        writeln!(code, "    ({name:?}, include_str!({path:?})),")?;
    }
    code.push_str("]\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("standard_library.rs"), code)?;
    Ok(())
}

/// Lists the files below `folder`, with `prefix` before their names. Leaves out names that begin
/// with a dot.
fn list(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(String, String)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|name| format!("{} is no text", name.display()))?;
        if name.starts_with('.') {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            list(&path, &format!("{prefix}{name}/"), files)?;
        } else {
            let path = path
                .into_os_string()
                .into_string()
                .map_err(|path| format!("{} is no text", path.display()))?;
            files.push((format!("{prefix}{name}"), path));
        }
    }
    Ok(())
}

//! Prepares what the binary holds: the list of the standard library's files, and labctl, joined,
//! packed and deflated, which is the same in every release.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script gets its folders from the environment"
)]

#[path = "src/bundle/deflate.rs"]
mod deflate;

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, FlushCompress, GzBuilder};

fn main() -> Result<(), Box<dyn Error>> {
    let root = env::var("CARGO_MANIFEST_DIR")?;
    let out = env::var("OUT_DIR")?;
    standard_library(&Path::new(&root).join("modules").join("std"), Path::new(&out))?;
    labctl(&Path::new(&root).join("src/emit/labctl/parts"), Path::new(&out))
}

fn standard_library(library: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", library.display());
    let mut files = Vec::new();
    list(library, "", &mut files)?;
    files.sort();
    let mut code = String::from("&[\n");
    for (name, path) in files {
        writeln!(code, "    ({name:?}, include_str!({path:?})),")?;
    }
    code.push_str("]\n");
    fs::write(out.join("standard_library.rs"), code)?;
    Ok(())
}

/// Joins the parts of labctl, packs them as cloud-init unpacks them, and deflates both forms as
/// they are in archives.
fn labctl(parts: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={}", parts.display());
    let order = fs::read_to_string(parts.join("order.txt"))?;
    let names = order.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    let texts = names
        .map(|name| fs::read_to_string(parts.join(format!("{name}.sh"))))
        .collect::<Result<Vec<_>, _>>()?;
    let script = texts.join("\n");
    fs::write(out.join("labctl.sh"), &script)?;

    let mut gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::new(deflate::LEVEL));
    gzip.write_all(script.as_bytes())?;
    let packed = STANDARD.encode(gzip.finish()?);
    fs::write(out.join("labctl.gz.b64"), &packed)?;

    // Archives deflate a long line of a file by itself. This is labctl's, as YAML.
    let line = format!("  content: '{packed}'");
    for (file, bytes) in [("labctl", script), ("user-data", line)] {
        let mut deflated = Vec::new();
        deflate::deflate(
            &mut deflate::compressor(),
            bytes.as_bytes(),
            FlushCompress::Full,
            &mut deflated,
        )?;
        fs::write(out.join(format!("{file}.constant")), bytes)?;
        fs::write(out.join(format!("{file}.deflated")), deflated)?;
    }
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

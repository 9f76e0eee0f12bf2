//! Reads an archive that any program may have made.
//!
//! Nothing is unpacked. An archive is accepted only if it matches what [`super::Packer`] writes,
//! block for block. Otherwise the error says what is wrong with it.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::bufread::GzDecoder;
use tar::{EntryType, Header};

use super::archive::{self, BLOCK};
use super::{ARCHIVE_SUFFIX, mode_of, names};

/// The largest size of an archive.
pub const LARGEST: u64 = 256 * 1024 * 1024;

/// The files of an archive.
#[derive(Debug, PartialEq, Eq)]
pub struct ArchiveContents {
    /// The root folder.
    pub root: String,
    /// The files by their path below it.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Reads the archive called `file_name`.
pub fn read_archive(file_name: &str, archive: &[u8]) -> Result<ArchiveContents, String> {
    let root = file_name
        .strip_suffix(ARCHIVE_SUFFIX)
        .ok_or_else(|| format!("its name does not end in `{ARCHIVE_SUFFIX}`"))?;
    names::check_part(root)?;
    let plain = inflate(archive)?;
    let mut files = BTreeMap::new();
    let mut blocks = plain.as_slice();
    loop {
        let (block, rest) = blocks.split_at_checked(BLOCK).ok_or("it is cut off")?;
        if block.iter().all(|byte| *byte == 0) {
            return match rest.split_at_checked(BLOCK) {
                Some((end, [])) if end.iter().all(|byte| *byte == 0) => {
                    Ok(ArchiveContents { root: root.to_owned(), files })
                }
                None => Err("it is cut off".to_owned()),
                Some(_) => Err("something follows its end".to_owned()),
            };
        }
        let (path, size) = read_header(root, Header::from_byte_slice(block))?;
        let (bytes, rest) =
            rest.split_at_checked(size).ok_or_else(|| format!("it is cut off in `{path}`"))?;
        let padding = size.next_multiple_of(BLOCK) - size;
        let (padding, rest) = rest
            .split_at_checked(padding)
            .ok_or_else(|| format!("it is cut off after `{path}`"))?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(format!("something is hidden after `{path}`"));
        }
        if files.len() >= names::MOST_FILES {
            return Err(format!("it has more than {} files", names::MOST_FILES));
        }
        if files.contains_key(&path) {
            return Err(format!("`{path}` is in it twice"));
        }
        if files.last_key_value().is_some_and(|(last, _)| *last > path) {
            return Err(format!("`{path}` is out of order"));
        }
        files.insert(path, bytes.to_vec());
        blocks = rest;
    }
}

fn inflate(archive: &[u8]) -> Result<Vec<u8>, String> {
    // A header with other fields, such as a name or a time, would be another archive with the same
    // content.
    if !archive.starts_with(&archive::GZIP_HEADER) {
        return Err("it does not begin as the gzip of a bundle does".to_owned());
    }
    let mut decoder = GzDecoder::new(archive);
    let mut plain = Vec::new();
    decoder.by_ref().take(LARGEST + 1).read_to_end(&mut plain).map_err(|error| {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is cut off".to_owned(),
            _ => format!("it can't be inflated: {error}"),
        }
    })?;
    if plain.len() as u64 > LARGEST {
        return Err(format!("it holds more than {LARGEST} bytes"));
    }
    // This decoder stops after one member of gzip, where other programs would go on with the next.
    if decoder.into_inner().is_empty() {
        Ok(plain)
    } else {
        Err("something follows its end".to_owned())
    }
}

/// Returns the path below the root folder and the size in a header.
fn read_header(root: &str, header: &Header) -> Result<(String, usize), String> {
    let full = header.path_bytes();
    let shown = full.escape_ascii().to_string();
    match header.entry_type() {
        EntryType::Regular => {}
        EntryType::Symlink | EntryType::Link => return Err(format!("`{shown}` is a link")),
        EntryType::Directory => return Err(format!("`{shown}` is an entry for a folder")),
        EntryType::Char | EntryType::Block | EntryType::Fifo => {
            return Err(format!("`{shown}` is a device or a pipe"));
        }
        EntryType::GNULongName | EntryType::GNULongLink => {
            return Err(format!("`{shown}` carries a long name"));
        }
        EntryType::XHeader | EntryType::XGlobalHeader => {
            return Err(format!("`{shown}` is a PAX header"));
        }
        _ => return Err(format!("`{shown}` is not a regular file")),
    }
    let full = std::str::from_utf8(&full).map_err(|_| format!("`{shown}` is not an ASCII name"))?;
    if full.starts_with('/') {
        return Err(format!("`{shown}` is an absolute name"));
    }
    for part in full.split('/') {
        names::check_part(part).map_err(|problem| format!("the path `{shown}`: {problem}"))?;
    }
    let path = full.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
    let path = path.ok_or_else(|| format!("`{shown}` is outside the root folder `{root}`"))?;
    let mode = header.mode().map_err(|_| format!("`{path}` has no mode"))?;
    if mode != mode_of(path) {
        return Err(format!("`{path}` has the mode {mode:04o}, not {:04o}", mode_of(path)));
    }
    let size = header.entry_size().map_err(|_| format!("`{path}` has no size"))?;
    // This compares the rest: the owner, the time, the checksum and all the fields that must be
    // empty.
    let expected = archive::header(full, size)?;
    if header.as_bytes() != expected.as_bytes() {
        return Err(format!("the header of `{path}` is not as labwright writes it"));
    }
    let size = usize::try_from(size).map_err(|_| format!("`{path}` has {size} bytes"))?;
    Ok((path.to_owned(), size))
}

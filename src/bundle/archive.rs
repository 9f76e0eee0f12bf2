//! Writes the archive: ustar inside gzip, the same bytes wherever and however often it is written.
//!
//! A big part of a file is a segment: each line of [`SEGMENT`] bytes or more, which is something
//! packed inside a file of a machine's own, or else the whole file if it has that many bytes. A
//! segment is deflated by itself between two full flushes. It begins and ends at a byte boundary
//! and refers to nothing outside itself, so it can be kept and put into the next machine's archive
//! as it is, and the whole stays one plain gzip member. The content alone decides what is a
//! segment, so keeping segments changes no byte of any archive.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use flate2::{Compress, Crc, FlushCompress};
use memchr::memchr_iter;
use tar::{EntryType, Header};

use super::constant::{CONSTANTS, Constant};
use super::deflate::{compressor, deflate};
use super::{mode_of, names};
use crate::digest;

/// The length from which a part of a file is deflated by itself.
const SEGMENT: usize = 8 * 1024;

/// The most versions of a file that are kept under one name. A file that the machines share has few
/// versions; one with many is not shared, and keeping it would help nobody.
const KEPT_VERSIONS: usize = 4;

/// The most bytes of files that are kept in total. What machines share fits many times over.
const KEPT_BYTES: usize = 32 * 1024 * 1024;

/// The time of every file: 1980-01-01, the earliest that all formats and tools accept.
const MTIME: u64 = 315_532_800;

/// The header of gzip: magic, deflate, no flags, no time, no level, no operating system.
pub const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The block size of tar.
pub const BLOCK: usize = 512;

/// A file to be archived.
pub struct Entry<'a> {
    /// The path below the root folder.
    pub path: String,
    /// The content.
    pub bytes: &'a [u8],
    /// Its segments in deflated form with where each begins, from [`Archiver::segments`].
    pub segments: &'a [(usize, Arc<Segment>)],
}

/// A writer of archives, shared by threads.
#[derive(Debug, Default)]
pub struct Archiver {
    idle: Mutex<Vec<Compress>>,
    kept: Mutex<Kept>,
}

/// The segments seen so far, by the name of their file.
#[derive(Debug)]
struct Kept {
    by_name: BTreeMap<String, Vec<Arc<Segment>>>,
    bytes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        let mut kept = Self { by_name: BTreeMap::new(), bytes: 0 };
        for Constant { file, bytes, deflated } in CONSTANTS {
            kept.keep(file, &Arc::new(Segment::new(Cow::Borrowed(bytes), Cow::Borrowed(deflated))));
        }
        kept
    }
}

impl Kept {
    fn keep(&mut self, name: &str, segment: &Arc<Segment>) {
        let bytes = self.bytes + segment.bytes.len() + segment.deflated.len();
        let versions = self.by_name.entry(name.to_owned()).or_default();
        if versions.len() < KEPT_VERSIONS && bytes <= KEPT_BYTES {
            self.bytes = bytes;
            versions.push(Arc::clone(segment));
        }
    }
}

/// A big part of a file, or all of it, with its deflated form.
#[derive(Debug)]
pub struct Segment {
    bytes: Cow<'static, [u8]>,
    deflated: Cow<'static, [u8]>,
    crc: Crc,
    sha256: OnceLock<String>,
}

impl Segment {
    fn new(bytes: Cow<'static, [u8]>, deflated: Cow<'static, [u8]>) -> Self {
        let mut crc = Crc::new();
        crc.update(&bytes);
        Self { bytes, deflated, crc, sha256: OnceLock::new() }
    }

    /// Returns the SHA-256 of the part, in hex.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| digest::sha256_hex(&self.bytes))
    }

    /// Returns whether the segment is the whole of `file`.
    pub fn is_whole(&self, file: &[u8]) -> bool {
        self.bytes.len() == file.len()
    }
}

impl Archiver {
    /// Writes the archive of `entries` below the folder `root`.
    pub fn write(&self, root: &str, entries: &[Entry<'_>]) -> Result<Vec<u8>, String> {
        let mut compress = self.take();
        let mut archive = GZIP_HEADER.to_vec();
        let mut crc = Crc::new();
        let mut length = 0_usize;
        let mut plain = Vec::new();
        for entry in entries {
            plain.extend_from_slice(
                header(&format!("{root}/{}", entry.path), entry.bytes.len() as u64)?.as_bytes(),
            );
            let mut done = 0;
            for (start, segment) in entry.segments {
                plain.extend_from_slice(&entry.bytes[done..*start]);
                done = start + segment.bytes.len();
                crc.update(&plain);
                // The checksum of a kept segment is known, so its bytes are not read again.
                crc.combine(&segment.crc);
                length += plain.len() + segment.bytes.len();
                deflate(&mut compress, &plain, FlushCompress::Full, &mut archive)?;
                archive.extend_from_slice(&segment.deflated);
                plain.clear();
            }
            plain.extend_from_slice(&entry.bytes[done..]);
            plain.resize(plain.len() + padding(entry.bytes.len()), 0);
        }
        plain.resize(plain.len() + 2 * BLOCK, 0);
        crc.update(&plain);
        length += plain.len();
        deflate(&mut compress, &plain, FlushCompress::Finish, &mut archive)?;
        self.give_back(compress);
        let length = u32::try_from(length).map_err(|_| "it has 4 GiB or more".to_owned())?;
        archive.extend_from_slice(&crc.sum().to_le_bytes());
        archive.extend_from_slice(&length.to_le_bytes());
        Ok(archive)
    }

    /// Finds the segments of the file at `path`, with where each begins. Deflates those that were
    /// not seen before.
    pub fn segments(&self, path: &str, bytes: &[u8]) -> Result<Vec<(usize, Arc<Segment>)>, String> {
        // Only the last part counts, because the bundle of a hypervisor has the files of its guests
        // in other folders.
        let name = path.rsplit('/').next().unwrap_or(path);
        // Most files that machines share are one part as a whole, and need no search for lines.
        if bytes.len() >= SEGMENT
            && let Some(whole) = self.seen(name, bytes)
        {
            return Ok(vec![(0, whole)]);
        }
        big_parts(bytes)
            .into_iter()
            .map(|part| Ok((part.start, self.segment(name, &bytes[part])?)))
            .collect()
    }

    fn segment(&self, name: &str, bytes: &[u8]) -> Result<Arc<Segment>, String> {
        if let Some(segment) = self.seen(name, bytes) {
            return Ok(segment);
        }
        // The lock is not held while this deflates. Two threads may deflate one part at the same
        // time, which changes no byte.
        let mut compress = self.take();
        let mut deflated = Vec::new();
        deflate(&mut compress, bytes, FlushCompress::Full, &mut deflated)?;
        self.give_back(compress);
        let segment = Arc::new(Segment::new(Cow::Owned(bytes.to_vec()), Cow::Owned(deflated)));
        self.kept().keep(name, &segment);
        Ok(segment)
    }

    fn seen(&self, name: &str, bytes: &[u8]) -> Option<Arc<Segment>> {
        let seen = self.kept().by_name.get(name).cloned()?;
        seen.into_iter().find(|segment| segment.bytes == bytes)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A thread that panics while it holds the lock can only leave a list of whole segments.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Compress {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(compressor)
    }

    fn give_back(&self, mut compress: Compress) {
        compress.reset();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(compress);
    }
}

/// Returns the parts of a file that are deflated by themselves: its very long lines, or else the
/// whole file if it is big.
fn big_parts(bytes: &[u8]) -> Vec<Range<usize>> {
    if bytes.len() < SEGMENT {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    // The last line may lack its line feed.
    for end in memchr_iter(b'\n', bytes).chain([bytes.len()]) {
        if end - start >= SEGMENT {
            parts.push(start..end);
        }
        start = end + 1;
    }
    if parts.is_empty() {
        parts.push(0..bytes.len());
    }
    parts
}

/// Returns how many zeros follow a file of `length` bytes.
fn padding(length: usize) -> usize {
    length.next_multiple_of(BLOCK) - length
}

/// Writes the only header that a file of this length at `path` may have.
pub fn header(path: &str, bytes: u64) -> Result<Header, String> {
    let mut header = Header::new_ustar();
    let ustar = header.as_ustar_mut().ok_or("the header is not a ustar header")?;
    let name = ustar
        .name
        .get_mut(..path.len())
        .ok_or_else(|| format!("`{path}` has more than {} bytes", names::LONGEST))?;
    name.copy_from_slice(path.as_bytes());
    header.set_entry_type(EntryType::Regular);
    header.set_mode(path.split_once('/').map_or(0, |(_, below)| mode_of(below)));
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_size(bytes);
    header.set_cksum();
    Ok(header)
}

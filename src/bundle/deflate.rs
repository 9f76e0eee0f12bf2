//! Deflating, which the program and its build script have in common: the script includes this file.

use flate2::{Compress, Compression, FlushCompress};

/// The level of compression. Level 5 comes within a few thousandths of level 6, in less time.
pub const LEVEL: u32 = 5;

/// Returns a new compressor.
pub fn compressor() -> Compress {
    Compress::new(Compression::new(LEVEL), false)
}

/// Deflates all of `input`, with the given flush, and appends the result to `output`.
pub fn deflate(
    compress: &mut Compress,
    input: &[u8],
    flush: FlushCompress,
    output: &mut Vec<u8>,
) -> Result<(), String> {
    let mut rest = input;
    loop {
        // Even input that can't be compressed fits in this much room. When room is left over, all
        // output has been written.
        output.reserve(rest.len() + rest.len() / 8 + 256);
        let before = compress.total_in();
        compress.compress_vec(rest, output, flush).map_err(|error| error.to_string())?;
        let taken = usize::try_from(compress.total_in() - before).unwrap_or(rest.len());
        rest = rest.get(taken..).unwrap_or_default();
        if rest.is_empty() && output.len() < output.capacity() {
            return Ok(());
        }
    }
}

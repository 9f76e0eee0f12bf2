//! Reads the characters of KDL: blanks, newlines, comments, continued lines, words.
//!
//! Knows nothing of nodes. Every loop here only moves forward, so reading stays linear whatever the
//! file contains.

/// A position in the text of one file, which moves forward.
pub(super) struct Cursor<'s> {
    /// The whole text.
    pub text: &'s str,
    /// The offset of the next byte, which is always the first one of a character.
    pub at: usize,
    /// The first byte of the line, as far as nodes are concerned.
    pub line_start: usize,
    /// The first byte on the line that is not a blank.
    pub line_token: usize,
}

/// A block comment that begins at this byte and has no end.
pub(super) struct Unclosed(pub usize);

impl<'s> Cursor<'s> {
    /// Starts after the byte order mark, if there is one.
    pub fn new(text: &'s str) -> Self {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self { text, at, line_start: at, line_token: at }
    }

    /// Returns the next byte.
    pub fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Returns the byte that is `ahead` bytes after the next one.
    pub fn byte_ahead(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// Returns the bytes from the next one on.
    pub fn rest(&self) -> &'s [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Returns whether the next bytes are `expected`.
    pub fn looking_at(&self, expected: &str) -> bool {
        self.rest().starts_with(expected.as_bytes())
    }

    /// Returns the text from `start` to the next byte.
    pub fn since(&self, start: usize) -> &'s str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Returns the length of the newline at `at`, or 0 where there is none.
    pub fn newline(&self) -> usize {
        newline_length(self.rest())
    }

    /// Moves past one character of any kind.
    pub fn skip_character(&mut self) {
        self.at += self.byte().map_or(0, character_length);
    }

    /// Moves past the characters of a bare word.
    pub fn skip_word(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte < 0x80 {
                if !WORD[byte as usize] {
                    break;
                }
                self.at += 1;
            } else {
                let rest = &bytes[self.at..];
                if blank_length(rest) > 0 || newline_length(rest) > 0 {
                    break;
                }
                self.at += character_length(byte);
            }
        }
    }

    /// Moves past everything up to a blank, a newline, `;`, `{` or `}`: what a person would take
    /// for one word.
    pub fn skip_to_blank(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let rest = &bytes[self.at..];
            if matches!(byte, b';' | b'{' | b'}')
                || blank_length(rest) > 0
                || newline_length(rest) > 0
            {
                break;
            }
            self.at += character_length(byte);
        }
    }

    /// Returns whether a blank or a newline follows.
    pub fn at_blank(&self) -> bool {
        blank_length(self.rest()) > 0 || newline_length(self.rest()) > 0
    }

    /// Moves past blanks, and past nothing else.
    pub fn skip_inline_blanks(&mut self) {
        loop {
            match blank_length(self.rest()) {
                0 => break,
                length => self.at += length,
            }
        }
    }

    /// Moves to the newline that ends the line, or to the end of the file.
    pub fn skip_to_newline(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            // No newline begins inside another character, so this may move byte by byte.
            if MAY_BEGIN_NEWLINE[byte as usize] && newline_length(&bytes[self.at..]) > 0 {
                break;
            }
            self.at += 1;
        }
    }

    /// Moves past blanks, block comments and continued lines. Returns whether there were any.
    pub fn skip_node_space(&mut self) -> Result<bool, Unclosed> {
        let start = self.at;
        loop {
            self.skip_blanks()?;
            if self.byte() != Some(b'\\') || !self.skip_continuation()? {
                return Ok(self.at > start);
            }
        }
    }

    /// Moves past what may separate two nodes: blanks, comments, newlines.
    pub fn skip_line_space(&mut self) -> Result<(), Unclosed> {
        loop {
            self.skip_node_space()?;
            if self.looking_at("//") {
                self.skip_to_newline();
            }
            match self.newline() {
                0 => break,
                length => {
                    self.at += length;
                    self.line_start = self.at;
                    // The first token of the new line is not known before the blanks are skipped.
                    self.line_token = usize::MAX;
                }
            }
        }
        if self.line_token == usize::MAX {
            self.line_token = self.at;
        }
        Ok(())
    }

    fn skip_blanks(&mut self) -> Result<(), Unclosed> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b' ' | b'\t' => self.at += 1,
                b'/' if self.byte_ahead(1) == Some(b'*') => self.skip_block_comment()?,
                // All blanks outside ASCII begin with one of these bytes.
                0xc2 | 0xe1..=0xe3 => match blank_length(&bytes[self.at..]) {
                    0 => break,
                    length => self.at += length,
                },
                _ => break,
            }
        }
        Ok(())
    }

    /// Moves past `\`, blanks, a comment and the newline. Stays in place when something else
    /// follows.
    fn skip_continuation(&mut self) -> Result<bool, Unclosed> {
        let start = self.at;
        self.at += 1;
        self.skip_blanks()?;
        if self.looking_at("//") {
            self.skip_to_newline();
        }
        let newline = self.newline();
        if newline == 0 && self.at < self.text.len() {
            self.at = start;
            return Ok(false);
        }
        self.at += newline;
        Ok(true)
    }

    fn skip_block_comment(&mut self) -> Result<(), Unclosed> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        while let Some(&byte) = bytes.get(self.at) {
            match (byte, self.byte_ahead(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    // The text begins with `/*`, so the depth is at least 1 here.
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(Unclosed(start))
    }
}

/// Finds the first character that KDL allows nowhere: a control character, a direction mark, or a
/// byte order mark inside the text.
pub(super) fn forbidden(text: &str) -> Option<(usize, char)> {
    let bytes = text.as_bytes();
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    while at < bytes.len() {
        // Most bytes of most files are plain. Only those that may begin a forbidden character are
        // looked at closely.
        at += bytes[at..].iter().position(|byte| MAY_BE_FORBIDDEN[*byte as usize])?;
        let character = text.get(at..).and_then(|rest| rest.chars().next())?;
        // This is the list of KDL's specification.
        if matches!(character,
            '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            return Some((at, character));
        }
        at += character.len_utf8();
    }
    None
}

/// Returns the length of the newline that `bytes` begin with, or 0 where there is none.
pub(super) fn newline_length(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', b'\n', ..] | [0xc2, 0x85, ..] => 2,
        [b'\n' | b'\r' | 0x0b | 0x0c, ..] => 1,
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => 3,
        _ => 0,
    }
}

/// Returns the length of the blank that `bytes` begin with, or 0 where there is none.
pub(super) fn blank_length(bytes: &[u8]) -> usize {
    match bytes {
        [b' ' | b'\t', ..] => 1,
        [0xc2, 0xa0, ..] => 2,
        [0xe1, 0x9a, 0x80, ..]
        | [0xe2, 0x80, 0x80..=0x8a | 0xaf, ..]
        | [0xe2, 0x81, 0x9f, ..]
        | [0xe3, 0x80, 0x80, ..] => 3,
        _ => 0,
    }
}

/// Returns the length of the character whose first byte is `byte`.
pub(super) const fn character_length(byte: u8) -> usize {
    match byte {
        0..=0x7f => 1,
        0x80..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xff => 4,
    }
}

/// Returns whether `byte` is an ASCII character of a bare word.
pub(super) fn is_word(byte: u8) -> bool {
    WORD[byte as usize]
}

/// The ASCII characters of a bare word.
static WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = true;
        byte += 1;
    }
    let outside = br"\/(){}[];";
    let mut index = 0;
    while index < outside.len() {
        table[outside[index] as usize] = false;
        index += 1;
    }
    table[b'"' as usize] = false;
    table[b'#' as usize] = false;
    table[b'=' as usize] = false;
    table
};

static MAY_BEGIN_NEWLINE: [bool; 256] = bytes(&[b'\n', b'\r', 0x0b, 0x0c, 0xc2, 0xe2]);

/// The bytes that may end a run of plain characters in a quoted string: its end, an escape, perhaps
/// a newline.
pub(super) static MAY_END_STRING: [bool; 256] =
    bytes(&[b'"', b'\\', b'\n', b'\r', 0x0b, 0x0c, 0xc2, 0xe2]);

static MAY_BE_FORBIDDEN: [bool; 256] = {
    let mut table = bytes(&[0x7f, 0xe2, 0xef]);
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = byte < 0x09 || byte > 0x0d;
        byte += 1;
    }
    table
};

const fn bytes(list: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut index = 0;
    while index < list.len() {
        table[list[index] as usize] = true;
        index += 1;
    }
    table
}

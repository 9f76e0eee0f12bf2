//! Reads what a node is made of: words, strings, numbers, keywords, annotations, properties.
//!
//! Each function begins at the first byte of what it reads. When it fails, it has recorded the
//! fault and moved past it.

use std::borrow::Cow;

use super::faults::Kind;
use super::reader::{Failed, Reader};
use super::wording::is_quote;
use super::{Entry, Scalar, Text, numbers, scan, strings};
use crate::source::Spanned;

impl<'s> Reader<'s> {
    /// Reads one argument or property.
    pub(super) fn entry(&mut self) -> Result<(Option<Spanned<Text<'s>>>, Entry<'s>), Failed> {
        let annotation = self.annotation()?;
        let value = self.scalar()?;
        // The name of a property is a string without an annotation.
        if !matches!(value.value, Scalar::Text(_)) || annotation.is_some() {
            return Ok((None, Entry { annotation, value }));
        }
        if !self.equals_follows() {
            return Ok((None, Entry { annotation, value }));
        }
        let equals = self.cursor.at;
        self.cursor.at += 1;
        self.node_space();
        self.spaced = false;
        if matches!(self.cursor.byte(), None | Some(b';' | b'{' | b'}' | b'='))
            || self.cursor.newline() > 0
            || self.cursor.looking_at("//")
        {
            self.fault(Kind::MissingValue, equals, equals + 1);
            self.cursor.at += usize::from(self.cursor.byte() == Some(b'='));
            return Err(Failed);
        }
        let name = match value.value {
            Scalar::Text(text) => Spanned::new(text, value.span),
            _ => return Err(Failed),
        };
        let annotation = self.annotation()?;
        let value = self.scalar()?;
        Ok((Some(name), Entry { annotation, value }))
    }

    /// Moves past blanks to a `=`. Without one, remembers that there were blanks.
    pub(super) fn equals_follows(&mut self) -> bool {
        self.node_space();
        self.cursor.byte() == Some(b'=')
    }

    pub(super) fn annotation(&mut self) -> Result<Option<Spanned<Text<'s>>>, Failed> {
        if self.cursor.byte() != Some(b'(') {
            return Ok(None);
        }
        let open = self.cursor.at;
        self.cursor.at += 1;
        self.node_space();
        if self.cursor.byte() == Some(b')') {
            self.cursor.at += 1;
            self.fault(Kind::BadAnnotation, open, self.cursor.at);
            self.spaced = true;
            return Err(Failed);
        }
        let word = self.string()?;
        self.node_space();
        if self.cursor.byte() != Some(b')') {
            self.fault(Kind::BadAnnotation, open, open + 1);
            self.skip_line();
            return Err(Failed);
        }
        self.cursor.at += 1;
        self.node_space();
        self.spaced = false;
        let nothing_follows =
            matches!(self.cursor.byte(), None | Some(b';' | b'{' | b'}' | b'=' | b')' | b'('));
        if nothing_follows
            || self.cursor.newline() > 0
            || self.cursor.looking_at("//")
            || self.cursor.looking_at("/-")
        {
            self.fault(Kind::AnnotationAlone, open, word.span.end as usize + 1);
            if self.cursor.looking_at("/-")
                || matches!(self.cursor.byte(), Some(b'=' | b')' | b'('))
            {
                self.skip_line();
            }
            return Err(Failed);
        }
        Ok(Some(word))
    }

    fn scalar(&mut self) -> Result<Spanned<Scalar<'s>>, Failed> {
        let start = self.cursor.at;
        if self.cursor.byte() == Some(b'#') && !self.raw_string_follows() {
            return self.keyword();
        }
        if !numbers::begins(self.cursor.rest()) {
            let text = self.string()?;
            return Ok(Spanned::new(Scalar::Text(text.value), text.span));
        }
        self.cursor.skip_word();
        match numbers::parse(self.cursor.since(start)) {
            // In `80/tcp`, the number ends at the slash, but the word goes on.
            Ok(_) if self.word_goes_on() => self.unquoted(start),
            Ok(number) => Ok(Spanned::new(number, self.span(start, self.cursor.at))),
            Err(numbers::NotNumber::TooLarge) if !self.word_goes_on() => {
                self.fault(Kind::NumberTooLarge, start, self.cursor.at);
                Err(Failed)
            }
            Err(_) => self.unquoted(start),
        }
    }

    fn keyword(&mut self) -> Result<Spanned<Scalar<'s>>, Failed> {
        let start = self.cursor.at;
        self.cursor.at += 1;
        self.cursor.skip_word();
        let scalar = match self.cursor.since(start) {
            "#true" => Scalar::Bool(true),
            "#false" => Scalar::Bool(false),
            "#null" => Scalar::Null,
            "#inf" => Scalar::Float(f64::INFINITY),
            "#-inf" => Scalar::Float(f64::NEG_INFINITY),
            "#nan" => Scalar::Float(f64::NAN),
            word => {
                let kind = if word == "#" { Kind::HashComment } else { Kind::UnknownKeyword };
                if word == "#" {
                    self.cursor.skip_to_newline();
                }
                self.fault(kind, start, start + word.len());
                return Err(Failed);
            }
        };
        Ok(Spanned::new(scalar, self.span(start, self.cursor.at)))
    }

    /// Reads a string of any form.
    pub(super) fn string(&mut self) -> Result<Spanned<Text<'s>>, Failed> {
        let start = self.cursor.at;
        let text = match self.cursor.byte() {
            Some(b'"') => strings::quoted(&mut self.cursor),
            Some(b'#') if self.raw_string_follows() => strings::raw(&mut self.cursor),
            _ => return self.bare_word(),
        };
        match text {
            Ok(text) => Ok(Spanned::new(text, self.span(start, self.cursor.at))),
            Err(fault) => {
                self.faults.push(fault);
                Err(Failed)
            }
        }
    }

    fn bare_word(&mut self) -> Result<Spanned<Text<'s>>, Failed> {
        let start = self.cursor.at;
        self.cursor.skip_word();
        let word = self.cursor.since(start);
        let next = self.cursor.byte();
        if word.ends_with('$') && next == Some(b'{') {
            self.interpolation(start);
            return Err(Failed);
        }
        // `https://…` would otherwise be the word `https:` and a comment.
        if word.ends_with(':') && self.cursor.looking_at("//")
            || word.is_empty()
            || word.starts_with(is_quote)
            || self.word_goes_on()
        {
            return self.unquoted(start);
        }
        if numbers::begins(word.as_bytes()) {
            return self.unquoted(start);
        }
        if matches!(word, "true" | "false" | "null" | "inf" | "-inf" | "nan") {
            self.fault(Kind::KeywordWithoutHash, start, self.cursor.at);
            return Err(Failed);
        }
        Ok(Spanned::new(Cow::Borrowed(word), self.span(start, self.cursor.at)))
    }

    /// Returns whether the word that ends here is followed by a character that a bare word can't
    /// have.
    fn word_goes_on(&self) -> bool {
        match self.cursor.byte() {
            // A comment may follow a word without a blank.
            Some(b'/') => !matches!(self.cursor.byte_ahead(1), Some(b'/' | b'*')),
            Some(b'\\') => self.cursor.byte_ahead(1).is_some_and(scan::is_word),
            Some(b'"' | b'#' | b'(' | b'[' | b']') => true,
            _ => false,
        }
    }

    /// Records that the text from `start` on needs quotes, and moves past it.
    fn unquoted<T>(&mut self, start: usize) -> Result<T, Failed> {
        self.cursor.at = start;
        let stray = match self.cursor.byte() {
            Some(b')') => Some(Kind::StrayParenthesis),
            Some(b'\\') => Some(Kind::StrayBackslash),
            Some(b'=') => Some(Kind::EqualsAfterValue),
            _ => None,
        };
        if let Some(kind) = stray {
            self.cursor.at += 1;
            self.fault(kind, start, self.cursor.at);
            self.spaced = true;
            return Err(Failed);
        }
        let first = self.cursor.text.get(start..).and_then(|rest| rest.chars().next());
        if let Some(quote) = first.filter(|first| is_quote(*first)) {
            self.wrong_quotes(quote);
            return Err(Failed);
        }
        self.cursor.skip_to_blank();
        if self.cursor.at == start {
            self.cursor.skip_character();
        }
        let text = self.cursor.since(start);
        if text.ends_with('$') && self.cursor.byte() == Some(b'{') {
            self.interpolation(start);
            return Err(Failed);
        }
        if text.starts_with('[') {
            return self.brackets(start);
        }
        if text.ends_with(',') {
            self.list_goes_on();
            if self.cursor.at > start + text.len() {
                self.list(start);
                return Err(Failed);
            }
        }
        let whole = text;
        // A closing bracket without an opening one ends the annotation around the text, and is not
        // part of it.
        let text = if text.contains('(') { text } else { text.split(')').next().unwrap_or(text) };
        let kind = match text.as_bytes() {
            [b']', ..] => Kind::Brackets,
            [b'r', b'"' | b'#', ..] => Kind::OldRawString,
            _ => Kind::Unquoted,
        };
        self.fault(kind, start, start + text.len().max(1));
        if kind == Kind::Brackets || whole.contains('"') {
            self.skip_line();
        }
        Err(Failed)
    }

    /// Records a list in brackets, up to the closing one if the line has it.
    fn brackets<T>(&mut self, start: usize) -> Result<T, Failed> {
        let before = self.cursor.text.get(..start).unwrap_or_default();
        let kind = if before.ends_with('=') {
            Kind::BracketsInProperty
        } else if before.trim_end_matches([' ', '\t']).ends_with(['\n', ';', '{']) || start == 0 {
            Kind::BracketsAsNode
        } else {
            Kind::Brackets
        };
        self.cursor.at = start;
        self.cursor.skip_to_newline();
        let line = self.cursor.since(start);
        let end = line.find(']').filter(|end| !line[..*end].contains([';', '{', '}']));
        self.cursor.at = start + end.map_or(1, |end| end + 1);
        self.fault(kind, start, self.cursor.at);
        if end.is_none() {
            self.skip_line();
        }
        self.spaced = true;
        Err(Failed)
    }

    /// Records text in quotes that KDL does not know, up to the closing quote if the line has one.
    fn wrong_quotes(&mut self, open: char) {
        let start = self.cursor.at;
        self.cursor.skip_to_newline();
        let line = self.cursor.since(start);
        // An apostrophe closes no double quotes.
        let double = matches!(open, '\u{201c}'..='\u{201f}' | '«' | '»');
        let closes = |character| match open {
            '\'' => character == '\'',
            _ if double => matches!(character, '\u{201c}'..='\u{201f}' | '«' | '»'),
            _ => is_quote(character),
        };
        // An apostrophe has a letter after it.
        let ends = |at: usize, length: usize| {
            let next = line.get(at + length..).and_then(|rest| rest.chars().next());
            next.is_none_or(|next| !next.is_alphanumeric())
        };
        let closing = || line.char_indices().skip(1).filter(|(_, character)| closes(*character));
        let end = closing().find(|(at, character)| ends(*at, character.len_utf8()));
        let end = end.or_else(|| closing().next());
        match end {
            Some((at, character)) => self.cursor.at = start + at + character.len_utf8(),
            None if open == '\'' => {}
            None => {
                self.cursor.at = start + open.len_utf8();
                self.cursor.skip_to_blank();
            }
        }
        self.fault(Kind::WrongQuotes, start, self.cursor.at);
        self.spaced = true;
    }

    /// Records values that commas join, from the first one on. The last one ends here.
    pub(super) fn list(&mut self, start: usize) {
        let before = self.cursor.text.get(..start).unwrap_or_default();
        let kind = if before.ends_with('=') { Kind::ListInProperty } else { Kind::ListOfValues };
        self.fault(kind, start, self.cursor.at);
        self.spaced = true;
    }

    /// Moves past values after a comma, as long as each but the last has a comma too. A property
    /// is not a value.
    pub(super) fn list_goes_on(&mut self) {
        loop {
            let before = self.cursor.at;
            self.cursor.skip_inline_blanks();
            let start = self.cursor.at;
            while let Some(byte) = self.cursor.byte() {
                match byte {
                    b'"' => drop(strings::quoted(&mut self.cursor)),
                    b';' | b'{' | b'}' | b'=' => break,
                    _ if self.cursor.at_blank() => break,
                    _ => self.cursor.skip_character(),
                }
            }
            if self.cursor.at == start || self.cursor.byte() == Some(b'=') {
                self.cursor.at = before;
                return;
            }
            if !self.cursor.since(start).ends_with(',') {
                return;
            }
        }
    }

    /// Records `${…}` or `{{…}}` outside quotes. The next byte is the first brace.
    pub(super) fn interpolation(&mut self, start: usize) {
        let open = self.cursor.at;
        self.cursor.skip_to_newline();
        let line = self.cursor.since(open);
        let (closing, length) = if line.starts_with("{{") { ("}}", 2) } else { ("}", 1) };
        self.cursor.at = open + line.find(closing).map_or(line.len(), |at| at + length);
        self.cursor.skip_word();
        self.fault(Kind::Interpolation, start, self.cursor.at);
        self.spaced = true;
    }

    pub(super) fn raw_string_follows(&self) -> bool {
        let rest = self.cursor.rest();
        let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
        hashes > 0 && rest.get(hashes) == Some(&b'"')
    }
}

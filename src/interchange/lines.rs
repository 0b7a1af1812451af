//! A file as lines of bytes, numbered as an editor numbers them, none of them larger than a record may be.

use super::LARGEST_RECORD;
use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

/// What some programs put before UTF-8 (U+FEFF).
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One line with its end (`\n` or `\r\n`), which the last line of a file may lack.
#[derive(Debug)]
pub(super) struct Line {
    /// From 1.
    pub number: u64,
    pub bytes: Vec<u8>,
    /// Whether the line was larger than a record may be, and the rest of it was passed over.
    pub cut: bool,
    /// Whether the line was part of a broken row before.
    pub read_again: bool,
}

impl Line {
    /// The line without its end.
    pub fn content(&self) -> &[u8] {
        without_end(&self.bytes)
    }

    pub fn is_blank(&self) -> bool {
        self.content().is_empty()
    }
}

pub(super) fn without_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

pub(super) struct Lines<R> {
    input: R,
    read: u64,
    waiting: VecDeque<Line>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            read: 0,
            waiting: VecDeque::new(),
        }
    }

    /// Of the rest of a file, after so many lines.
    pub fn after(input: R, lines: u64) -> Self {
        Self {
            read: lines,
            ..Self::new(input)
        }
    }

    /// # Errors
    /// When the file cannot be read, or is UTF-16.
    pub fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.waiting.pop_front() {
            return Ok(Some(line));
        }
        let mut bytes = Vec::new();
        (&mut self.input)
            .take(LARGEST_RECORD as u64 + 1)
            .read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let cut = bytes.len() > LARGEST_RECORD;
        if cut && !bytes.ends_with(b"\n") {
            self.input.skip_until(b'\n')?;
        }
        self.read += 1;
        if self.read == 1 {
            if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
                return Err(useless(
                    "the file is UTF-16; save it as UTF-8, or convert it with `iconv -f UTF-16 -t UTF-8`",
                ));
            }
            if bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
        }
        Ok(Some(Line {
            number: self.read,
            bytes,
            cut,
            read_again: false,
        }))
    }

    /// The next line that is not empty.
    ///
    /// # Errors
    /// As for [`Lines::next_line`].
    pub fn next_filled(&mut self) -> io::Result<Option<Line>> {
        loop {
            match self.next_line()? {
                Some(line) if line.is_blank() => {}
                other => return Ok(other),
            }
        }
    }

    /// Puts lines back in front, to be read once more.
    pub fn give_back(&mut self, lines: impl DoubleEndedIterator<Item = Line>) {
        for line in lines.rev() {
            self.waiting.push_front(line);
        }
    }
}

/// The error of a file that cannot be read as what it should be.
pub(super) fn useless(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

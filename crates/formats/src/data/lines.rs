//! Text, line by line, from anyone: a line takes bounded memory and is UTF-8.

use std::io::{BufRead, Read};

use crate::Error;

/// Bytes of the longest line that is read: a million numbers of 16 characters.
const LONGEST: u64 = 1 << 24;

/// Fields of the longest row that is read: an image of 3 x 256 x 256 has fewer.
const MOST: usize = 1 << 18;

/// Reads a text line by line.
pub(super) struct Lines<R> {
    source: R,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, bytes: Vec::new(), number: 0 }
    }

    /// The next line that is not blank, without white space around it, and its number from 1; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, Error> {
        loop {
            self.bytes.clear();
            let mut limited = self.source.by_ref().take(LONGEST + 1);
            if limited.read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.bytes.len() as u64 > LONGEST {
                return Err(Error::LongLine { line: self.number, most: LONGEST });
            }
            if self.number == 1 && self.bytes.starts_with(b"\xef\xbb\xbf") {
                self.bytes.drain(..3); // the mark that some programs begin a text with
            }
            if !self.bytes.trim_ascii().is_empty() {
                break;
            }
        }
        let line = str::from_utf8(self.bytes.trim_ascii());
        line.map(|line| Some((self.number, line)))
            .map_err(|_| Error::LineNotText { line: self.number })
    }
}

/// How a format writes fields that hold commas.
pub(super) struct Quoting {
    /// Characters that a field may be enclosed in.
    pub(super) quotes: &'static [char],
    /// True if a backslash takes away a character's meaning, false if a doubled quote stands for one.
    pub(super) backslash: bool,
}

impl Quoting {
    /// Hands the fields of `line`, between commas, without quotes and white space around them, to `visit`.
    pub(super) fn with_fields<T>(
        &self,
        line: u64,
        text: &str,
        visit: impl FnOnce(&mut dyn Iterator<Item = &str>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if text.len() > MOST && text.bytes().filter(|&byte| byte == b',').count() >= MOST {
            return Err(Error::TooManyFields { line, most: MOST });
        }
        if !text.contains(self.quotes) {
            return visit(&mut text.split(',').map(str::trim_ascii));
        }
        let (mut fields, mut rest) = (Vec::new(), text);
        loop {
            let (field, after) = self.field(rest).ok_or(Error::Quote { line })?;
            fields.push(field);
            match after {
                Some(after) => rest = after,
                None => return visit(&mut fields.iter().map(String::as_str)),
            }
        }
    }

    /// The first field of `text`, and what follows its comma. Nothing where a quote is not closed, or closed too early.
    fn field<'a>(&self, text: &'a str) -> Option<(String, Option<&'a str>)> {
        let text = text.trim_ascii_start();
        let Some(quote) = text.chars().next().filter(|first| self.quotes.contains(first)) else {
            return Some(match text.split_once(',') {
                Some((field, rest)) => (field.trim_ascii_end().to_owned(), Some(rest)),
                None => (text.to_owned(), None),
            });
        };
        let (field, rest) = self.quoted(quote, &text[1..])?;
        let rest = rest.trim_ascii_start();
        match rest.strip_prefix(',') {
            Some(rest) => Some((field, Some(rest))),
            None => rest.is_empty().then_some((field, None)),
        }
    }

    /// What stands before the closing `quote`, and what follows that.
    pub(super) fn quoted<'a>(&self, quote: char, text: &'a str) -> Option<(String, &'a str)> {
        let (mut field, mut characters) = (String::new(), text.char_indices().peekable());
        while let Some((place, character)) = characters.next() {
            if self.backslash && character == '\\' {
                field.push(characters.next()?.1);
            } else if character != quote {
                field.push(character);
            } else if !self.backslash && characters.next_if(|next| next.1 == quote).is_some() {
                field.push(quote);
            } else {
                return Some((field, &text[place + quote.len_utf8()..]));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(quotes: &'static [char], backslash: bool, text: &str) -> Option<Vec<String>> {
        let quoting = Quoting { quotes, backslash };
        quoting.with_fields(1, text, |fields| Ok(fields.map(str::to_owned).collect())).ok()
    }

    #[test]
    fn fields_with_and_without_quotes() {
        for (text, fields) in [
            ("a, b ,c", Some(vec!["a", "b", "c"])),
            (r#""a,b", c"#, Some(vec!["a,b", "c"])),
            (r#""say ""a""",,"#, Some(vec![r#"say "a""#, "", ""])),
            (r#"5" disc,1"#, Some(vec![r#"5" disc"#, "1"])),
            (r#""open, 1"#, None),
            (r#""shut" up,1"#, None),
        ] {
            let fields = fields.map(|fields| fields.into_iter().map(str::to_owned).collect());
            assert_eq!(split(&['"'], false, text), fields, "{text}");
        }
        let arff = split(&['"', '\''], true, r"'it\'s, so', \N, é").unwrap();
        assert_eq!(arff, ["it's, so", "\\N", "é"]);
    }

    #[test]
    fn lines_are_numbered_and_bounded() {
        let mut lines = Lines::new(&b"\xef\xbb\xbfone\r\n\n  \n two \xc3\xa9"[..]);
        assert_eq!(lines.next().unwrap(), Some((1, "one")));
        assert_eq!(lines.next().unwrap(), Some((4, "two \u{e9}")));
        assert_eq!(lines.next().unwrap(), None);
        let endless = std::io::BufReader::new(std::io::repeat(b'1'));
        assert!(matches!(Lines::new(endless).next(), Err(Error::LongLine { line: 1, .. })));
    }
}

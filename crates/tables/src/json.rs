//! Reading a record's JSON straight into columns, with no value in between. A record has some two hundred members, which nearly always come
//! in the order in which they are declared: so a name is compared as it stands, and looked for only when it is another one.
//!
//! It takes what `serde_json` takes (but for its lists in place of objects), and leaves to it what is rare: escapes, odd numbers, members that nobody knows. A property test holds
//! one against the other. What is wrong is told by its place alone: the rest may be about a person.

use std::{borrow::Cow, fmt};

use serde::de::IgnoredAny;

/// A text of JSON, and how far it was read.
pub(crate) struct Json<'r> {
    text: &'r str,
    at: usize,
}

impl<'r> Json<'r> {
    /// From the beginning.
    pub(crate) fn new(text: &'r str) -> Self {
        Self { text, at: 0 }
    }

    /// Takes a null, if that comes next.
    #[inline]
    pub(crate) fn null(&mut self) -> bool {
        self.space();
        self.next() == Some(b'n') && self.takes("null")
    }

    /// Takes a yes or a no.
    pub(crate) fn flag(&mut self) -> Result<bool, Wrong> {
        self.space();
        match () {
            () if self.takes("true") => Ok(true),
            () if self.takes("false") => Ok(false),
            () => Err(self.wrong("true or false")),
        }
    }

    /// Takes a whole number.
    pub(crate) fn number(&mut self) -> Result<i64, Wrong> {
        self.space();
        let rest = self.rest();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_whole = !matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        if is_whole && (1..=18).contains(&digits) && (rest[0] != b'0' || digits == 1) {
            self.at += digits;
            return Ok(rest[..digits].iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0')));
        }
        let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r');
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        let number = serde_json::from_slice(&rest[..length]).map_err(|_| self.wrong("a whole number"))?;
        self.at += length;
        Ok(number)
    }

    /// Takes a text, borrowed unless it has escapes in it.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<Cow<'r, str>, Wrong> {
        self.space();
        if self.next() != Some(b'"') {
            return Err(self.wrong("a string"));
        }
        let first = self.at + 1;
        let end = first + plain(&self.text.as_bytes()[first..]);
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(&self.text[first..end]));
        }
        self.text_with_escapes(end)
    }

    /// Takes a text in which an escape begins here, or something stands that may not.
    #[cold]
    fn text_with_escapes(&mut self, mut end: usize) -> Result<Cow<'r, str>, Wrong> {
        while let Some(byte) = self.text.as_bytes().get(end) {
            match byte {
                b'"' => {
                    let text = serde_json::from_str(&self.text[self.at..=end]);
                    let text =
                        text.map_err(|_| self.wrong("a string without control characters and with whole escapes"))?;
                    self.at = end + 1;
                    return Ok(Cow::Owned(text));
                }
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        Err(self.wrong("a string with an end"))
    }

    /// Begins an object or a list: whether anything is in it.
    #[inline]
    pub(crate) fn open(&mut self, bracket: Bracket) -> Result<bool, Wrong> {
        let (open, close, name) = bracket.bytes();
        self.space();
        if !self.takes_byte(open) {
            return Err(self.wrong(name));
        }
        self.space();
        Ok(!self.takes_byte(close))
    }

    /// Behind a member or an item: whether another one must follow.
    #[inline]
    pub(crate) fn goes_on(&mut self, bracket: Bracket) -> Result<bool, Wrong> {
        let (_, close, name) = bracket.bytes();
        self.space();
        match () {
            () if self.takes_byte(b',') => Ok(true),
            () if self.takes_byte(close) => Ok(false),
            () => Err(self.wrong(format_args!("a comma or the end of {name}"))),
        }
    }

    /// Takes these very bytes, if they come next: a name as it is usually written, from its quotation mark to its colon.
    #[inline]
    pub(crate) fn takes(&mut self, bytes: &str) -> bool {
        let taken = self.rest().starts_with(bytes.as_bytes());
        if taken {
            self.at += bytes.len();
        }
        taken
    }

    /// Takes the name of a member, and its colon.
    pub(crate) fn name(&mut self) -> Result<Cow<'r, str>, Wrong> {
        let name = self.text()?;
        self.space();
        if self.takes_byte(b':') { Ok(name) } else { Err(self.wrong("a colon")) }
    }

    /// Passes over a value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<(), Wrong> {
        let mut values = serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {
                self.at += values.byte_offset();
                Ok(())
            }
            Some(Err(_)) | None => Err(self.wrong("a value")),
        }
    }

    /// Makes sure that nothing follows.
    pub(crate) fn end(&mut self) -> Result<(), Wrong> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.wrong("the end")) }
    }

    /// The error that something else should stand here.
    #[cold]
    pub(crate) fn wrong(&self, wanted: impl fmt::Display) -> Wrong {
        Wrong(format!("at byte {} of it stands something else than {wanted}", self.at))
    }

    fn rest(&self) -> &'r [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn takes_byte(&mut self, byte: u8) -> bool {
        let taken = self.next() == Some(byte);
        self.at += usize::from(taken);
        taken
    }

    /// Passes over spaces, of which there are rarely any.
    #[inline]
    fn space(&mut self) {
        if self.next().is_some_and(|byte| byte <= b' ') {
            let spaces = self.rest().iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
            self.at += spaces.count();
        }
    }
}

/// What is wrong with a text, in words that tell nothing of what stands in it.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) String);

/// What holds members or items.
#[derive(Clone, Copy)]
pub(crate) enum Bracket {
    Object,
    List,
}

impl Bracket {
    /// How it begins, how it ends, and its name.
    fn bytes(self) -> (u8, u8, &'static str) {
        match self {
            Bracket::Object => (b'{', b'}', "an object"),
            Bracket::List => (b'[', b']', "a list"),
        }
    }
}

/// How many bytes stand before the first that ends a text or begins an escape, or may not stand in one. Eight at a time: most texts are
/// shorter than what a call of a faster search costs.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let (words, rest) = bytes.as_chunks::<8>();
    for (number, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of a byte is set where the byte is zero; above the first such byte there may be others that aren't.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (control | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c))) & (ONES << 7);
        if found != 0 {
            return number * 8 + found.trailing_zeros() as usize / 8;
        }
    }
    let is_end = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes.len() - rest.len() + rest.iter().position(is_end).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_byte_that_ends_a_text_is_found_wherever_it_stands() {
        for end in [b'"', b'\\', 0, 0x1f] {
            for before in 0..40 {
                let mut bytes = "é~!]\u{80}}".bytes().cycle().take(before).collect::<Vec<_>>();
                assert_eq!(plain(&bytes), before);
                bytes.push(end);
                bytes.extend(b"\"\\ more than eight bytes behind it");
                assert_eq!(plain(&bytes), before, "{end} after {before}");
            }
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_never_by_what_stands_there() {
        let record = r#""secret" "#;
        let mut json = Json::new(record);
        for error in [json.flag().err(), json.number().err(), json.open(Bracket::List).err()] {
            let Wrong(words) = error.unwrap();
            assert!(words.contains("at byte 0") && !words.contains("secret"), "{words}");
        }
        assert_eq!(json.text().unwrap(), "secret");
        json.end().unwrap();
    }

    proptest! {
        #[test]
        fn a_value_is_read_as_the_library_reads_it(
            text in r#"[ \n]{0,2}("([ -~é\\"\n]|\\[nu"\\]|\\u00e9|\\ud83d){0,20}"?|-?[0-9.eE]{1,20}|true|false|null)[ ,x]{0,2}"#,
        ) {
            let whole = |json: &mut Json<'_>| json.end().is_ok();
            let mut json = Json::new(&text);
            let read = json.text().ok().filter(|_| whole(&mut json)).map(Cow::into_owned);
            prop_assert_eq!(read, serde_json::from_str::<String>(&text).ok());
            let mut json = Json::new(&text);
            prop_assert_eq!(json.number().ok().filter(|_| whole(&mut json)), serde_json::from_str::<i64>(&text).ok());
            let mut json = Json::new(&text);
            prop_assert_eq!(json.flag().ok().filter(|_| whole(&mut json)), serde_json::from_str::<bool>(&text).ok());
            let mut json = Json::new(&text);
            prop_assert_eq!(json.null() && whole(&mut json), serde_json::from_str::<()>(&text).is_ok());
            let mut json = Json::new(&text);
            prop_assert_eq!(json.skip().is_ok() && whole(&mut json), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        }
    }
}

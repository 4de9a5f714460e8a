//! The body of a stage call, `{"UserProfiles": […]}`, into its records while it arrives: no more is held than one record, and one that is
//! broken in itself keeps no other from being read. Only what holds the whole together is looked at here: names, commas, brackets, the ends of
//! texts. A record's inside is read by whoever gets it.

/// Brackets within one another, at most: as many as the reader of a record takes.
const DEEPEST: usize = 128;

/// The member with the records.
const RECORDS: &str = "UserProfiles";

/// A record of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item<'a> {
    /// Its JSON.
    Record(&'a [u8]),
    /// It has more bytes than are taken.
    TooLarge,
}

/// Where the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the object.
    Start,
    /// Before a name or the end of the object; `true`: a name must come.
    Name(bool),
    /// In a name.
    InName,
    Colon,
    /// Before the value of a name; `true`: it is the records'.
    Value(bool),
    /// In a value that is passed over.
    Passing,
    /// Before a record or the end of the list; `true`: a record must come.
    Item(bool),
    InItem,
    /// Behind a record.
    AfterItem,
    /// Behind a member's value.
    AfterValue,
    End,
}

/// The reader.
#[derive(Debug)]
pub(crate) struct Splitter {
    at: At,
    name: Vec<u8>,
    item: Vec<u8>,
    most: usize,
    is_too_large: bool,
    value: Value,
    found: bool,
    read: u64,
}

/// How far a value has been read.
#[derive(Debug, Default)]
struct Value {
    /// The closing brackets that are awaited.
    open: Vec<u8>,
    in_text: bool,
    escaped: bool,
    /// A number or a word: it ends before whatever can't belong to it.
    is_bare: bool,
}

enum Step {
    /// The value goes on behind these bytes.
    On,
    /// It ends behind so many bytes.
    Ends(usize),
}

impl Splitter {
    /// For records of at most so many bytes.
    pub fn new(most: usize) -> Self {
        Self {
            at: At::Start,
            name: Vec::new(),
            item: Vec::new(),
            most,
            is_too_large: false,
            value: Value::default(),
            found: false,
            read: 0,
        }
    }

    /// Takes the next bytes and hands on the records that end in them.
    ///
    /// # Errors
    /// What keeps the body from being read, or what `take` gives.
    pub fn feed<E: From<String>>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.read == 0 {
            // RFC 8259 allows a reader to pass over a byte order mark.
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        while let Some(&byte) = bytes.first() {
            let is_space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
            let used = match self.at {
                At::InItem | At::Passing => {
                    let (used, ends) = match self.value.step(bytes)? {
                        Step::On => (bytes.len(), false),
                        Step::Ends(used) => (used, true),
                    };
                    if self.at == At::InItem {
                        self.keep(bytes.get(..used).unwrap_or_default());
                        if ends {
                            take(if self.is_too_large { Item::TooLarge } else { Item::Record(&self.item) })?;
                            self.at = At::AfterItem;
                        }
                    } else if ends {
                        self.at = At::AfterValue;
                    }
                    used
                }
                At::InName if self.value.escaped => {
                    self.value.escaped = false;
                    self.name.push(byte);
                    1
                }
                At::InName => {
                    let end = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
                    self.name.extend_from_slice(bytes.get(..end).unwrap_or_default());
                    match bytes.get(end) {
                        Some(b'\\') => {
                            self.name.push(b'\\');
                            self.value.escaped = true;
                            end + 1
                        }
                        Some(_) => {
                            self.at = At::Colon;
                            end + 1
                        }
                        None => end,
                    }
                }
                _ if is_space => 1,
                At::Start => self.expect(byte, b"{", "an object", At::Name(false))?,
                At::Name(_) if byte == b'"' => {
                    self.name.clear();
                    self.value = Value::default();
                    self.at = At::InName;
                    1
                }
                At::Name(false) if byte == b'}' => {
                    self.at = At::End;
                    1
                }
                At::Name(_) => return Err(self.unexpected(byte, "a name in quotes").into()),
                At::Colon => {
                    let is_records = self.is_records();
                    self.expect(byte, b":", "a colon", At::Value(is_records))?
                }
                At::Value(true) => {
                    self.found = true;
                    self.expect(byte, b"[", "an array of profiles in UserProfiles", At::Item(false))?
                }
                At::Value(false) => {
                    self.value = Value::default();
                    self.at = At::Passing;
                    0
                }
                At::Item(false) if byte == b']' => {
                    self.at = At::AfterValue;
                    1
                }
                At::Item(_) => {
                    self.value = Value::default();
                    self.item.clear();
                    self.is_too_large = false;
                    self.at = At::InItem;
                    0
                }
                At::AfterItem if byte == b']' => {
                    self.at = At::AfterValue;
                    1
                }
                At::AfterItem => self.expect(byte, b",", "a comma or the end of UserProfiles", At::Item(true))?,
                At::AfterValue if byte == b'}' => {
                    self.at = At::End;
                    1
                }
                At::AfterValue => self.expect(byte, b",", "a comma or the end of the object", At::Name(true))?,
                At::End => return Err(self.unexpected(byte, "nothing behind the object").into()),
            };
            self.read += used as u64;
            bytes = bytes.get(used..).unwrap_or_default();
        }
        Ok(())
    }

    /// Ends the body.
    ///
    /// # Errors
    /// It isn't whole, or there are no records in it.
    pub fn finish(&self) -> Result<(), String> {
        match self.at {
            At::End if self.found => Ok(()),
            At::End => Err("the body has no UserProfiles; accepted: {\"UserProfiles\": [profile, …]}".to_owned()),
            At::Start => Err("the body is empty; accepted: {\"UserProfiles\": [profile, …]}".to_owned()),
            _ => Err(format!("the body ends after {} bytes in the middle of it; it is not JSON", self.read)),
        }
    }

    /// Whether the name that was read is the records'; any letter of it may be escaped.
    fn is_records(&self) -> bool {
        if !self.name.contains(&b'\\') {
            return self.name.eq_ignore_ascii_case(RECORDS.as_bytes());
        }
        let quoted = [b"\"", self.name.as_slice(), b"\""].concat();
        serde_json::from_slice::<String>(&quoted).is_ok_and(|name| name.eq_ignore_ascii_case(RECORDS))
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.is_too_large || self.item.len() + bytes.len() > self.most {
            self.is_too_large = true;
            self.item = Vec::new();
        } else {
            self.item.extend_from_slice(bytes);
        }
    }

    fn expect(&mut self, byte: u8, accepted: &[u8], words: &str, then: At) -> Result<usize, String> {
        if !accepted.contains(&byte) {
            return Err(self.unexpected(byte, words));
        }
        self.at = then;
        Ok(1)
    }

    fn unexpected(&self, byte: u8, accepted: &str) -> String {
        format!(
            "the body is not as it should be after {} bytes: {:?}; accepted there: {accepted}",
            self.read,
            char::from(byte)
        )
    }
}

impl Value {
    /// Reads on in a value.
    fn step(&mut self, bytes: &[u8]) -> Result<Step, String> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.in_text {
                if self.escaped {
                    self.escaped = false;
                    at += 1;
                    continue;
                }
                let Some(next) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) else {
                    return Ok(Step::On);
                };
                at += next + 1;
                if bytes.get(at - 1) == Some(&b'\\') {
                    self.escaped = true;
                } else {
                    self.in_text = false;
                    if self.open.is_empty() {
                        return Ok(Step::Ends(at));
                    }
                }
                continue;
            }
            match byte {
                _ if self.is_bare => {
                    if matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r') {
                        return Ok(Step::Ends(at));
                    }
                }
                b'"' => self.in_text = true,
                b'{' | b'[' => {
                    if self.open.len() == DEEPEST {
                        return Err(format!("the body has more than {DEEPEST} brackets within one another"));
                    }
                    self.open.push(if byte == b'{' { b'}' } else { b']' });
                }
                b'}' | b']' => {
                    if self.open.pop() != Some(byte) {
                        return Err(format!(
                            "the body has a {:?} that closes nothing; it is not JSON",
                            char::from(byte)
                        ));
                    }
                    if self.open.is_empty() {
                        return Ok(Step::Ends(at + 1));
                    }
                }
                b',' if self.open.is_empty() => return Err("the body has a comma where a value should be".to_owned()),
                _ if self.open.is_empty() => self.is_bare = true,
                _ => {}
            }
            at += 1;
        }
        Ok(Step::On)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    /// The records of a body that arrives in pieces of this size; a record that is too large is `None`.
    fn split(body: &str, piece: usize) -> Result<Vec<Option<String>>, String> {
        let mut splitter = Splitter::new(1000);
        let mut items = Vec::new();
        for bytes in body.as_bytes().chunks(piece) {
            splitter.feed::<String>(bytes, |item| {
                items.push(match item {
                    Item::Record(json) => Some(String::from_utf8(json.to_vec()).unwrap()),
                    Item::TooLarge => None,
                });
                Ok(())
            })?;
        }
        splitter.finish()?;
        Ok(items)
    }

    fn json_values() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i32>().prop_map(Json::from),
            "[\\PC\\\\\"\\n]{0,8}".prop_map(Json::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::vec(("[a-z\\]\\[{}\"\\\\]{0,4}", inner), 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Whatever the records are, whatever stands beside them, and however the bytes arrive: each comes once, as it was sent.
        #[test]
        fn records_come_as_they_were_sent_in_whatever_pieces(
            records in proptest::collection::vec(json_values(), 0..5),
            beside in json_values(),
            is_before: bool,
            is_pretty: bool,
            piece in 1_usize..40,
        ) {
            let mut body = serde_json::Map::new();
            if is_before {
                body.insert("Name".into(), beside.clone());
            }
            body.insert("userprofiles".into(), Json::from(records.clone()));
            if !is_before {
                body.insert("Other".into(), beside);
            }
            let body = Json::Object(body);
            let text = if is_pretty { serde_json::to_string_pretty(&body).unwrap() } else { body.to_string() };
            let items = split(&text, piece).unwrap();
            let read: Vec<Json> = items.iter().map(|i| serde_json::from_str(i.as_ref().unwrap()).unwrap()).collect();
            prop_assert_eq!(read, records);
        }

        /// A body that is cut off anywhere is refused.
        #[test]
        fn a_body_that_ends_early_is_refused(cut in 0_usize..48) {
            let text = json!({"UserProfiles": [{"A": "b"}, {"C": [1, 2]}], "N": 5}).to_string();
            prop_assert!(split(&text, 7).is_ok());
            prop_assert!(split(&text[..cut.min(text.len() - 1)], 7).is_err());
        }
    }

    #[test]
    fn a_record_that_is_broken_inside_comes_all_the_same_and_one_that_breaks_the_list_does_not() {
        let items = split(r#"{"UserProfiles": [{"a": nonsense, 'x}, {"b": 1}, 5]}"#, 100).unwrap();
        let expected = [r#"{"a": nonsense, 'x}"#, r#"{"b": 1}"#, "5"].map(|i| Some(i.to_owned()));
        assert_eq!(items, expected);
        for body in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"UserProfiles": null}"#,
            r#"{"UserProfiles": {}}"#,
            r#"{"UserProfiles": [}"#,
            r#"{"UserProfiles": [1,]}"#,
            r#"{"UserProfiles": [,]}"#,
            r#"{"UserProfiles": [1 2]}"#,
            r#"{"UserProfiles": [{"a": 1]]}"#,
            r#"{"UserProfiles": []} x"#,
            r#"{"UserProfiles": [],}"#,
            r#"{UserProfiles: []}"#,
        ] {
            assert!(split(body, 3).is_err(), "{body}");
        }
        assert!(split(&format!("{{\"UserProfiles\": [{}]}}", "[".repeat(200)), 3).is_err());
    }

    #[test]
    fn letters_of_a_name_may_be_escaped() {
        for piece in 1..9 {
            let items = split(r#"{"\u0061": [1], "\u0055serP\u0072ofiles": [7], "User\\Profiles": [2]}"#, piece);
            assert_eq!(items.unwrap(), [Some("7".to_owned())], "in pieces of {piece}");
        }
        assert!(split(r#"{"\uUserProfiles": [7]}"#, 5).is_err());
    }

    #[test]
    fn a_record_that_is_too_large_is_told_and_the_next_one_comes() {
        let body = format!("\u{feff}{{\"UserProfiles\": [\"{}\", 7]}}", "x".repeat(2000));
        assert_eq!(split(&body, 64).unwrap(), [None, Some("7".to_owned())]);
    }
}

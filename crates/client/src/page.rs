//! One page of an export: what stands around the records, and the records as the server wrote them.

mod cut;

use std::{fmt, ops::Range};

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// One page of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Whether records follow; the page with `false` is the last block.
    pub has_more: bool,
    /// The limit in force, if the server tells it.
    pub limit: Option<u64>,
    /// The 1-based number of the first record.
    pub offset: u64,
    /// Records in the whole export, if the server tells it.
    pub total_results: Option<u64>,
    /// The records.
    pub records: Records,
}

/// Records as JSON text, byte for byte as the server wrote them: parts of the one body that came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Records {
    body: Bytes,
    places: Vec<Range<usize>>,
}

impl Records {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Each record's JSON text, in the server's order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        // Checked when the page was read.
        self.places.iter().map(|place| std::str::from_utf8(&self.body[place.clone()]).expect("a record is UTF-8"))
    }

    /// The same as bytes, for callers that only pass them on.
    pub fn bytes(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.places.iter().map(|place| &self.body[place.clone()])
    }

    /// Bytes of all records together.
    pub fn byte_len(&self) -> u64 {
        self.places.iter().map(|place| place.len() as u64).sum()
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records of {} bytes", self.len(), self.byte_len())
    }
}

impl Page {
    /// Reads a page; records are looked at no closer than to find where each ends.
    ///
    /// # Errors
    /// When it isn't JSON, when it doesn't say whether more follows, or when Count differs from the number of records.
    pub fn read(body: Bytes) -> Result<Page, serde_json::Error> {
        if let Some((rest, places)) = cut::records(&body)
            && let Ok(members) = serde_json::from_slice::<Members>(&rest)
            && members.count == Some(places.len() as u64)
        {
            return Ok(members.page(Records { body, places }));
        }
        let body = in_one_line(body);
        let members: Members = serde_json::from_slice(&body)?;
        let start = body.as_ptr().addr();
        let places = members.records.iter().map(|record| {
            let from = record.get().as_ptr().addr() - start;
            from..from + record.get().len()
        });
        let places = places.collect::<Vec<_>>();
        if let Some(count) = members.count.filter(|count| *count != places.len() as u64) {
            let what = format!("Count is {count}, but there are {} records", places.len());
            return Err(serde::de::Error::custom(what));
        }
        Ok(members.page(Records { body: body.clone(), places }))
    }
}

/// The same JSON without ends of lines, so that each record stands in one: between the parts of JSON a space is as good, and within a text
/// neither may stand.
fn in_one_line(body: Bytes) -> Bytes {
    match memchr::memchr2(b'\n', b'\r', &body) {
        None => body,
        Some(_) => {
            body.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect::<Vec<_>>().into()
        }
    }
}

/// The members of a page's body.
#[derive(Default)]
struct Members<'a> {
    count: Option<u64>,
    has_more: bool,
    limit: Option<u64>,
    offset: u64,
    total_results: Option<u64>,
    records: Vec<&'a RawValue>,
}

impl Members<'_> {
    fn page(&self, records: Records) -> Page {
        let Members { has_more, limit, offset, total_results, .. } = *self;
        Page { has_more, limit, offset, total_results, records }
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page of an export")
            }

            // Names without regard to case: some servers of this API write `hasmore`.
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members<'de>, A::Error> {
                let mut page = Members::default();
                let mut seen_has_more = false;
                while let Some(mut name) = members.next_key::<String>()? {
                    name.make_ascii_lowercase();
                    match name.as_str() {
                        "count" => page.count = members.next_value()?,
                        "hasmore" => {
                            page.has_more = members.next_value()?;
                            seen_has_more = true;
                        }
                        "limit" => page.limit = members.next_value()?,
                        "offset" => page.offset = members.next_value()?,
                        "totalresults" => page.total_results = members.next_value()?,
                        "userprofilepreferences" => page.records = members.next_value()?,
                        _ => {
                            members.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                // A reader that took a missing HasMore for "no more" would lose the rest without a word.
                if seen_has_more { Ok(page) } else { Err(serde::de::Error::missing_field("HasMore")) }
            }
        }
        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_whatever_the_case_of_its_names() {
        let text = r#"{"Count":2,"hasmore":true,"Limit":2,"offset":3,"TotalResults":9,"New":{"x":[1]},
                       "UserProfilePreferences":[{"ProfileId":3, "x":1.10}, {"ProfileId":4,"y":"é"} ]}"#;
        let page = Page::read(Bytes::from_static(text.as_bytes())).unwrap();
        assert_eq!((page.has_more, page.limit, page.offset, page.total_results), (true, Some(2), 3, Some(9)));
        let records: Vec<&str> = page.records.iter().collect();
        assert_eq!(records, [r#"{"ProfileId":3, "x":1.10}"#, r#"{"ProfileId":4,"y":"é"}"#], "byte for byte");
        assert_eq!(page.records.byte_len(), records.concat().len() as u64);
    }

    #[test]
    fn records_of_a_server_that_writes_for_people_stand_in_one_line_each() {
        let page = serde_json::json!({"Count": 2, "HasMore": false, "UserProfilePreferences": [
            {"ProfileId": 1, "Name": "a\nb"}, {"ProfileId": 2, "Emails": [{"x": 1}, {"y": null}]}]});
        for text in [
            serde_json::to_string_pretty(&page).unwrap(),
            serde_json::to_string_pretty(&page).unwrap().replace('\n', "\r\n"),
        ] {
            let read = Page::read(Bytes::from(text)).unwrap();
            let records: Vec<&str> = read.records.iter().collect();
            assert!(records.iter().all(|record| !record.contains(['\n', '\r'])), "{records:?}");
            let parsed: Vec<serde_json::Value> = records.iter().map(|r| serde_json::from_str(r).unwrap()).collect();
            assert_eq!(serde_json::Value::from(parsed), page["UserProfilePreferences"]);
        }
    }

    #[test]
    fn a_page_that_can_not_be_relied_on_is_an_error() {
        let words = |text: &'static str| Page::read(Bytes::from_static(text.as_bytes())).unwrap_err().to_string();
        assert!(words(r#"{"Count":0,"UserProfilePreferences":[]}"#).contains("HasMore"));
        assert!(words(r#"{"Count":2,"HasMore":false,"UserProfilePreferences":[{}]}"#).contains("Count is 2"));
        assert!(words(r#"{"Count":1,"HasMore":false,"UserProfilePreferences":[{"a"#).contains("EOF"));
        assert!(
            words(r#"{"Count":2,"HasMore":false,"UserProfilePreferences":[{"ProfileId":1}]}"#).contains("Count is 2")
        );
    }

    #[test]
    fn objects_within_a_record_are_no_records_though_they_begin_as_those_do() {
        let text = r#"{"Count":1,"HasMore":false,"UserProfilePreferences":[{"ProfileId":1,"Kin":[{"ProfileId":2},{"ProfileId":3}]}]}"#;
        let page = Page::read(Bytes::from_static(text.as_bytes())).unwrap();
        assert_eq!(
            page.records.iter().collect::<Vec<_>>(),
            [r#"{"ProfileId":1,"Kin":[{"ProfileId":2},{"ProfileId":3}]}"#]
        );
    }
}

//! Reading a record of an import: as a call's body, but members that a profile doesn't have are passed over and told of (profile.md: a
//! warning in an import).

use serde_json::Value;

use super::{ProfileInput, once::Once, parse, parse_profile};
use crate::refusal::{Refusal, Why};

/// Members that are passed over in one record, at most: each costs another reading.
const MOST: usize = 32;

/// Reads a profile's JSON; gives what was passed over beside it, each with its path.
///
/// # Errors
/// As [`parse_profile`], but for unknown members, of which it is one only when there are more than 32, or when one name stands twice.
pub fn parse_record(json: &[u8]) -> Result<(ProfileInput, Vec<Refusal>), Refusal> {
    let mut refusal = match parse_profile(json) {
        Ok(input) => return Ok((input, Vec::new())),
        Err(refusal) => refusal,
    };
    if !is_unknown(&refusal) {
        return Err(refusal);
    }
    // Only who sends unknown members pays for finding them. The first of them ended the reading: what stands twice behind it wasn't seen.
    let Once(mut record) = parse(json)?;
    let mut passed = Vec::new();
    while passed.len() < MOST && is_unknown(&refusal) && remove(&mut record, &refusal.path) {
        let message = "is no member of a profile; it was passed over";
        passed.push(Refusal::new(Why::Invalid, std::mem::take(&mut refusal.path), message));
        match parse_profile(record.to_string().as_bytes()) {
            Ok(input) => return Ok((input, passed)),
            Err(next) => refusal = next,
        }
    }
    Err(refusal)
}

fn is_unknown(refusal: &Refusal) -> bool {
    refusal.message.starts_with("unknown field")
}

/// Removes the member at a path; whether it was there. A name with a dot or a bracket in it isn't found, and stays refused.
fn remove(record: &mut Value, path: &str) -> bool {
    let mut at = record;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (step, None),
        };
        let Some(members) = at.as_object_mut() else { return false };
        if steps.peek().is_none() {
            return members.shift_remove(step).is_some();
        }
        let Some(member) = members.get_mut(name) else { return false };
        at = match index {
            None => member,
            Some(index) => match member.get_mut(index) {
                Some(item) => item,
                None => return false,
            },
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_members_are_passed_over_and_told_of_with_their_paths() {
        let json = br#"{"Shoe": 9, "IsActive": true, "Emails": [{"EmailAddress": "a@b.c"}, {"Mail": {"a": 1}, "EmailAddress": "d@e.f"}]}"#;
        let (input, passed) = parse_record(json).unwrap();
        assert_eq!(input.emails.unwrap()[1].email_address.as_deref(), Some("d@e.f"));
        let paths: Vec<&str> = passed.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["Shoe", "Emails[1].Mail"]);
        assert!(parse_record(br#"{"IsActive": true}"#).unwrap().1.is_empty());
    }

    #[test]
    fn a_member_that_stands_twice_is_refused_wherever_an_unknown_one_stands() {
        for (json, twice) in [
            (r#"{"Shoe": 1, "ProfileId": 2, "Emails": [{"EmailPreferences": []}], "Emails": []}"#, "Emails"),
            (r#"{"ProfileId": 1, "Shoe": 1, "ProfileId": 2}"#, "ProfileId"),
            (r#"{"ProfilePreferences": [{"PreferenceType": 2, "PreferenceType": 1}], "Shoe": 1}"#, "PreferenceType"),
            (r#"{"Shoe": 1, "ProfilePreferences": [{"PreferenceType": 2, "PreferenceType": 1}]}"#, "PreferenceType"),
            (r#"{"Shoe": 1, "Shoe": 2}"#, "Shoe"),
        ] {
            let refusal = parse_record(json.as_bytes()).expect_err(json);
            assert!(refusal.message.starts_with(&format!("duplicate field `{twice}`")), "{json}: {refusal}");
        }
    }

    #[test]
    fn what_is_wrong_beside_them_is_refused() {
        assert_eq!(parse_record(br#"{"Shoe": 9, "IsActive": "yes"}"#).unwrap_err().path, "IsActive");
        assert!(parse_record(b"{").is_err() && parse_record(b"[1]").is_err());
        let many: Vec<String> = (0..40).map(|n| format!("\"a{n}\": 1")).collect();
        assert!(parse_record(format!("{{{}}}", many.join(",")).as_bytes()).is_err());
        assert!(parse_record(br#"{"a.b": 1}"#).is_err(), "a name that looks like a path is refused as before");
    }
}

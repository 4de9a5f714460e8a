use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{config::Output, id::ProfileId, moment::Moment, testing};

fn outputs() -> impl Iterator<Item = Output> {
    (0..8).map(|n| Output {
        preferences: n & 1 != 0,
        consents: n & 2 != 0,
        custom_fields: n & 4 != 0,
        archived: false,
        implied: false,
    })
}

/// The slow, obvious way of leaving parts out.
fn without(value: &mut Value, output: &Output) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| match name.as_str() {
                "Consents" => output.consents,
                "CustomFields" => output.custom_fields,
                "ProfilePreferences" | "EmailPreferences" | "PhoneNumberPreferences" | "AddressPreferences" => {
                    output.preferences
                }
                _ => true,
            });
            members.values_mut().for_each(|v| without(v, output));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| without(v, output)),
        _ => {}
    }
}

fn cut(row: &Row, output: &Output) -> Vec<u8> {
    kept_ranges(row.json.len() as u32, &row.cuts, output).flat_map(|r| row.json[r].to_vec()).collect()
}

#[test]
fn a_tombstone_shows_nothing_but_id_date_and_reason() {
    let mut tombstone =
        Tombstone { profile_id: ProfileId(7), deleted_date: Moment(0), reason_code: Some("left".into()) };
    assert_eq!(
        render_tombstone(&tombstone),
        br#"{"ProfileId":7,"DeletedDate":"1970-01-01T00:00:00.000Z","ReasonCode":"left"}"#
    );
    tombstone.reason_code = None;
    assert!(render_tombstone(&tombstone).ends_with(br#""ReasonCode":null}"#));
}

#[test]
fn text_beyond_ascii_stays_as_it_is() {
    let tombstone = Tombstone {
        profile_id: ProfileId(1),
        deleted_date: Moment(0),
        reason_code: Some("Zoë 😀 \"\u{1}\\/\u{7f}\n".into()),
    };
    let json = String::from_utf8(render_tombstone(&tombstone)).unwrap();
    assert!(json.contains("\"Zoë 😀 \\\"\\u0001\\\\/\u{7f}\\n\""), "{json}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_row_is_the_profile_in_the_specified_order_and_reads_back(profile in testing::profile()) {
        let row = render(&profile);
        // The struct's members stand in profile.md's order, so serde's text is the model for ours.
        prop_assert_eq!(String::from_utf8(row.json.clone()).unwrap(), serde_json::to_string(&profile).unwrap());
        prop_assert_eq!(serde_json::from_slice::<Profile>(&row.json).unwrap(), profile);
    }

    #[test]
    fn leaving_parts_out_gives_the_row_without_those_members(profile in testing::profile()) {
        let row = render(&profile);
        let whole: Value = serde_json::from_slice(&row.json).unwrap();
        prop_assert!(row.cuts.is_sorted_by_key(|c| c.start));
        for output in outputs() {
            let mut expected = whole.clone();
            without(&mut expected, &output);
            let left = cut(&row, &output);
            prop_assert_eq!(length(row.json.len() as u32, &row.cuts, &output) as usize, left.len());
            prop_assert_eq!(String::from_utf8(left.clone()).unwrap(), expected.to_string());
            prop_assert!(serde_json::from_slice::<Profile>(&left).is_ok(), "what is left out reads as an empty list");
        }
    }
}

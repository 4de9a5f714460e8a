//! Parquet written and read back. That DuckDB and pyarrow read the same, a product test shows.

use std::io::Seek;

use arrow_array::{
    Array,
    cast::AsArray,
    types::{Int32Type, Int64Type, TimestampMillisecondType},
};
use parquet::{arrow::arrow_reader::ParquetRecordBatchReaderBuilder, file::reader::ChunkReader};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ANNE: &str = include_str!("../testing/anne.json");

fn read<R: ChunkReader + 'static>(from: R) -> Columns {
    let mut batches = ParquetRecordBatchReaderBuilder::try_new(from).unwrap().build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

fn written(shape: Shape, records: &[&str]) -> (Columns, Columns) {
    let batch = columns(shape, records.iter().copied()).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    let mut writer = Writer::new(file.try_clone().unwrap(), shape).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    file.rewind().unwrap();
    (batch, read(file))
}

#[test]
fn what_is_written_is_read_back_for_every_shape() {
    for shape in [Shape::Profiles, Shape::Preferences, Shape::Deleted] {
        let deleted = r#"{"ProfileId":9,"DeletedDate":"2026-11-24T10:00:00.000Z","ReasonCode":"asked"}"#;
        let records: &[&str] = if shape == Shape::Deleted { &[deleted] } else { &[ANNE, r#"{"ProfileId":8}"#, ANNE] };
        let (batch, back) = written(shape, records);
        assert_eq!(batch, back, "{shape:?}");
    }
}

#[test]
fn a_profile_keeps_its_types_and_its_nesting() {
    let (_, table) = written(Shape::Profiles, &[ANNE, r#"{"ProfileId":8}"#]);
    let column = |name: &str| table.column_by_name(name).unwrap();
    assert_eq!(column("ProfileId").as_primitive::<Int64Type>().values(), &[7, 8]);
    let name = column("CustomerName").as_struct();
    assert_eq!(name.column_by_name("LastName").unwrap().as_string::<i32>().value(0), "=O\"Neil,\nÅngström");
    assert!(name.is_null(1) && column("Emails").is_null(1), "what the segment leaves out is null");

    let emails = column("Emails").as_list::<i32>().value(0);
    let emails = emails.as_struct();
    assert_eq!(emails.column_by_name("EmailAddress").unwrap().as_string::<i32>().value(1), "Anne@Example.com");
    let preferences = emails.column_by_name("EmailPreferences").unwrap().as_list::<i32>();
    assert_eq!((preferences.value_length(0), preferences.value_length(1)), (0, 1), "an empty list is not null");
    let preference = preferences.value(1);
    let preference = preference.as_struct();
    assert_eq!(preference.column_by_name("PreferenceType").unwrap().as_primitive::<Int32Type>().value(0), 1);
    let expires = preference.column_by_name("ExpirationDate").unwrap().as_primitive::<TimestampMillisecondType>();
    let moment: jiff::Timestamp = "2027-11-01T00:00:00Z".parse().unwrap();
    assert_eq!((expires.value(0), expires.timezone()), (moment.as_millisecond(), Some("UTC")));
}

#[test]
fn a_preference_tells_last_whether_its_profile_is_active_whatever_its_contact_is() {
    let deactivated = ANNE.replacen("\"IsActive\":true", "\"IsActive\":false", 1);
    let untold = ANNE.replacen("\"IsActive\":true,", "", 1);
    let (_, table) = written(Shape::Preferences, &[ANNE, &deactivated, &untold]);
    let flags = |name: &str| table.column_by_name(name).unwrap().as_boolean().iter().collect::<Vec<_>>();
    let (yes, no) = (Some(true), Some(false));
    assert_eq!(flags("ProfileIsActive"), [yes, yes, no, no, None, None]);
    assert_eq!(flags("ContactIsActive"), [None, yes, None, yes, None, yes]);
    assert_eq!(table.schema().fields().last().unwrap().name(), "ProfileIsActive");
}

#[test]
fn members_are_read_in_any_order_and_what_is_unknown_missing_or_null_does_no_harm() {
    let odd = r#"{"New":{"x":[1,{"y":null}]},"Emails":[null,{"IsDefault":null,"EmailAddress":"a\n\"é"},{}],"CustomerName":null,"ProfileId":8,"CustomFields":[]}"#;
    // As CSV reads them, by a value for each object, to which a null in a list is none.
    let plain = odd.replace("[null,", "[{},");
    let records = [ANNE, &plain, "{}", ANNE];
    let mut wanted = Profiles::default();
    for record in records {
        wanted.push(Some(&serde_json::from_str(record).unwrap()));
    }
    let wanted = Columns::try_new(schema(Shape::Profiles), wanted.parts().0).unwrap();
    assert_eq!(columns(Shape::Profiles, records).unwrap(), wanted);

    let table = columns(Shape::Profiles, [odd]).unwrap();
    let emails = table.column_by_name("Emails").unwrap().as_list::<i32>().value(0);
    assert_eq!((0..3).map(|n| emails.is_null(n)).collect::<Vec<_>>(), [true, false, false]);
    for wrong in [
        "null",
        "7",
        "[]",
        r#"{"ProfileId":1"#,
        r#"{"ProfileId":1}}"#,
        r#"{"ProfileId":1,"ProfileId":2}"#,
        r#"{"Emails":{}}"#,
    ] {
        assert!(columns(Shape::Profiles, [wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn parts_are_joined_in_their_order() {
    let parts = [&[ANNE, r#"{"ProfileId":8}"#][..], &[r#"{"ProfileId":9}"#], &[ANNE]].map(|records| {
        let file = tempfile::tempfile().unwrap();
        let mut writer = Writer::new(file.try_clone().unwrap(), Shape::Profiles).unwrap();
        writer.write(&columns(Shape::Profiles, records.iter().copied()).unwrap()).unwrap();
        assert_eq!(writer.rows(), records.len() as u64);
        writer.finish().unwrap();
        file
    });
    let joined = join(&parts, tempfile::tempfile().unwrap()).unwrap();
    let table = read(joined.try_clone().unwrap());
    assert_eq!(table, columns(Shape::Profiles, [ANNE, r#"{"ProfileId":8}"#, r#"{"ProfileId":9}"#, ANNE]).unwrap());
}

/// A record with its members in another order, some of them left out or null, and unknown ones among them.
fn disordered(record: &Value, choices: &mut impl FnMut() -> u8) -> Value {
    match record {
        Value::Object(members) => {
            let mut mixed = serde_json::Map::new();
            let mut names: Vec<&String> = members.keys().collect();
            while !names.is_empty() {
                let next = if choices().is_multiple_of(3) { usize::from(choices()) % names.len() } else { 0 };
                let name = names.remove(next);
                let value = disordered(&members[name], choices);
                match choices() % 8 {
                    0 => {}
                    1 => drop(mixed.insert(name.clone(), Value::Null)),
                    2 => mixed.extend([(format!("{name}\""), json!([{"a": "}\\"}, null])), (name.clone(), value)]),
                    _ => drop(mixed.insert(name.clone(), value)),
                }
            }
            Value::Object(mixed)
        }
        Value::Array(items) => items.iter().map(|item| disordered(item, choices)).collect(),
        other => other.clone(),
    }
}

proptest! {
    /// Against CSV's way of reading, which makes a value of each object.
    #[test]
    fn a_record_is_read_the_same_whatever_its_order_and_its_spaces(choices in prop::collection::vec(any::<u8>(), 400..401), is_pretty: bool) {
        let mut choices = choices.into_iter().cycle();
        let anne: Value = serde_json::from_str(ANNE).unwrap();
        let odd = disordered(&anne, &mut || choices.next().unwrap());
        let odd = if is_pretty { serde_json::to_string_pretty(&odd) } else { serde_json::to_string(&odd) }.unwrap();
        let mut wanted = Profiles::default();
        wanted.push(Some(&serde_json::from_str(&odd).unwrap()));
        let wanted = Columns::try_new(schema(Shape::Profiles), wanted.parts().0).unwrap();
        prop_assert_eq!(columns(Shape::Profiles, [&*odd]).unwrap(), wanted);
        // Whatever of it is cut off is no record.
        let cut = usize::from(choices.next().unwrap()) * odd.len() / 256;
        let cut = (0..=cut).rev().find(|at| odd.is_char_boundary(*at)).unwrap();
        prop_assert!(columns(Shape::Profiles, [&odd[..cut]]).is_err());
    }
}

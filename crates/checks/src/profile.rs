//! A profile as a caller sends it: what is accepted is kept as it was said, rendered as JSON that reads the same, and cut right.

use std::sync::LazyLock;

use sayso_model::{
    change::{Kept, MAX_BYTES, create, replace, update},
    config::{Config, Configuration, Output},
    facts::{self, Facts},
    id::{Author, ProfileId},
    input::parse_profile,
    moment::Moment,
    profile::{Extras, Profile},
    reading,
    refusal::Refusal,
    render::{Row, kept_ranges, length, render},
};
use serde_json::Value;

/// 2026-11-24T10:00:00.000Z.
pub(crate) const NOW: Moment = Moment(1_795_514_400_000);

static CONFIG: LazyLock<Config> = LazyLock::new(|| Config::new(account()));

/// The sample account.
pub(crate) fn account() -> Configuration {
    toml::from_str(sayso_sample::ACCOUNT_TOML).expect("the sample account is well formed")
}

/// Who writes.
pub(crate) fn author() -> Author {
    Author { user_id: "Admin".into(), source_id: None }
}

/// Lines of calls on one profile of the sample account: the first that is accepted makes it, the others change it.
pub fn check(data: &[u8]) {
    let mut kept: Option<Kept> = None;
    let mut now = NOW;
    for line in data.split(|b| *b == b'\n') {
        now.0 += 1000;
        let input = match parse_profile(line) {
            Ok(input) => input,
            Err(refusal) => {
                said_in_words(&refusal);
                continue;
            }
        };
        let next = match kept.take() {
            None => create(&input, ProfileId(7), &CONFIG, &author(), now).map_err(|refusal| (refusal, None)),
            Some(former) => update(former.clone(), &input, &CONFIG, &author(), now)
                .map(|changed| changed.kept)
                .map_err(|refusal| (refusal, Some(former))),
        };
        match next {
            Ok(next) => {
                sound(&next, now);
                kept = Some(next);
            }
            Err((refusal, former)) => {
                said_in_words(&refusal);
                kept = former;
            }
        }
    }
}

/// A refusal is one line for a person, and not as long as what was sent.
fn said_in_words(refusal: &Refusal) {
    assert!(!refusal.message.is_empty());
    assert!(refusal.message.chars().count() < 4000, "{} bytes: {refusal}", refusal.message.len());
}

fn sound(kept: &Kept, now: Moment) {
    let row = render(&kept.profile);
    let read: Profile = serde_json::from_slice(&row.json).expect("a row reads back");
    assert_eq!(read, kept.profile, "a row reads back as it was");
    assert_eq!(serde_json::to_vec(&kept.profile).expect("a profile has JSON"), row.json, "both writers agree");
    let extras = serde_json::to_vec(&kept.extras).expect("extras have JSON");
    assert_eq!(serde_json::from_slice::<Extras>(&extras).expect("extras read back"), kept.extras);
    assert!(row.json.len() <= MAX_BYTES, "{} bytes", row.json.len());
    cuts(&row);
    lengths(kept, &row, now);
    echo(kept, &row, now);
}

fn outputs() -> impl Iterator<Item = Output> {
    (0..8).map(|bits| Output {
        preferences: bits & 1 != 0,
        consents: bits & 2 != 0,
        custom_fields: bits & 4 != 0,
        ..Output::default()
    })
}

/// What is cut out by position is what is left out by name.
fn cuts(row: &Row) {
    let whole: Value = serde_json::from_slice(&row.json).expect("a row is JSON");
    let len = row.json.len() as u32;
    for output in outputs() {
        let mut left = Vec::new();
        for range in kept_ranges(len, &row.cuts, &output) {
            left.extend_from_slice(&row.json[range]);
        }
        assert_eq!(left.len() as u32, length(len, &row.cuts, &output));
        let mut expected = whole.clone();
        remove(&mut expected, &output);
        let left: Value = serde_json::from_slice(&left).expect("what a cut leaves is JSON");
        assert_eq!(left, expected, "{output:?}");
    }
}

fn remove(value: &mut Value, output: &Output) {
    const PREFERENCES: [&str; 4] =
        ["ProfilePreferences", "EmailPreferences", "PhoneNumberPreferences", "AddressPreferences"];
    match value {
        Value::Object(members) => {
            members.retain(|name, _| {
                (output.preferences || !PREFERENCES.contains(&name.as_str()))
                    && (output.consents || name != "Consents")
                    && (output.custom_fields || name != "CustomFields")
            });
            members.values_mut().for_each(|member| remove(member, output));
        }
        Value::Array(elements) => elements.iter_mut().for_each(|element| remove(element, output)),
        _ => {}
    }
}

/// Facts tell the length of a row without its bytes.
fn lengths(kept: &Kept, row: &Row, now: Moment) {
    let terms = facts::terms(kept, &CONFIG);
    let ids: Vec<u32> = (0..terms.len() as u32).collect();
    let mut bytes = Vec::new();
    facts::encode(kept, &terms, row, reading::next_expiry(&kept.profile, now), &ids, &mut bytes);
    let facts = Facts::new(&bytes).expect("facts of this version");
    for output in outputs() {
        assert_eq!(facts.row_length(&output), length(row.json.len() as u32, &row.cuts, &output), "{output:?}");
    }
}

/// Sent back as it reads, a profile changes in nothing but the stamp of the write.
fn echo(kept: &Kept, row: &Row, now: Moment) {
    let echo = parse_profile(&row.json).expect("a row is a call, too");
    for write in [update, replace] {
        let changed = write(kept.clone(), &echo, &CONFIG, &author(), now).expect("a row is a call that is accepted");
        let mut again = changed.kept;
        again.profile.edited.clone_from(&kept.profile.edited);
        assert_eq!((&again, changed.former), (kept, Vec::new()));
    }
}

//! What happens in a sequence, and the random choice of it.

use serde_json::{Value, json};

use super::{
    bodies::Bodies,
    calls::Part,
    contacts::KINDS,
    dates,
    json::{list, list_mut},
    model::How,
    run::Run,
};
use crate::harness::random::Random;

/// One step of a sequence. Complete in itself, so that a sequence can be run again with some steps left out.
#[derive(Debug, Clone)]
pub enum Op {
    /// The clock goes on, ms.
    Wait(i64),
    Create {
        label: usize,
        body: Value,
    },
    Write {
        at: At,
        how: How,
        body: Value,
    },
    Upsert {
        label: usize,
        kind: String,
        id: String,
        in_path: bool,
        body: Value,
    },
    Delete {
        at: At,
        reason: Option<String>,
    },
    /// By the account file, or over HTTP where there is a call for it.
    Configure {
        setting: Setting,
        over_http: bool,
    },
    /// Takes a tag off everybody.
    Untag(String),
    /// A patch of what the server shows, made from this seed.
    Patch {
        at: At,
        seed: u64,
    },
    Part {
        at: At,
        part: Part,
        body: Value,
    },
    Archive {
        at: At,
        body: Value,
    },
    Activate {
        label: usize,
        active: bool,
        body: Value,
    },
    WithdrawConsent {
        label: usize,
        filter: String,
        consent_type: String,
    },
    /// A call under a precondition.
    Guarded(Guard, Box<Op>),
    /// Who makes the calls from here on: the one with a source group, or the one without.
    By(User),
}

/// `If-Match`, or `If-None-Match`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The tag of what is there, as a caller has it who has just read.
    Current,
    /// The same as a weak tag, which never matches.
    Weak,
    /// One that was there before, beside one that never was.
    Stale,
    /// `If-Match: *`.
    Any,
    /// `If-None-Match: *`.
    New,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    Nightly,
    Admin,
}

/// Which profile a call names.
#[derive(Debug, Clone)]
pub enum At {
    /// By its ProfileId: the one that this step made. A step that never was names nobody.
    Made(usize),
    Alternate {
        kind: String,
        id: String,
        in_path: bool,
    },
}

/// A change of the account's configuration.
#[derive(Debug, Clone)]
pub enum Setting {
    Implied(bool),
    /// Days after which an opt-in to this filter expires.
    OptInDays(String, Option<i64>),
    Default(String, Option<String>),
    FilterActive(String, bool),
    TypeActive(String, bool),
    VersionActive(String, bool),
    Requires(String, Vec<String>),
}

impl Op {
    fn takes_a_guard(&self) -> bool {
        !matches!(self, Op::Wait(_) | Op::Create { .. } | Op::Configure { .. } | Op::Untag(_) | Op::By(_))
    }

    /// Its body, to be made smaller.
    pub fn body_mut(&mut self) -> Option<&mut Value> {
        match self {
            Op::Create { body, .. }
            | Op::Write { body, .. }
            | Op::Upsert { body, .. }
            | Op::Part { body, .. }
            | Op::Archive { body, .. }
            | Op::Activate { body, .. } => Some(body),
            Op::Guarded(_, op) => op.body_mut(),
            _ => None,
        }
    }
}

/// Chooses the next step of a sequence, by what is there.
pub fn next(random: &mut Random, run: &Run, step: usize) -> Op {
    let op = unguarded(random, run, step);
    if random.below(100) >= 18 || !op.takes_a_guard() {
        return op;
    }
    let mut guards = vec![Guard::Current, Guard::Current, Guard::Weak, Guard::Stale, Guard::Any];
    if matches!(op, Op::Upsert { .. }) {
        guards.push(Guard::New);
    }
    Op::Guarded(guards[random.below(guards.len() as u64) as usize], Box::new(op))
}

fn unguarded(random: &mut Random, run: &Run, step: usize) -> Op {
    let at = who(random, run);
    let row =
        run.resolve(&at).and_then(|id| run.model.people.get(&id)).map_or(Value::Null, |person| person.row.clone());
    let mut bodies = Bodies { random, config: &run.model.config, now: run.model.now, row };
    if run.model.people.len() < 3 {
        return Op::Create { label: step, body: bodies.profile(45) };
    }
    match bodies.random.below(100) {
        0..10 => Op::Wait(wait(&mut bodies)),
        10..22 if run.model.people.len() < 12 => {
            bodies.row = Value::Null;
            Op::Create { label: step, body: bodies.profile(45) }
        }
        10..30 => {
            let (kind, id) = bodies.alternate_id();
            let in_path = bodies.chance(50);
            let reached = run.model.reached(&kind, &id);
            bodies.row = reached.map_or(Value::Null, |id| run.model.people[&id].row.clone());
            Op::Upsert { label: step, kind, id, in_path, body: bodies.profile(35) }
        }
        30..34 => {
            let reasons = [None, Some("asked to go".to_owned()), Some("é".repeat(256)), Some("x".repeat(257))];
            Op::Delete { at, reason: bodies.pick(&reasons) }
        }
        34..36 => Op::Configure { setting: setting(&mut bodies), over_http: bodies.chance(65) },
        36..37 => Op::Untag(bodies.pick(&["VIP", "new", "GRÖSSE", "nothing"]).to_owned()),
        37..40 => Op::Part { at, part: Part::Preferences, body: part(&mut bodies, Part::Preferences) },
        40..44 => Op::Part { at, part: Part::Consents, body: part(&mut bodies, Part::Consents) },
        44..48 => Op::Archive { at, body: selectors(&mut bodies) },
        48..52 => {
            let reason = bodies.pick(&[
                json!({"Reason": "asked"}),
                json!({}),
                json!({"Reason": null}),
                json!({"Reason": "x".repeat(257)}),
            ]);
            Op::Activate { label: label(random, run), active: random.below(3) > 0, body: reason }
        }
        52..54 => {
            let filter = bodies.pick(&["PROMO", "deals", "NEWS-MEET", "SMS", "CALL", "NOTHING"]).to_owned();
            let consent_type = bodies.pick(&["Marketing", "TERMS", "Texting"]).to_owned();
            Op::WithdrawConsent { label: label(random, run), filter, consent_type }
        }
        54..64 => Op::Patch { at, seed: bodies.random.next() },
        64..65 => Op::By(bodies.pick(&[User::Nightly, User::Admin])),
        65..71 if !bodies.row.is_null() => Op::Write { at, how: How::Update, body: echo(&mut bodies, run) },
        71..78 if !bodies.row.is_null() => Op::Write { at, how: How::Replace, body: thinned(&mut bodies, run) },
        78..84 => Op::Write { at, how: How::Replace, body: bodies.profile(55) },
        _ => Op::Write { at, how: How::Update, body: bodies.profile(35) },
    }
}

/// Most of the time somebody who is there.
fn who(random: &mut Random, run: &Run) -> At {
    let mut made: Vec<usize> =
        run.labels.iter().filter(|(_, id)| run.model.people.contains_key(id)).map(|(l, _)| *l).collect();
    if random.below(20) == 0 || made.is_empty() {
        made = vec![usize::MAX];
        made.extend(run.labels.keys());
    }
    let label = made[random.below(made.len() as u64) as usize];
    let person = run.labels.get(&label).and_then(|id| run.model.people.get(id));
    let ids = person.map_or(&[][..], |person| list(&person.row, "AlternateIds"));
    if random.below(3) > 0 || ids.is_empty() {
        return At::Made(label);
    }
    let id = &ids[random.below(ids.len() as u64) as usize];
    let text = |name: &str| id[name].as_str().unwrap().to_owned();
    At::Alternate {
        kind: text("AlternateIdType"),
        id: text("AlternateId").to_uppercase(),
        in_path: random.below(2) == 0,
    }
}

/// A step that made somebody.
fn label(random: &mut Random, run: &Run) -> usize {
    let made: Vec<usize> = run.labels.keys().copied().collect();
    made[random.below(made.len() as u64) as usize]
}

/// What was read, with some of its elements left out.
fn thinned(bodies: &mut Bodies<'_>, run: &Run) -> Value {
    let mut body = echo(bodies, run);
    for flag in ["PreservePreferences", "PreserveConsents"] {
        if bodies.chance(25) {
            body[flag] = json!(bodies.chance(50));
        }
    }
    let mut thin = |holder: &mut Value, name: &str, percent: u64| {
        list_mut(holder, name).retain(|_| !bodies.chance(percent));
    };
    for kind in &KINDS {
        thin(&mut body, kind.list, 20);
        for contact in list_mut(&mut body, kind.list) {
            thin(contact, kind.preferences, 15);
            thin(contact, "Consents", 15);
        }
    }
    for name in ["Consents", "ProfilePreferences", "AlternateIds", "Groups", "ProfileTags", "CustomFields"] {
        thin(&mut body, name, 15);
    }
    body
}

/// Preferences (or consents) alone, of contacts that are there, once in a while of one that isn't.
fn part(bodies: &mut Bodies<'_>, part: Part) -> Value {
    let mut body = json!({});
    let whole = bodies.profile(60);
    let own = if part == Part::Preferences { "ProfilePreferences" } else { "Consents" };
    if !whole[own].is_null() {
        body[own] = whole[own].clone();
    }
    for kind in &KINDS {
        let there = list(&bodies.row, kind.list).to_vec();
        if there.is_empty() || bodies.chance(40) {
            continue;
        }
        let chosen = bodies.pick(&there);
        let mut contact = bodies.respelled(kind, &chosen);
        match part {
            Part::Preferences => contact[kind.preferences] = json!([bodies.preference(kind.channels)]),
            Part::Consents => contact["Consents"] = json!([bodies.consent(&["Marketing", "Terms"])]),
        }
        if bodies.chance(4) {
            contact["IsDefault"] = json!(true);
        }
        body[kind.list] = json!([contact]);
    }
    if bodies.chance(5) {
        body["Emails"] = json!([{"EmailAddressType": "Home", "EmailAddress": "nobody@example.com"}]);
    }
    body
}

/// One or two selectors of preferences to archive.
fn selectors(bodies: &mut Bodies<'_>) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for _ in 0..1 + bodies.random.below(2) {
        let mut selector = bodies.pick(&[
            json!({"FilterId": "news-email"}),
            json!({"ProgramId": "OFFERS"}),
            json!({"ChannelId": "Email"}),
            json!({"ProgramId": "news", "ChannelId": "Solicit"}),
            json!({"EmailAddressType": "WORK"}),
            json!({"EmailAddress": "BOB@example.com"}),
            json!({"PhoneType": "Mobile"}),
            json!({"PhoneNumber": "1-404-555-0100"}),
            json!({"AddressType": "home", "FilterId": "NEWS-MAIL"}),
            json!({}),
            json!({"FilterId": "NOTHING"}),
            json!({"PhoneType": "Satellite"}),
        ]);
        if bodies.chance(30) && !selector.as_object().unwrap().is_empty() {
            selector["PreferenceType"] = json!(1 + bodies.random.below(2));
        }
        all.push(selector);
    }
    let mut body = json!({"Preferences": all});
    if bodies.chance(60) {
        body["ReasonCode"] = json!(bodies.pick(&["MOVED", "é"]));
    }
    body
}

fn wait(bodies: &mut Bodies<'_>) -> i64 {
    bodies.pick(&[
        1,
        1_000,
        3 * 3_600_000,
        dates::DAY,
        2 * dates::DAY + 1,
        6 * dates::DAY,
        11 * dates::DAY,
        31 * dates::DAY,
    ])
}

/// What was read, sent back; perhaps with something changed.
fn echo(bodies: &mut Bodies<'_>, run: &Run) -> Value {
    let id = bodies.row["ProfileId"].as_u64().unwrap();
    let shown = super::reading::Shown { implied: bodies.chance(80), archived: bodies.chance(40) };
    let mut body = run.model.read(&run.model.people[&id], shown);
    if bodies.chance(50) {
        body["CustomerName"] = bodies.name();
    }
    body
}

fn setting(bodies: &mut Bodies<'_>) -> Setting {
    let filter = bodies.pick(&["NEWS-EMAIL", "NEWS-ASK", "DEALS", "PROMO", "SMS", "CALL", "OFF"]).to_owned();
    match bodies.random.below(7) {
        0 => Setting::Implied(bodies.chance(70)),
        1 => Setting::OptInDays(filter, bodies.pick(&[None, Some(1), Some(40)])),
        2 => Setting::Default(filter, bodies.pick(&[None, Some("OptIn".to_owned()), Some("OptOut".to_owned())])),
        3 => Setting::FilterActive(filter, bodies.chance(60)),
        4 => Setting::TypeActive(bodies.pick(&["Work", "Old"]).to_owned(), bodies.chance(60)),
        5 => Setting::VersionActive(bodies.pick(&["v0", "v1"]).to_owned(), bodies.chance(60)),
        _ => {
            let lists: [&[&str]; 4] = [&[], &["Marketing"], &["Terms"], &["Marketing", "Terms"]];
            let types = bodies.pick(&lists).iter().map(|t| (*t).to_owned()).collect();
            Setting::Requires(bodies.pick(&["NEWS-EMAIL", "PROMO", "DEALS"]).to_owned(), types)
        }
    }
}

impl Setting {
    /// The call that makes it: what is changed, and a JSON Patch of it. The number of a type stands for its name.
    pub fn call(&self, config: &super::config::Config) -> Option<(&'static str, String, Value)> {
        let patch = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
        let filter = |id: &str, path: &str, value: Value| Some(("Config/Filters", id.to_owned(), patch(path, value)));
        match self {
            Setting::Implied(_) => None,
            Setting::OptInDays(id, days) => filter(id, "/OptInExpirationInDays", json!(days)),
            Setting::Default(id, default) => filter(id, "/DefaultPreference", json!(default)),
            Setting::FilterActive(id, on) => filter(id, "/IsActive", json!(on)),
            Setting::Requires(id, types) => filter(id, "/RequiredConsents", json!(types)),
            Setting::TypeActive(name, on) => Some(("EmailType", name.clone(), patch("/IsActive", json!(on)))),
            Setting::VersionActive(name, on) => {
                let kind = &config.consent_types[0];
                let at = kind.versions.iter().position(|v| v.consent_version == *name)?;
                Some(("ConsentTypes", kind.type_name.clone(), patch(&format!("/Versions/{at}/IsActive"), json!(on))))
            }
        }
    }

    pub fn apply(&self, config: &mut super::config::Config) {
        let filter = |config: &mut super::config::Config, id: &str, change: &dyn Fn(&mut super::config::Filter)| {
            let all = config.programs.iter_mut().flat_map(|program| program.filters.iter_mut());
            all.filter(|filter| filter.id == id).for_each(change);
        };
        match self {
            Setting::Implied(on) => config.implied_preferences = *on,
            Setting::OptInDays(id, days) => filter(config, id, &|f| f.opt_in_expiration_in_days = *days),
            Setting::Default(id, default) => filter(config, id, &|f| f.default_preference = default.clone()),
            Setting::FilterActive(id, on) => filter(config, id, &|f| f.is_active = *on),
            Setting::Requires(id, types) => filter(config, id, &|f| f.required_consents = types.clone()),
            Setting::TypeActive(name, on) => {
                let types = config.email_types.iter_mut().filter(|t| t.type_name == *name);
                types.for_each(|t| t.is_active = *on);
            }
            Setting::VersionActive(name, on) => {
                let versions = config.consent_types[0].versions.iter_mut().filter(|v| v.consent_version == *name);
                versions.for_each(|v| v.is_active = *on);
            }
        }
    }
}

/// A reason that is too long is refused.
pub fn is_right_reason(reason: Option<&str>) -> bool {
    reason.is_none_or(|reason| reason.chars().count() <= 256)
}

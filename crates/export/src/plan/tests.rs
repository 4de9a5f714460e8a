//! Which rows an export holds, and their bytes, against a slow and obvious reading of the same store.

use proptest::prelude::*;
use sayso_model::{
    config::{Configuration, Member, Operator, Output, Population, Segment, SegmentGroup},
    id::AccountNo,
    selection::{Conditions, MatchCriteria, Matching, Selection},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    job::{Exported, Request, Subject},
    testing::*,
};

fn segment(name: &str, criteria: Value) -> Segment {
    let criteria = (!criteria.is_null()).then(|| json!({ "All": criteria }));
    Segment {
        name: name.into(),
        description: None,
        profiles: Population::Active,
        criteria,
        output: Output::default(),
        permissions: vec![],
    }
}

/// Newsletters that lapse after ten days, and segments that facts can and can't answer.
fn configure(configuration: &mut Configuration) {
    for filter in configuration.programs.iter_mut().flat_map(|p| &mut p.filters) {
        filter.opt_in_expiration_in_days = (filter.id == "NEWS-EMAIL").then_some(10);
    }
    configuration.segments.extend([
        segment("Takes news", json!([{"Preference": "NEWS-EMAIL", "Type": "OptIn", "Status": "Active"}])),
        segment("Lapsed", json!([{"Preference": "NEWS-EMAIL", "Status": "Expired"}])),
        segment("In Georgia", json!([{"Field": "Address.StateProvince", "Is": "GA"}])),
        segment("Called A", json!([{"Field": "CustomerName.FirstName", "StartsWith": "a"}])),
        Segment { profiles: Population::Inactive, ..segment("Inactive", Value::Null) },
        Segment { profiles: Population::All, ..segment("All", Value::Null) },
    ]);
}

pub(crate) fn select(sandbox: &Sandbox, segment: &str, output: Output, conditions: Conditions) -> Request {
    let selection = Selection { output, ..Selection::of_segment(&sandbox.account.config, segment).unwrap() };
    Request { selection, conditions, ..sandbox.request(segment) }
}

/// What the export should hold: every profile parsed, read, decided and rendered, one by one.
fn expected(sandbox: &Sandbox, request: &Request, at: Moment) -> Vec<String> {
    let config = &sandbox.account.config;
    let criterion = request.selection.criterion(config).unwrap();
    let implied = config.source.implied_preferences;
    let output = Output { implied: request.selection.output.implied && implied, ..request.selection.output };
    let since = request.conditions.since.map(round_up);
    let mut rows = Vec::new();
    for id in (1..500).map(ProfileId) {
        let Some(stored) = sandbox.store.profile(sandbox.account.no, id).unwrap() else { continue };
        let lapsed = reading::expiries(&stored.kept.profile).into_iter().filter(|e| *e <= at);
        let moments: Vec<Moment> = lapsed.chain([stored.modified]).collect();
        if since.is_some_and(|since| !moments.iter().any(|m| round_up(*m) >= since)) {
            continue;
        }
        if request.conditions.matching.as_ref().is_some_and(|m| !m.prepare().matches(&stored.kept.profile)) {
            continue;
        }
        let deciding = Output { implied, ..criterion.reading() };
        if !matches(&criterion, &reading::read(&stored.kept, config, &deciding, at), at) {
            continue;
        }
        let row = render::render(&reading::read(&stored.kept, config, &output, at));
        let kept = render::kept_ranges(row.json.len() as u32, &row.cuts, &output);
        rows.push(kept.map(|range| std::str::from_utf8(&row.json[range]).unwrap()).collect());
    }
    rows
}

#[tokio::test]
async fn rows_are_ordered_by_profile_id_and_are_the_bytes_that_the_data_api_reads() {
    let sandbox = Sandbox::new();
    sandbox.load_sample(120);
    let engine = sandbox.engine();
    let rows = export(&engine, &sandbox, sandbox.request("Everyone")).await;
    assert!(rows.len() > 60);
    assert!(ids(&rows).is_sorted());
    for (id, row) in ids(&rows).into_iter().zip(&rows) {
        let stored = sandbox.store.profile(sandbox.account.no, ProfileId(id)).unwrap().unwrap();
        assert_eq!(row.as_bytes(), stored.row.json);
    }
}

#[tokio::test]
async fn an_ordinary_segment_opens_no_row() {
    let sandbox = Sandbox::new();
    sandbox.load_sample(400);
    let engine = sandbox.engine();
    for name in ["Georgia newsletter", "Everyone", "Georgia by text", "Boletín en español"] {
        let request = sandbox.request(name);
        let rows = export(&engine, &sandbox, request.clone()).await;
        assert_eq!(rows, expected(&sandbox, &request, sandbox.store.clock().now()), "{name}");
        assert_eq!(engine.rows_opened(), 0, "{name}");
    }
}

#[tokio::test]
async fn what_facts_cannot_tell_is_told_by_the_row() {
    let sandbox = Sandbox::with(configure);
    for (name, state) in [("ann", "GA"), ("bob", "GA"), ("Amy", "TX")] {
        sandbox.create(person(name, state, None)).await;
    }
    let engine = sandbox.engine();
    assert_eq!(ids(&export(&engine, &sandbox, sandbox.request("Called A")).await), [1, 3]);
    assert!(engine.rows_opened() >= 2);
}

#[tokio::test]
async fn a_delta_holds_what_was_written_and_what_lapsed_by_itself() {
    let sandbox = Sandbox::with(configure);
    let engine = sandbox.engine();
    let delta = |since: Moment| {
        let conditions = Conditions { since: Some(since), matching: None };
        select(&sandbox, "Everyone", Output::default(), conditions)
    };
    sandbox.create(person("ann", "GA", Some("OptIn"))).await;
    sandbox.create(person("bob", "GA", Some("OptOut"))).await;
    sandbox.advance(5 * DAY);
    let fifth_day = sandbox.store.clock().now();
    sandbox.update(ProfileId(2), json!({"RegistrationConfirmed": true})).await;
    sandbox.create(person("cid", "GA", None)).await;
    assert_eq!(ids(&export(&engine, &sandbox, delta(fifth_day)).await), [2, 3]);
    sandbox.advance(5 * DAY);
    let tenth_day = sandbox.store.clock().now();
    let rows = export(&engine, &sandbox, delta(fifth_day)).await;
    assert_eq!(ids(&rows), [1, 2, 3], "nobody wrote ann, her opt-in lapsed");
    let ann: Value = serde_json::from_str(&rows[0]).unwrap();
    assert_eq!(ann["Emails"][0]["EmailPreferences"][0]["PreferenceStatus"], "Expired");
    sandbox.advance(1000);
    assert_eq!(ids(&export(&engine, &sandbox, delta(tenth_day)).await), [1], "lapsed at that very moment");
    assert!(export(&engine, &sandbox, delta(Moment(tenth_day.0 + 20))).await.is_empty());
}

#[tokio::test]
async fn a_delta_from_a_snapshot_on_misses_no_write_after_it() {
    let sandbox = Sandbox::new();
    let (engine, caller) = (sandbox.engine(), sandbox.caller());
    sandbox.create(person("ann", "GA", None)).await;
    let token = engine.initiate(sandbox.request("Everyone")).await.unwrap();
    let snapshot = done(&engine, &caller, token).await.snapshot.unwrap();
    // The clock stands still: the next write is stamped in the same millisecond or later, never before.
    let bob = sandbox.create(person("bob", "GA", None)).await;
    let conditions = Conditions { since: Some(snapshot), matching: None };
    let delta = export(&engine, &sandbox, select(&sandbox, "Everyone", Output::default(), conditions)).await;
    assert!(ids(&delta).contains(&bob.0));
}

#[tokio::test]
async fn parts_that_the_output_leaves_out_are_absent_and_the_rest_is_unchanged() {
    let sandbox = Sandbox::new();
    sandbox.load_sample(60);
    let engine = sandbox.engine();
    for bits in 0..8u8 {
        let output = Output {
            preferences: bits & 1 != 0,
            consents: bits & 2 != 0,
            custom_fields: bits & 4 != 0,
            ..Output::default()
        };
        let request = select(&sandbox, "Everyone", output, Conditions::default());
        let rows = export(&engine, &sandbox, request.clone()).await;
        assert_eq!(rows, expected(&sandbox, &request, sandbox.store.clock().now()));
        let text = rows.concat();
        assert_eq!(text.contains("\"CustomFields\""), output.custom_fields);
        assert_eq!(text.contains("\"ConsentType\""), output.consents);
        assert_eq!(text.contains("\"FilterId\""), output.preferences);
        assert!(rows.iter().all(|row| serde_json::from_str::<Value>(row).is_ok()));
    }
    assert_eq!(engine.rows_opened(), 0);
}

/// Every filter has a preference by default.
pub(crate) fn imply(configuration: &mut Configuration) {
    configuration.implied_preferences = true;
    for filter in configuration.programs.iter_mut().flat_map(|p| &mut p.filters) {
        filter.default_preference = Some(sayso_model::config::DefaultPreference::OptOut);
    }
}

#[tokio::test]
async fn implied_preferences_come_only_when_asked_for() {
    let sandbox = Sandbox::with(imply);
    sandbox.load_sample(40);
    let engine = sandbox.engine();
    for implied in [false, true] {
        let output = Output { implied, ..Output::default() };
        let request = select(&sandbox, "Everyone", output, Conditions::default());
        let rows = export(&engine, &sandbox, request.clone()).await;
        assert_eq!(rows, expected(&sandbox, &request, sandbox.store.clock().now()));
        assert_eq!(rows.concat().contains("\"Implied\""), implied);
    }
}

#[tokio::test]
async fn archived_preferences_come_only_when_asked_for() {
    let sandbox = Sandbox::new();
    let phone = |is_mobile: bool, preferences: Value| json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "478-555-0101", "IsMobile": is_mobile, "PhoneNumberPreferences": preferences}]});
    let mut profile = phone(true, json!([{"FilterId": "OFFERS-TEXT", "PreferenceType": 2}]));
    profile["CustomerName"] = json!({"FirstName": "Ann", "LastName": "Doe"});
    let ann = sandbox.create(profile).await;
    sandbox.create(person("bob", "GA", Some("OptIn"))).await;
    // A number that is no mobile any more archives what was said of text messages (profile.md, Rules).
    sandbox.update(ann, phone(false, json!([]))).await;
    let engine = sandbox.engine();
    for archived in [false, true] {
        let output = Output { archived, ..Output::default() };
        let request = select(&sandbox, "Everyone", output, Conditions::default());
        let rows = export(&engine, &sandbox, request.clone()).await;
        assert_eq!(rows, expected(&sandbox, &request, sandbox.store.clock().now()));
        assert_eq!(rows.concat().contains("\"Archived\""), archived);
    }
    assert_eq!(engine.rows_opened(), 1, "only the one that has something archived");
}

#[tokio::test]
async fn values_narrow_the_segment_by_any_key_without_regard_to_form() {
    let sandbox = Sandbox::with(configure);
    for (name, state) in [("ann", "GA"), ("bob", "GA"), ("cid", "TX")] {
        let mut profile = person(name, state, None);
        profile["PhoneNumbers"] = json!([{"PhoneType": "Mobile", "PhoneNumber": format!("478-555-01{:02}", name.len() + name.as_bytes()[0] as usize % 10)}]);
        sandbox.create(profile).await;
    }
    let engine = sandbox.engine();
    let phone_of_ann = format!("(478) 555 01{:02}", 3 + b'a' as usize % 10);
    let cases = [
        (MatchCriteria::ProfileId, None, vec!["2", "3", "99", "2"], vec![2]),
        (MatchCriteria::AlternateId, Some("crm"), vec!["CRM-ANN", "nobody"], vec![1]),
        (MatchCriteria::EmailAddress, None, vec!["Bob@Example.COM", "ann@example.com", "cid@example.com"], vec![1, 2]),
        (MatchCriteria::EmailAddress, Some("Work"), vec!["ann@example.com"], vec![]),
        (MatchCriteria::PhoneNumber, None, vec![phone_of_ann.as_str()], vec![1]),
    ];
    for (criteria, match_type, values, found) in cases {
        let values = values.into_iter().map(str::to_owned).collect();
        let matching = Matching { criteria, match_type: match_type.map(str::to_owned), values };
        let conditions = Conditions { since: None, matching: Some(matching) };
        let request = select(&sandbox, "In Georgia", Output::default(), conditions);
        let rows = export(&engine, &sandbox, request.clone()).await;
        assert_eq!(ids(&rows), found, "{:?}", request.conditions);
        assert_eq!(rows, expected(&sandbox, &request, sandbox.store.clock().now()));
    }
}

#[tokio::test]
async fn groups_fold_their_members_from_the_left() {
    let sandbox = Sandbox::with(|configuration| {
        configure(configuration);
        let member = |segment: &str, operator| Member { segment: segment.into(), operator };
        configuration.segment_groups.push(SegmentGroup {
            name: "Folded".into(),
            description: None,
            // ((Georgia AND news) OR called A) EXCEPT lapsed
            members: vec![
                member("In Georgia", Operator::Except),
                member("Takes news", Operator::And),
                member("Called A", Operator::Or),
                member("Lapsed", Operator::Except),
            ],
            output: Output { consents: false, ..Output::default() },
            permissions: vec![],
        });
    });
    sandbox.create(person("ada", "TX", Some("OptIn"))).await; // lapses: called A, excepted
    sandbox.advance(10 * DAY);
    sandbox.create(person("bob", "GA", Some("OptIn"))).await; // Georgia and news
    sandbox.create(person("cid", "TX", Some("OptIn"))).await; // news only
    sandbox.create(person("dan", "GA", None)).await; // Georgia only
    sandbox.create(person("amy", "TX", None)).await; // called A
    let engine = sandbox.engine();
    let selection = Selection::of_group(&sandbox.account.config, "folded").unwrap();
    let exported = Exported { subject: Subject::SegmentGroup("Folded".into()), no: Some(1) };
    let request = Request { exported, selection, ..sandbox.request("Everyone") };
    let rows = export(&engine, &sandbox, request.clone()).await;
    assert_eq!(ids(&rows), [2, 5]);
    assert!(!rows.concat().contains("\"Consents\""), "the group's own output settings");
    assert_eq!(rows, expected(&sandbox, &request, sandbox.store.clock().now()));
}

#[tokio::test]
async fn deleted_profiles_give_their_tombstones_and_nothing_else() {
    let sandbox = Sandbox::new();
    for name in ["ann", "bob", "cid", "dan"] {
        sandbox.create(person(name, "GA", None)).await;
    }
    sandbox.delete(ProfileId(3), None).await;
    sandbox.advance(1000);
    sandbox.delete(ProfileId(1), Some("asked for it")).await;
    let engine = sandbox.engine();
    let deleted = |conditions| select(&sandbox, "Deleted profiles", Output::default(), conditions);
    let rows = export(&engine, &sandbox, deleted(Conditions::default())).await;
    assert_eq!(ids(&rows), [1, 3]);
    let later = &rows[0];
    assert_eq!(later, r#"{"ProfileId":1,"DeletedDate":"2026-11-24T10:00:01.000Z","ReasonCode":"asked for it"}"#);
    let since = |ms| Conditions { since: Some(Moment(START + ms)), matching: None };
    assert_eq!(ids(&export(&engine, &sandbox, deleted(since(1000))).await), [1]);
    assert_eq!(ids(&export(&engine, &sandbox, deleted(since(1002))).await), [1], "both are rounded");
    assert!(export(&engine, &sandbox, deleted(since(1003))).await.is_empty());
    let values = vec!["3".to_owned(), "4".to_owned()];
    let matching = Some(Matching { criteria: MatchCriteria::ProfileId, match_type: None, values });
    assert_eq!(ids(&export(&engine, &sandbox, deleted(Conditions { since: None, matching })).await), [3]);
    assert_eq!(ids(&export(&engine, &sandbox, sandbox.request("Everyone")).await), [2, 4]);
}

#[tokio::test]
async fn an_export_of_nobody_is_complete_and_empty() {
    let sandbox = Sandbox::new();
    let engine = sandbox.engine();
    assert!(export(&engine, &sandbox, sandbox.request("Everyone")).await.is_empty());
    assert!(export(&engine, &sandbox, sandbox.request("Deleted profiles")).await.is_empty());
}

#[tokio::test]
async fn looking_at_every_rows_version_gives_the_same_plan_while_all_are_todays() {
    let sandbox = Sandbox::new();
    sandbox.load_sample(50);
    let request = sandbox.request("Everyone");
    let inputs = Inputs { selection: request.selection, conditions: request.conditions };
    let snapshot = sandbox.store.snapshot(sandbox.account.no).await.unwrap();
    let (progress, stopping) = (Progress::default(), AtomicBool::new(false));
    let planned = |check_versions| {
        let shared = (&snapshot, &inputs, sandbox.dir.path(), &progress);
        let parts = plan(&Task { check_versions, ..task(shared, &stopping) }).unwrap();
        parts.iter().flat_map(Part::entries).map(Result::unwrap).collect::<Vec<_>>()
    };
    let entries = planned(false);
    assert!(entries.len() > 20 && entries.iter().all(|e| !e.spilled));
    assert_eq!(planned(true), entries);
}

/// A job's task.
pub(crate) fn task<'a>(
    (snapshot, inputs, folder, progress): (&'a Snapshot, &'a Inputs, &'a Path, &'a Progress),
    stopping: &'a AtomicBool,
) -> Task<'a> {
    Task {
        snapshot,
        inputs,
        folder,
        threads: 2,
        wanted: Wanted::of_job(stopping),
        abort: AtomicBool::new(false),
        progress,
        opened: AtomicU64::new(0),
        check_versions: false,
        keep_rows: None,
        find_room: &|_| Ok(()),
    }
}

#[tokio::test]
async fn rows_rendered_anew_are_put_aside_as_far_as_they_are_wanted_and_there_is_room() {
    let sandbox = Sandbox::with(|configuration| {
        imply(configuration);
        let note = |n| toml::from_str(&format!("Name = \"Note{n}\"\nKind = {{ Text = {{}} }}")).unwrap();
        configuration.custom_fields.extend((0..5).map(note));
    });
    // 60 KB each: in four parts of 25 there is more than stays in memory.
    let notes: Vec<Value> =
        (0..5).map(|n| json!({"Name": format!("Note{n}"), "Value": "\u{4e00}".repeat(4_000)})).collect();
    for n in 0..100 {
        let mut profile = person(&format!("p{n}"), "GA", None);
        profile["CustomFields"] = json!(notes);
        sandbox.create(profile).await;
    }
    let output = Output { implied: true, ..Output::default() };
    let request = select(&sandbox, "Everyone", output, Conditions::default());
    let inputs = Inputs { selection: request.selection, conditions: request.conditions };
    let snapshot = sandbox.store.snapshot(sandbox.account.no).await.unwrap();
    let (progress, stopping) = (Progress::default(), AtomicBool::new(false));
    let task = || Task { threads: 1, ..task((&snapshot, &inputs, sandbox.dir.path(), &progress), &stopping) };
    let full: FindRoom<'_> = &|needed| Err(ExportError::NoRoom { needed, room: 0 }.into());

    let job = task();
    let all = plan(&job).unwrap();
    let bytes = |parts: &[Part<'_>]| parts.iter().map(|part| part.bytes).sum::<u64>();
    assert_eq!(all.iter().map(|part| part.spill.len()).sum::<u64>(), bytes(&all));
    let refused = plan(&Task { find_room: full, ..task() }).map(drop);
    assert!(matches!(refused, Err(Halt::Failed(ExportError::NoRoom { .. }))), "{refused:?}");

    let preview = Task { keep_rows: Some(2), find_room: full, ..task() };
    let few = plan(&preview).unwrap();
    assert_eq!(bytes(&few), bytes(&all), "what isn't wanted counts");
    for (few, all) in few.iter().zip(&all) {
        let first = all.entries().take(2).map(|entry| u64::from(entry.unwrap().len));
        assert_eq!((few.spill.len(), few.count), (first.sum(), all.count));
    }
}

#[tokio::test]
async fn a_preview_shows_the_first_rows_of_an_export_also_where_they_are_rendered_anew() {
    let sandbox = Sandbox::with(imply);
    sandbox.load_sample(40);
    let engine = sandbox.engine();
    let output = Output { implied: true, ..Output::default() };
    let request = select(&sandbox, "Everyone", output, Conditions::default());
    let rows = export(&engine, &sandbox, request.clone()).await;
    let preview = engine.preview(sandbox.account.no, request.selection, 15).await.unwrap();
    assert_eq!(preview.count, rows.len() as u64);
    assert!(preview.rows.iter().map(|row| std::str::from_utf8(row).unwrap()).eq(rows[..15].iter()));
}

#[tokio::test]
async fn a_plan_reads_back_as_it_was_made_also_when_it_went_to_a_file() {
    let sandbox = Sandbox::new();
    let request = sandbox.request("Everyone");
    let inputs = Inputs { selection: request.selection, conditions: request.conditions };
    let snapshot = sandbox.store.snapshot(sandbox.account.no).await.unwrap();
    let (progress, stopping) = (Progress::default(), AtomicBool::new(false));
    let task = task((&snapshot, &inputs, sandbox.dir.path(), &progress), &stopping);
    let mut part = Part::new(&task, 0);
    let entry = |i: u64| Entry { id: ProfileId(i * 3), len: (i % 5_000) as u32, spilled: i.is_multiple_of(7) };
    (0..200_000).for_each(|i| part.push(entry(i)).unwrap());
    assert_eq!(part.count, 200_000);
    assert!(part.entries().enumerate().all(|(i, read)| read.unwrap() == entry(i as u64)));
    let too_long = Entry { id: ProfileId(1), len: SPILLED, spilled: false };
    assert!(part.push(too_long).is_err());
}

#[derive(Debug, Clone)]
enum Step {
    Create { state: &'static str, opted: Option<&'static str> },
    Opt { who: u64, how: &'static str },
    Confirm { who: u64 },
    Deactivate { who: u64 },
    Delete { who: u64 },
    Wait { ms: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 1u64..12;
    let said = prop_oneof![Just("OptIn"), Just("OptOut")];
    let step = prop_oneof![
        4 => (prop_oneof![Just("GA"), Just("TX")], prop::option::of(said.clone())).prop_map(|(state, opted)| Step::Create { state, opted }),
        3 => (who.clone(), said).prop_map(|(who, how)| Step::Opt { who, how }),
        2 => who.clone().prop_map(|who| Step::Confirm { who }),
        1 => who.clone().prop_map(|who| Step::Deactivate { who }),
        1 => who.prop_map(|who| Step::Delete { who }),
        6 => prop_oneof![0i64..12, Just(DAY), Just(4 * DAY), Just(10 * DAY)].prop_map(|ms| Step::Wait { ms }),
    ];
    prop::collection::vec(step, 1..40)
}

async fn take(sandbox: &Sandbox, step: Step, created: &mut u64) {
    let there = |who: u64| sandbox.store.profile(AccountNo(sandbox.account.no.0), ProfileId(who)).unwrap().is_some();
    let emails = |who: u64, how: &str| {
        json!({"Emails": [{"EmailAddressType": "Home", "EmailAddress": format!("p{who}@example.com"),
            "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": how}]}]})
    };
    match step {
        Step::Create { state, opted } => {
            *created += 1;
            sandbox.create(person(&format!("p{created}"), state, opted)).await;
        }
        Step::Opt { who, how } if there(who) => sandbox.update(ProfileId(who), emails(who, how)).await,
        Step::Confirm { who } if there(who) => {
            sandbox.update(ProfileId(who), json!({"RegistrationConfirmed": true})).await;
        }
        Step::Deactivate { who } if there(who) => sandbox.update(ProfileId(who), json!({"IsActive": false})).await,
        Step::Delete { who } if there(who) => sandbox.delete(ProfileId(who), None).await,
        Step::Wait { ms } => sandbox.advance(ms),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 60, ..ProptestConfig::default() })]

    /// Whatever was written and whenever it lapses, an export is what reading everything slowly gives, byte for byte.
    #[test]
    fn exports_and_deltas_are_what_reading_everything_gives(steps in steps(), back in 0i64..25, jitter in 0i64..25) {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
            let sandbox = Sandbox::with(configure);
            let engine = sandbox.engine();
            let mut created = 0;
            for step in steps {
                take(&sandbox, step, &mut created).await;
            }
            let now = sandbox.store.clock().now();
            let since = Moment(now.0 - back * DAY / 2 + jitter - 12);
            let mut asked = Vec::new();
            for name in ["Everyone", "All", "Inactive", "Takes news", "Lapsed", "In Georgia", "Called A"] {
                for since in [None, Some(since)] {
                    let request = select(&sandbox, name, Output::default(), Conditions { since, matching: None });
                    asked.push((engine.initiate(request.clone()).await.unwrap(), request));
                }
            }
            for (token, request) in asked {
                let status = done(&engine, &sandbox.caller(), token).await;
                let found = rows(&engine, &sandbox.caller(), token, 100).await;
                let since = request.conditions.since;
                prop_assert_eq!(found, expected(&sandbox, &request, status.snapshot.unwrap()), "{:?} {:?}", request.exported.subject, since);
            }
            Ok(())
        })?;
    }
}

//! What whoever relies on a trail expects of it: it tells what happened, in order; and whatever is done to it is found.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use proptest::prelude::*;
use sayso_model::{
    id::{AccessToken, AccountNo},
    moment::Moment,
};
use serde_json::Value;

use super::*;
use crate::{Clock, Role, Store, engine::Db, keys};

struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Moment {
        Moment(self.0.load(SeqCst))
    }
}

const START: i64 = 1_795_514_400_000;

struct Sandbox {
    store: Store,
    no: AccountNo,
    clock: Arc<TestClock>,
    dir: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let store = Store::open(dir.path(), Role::Command, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let configuration = toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap();
        let no = store.create_account("DEMO", configuration).unwrap().no;
        Self { store, no, clock, dir }
    }

    /// A second after the one before.
    fn audit(&self, entry: Entry) {
        self.clock.0.fetch_add(1_000, SeqCst);
        block_on(self.store.audit(self.no, entry)).unwrap();
    }

    fn records(&self) -> Vec<Value> {
        let page = self.store.audit_page(self.no, (None, None), u64::MAX, 0).unwrap();
        page.lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn problems(&self) -> Vec<String> {
        self.store.verify_audit(&[]).unwrap().problems
    }

    fn exported(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.store.export_audit(None, &mut bytes).unwrap();
        bytes
    }

    /// Everything that a trail is made of: database, key, value.
    fn stored(&self) -> Vec<(Db, Vec<u8>, Vec<u8>)> {
        let engine = &self.store.shared().engine;
        let txn = engine.read().unwrap();
        let records = engine.dbs.audit.iter(&txn).unwrap().map(|entry| (engine.dbs.audit, entry.unwrap()));
        let heads = engine.dbs.meta.prefix_iter(&txn, keys::AUDIT_HEADS).unwrap();
        let heads = heads.map(|entry| (engine.dbs.meta, entry.unwrap()));
        records.chain(heads).map(|(db, (key, value))| (db, key.to_vec(), value.to_vec())).collect()
    }

    /// What verifying finds once the databases were changed past the store's face; nothing of that is kept.
    fn tampered(&self, tamper: impl FnOnce(&mut Vec<(Db, Vec<u8>, Vec<u8>)>)) -> Vec<String> {
        let engine = &self.store.shared().engine;
        let mut txn = engine.env.write_txn().unwrap();
        self.tamper(&mut txn, tamper);
        let names = [(self.no, Some("DEMO".to_owned()))].into();
        verify(&engine.dbs, &txn, &names, &[]).unwrap().problems
    }

    fn tampered_for_good(&self, tamper: impl FnOnce(&mut Vec<(Db, Vec<u8>, Vec<u8>)>)) {
        let mut txn = self.store.shared().engine.env.write_txn().unwrap();
        self.tamper(&mut txn, tamper);
        txn.commit().unwrap();
    }

    fn tamper(&self, txn: &mut heed::RwTxn<'_>, tamper: impl FnOnce(&mut Vec<(Db, Vec<u8>, Vec<u8>)>)) {
        let before = self.stored();
        let mut after = before.clone();
        tamper(&mut after);
        for (db, key, _) in &before {
            db.delete(txn, key).unwrap();
        }
        for (db, key, value) in &after {
            db.put(txn, key, value).unwrap();
        }
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn page_read(rows: u64) -> Entry {
    let origin = Origin {
        peer: Some("192.0.2.7".parse().unwrap()),
        call: Some(Call { method: "GET".into(), route: "/{clientId}/Segment/Retrieve/{accessToken}".into() }),
        correlation_id: Some("c-1".into()),
        ..Origin::of(Credential::Client("app".into())).for_user("John.Doe")
    };
    Entry {
        export: Some(AccessToken(77)),
        rows: Some(rows),
        bytes: Some(rows * 500),
        ..Entry::new(Action::ExportPagesRead, origin).subject("segment", "Newsletter")
    }
}

/// A trail with a few records of each kind of content.
fn with_records(n: u64) -> Sandbox {
    let s = Sandbox::new();
    (0..n).for_each(|rows| s.audit(page_read(rows)));
    s
}

#[test]
fn a_record_tells_who_did_what_from_where() {
    let s = with_records(1);
    let records = s.records();
    let last = records.last().unwrap();
    for (member, value) in [
        ("Moment", "2026-11-24T10:00:01.000Z"),
        ("ClientId", "DEMO"),
        ("Action", "ExportPagesRead"),
        ("UserId", "John.Doe"),
        ("Credential", "OAuthClient"),
        ("OAuthClientId", "app"),
        ("Peer", "192.0.2.7"),
        ("Method", "GET"),
        ("Route", "/{clientId}/Segment/Retrieve/{accessToken}"),
        ("Subject", "segment \"Newsletter\""),
        ("CorrelationId", "c-1"),
    ] {
        assert_eq!(last[member], value, "{member}");
    }
    assert_eq!((&last["AccessToken"], &last["Rows"], &last["Bytes"]), (&77.into(), &0.into(), &0.into()));
    assert_eq!(last["PreviousHash"], records[records.len() - 2]["Hash"]);
}

#[test]
fn sequences_have_no_gaps_and_go_on_after_opening_again() {
    let s = with_records(3);
    let Sandbox { store, no, clock, dir } = s;
    drop(store);
    let store = Store::open(dir.path(), Role::Command, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let s = Sandbox { store, no, clock, dir };
    s.audit(page_read(3));
    let sequences: Vec<u64> = s.records().iter().map(|r| r["Sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=sequences.len() as u64).collect::<Vec<_>>());
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_clock_that_goes_back_makes_no_record_older_than_the_one_before_it() {
    let s = with_records(2);
    s.clock.0.store(START - 1_000_000, SeqCst);
    s.audit(page_read(2));
    let moments: Vec<String> = s.records().iter().map(|r| r["Moment"].as_str().unwrap().to_owned()).collect();
    assert!(moments.is_sorted(), "{moments:?}");
    assert_eq!(s.records().last().unwrap()["Clock"], "2026-11-24T09:43:21.000Z", "what the clock said is told, too");
    assert!(s.records()[0]["Clock"].is_null());
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn pages_are_by_sequence_within_a_range_of_time() {
    let s = with_records(20);
    let all = s.records();
    let at = |second: i64| Some(Moment(START + second * 1_000));
    let page = |from, to, limit, offset| {
        let page = s.store.audit_page(s.no, (from, to), limit, offset).unwrap();
        let rows = page.lines.iter().map(|l| serde_json::from_str::<Value>(l).unwrap()["Rows"].as_u64().unwrap());
        (rows.collect::<Vec<_>>(), page.total)
    };
    // Rows 0 was at second 1.
    assert_eq!(page(at(5), at(8), 100, 0), (vec![4, 5, 6], 3));
    assert_eq!(page(at(5), at(8), 1, 1), (vec![5], 3));
    assert_eq!(page(at(18), None, 100, 0), (vec![17, 18, 19], 3));
    assert_eq!(page(at(18), None, 100, 3), (vec![], 3));
    assert_eq!(page(at(8), at(5), 100, 0), (vec![], 0));
    assert_eq!(page(at(1_000), None, 100, 0), (vec![], 0));
    assert_eq!(s.store.audit_page(s.no, (None, at(-5)), 9, 0).unwrap().total, 0);
    assert_eq!(s.store.audit_page(s.no, (None, None), 9, 0).unwrap().total, all.len() as u64);
}

#[test]
fn notes_are_written_together_and_before_the_store_closes() {
    let s = Sandbox::new();
    let before = s.records().len();
    for rows in [3, 4] {
        s.store.note(About::Account(s.no), page_read(rows));
    }
    s.store.note(About::Named("demo".into()), Entry::new(Action::CallRefused, Origin::of(Credential::None)));
    s.store.note(About::Named("NOBODYS".into()), Entry::new(Action::CallRefused, Origin::of(Credential::None)));
    let Sandbox { store, no, clock, dir } = s;
    drop(store);
    let store = Store::open(dir.path(), Role::Command, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
    let s = Sandbox { store, no, clock, dir };
    let records = s.records();
    let [pages, refused] = &records[before..] else { panic!("{records:#?}") };
    assert_eq!((&pages["Rows"], &pages["Bytes"], &pages["Count"]), (&7.into(), &3_500.into(), &2.into()));
    assert_eq!(refused["Action"], "CallRefused");
    let nobodys = s.store.audit_page(NOBODY, (None, None), 9, 0).unwrap().lines;
    assert!(nobodys.last().unwrap().contains("CallRefused") && !nobodys.last().unwrap().contains("NOBODYS"));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn notes_are_on_disk_without_anybody_asking_for_it() {
    let s = Sandbox::new();
    let before = s.records().len();
    s.store.note(About::Account(s.no), page_read(1));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while s.records().len() == before {
        assert!(std::time::Instant::now() < until, "not in twenty seconds");
        std::thread::yield_now();
    }
}

#[test]
fn every_byte_of_a_trail_counts_wherever_it_is_kept() {
    let s = with_records(3);
    assert_eq!(s.problems(), [""; 0]);
    for (entry, (_, key, value)) in s.stored().iter().enumerate() {
        for at in 0..key.len() + value.len() {
            for bit in [0x01, 0x02, 0x20, 0x80] {
                let problems = s.tampered(|all| {
                    let (_, key, value) = &mut all[entry];
                    match at.checked_sub(key.len()) {
                        None => key[at] ^= bit,
                        Some(at) => value[at] ^= bit,
                    }
                });
                assert!(!problems.is_empty(), "byte {at} of {key:?} changed by {bit:#x}");
            }
        }
    }
    assert_eq!(s.problems(), [""; 0], "everything was put back");
}

#[test]
fn a_record_removed_swapped_or_cut_off_is_found() {
    let s = with_records(5);
    let count = s.stored().len();
    for entry in 0..count {
        assert!(!s.tampered(|all| drop(all.remove(entry))).is_empty(), "entry {entry} removed");
        for other in entry + 1..count {
            let problems = s.tampered(|all| {
                let value = all[entry].2.clone();
                all[entry].2 = std::mem::replace(&mut all[other].2, value);
            });
            assert!(!problems.is_empty(), "the values of entries {entry} and {other} swapped");
        }
    }
    // With its head, a whole trail: that its account was made is known, and that an account is there.
    let without = |no| {
        s.tampered(|all| all.retain(|(_, key, _)| *key != keys::audit_head(no) && !key.starts_with(&keys::account(no))))
    };
    for (no, of) in [(s.no, "DEMO"), (NOBODY, "(no account)")] {
        let problems = without(no);
        assert!(problems.iter().any(|problem| problem.starts_with(of)), "{of}: {problems:?}");
    }
    let problems = s.tampered(Vec::clear);
    assert!(problems.iter().any(|problem| problem.contains("all records are missing")), "{problems:?}");
}

#[test]
fn a_trail_that_was_begun_anew_after_all_was_erased_is_found() {
    let s = with_records(2);
    s.tampered_for_good(Vec::clear);
    s.audit(page_read(9));
    s.store.audit_of_nobody(Entry::new(Action::BackupMade, Origin::command_line())).unwrap();
    let problems = s.problems();
    assert!(problems.iter().any(|problem| problem.starts_with("DEMO") && problem.contains("made")), "{problems:?}");
}

#[test]
fn a_whole_trail_that_is_left_out_of_a_file_is_found() {
    let s = with_records(2);
    s.store.create_account("OTHER", toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap()).unwrap();
    let text = String::from_utf8(s.exported()).unwrap();
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["ClientId"].as_str().unwrap_or("nobody").to_owned()
    };
    let (total, lines) =
        text.lines().collect::<Vec<_>>().split_last().map(|(t, l)| (t.to_string(), l.to_vec())).unwrap();
    assert!(total.starts_with("{\"Trails\":3"));
    for gone in ["nobody", "DEMO", "OTHER"] {
        let mut left: Vec<String> = lines.iter().filter(|line| of(line) != gone).map(|l| l.to_string()).collect();
        let records = left.iter().filter(|line| line.contains("Sequence")).count();
        left.push(format!("{{\"Trails\":2,\"Records\":{records}}}\n"));
        let problems = verify_lines(&mut left.join("\n").as_bytes(), &[]).unwrap().problems;
        assert!(problems.iter().any(|problem| problem.contains("missing")), "without {gone}: {problems:?}");
    }
    let mut one = Vec::new();
    s.store.export_audit(Some(s.no), &mut one).unwrap();
    assert_eq!(verify_lines(&mut &one[..], &[]).unwrap().problems, [""; 0], "one trail by itself is whole");
}

#[test]
fn what_check_looks_at_is_the_trail_too() {
    let s = with_records(2);
    let report = s.store.check(&mut |_| {}).unwrap();
    assert_eq!((report.problems, report.audit_records), (vec![], 4));
    let engine = &s.store.shared().engine;
    let mut txn = engine.env.write_txn().unwrap();
    engine.dbs.audit.delete(&mut txn, &keys::audit(s.no, 2)).unwrap();
    txn.commit().unwrap();
    let problems = s.store.check(&mut |_| {}).unwrap().problems;
    assert!(
        problems.iter().any(|p| p.contains("audit trail: DEMO: record 3: 1 records before it are missing")),
        "{problems:?}"
    );
}

#[test]
fn a_trail_whose_head_is_lost_goes_on_without_writing_over_anything_and_stays_found() {
    let s = with_records(3);
    let before = s.records();
    let engine = &s.store.shared().engine;
    let mut txn = engine.env.write_txn().unwrap();
    engine.dbs.meta.delete(&mut txn, &keys::audit_head(s.no)).unwrap();
    engine.dbs.audit.delete(&mut txn, &keys::audit(s.no, 2)).unwrap();
    txn.commit().unwrap();
    s.audit(page_read(9));
    let after = s.records();
    assert_eq!(after.last().unwrap()["Sequence"], before.len() as u64 + 1);
    assert!(s.problems().iter().any(|p| p.contains("missing")), "{:?}", s.problems());
}

#[test]
fn a_trail_written_anew_as_a_whole_is_found_by_a_head_that_was_noted() {
    let s = with_records(4);
    let report = s.store.verify_audit(&[]).unwrap();
    let head: Head = report.trails.last().unwrap().head.parse().unwrap();
    s.audit(page_read(4));
    assert_eq!(s.store.verify_audit(&[head]).unwrap().problems, [""; 0], "one that has grown since");
    let other = with_records(5);
    (0..3).for_each(|_| other.audit(page_read(8)));
    other.clock.0.fetch_add(1, SeqCst);
    let other_trail = other.store.verify_audit(&[head]).unwrap();
    let same =
        other_trail.trails.last().unwrap().head == s.store.verify_audit(&[]).unwrap().trails.last().unwrap().head;
    assert!(!same);
    let forged = Head { hash: [7; 32], ..head };
    let problems = s.store.verify_audit(&[forged]).unwrap().problems;
    assert!(problems[0].contains("that was noted"), "{problems:?}");
}

#[test]
fn heads_are_read_as_they_are_written() {
    let head = Head { sequence: 12, moment: Moment(0), hash: [0xab; 32] };
    let read: Head = head.to_string().parse().unwrap();
    assert_eq!((read.sequence, read.hash), (head.sequence, head.hash));
    let wrong = [
        "",
        "12",
        "0:ab",
        &format!("x:{}", "ab".repeat(32)),
        &format!("12:{}", "AB".repeat(32)),
        &format!("0:{}", "ab".repeat(32)),
    ];
    for wrong in wrong {
        assert!(wrong.parse::<Head>().unwrap_err().contains("64 hexadecimal"), "{wrong}");
    }
}

#[test]
fn an_exported_trail_is_verified_as_lines_and_each_hash_is_that_of_the_line_without_it() {
    let s = with_records(3);
    let bytes = s.exported();
    let report = verify_lines(&mut &bytes[..], &[]).unwrap();
    assert_eq!((report.problems, report.trails.len()), (vec![], 2));
    assert_eq!(report.trails, s.store.verify_audit(&[]).unwrap().trails);
    let text = String::from_utf8(bytes).unwrap();
    for line in text.lines().filter(|line| line.contains("Sequence")) {
        let (record, hash) = line.split_once(",\"Hash\":\"").unwrap();
        let expected = <sha2::Sha256 as sha2::Digest>::digest(format!("{record}}}"));
        assert_eq!(hash.trim_end_matches("\"}"), line::hex(&expected));
    }
}

#[test]
fn every_byte_of_an_exported_trail_counts() {
    let bytes = with_records(2).exported();
    for at in 0..bytes.len() {
        for bit in [0x01, 0x02, 0x20, 0x80] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            let problems = verify_lines(&mut &changed[..], &[]).unwrap().problems;
            assert!(!problems.is_empty(), "byte {at} of the file changed by {bit:#x}");
        }
    }
    for length in 0..bytes.len() {
        let problems = verify_lines(&mut &bytes[..length], &[]).unwrap().problems;
        assert!(!problems.is_empty(), "the file cut off after {length} bytes");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_other_order_or_choice_of_lines_is_found(
        n in 1_u64..6,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = EXPORTS[n as usize - 1].clone();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let picked: Vec<&str> = picks.iter().map(|pick| *pick.get(&lines)).collect();
        prop_assume!(picked != lines);
        let changed = picked.concat();
        prop_assert!(!verify_lines(&mut changed.as_bytes(), &[]).unwrap().problems.is_empty());
    }

    #[test]
    fn any_byte_exchanged_for_any_other_is_found(at: prop::sample::Index, by in 1_u8..=255) {
        let mut changed = EXPORTS[3].clone();
        let at = at.index(changed.len());
        changed[at] ^= by;
        prop_assert!(!verify_lines(&mut &changed[..], &[]).unwrap().problems.is_empty());
    }
}

/// Trails of one to five records as files.
static EXPORTS: std::sync::LazyLock<Vec<Vec<u8>>> =
    std::sync::LazyLock::new(|| (1..6).map(|n| with_records(n).exported()).collect());

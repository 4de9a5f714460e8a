//! An answered write is on disk, writes that wait share a commit, and what can't be kept is said so.

use std::sync::mpsc::channel;

use sayso_model::id::AccessToken;

use super::*;
use crate::audit::{Credential, Origin};

#[test]
fn answered_writes_are_there_after_opening_again() {
    let s = Sandbox::new();
    let ids: Vec<_> = (0..20).map(|n| s.create(somebody(n))).collect();
    s.delete(ids[3]).unwrap();
    let before = s.row(ids[7]).unwrap();
    let s = s.reopen();
    assert_eq!(s.row(ids[7]).unwrap().row, before.row);
    assert!(s.row(ids[3]).is_none());
    assert_eq!(s.store.tombstone(s.account.no, ids[3]).unwrap().unwrap().reason_code.as_deref(), Some("asked for it"));
    assert!(s.create(somebody(99)) > ids[19], "ids go on where they were");
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn writes_that_wait_share_one_commit() {
    let s = Sandbox::new();
    let before = s.store.shared().engine.env.info().last_txn_id;
    // A function that lasts until all the others are waiting behind it.
    let (go, wait) = channel();
    let held = s.store.writer().run(move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    let waiting: Vec<_> =
        (0..50).map(|n| s.store.write(s.account.no, author(), Change::Create(input(somebody(n))))).collect();
    go.send(()).unwrap();
    block_on(held).unwrap();
    for written in waiting {
        block_on(written).unwrap();
    }
    let commits = s.store.shared().engine.env.info().last_txn_id - before;
    assert!((1..=3).contains(&commits), "50 writes took {commits} commits");
}

#[test]
fn writes_without_anybody_waiting_for_them_are_kept_too() {
    let s = Sandbox::new();
    drop(s.store.write(s.account.no, author(), Change::Create(input(somebody(1)))));
    let s = s.reopen();
    assert!(s.row(ProfileId(1)).is_some());
}

#[test]
fn a_full_disk_keeps_nothing_and_says_so() {
    let s = Sandbox::new();
    let id = s.create(somebody(1));
    let s = s.reopen_with(Settings { disk_reserve: u64::MAX, ..Settings::default() });
    let refused = s.update(id, json!({"CustomerType": "Business"}));
    assert!(matches!(&refused, Err(StoreError::NotKept(why)) if why.contains("make room")), "{refused:?}");
    // A refusal is told as one, since it would stand with room enough, too.
    assert_eq!(why(s.delete(ProfileId(9))).0, Why::Unknown);
    let s = s.reopen();
    assert_eq!(s.row(id).unwrap().kept.profile.customer_type.as_deref(), Some("Consumer"));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn on_a_full_disk_what_ends_or_removes_something_is_kept() {
    let s = Sandbox::new();
    let client = s.store.create_client(s.account.no, "Admin").unwrap().client;
    let (no, token) = (s.account.no, AccessToken(7));
    block_on(s.store.export_records(move |records| records.put(no, token, b"running"))).unwrap();
    let s = s.reopen_with(Settings { disk_reserve: u64::MAX, ..Settings::default() });
    s.advance(1);
    assert_eq!(s.store.room().unwrap(), 0);
    assert_eq!(s.snapshot().moment(), s.store.clock().now(), "an export can begin, and find that it doesn't fit");
    let started = block_on(s.store.export_records(move |records| records.put(no, AccessToken(8), b"new")));
    assert!(matches!(started, Err(StoreError::NotKept(_))), "{started:?}");
    let issued = block_on(s.store.issue_token(&client, 1000, Origin::of(Credential::None)));
    assert!(matches!(issued, Err(StoreError::NotKept(_))), "{:?}", issued.err());
    // Both wait for the same commit; the one is refused without the other.
    let (go, wait) = channel();
    let (begun, has_begun) = channel();
    let held = s.store.writer().run(move |_| {
        begun.send(()).unwrap();
        wait.recv().unwrap();
        Ok(())
    });
    has_begun.recv().unwrap();
    let refused = s.store.write(no, author(), Change::Create(input(somebody(1))));
    let ended = s.store.export_upkeep(move |records| records.put(no, token, b"ended"));
    go.send(()).unwrap();
    block_on(held).unwrap();
    assert!(matches!(block_on(refused), Err(StoreError::NotKept(_))));
    block_on(ended).unwrap();
    assert!(s.store.revoke_client(no, &client.client_id).unwrap());
    let s = s.reopen();
    assert_eq!(s.store.export_record(no, token).unwrap().as_deref(), Some(&b"ended"[..]));
    assert_eq!((s.store.clients(no).unwrap(), s.row(ProfileId(1)).is_none()), (vec![], true));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_write_that_breaks_off_takes_nobody_elses_thread_with_it() {
    let s = Sandbox::new();
    let panicked: Result<(), _> = block_on(s.store.writer().run(|_| panic!("on purpose")));
    assert!(matches!(panicked, Err(StoreError::Engine(_))), "{panicked:?}");
    s.create(somebody(1));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn a_write_that_fails_after_it_wrote_leaves_nothing_and_those_before_it_are_told() {
    let s = Sandbox::new();
    let (go, wait) = channel();
    let held = s.store.writer().run(move |_| {
        wait.recv().unwrap();
        Ok(())
    });
    let before = s.store.write(s.account.no, author(), Change::Create(input(somebody(1))));
    let no = s.account.no;
    let failing = s.store.writer().run::<()>(move |tx| {
        tx.term_ids(no, ["half a write"].into_iter())?;
        Err(StoreError::Engine("broke in the middle".into()))
    });
    let after = s.store.write(s.account.no, author(), Change::Create(input(somebody(2))));
    go.send(()).unwrap();
    // Whether the three share a commit depends on when the writer looked; kept or told, never lost in silence.
    block_on(held).ok();
    let first = block_on(before);
    assert!(matches!(block_on(failing), Err(StoreError::Engine(_))));
    let second = block_on(after).unwrap();
    match first {
        Ok(first) => assert!(s.row(first.id).is_some()),
        Err(e) => assert!(matches!(e, StoreError::NotKept(_)), "{e:?}"),
    }
    assert!(s.row(second.id).is_some());
    assert!(!s.snapshot().terms().contains_key("half a write"));
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn refusals_alone_commit_nothing() {
    let s = Sandbox::new();
    s.create(somebody(1));
    let before = s.store.shared().engine.env.info().last_txn_id;
    s.advance(1);
    why(s.write(Change::Create(input(somebody(1)))));
    assert_eq!(s.store.shared().engine.env.info().last_txn_id, before);
}

#[test]
fn another_format_is_refused_by_name() {
    for (format, who) in [(9u64, "a newer Sayso (format 9"), (1, "an earlier Sayso (format 1")] {
        let Sandbox { store, clock, dir, .. } = Sandbox::new();
        block_on(store.writer().run(move |tx| {
            let (dbs, txn) = tx.write();
            crate::engine::OrEngine::or_engine(dbs.meta.put(txn, b"format", &crate::seal::seal(&format.to_be_bytes())))
        }))
        .unwrap();
        drop(store);
        let opened = Store::open(dir.path(), Role::Command, clock);
        assert!(matches!(opened.err(), Some(StoreError::Version(why)) if why.contains(who)), "{format}");
    }
}

#[test]
fn one_server_holds_a_directory_and_commands_see_it() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!crate::lock::is_held(dir.path()).unwrap());
    let server = Store::open(dir.path(), Role::Server, Arc::new(TestClock(AtomicI64::new(START)))).unwrap();
    assert!(server.server_is_running());
    assert!(crate::lock::is_held(dir.path()).unwrap());
    let second = Store::open(dir.path(), Role::Server, Arc::new(TestClock(AtomicI64::new(START))));
    assert!(matches!(second.err(), Some(StoreError::Locked(_))));
    drop(server);
    assert!(!crate::lock::is_held(dir.path()).unwrap());
}

#[test]
fn one_process_opens_a_directory_once_and_is_told_what_to_do() {
    let s = Sandbox::new();
    let second = Store::open(s.dir.path(), Role::Command, Arc::clone(&s.clock) as Arc<dyn Clock>);
    assert!(matches!(second.err(), Some(StoreError::Engine(why)) if why.contains("open in this process already")));
}

#[test]
fn sizes_tell_of_the_file_and_of_snapshots_held() {
    let s = Sandbox::new();
    s.create(somebody(1));
    let sizes = s.store.sizes().unwrap();
    assert!(sizes.file_bytes > 0 && sizes.free_bytes < sizes.file_bytes);
    assert_eq!(sizes.oldest_snapshot_ms, 0);
    assert_eq!(s.store.shared().ages.len(), 0);
    let snapshot = s.snapshot();
    assert_eq!(s.store.shared().ages.len(), 1);
    drop(snapshot);
    assert_eq!(s.store.shared().ages.len(), 0);
}

#[test]
fn a_directory_is_made_with_those_above_it() {
    let dir = tempfile::tempdir().unwrap();
    let clock = || Arc::new(TestClock(AtomicI64::new(START))) as Arc<dyn Clock>;
    let data = dir.path().join("a").join("b");
    for there in [false, true] {
        assert_eq!(data.is_dir(), there);
        Store::open(&data, Role::Command, clock()).unwrap();
    }
    std::fs::write(dir.path().join("file"), "").unwrap();
    for inside in ["file", "file/b"] {
        let refused = Store::open(&dir.path().join(inside), Role::Command, clock()).map(drop).unwrap_err();
        assert!(refused.to_string().contains("can't be made"), "{refused}");
    }
}

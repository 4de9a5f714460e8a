//! A snapshot stays as it is, whatever is written meanwhile, and can be read by several threads at once.

use std::sync::atomic::AtomicBool;

use super::*;

fn ids_of(snapshot: &Snapshot) -> Vec<ProfileId> {
    let mut ids = Vec::new();
    for range in snapshot.partitions(3).unwrap() {
        let scan = snapshot.for_each_facts::<StoreError>(range, &mut |id, _| {
            ids.push(id);
            Ok(())
        });
        scan.unwrap();
    }
    ids
}

#[test]
fn a_snapshot_stays_as_it_is() {
    let s = Sandbox::new();
    let ids: Vec<_> = (0..10).map(|n| s.create(somebody(n))).collect();
    let snapshot = s.snapshot();
    let before = snapshot.row(ids[2]).unwrap().unwrap();
    s.update(ids[2], json!({"CustomerType": "Business", "ProfileTags": [{"Name": "a new term"}]})).unwrap();
    s.delete(ids[3]).unwrap();
    s.create(somebody(10));
    let mut configuration = configuration();
    configuration.segments.pop();
    s.store.apply_configuration(s.account.no, configuration).unwrap();

    assert_eq!(ids_of(&snapshot), ids);
    assert_eq!(snapshot.row(ids[2]).unwrap().unwrap().row, before.row);
    assert_eq!(snapshot.config().source, super::configuration());
    assert!(snapshot.row(ids[3]).unwrap().is_some());
    let mut tombstones = 0;
    let scan = snapshot.for_each_tombstone::<StoreError>(&mut |_| {
        tombstones += 1;
        Ok(())
    });
    scan.unwrap();
    assert_eq!(tombstones, 0);
    let later = s.snapshot();
    assert_eq!(ids_of(&later).len(), 10);
    assert!(later.row(ids[3]).unwrap().is_none());
}

#[test]
fn rows_and_facts_agree_with_the_profiles() {
    let s = Sandbox::new();
    let ids: Vec<_> = (0..60).map(|n| s.create(somebody(n))).collect();
    for id in ids.iter().step_by(7) {
        s.delete(*id).unwrap();
    }
    let snapshot = s.snapshot();
    let there: Vec<_> = ids.iter().copied().filter(|id| s.row(*id).is_some()).collect();
    let mut seen = Vec::new();
    // Near ones, far ones, and back again: the order makes it fast, not right.
    let wanted: Vec<_> = there.iter().copied().chain([there[40], there[1], there[1]]).collect();
    snapshot
        .for_each_row::<StoreError>(&mut wanted.iter().copied(), &mut |row| {
            let stored = s.row(row.id).unwrap();
            assert_eq!(
                (row.json, row.cuts(), row.next_expiry),
                (&stored.row.json[..], stored.row.cuts, stored.next_expiry)
            );
            seen.push(row.id);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, wanted);
    seen.clear();
    // Facts of listed ids pass over those that aren't there.
    snapshot
        .for_each_facts_of::<StoreError>(&mut ids.iter().copied(), &mut |id, facts| {
            let stored = s.row(id).unwrap();
            assert_eq!((facts.modified(), facts.next_expiry()), (stored.modified, stored.next_expiry));
            assert_eq!(facts.row_length(&Default::default()) as usize, stored.row.json.len());
            seen.push(id);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, there);
}

#[test]
fn a_row_that_is_missing_from_a_snapshot_is_damage() {
    let s = Sandbox::new();
    let snapshot = s.snapshot();
    let read = snapshot.for_each_row::<StoreError>(&mut [ProfileId(5)].into_iter(), &mut |_| Ok(()));
    assert!(matches!(read, Err(StoreError::Damaged(_))));
}

#[test]
fn partitions_hold_every_profile_once() {
    let s = Sandbox::new();
    assert_eq!(s.snapshot().partitions(4).unwrap(), []);
    for n in 0..11 {
        s.create(somebody(n));
        let snapshot = s.snapshot();
        for parts in [0, 1, 2, 3, 100] {
            let ranges = snapshot.partitions(parts).unwrap();
            assert!(ranges.len() <= parts.max(1));
            let ids: Vec<u64> = ranges.into_iter().flatten().collect();
            assert_eq!(ids, (1..=n + 1).collect::<Vec<_>>());
        }
    }
}

#[test]
fn threads_scan_one_snapshot_at_once_and_may_call_back_into_it() {
    let s = Sandbox::new();
    for n in 0..40 {
        s.create(somebody(n));
    }
    let snapshot = s.snapshot();
    let barrier = std::sync::Barrier::new(2);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut first = true;
                let scan = snapshot.for_each_facts::<StoreError>(0..u64::MAX, &mut |id, _| {
                    // Both threads stand in the middle of their scan here, or neither would go on.
                    if std::mem::take(&mut first) {
                        barrier.wait();
                    }
                    assert!(snapshot.row(id)?.is_some());
                    Ok(())
                });
                scan.unwrap();
            });
        }
    });
}

#[test]
fn under_concurrent_writers_nothing_stamped_before_the_moment_is_missing() {
    let s = Sandbox::new();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3u64)
            .map(|thread| {
                let s = &s;
                scope.spawn(move || {
                    let mut written = Vec::new();
                    for n in 0..40 {
                        // A clock that jumps in both directions.
                        s.advance(if n % 3 == 0 { -7 } else { 5 });
                        written.push(s.write(Change::Create(input(somebody(1_000 * thread + n)))).unwrap());
                    }
                    written
                })
            })
            .collect();
        let snapshots = scope.spawn(|| {
            let mut taken = Vec::new();
            while !done.load(SeqCst) {
                let snapshot = s.snapshot();
                taken.push((snapshot.moment(), ids_of(&snapshot)));
            }
            taken
        });
        let written: Vec<Written> = writers.into_iter().flat_map(|w| w.join().unwrap()).collect();
        done.store(true, SeqCst);
        let taken = snapshots.join().unwrap();
        assert!(taken.is_sorted_by_key(|(moment, _)| *moment));
        for (moment, ids) in taken {
            for w in &written {
                let is_in = ids.binary_search(&w.id).is_ok();
                assert!(is_in || w.moment >= moment, "{w:?} was stamped before {moment:?} and isn't in its snapshot");
                assert!(!is_in || w.moment <= moment, "{w:?} was stamped after {moment:?} and is in its snapshot");
            }
        }
    });
}

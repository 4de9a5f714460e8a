//! Records of export jobs are compared and set in one transaction.

use sayso_model::id::AccessToken;

use super::*;

#[test]
fn a_record_is_read_changed_and_removed_in_one_transaction() {
    let s = Sandbox::new();
    let (no, token) = (s.account.no, AccessToken(7));
    let set = |from: Option<&'static [u8]>, to: &'static [u8]| {
        block_on(s.store.export_records(move |records| {
            if records.get(no, token)?.as_deref() != from {
                return Ok(false);
            }
            records.put(no, token, to)?;
            assert_eq!(records.get(no, token)?.as_deref(), Some(to), "a function sees its own puts");
            Ok(true)
        }))
        .unwrap()
    };
    assert!(set(None, b"Processing"));
    assert!(!set(None, b"Processing"));
    assert!(set(Some(b"Processing"), b"Complete"));
    let s = s.reopen();
    assert_eq!(s.store.export_record(no, token).unwrap().as_deref(), Some(&b"Complete"[..]));
    let all = |no, token, record: Result<&[u8], StoreError>| (no, token, record.unwrap().to_vec());
    assert_eq!(s.store.all_export_records(all).unwrap(), [(no, token, b"Complete".to_vec())]);
    block_on(s.store.export_records(move |r| r.remove(no, token))).unwrap();
    assert!(s.store.export_record(no, token).unwrap().is_none());
}

#[test]
fn of_concurrent_steps_from_one_state_one_is_taken() {
    let s = Sandbox::new();
    let (no, token) = (s.account.no, AccessToken(7));
    let steps: Vec<_> = (0..20u8)
        .map(|n| {
            s.store.export_records(move |records| {
                let is_first = records.get(no, token)?.is_none();
                if is_first {
                    records.put(no, token, &[n])?;
                }
                Ok(is_first)
            })
        })
        .collect();
    let first: Vec<bool> = steps.into_iter().map(|step| block_on(step).unwrap()).collect();
    assert_eq!(first.iter().filter(|first| **first).count(), 1);
}

#[test]
fn idempotency_keys_of_any_length_are_kept_apart_and_swept() {
    let s = Sandbox::new();
    let no = s.account.no;
    let other = s.store.create_account("OTHER", configuration()).unwrap().no;
    let (long, longer) = (vec![b'k'; 10_000], vec![b'k'; 10_001]);
    block_on(s.store.export_records({
        let (long, longer) = (long.clone(), longer.clone());
        move |r| {
            r.put_key(no, &long, b"old")?;
            r.put_key(no, &longer, b"new")?;
            r.put_key(other, &long, b"new")
        }
    }))
    .unwrap();
    let swept = block_on(s.store.export_records(|r| r.sweep_keys(&|record| record == b"old"))).unwrap();
    assert_eq!(swept, 1);
    block_on(s.store.export_records(move |r| {
        assert_eq!(r.get_key(no, &long)?, None);
        assert_eq!(r.get_key(no, &longer)?.as_deref(), Some(&b"new"[..]));
        assert_eq!(r.get_key(other, &long)?.as_deref(), Some(&b"new"[..]));
        Ok(())
    }))
    .unwrap();
    assert_eq!(s.store.all_export_records(|_, _, _| ()).unwrap(), [], "keys are no records");
    assert_eq!(s.problems(), [""; 0]);
}

#[test]
fn callbacks_wait_beside_the_records_until_they_are_removed() {
    let s = Sandbox::new();
    let no = s.account.no;
    block_on(s.store.export_records(move |r| {
        r.put(no, AccessToken(7), b"Complete")?;
        r.put_callback(no, &[1; 16], b"one")?;
        r.put_callback(no, &[2; 16], b"two")
    }))
    .unwrap();
    let s = s.reopen();
    let waiting = || s.store.all_callbacks().unwrap().into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(waiting(), [b"one", b"two"]);
    assert_eq!(s.store.all_export_records(|_, _, _| ()).unwrap().len(), 1, "callbacks are no records");
    block_on(s.store.export_upkeep(move |r| r.remove_callback(no, &[1; 16]))).unwrap();
    assert_eq!(waiting(), [b"two"]);
    assert_eq!(s.store.callback(no, &[1; 16]).unwrap(), None);
    assert_eq!(s.store.callback(no, &[2; 16]).unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(s.problems(), [""; 0]);
}

//! The reason for deltas: a copy kept by them equals the source, whatever was written, deleted or expired in between.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use crate::harness::*;

/// One random write.
#[derive(Debug, Clone)]
enum Op {
    Create(u8),
    Update(u64, u8),
    Delete(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = proptest::prop_oneof![
        3 => proptest::num::u8::ANY.prop_map(Op::Create),
        5 => (0..60u64, proptest::num::u8::ANY).prop_map(|(n, v)| Op::Update(n, v)),
        1 => (0..60u64).prop_map(Op::Delete),
    ];
    proptest::collection::vec(op, 1..25)
}

/// A profile whose parts depend on `v`: some expire, some don't.
fn profile(v: u8) -> Value {
    let mut body =
        json!({"CustomerName": {"LastName": format!("L{v}")}, "ProfileTags": [{"Name": format!("t{}", v % 5)}]});
    if v.is_multiple_of(2) {
        let kind = 1 + v / 2 % 2;
        body["Emails"] = json!([{"EmailAddressType": "Home", "EmailAddress": format!("e{}@example.com", v % 7),
            "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": kind}]}]);
    }
    if v.is_multiple_of(3) {
        body["Consents"] = json!([{"ConsentType": "Marketing", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1 + v % 4}]);
    }
    body
}

async fn run(api: &Api, ops: Vec<Op>) {
    for op in ops {
        // Which profiles are there is not known while others write: 404 is an answer, too.
        let answer = match op {
            Op::Create(v) => api.post(&api.profile_path(""), &profile(v)).await,
            Op::Update(n, v) => api.post(&api.profile_path(&format!("/{n}")), &profile(v)).await,
            Op::Delete(n) => api.delete(&api.profile_path(&format!("/{n}"))).await,
        };
        assert!([200, 201, 204, 404].contains(&answer.status), "{answer:?}");
    }
}

/// Exports what changed and what was deleted since `last` into the copy; gives the earlier of the two snapshots.
async fn replay(api: &Api, copy: &mut BTreeMap<u64, Value>, last: &Option<String>) -> String {
    let body = last.as_ref().map_or(json!({}), |l| json!({"LastDateTime": l}));
    let changed = api.initiate("Everybody", body.clone()).await;
    let snapshot = api.complete(changed).await.header("sayso-snapshot").unwrap().to_string();
    for row in api.rows(changed).await {
        copy.insert(row["ProfileId"].as_u64().unwrap(), row);
    }
    // Taken after the other: whoever was deleted in between is removed from the copy, not brought back to life.
    let gone = api.export("Deleted", body).await;
    for row in api.rows(gone).await {
        copy.remove(&row["ProfileId"].as_u64().unwrap());
    }
    snapshot
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deltas_replayed_into_a_copy_make_it_equal_to_the_source_after_every_round() {
    let mut runner = TestRunner::default();
    let world = World::start().await;
    let mut api = world.nightly().await;
    let (mut copy, mut last) = (BTreeMap::new(), None);
    for round in 0..14i64 {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (api, stop) = (api.clone(), stop.clone());
                let mut lists: Vec<Vec<Op>> = (0..3).map(|_| ops().new_tree(&mut runner).unwrap().current()).collect();
                tokio::spawn(async move {
                    while let Some(list) = lists.pop() {
                        run(&api, list).await;
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                })
            })
            .collect();
        // One delta while they write, with the clock moving on, and once back.
        world.advance(if round == 5 { -1_500 } else { 700 });
        last = Some(replay(&api, &mut copy, &last).await);
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        // Days pass: what expires in them is news, though nobody wrote it.
        world.advance([0, 86_400_000 * 3, 1, 86_400_000 * 11][round as usize % 4]);
        api.sign_in_again().await;
        last = Some(replay(&api, &mut copy, &last).await);
        let all = api.export("Everybody", json!({})).await;
        let source = api.rows(all).await;
        let copied: Vec<Value> = copy.values().cloned().collect();
        assert_eq!(copied.len(), source.len(), "round {round}");
        for (ours, theirs) in copied.iter().zip(&source) {
            assert_eq!(ours, theirs, "round {round}");
        }
    }
    assert!(copy.len() > 20);
}

//! An import does what the same records would do that are sent one by one through the Data API: random records into two accounts, one each way,
//! and then every profile is compared.

use std::collections::BTreeMap;

use super::*;
use crate::harness::{
    random::Random,
    rules::{consent, mail, says},
};

/// A random record about one of a few people: new things, changes, withdrawals, and mistakes.
fn record(random: &mut Random) -> Value {
    let who = random.below(12);
    let mut record = json!({"AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": format!("C-{who}")}]});
    for _ in 0..=random.below(3) {
        match random.below(12) {
            0 => record["CustomerName"] = json!({"LastName": format!("L{}", random.below(5))}),
            1 => record["ProfileTags"] = json!([{"Name": format!("t{}", random.below(4))}]),
            2 => record["Consents"] = json!([consent("Calls", random.below(3) as u8 + 1)]),
            3 => {
                record["Emails"] =
                    json!([mail("a@example.com", json!([says("PROMO-EMAIL", random.below(2) as u8 + 1)]))])
            }
            4 => {
                record["Emails"] =
                    json!([mail("b@example.com", json!([says("NEWS-EMAIL", random.below(2) as u8 + 1)]))])
            }
            5 => record["CustomFields"] = json!([{"Name": "First", "Value": format!("f{}", random.below(3))}]),
            6 => record["CustomFields"] = json!([{"Name": "Age", "Value": format!("{}", random.below(300))}]),
            7 => record["AlternateIds"]
                .as_array_mut()
                .unwrap()
                .push(json!({"AlternateIdType": "Loyalty", "AlternateId": format!("L-{}", random.below(6))})),
            8 => record["Groups"] = json!([{"GroupType": "Household", "GroupName": format!("g{}", random.below(2))}]),
            9 => {
                let says = [says("NEWS-TEXT", random.below(2) as u8 + 1)];
                let mut phone =
                    json!({"PhoneType": "Mobile", "PhoneNumber": "4045550100", "PhoneNumberPreferences": says});
                if random.below(3) > 0 {
                    phone["IsMobile"] = json!(random.below(2) == 0);
                }
                record["PhoneNumbers"] = json!([phone])
            }
            10 => record["CustomerType"] = json!(if random.below(4) == 0 { "Nobody" } else { "Business" }),
            _ => record["PreservePreferences"] = json!(random.below(2) == 0),
        }
    }
    record
}

/// A profile as it reads, without what tells when and by whom.
fn comparable(mut profile: Value) -> Value {
    fn blind(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for name in
                    ["Edited", "LastModifiedDate", "CustomerDate", "ConsentDate", "ExpirationDate", "ConsentHistory"]
                {
                    members.remove(name);
                }
                members.values_mut().for_each(blind);
            }
            Value::Array(items) => items.iter_mut().for_each(blind),
            _ => {}
        }
    }
    blind(&mut profile);
    profile
}

async fn everybody(api: &Api) -> BTreeMap<u64, Value> {
    let export = api.export("Everybody", json!({})).await;
    let rows = api.rows(export).await;
    rows.into_iter().map(|row| (row["ProfileId"].as_u64().unwrap(), comparable(row))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_records_end_as_if_they_had_been_sent_one_by_one() {
    for seed in 1..=6 {
        let mut random = Random::new(seed);
        let world = World::with_rules().await;
        std::fs::copy(world.path("account.toml"), world.path("other.toml")).unwrap();
        world.sayso(&["account", "create", "SINGLY", "--from", "other.toml"]);
        let (bulk, singly) = (world.admin().await, world.sign_in("SINGLY", "Admin").await);
        for round in 0..3 {
            let records: Vec<Value> = (0..60).map(|_| record(&mut random)).collect();
            let mut refused = BTreeMap::new();
            for (i, record) in records.iter().enumerate() {
                let crm = record["AlternateIds"][0]["AlternateId"].as_str().unwrap();
                let path = singly.profile_path(&format!("/AlternateId?alternateIdType=CRM&alternateId={crm}"));
                let answer = singly.post(&path, record).await;
                if answer.status >= 400 {
                    refused.insert(i as u64 + 1, answer.message());
                }
            }
            let token = bulk.begin_import(by_crm(json!({}))).await;
            // Two calls, so that both staging's and execution's seams lie somewhere in it.
            for part in records.chunks(1 + random.below(59) as usize) {
                bulk.stage(token, &json!(part)).await.is(200);
            }
            bulk.execute(token).await.is(200);
            bulk.import_ended(token).await;
            let told: BTreeMap<u64, String> = bulk
                .not_in(token)
                .await
                .into_iter()
                .map(|(n, path, message)| (n, if path.is_empty() { message } else { format!("{path}: {message}") }))
                .collect();
            let numbers = |all: &BTreeMap<u64, String>| all.keys().copied().collect::<Vec<_>>();
            assert_eq!(numbers(&told), numbers(&refused), "seed {seed}, round {round}: {told:?} {refused:?}");
            for (n, message) in &refused {
                // Of two mistakes staging may find the one that needs no look at other records before the other.
                let waits = ["requires the consent", "IsMobile true"].iter().any(|words| message.contains(words));
                assert!(told[n] == *message || waits, "{} for {message}", told[n]);
            }
            assert_eq!(everybody(&bulk).await, everybody(&singly).await, "seed {seed}, round {round}");
        }
        world.check();
    }
}

//! Initiate, Stage, Execute, Status and Exceptions as calls: their answers, states, counters, limits and tokens.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use super::*;

#[tokio::test]
async fn initiate_answers_the_token_its_state_and_when_it_ends() {
    let world = World::start().await;
    let api = world.admin().await;
    let answer = api.post(&api.imports_path(""), &json!({"Name": "Nightly"})).await.is(200).json();
    let names: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(names, ["AccessToken", "Status", "ExpirationDate", "Name"]);
    assert_eq!((&answer["Status"], &answer["Name"]), (&json!("Initiated"), &json!("Nightly")));
    assert_eq!(answer["ExpirationDate"], "2026-06-16T00:00:00.000Z", "12 h from now");
    read(api.call("POST", &api.imports_path(""))).await.is(200);
    read(api.call("POST", "/profiles/ASYNC/acme_corp/import/")).await.is(200);
    for (body, words) in [
        (json!({"RetentionDays": 11}), ["RetentionDays", "11", "0 to 10"]),
        (json!({"ImportAction": "Merge"}), ["ImportAction", "Merge", "Add or Delete"]),
        (json!({"MatchCriteria": "Email"}), ["MatchCriteria", "Email", "AlternateIdType"]),
        (json!([]), ["body", "object", "accepted"]),
    ] {
        api.post(&api.imports_path(""), &body).await.refuses(400, &words);
    }
    let unknown = json!({"MatchCriteria": "AlternateIdType", "MatchValue": "ERP"});
    api.post(&api.imports_path(""), &unknown).await.refuses(404, &["ERP"]);
}

#[tokio::test]
async fn an_import_goes_from_initiated_to_completed_and_counts_on_the_way() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({"Name": "Two"})).await;
    let status = api.import_status(token).await.is(200).json();
    assert_eq!((&status["Status"], counts(&status)), (&json!("Initiated"), [0; 7]));

    let staged = api.stage(token, &json!([person("Ann", &[]), person("Ben", &[])])).await.is(200).json();
    assert_eq!((&staged["Status"], counts(&staged)), (&json!("Staging"), [2, 2, 0, 0, 2, 0, 0]));
    assert_eq!(
        (&staged["FirstSequenceNumber"], &staged["Received"], &staged["Failed"]),
        (&json!(1), &json!(2), &json!(0))
    );
    let staged = api.stage(token, &json!([{"Emails": [{"EmailAddressType": "Boat", "EmailAddress": "a@b.c"}]}])).await;
    let staged = staged.is(200).json();
    assert_eq!((&staged["FirstSequenceNumber"], counts(&staged)), (&json!(3), [3, 2, 1, 0, 2, 1, 0]));
    assert!(api.ids("Everyone", json!({})).await.is_empty(), "nothing is in before Execute");

    world.hold();
    let queued = api.execute(token).await.is(200);
    assert_eq!(queued.json()["Status"], "Queued");
    assert!(queued.header("retry-after").is_some());
    world.release();
    let status = api.import_ended(token).await;
    assert_eq!((&status["Status"], counts(&status)), (&json!("Completed"), [3, 2, 1, 2, 0, 1, 0]));
    assert_eq!(api.ids("Everyone", json!({})).await, [1, 2]);
    assert_eq!(api.not_in(token).await[0].0, 3);

    let again = api.execute(token).await.is(200).json();
    assert_eq!(again["Status"], "Completed", "sent again it changes nothing");
    assert_eq!(api.ids("Everyone", json!({})).await, [1, 2]);
    api.stage(token, &json!([person("Cem", &[])])).await.refuses(409, &["Completed", "before Execute"]);
}

#[tokio::test]
async fn an_import_of_nothing_completes_with_nothing_done() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let staged = api.stage(token, &json!([])).await.is(200).json();
    assert_eq!((&staged["FirstSequenceNumber"], &staged["Received"]), (&Value::Null, &json!(0)));
    api.execute(token).await.is(200);
    let status = api.import_ended(token).await;
    assert_eq!((&status["Status"], counts(&status)), (&json!("Completed"), [0; 7]));
}

#[tokio::test]
async fn bad_records_are_told_with_number_path_and_reason_and_the_others_are_in() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let records: Vec<String> = (1..=300)
        .map(|n| match n {
            7 => r#"{"Emails": [{"EmailAddressType": "Boat", "EmailAddress": "a@b.c"}]}"#.to_owned(),
            100 => "{not json}".to_owned(),
            101 => "17".to_owned(),
            200 => r#"{"IsActive": "yes"}"#.to_owned(),
            201 => r#"{"ProfileId": -4}"#.to_owned(),
            202 => r#"{"CustomFields": [{"Name": "Age", "Value": "old"}]}"#.to_owned(),
            n => person(&format!("p{n}"), &[]).to_string(),
        })
        .collect();
    for part in records.chunks(150) {
        let body = format!("{{\"UserProfiles\": [{}]}}", part.join(","));
        api.post_text(&api.imports_path(&format!("/{token}")), body).await.is(200);
    }
    let before = api.not_in(token).await;
    api.execute(token).await.is(200);
    let status = api.import_ended(token).await;
    assert_eq!(counts(&status), [300, 294, 6, 294, 0, 6, 0]);
    let refused = api.not_in(token).await;
    assert_eq!(refused, before, "they were exceptions as soon as they were staged");
    let places: Vec<(u64, &str)> = refused.iter().map(|(n, path, _)| (*n, path.as_str())).collect();
    let expected = [
        (7, "Emails[0].EmailAddressType"),
        (100, ""),
        (101, ""),
        (200, "IsActive"),
        (201, "ProfileId"),
        (202, "CustomFields[0].Value"),
    ];
    assert_eq!(places, expected);
    assert!(refused[0].2.contains("Boat"));
    let page = api.exceptions(token, "").await.is(200).json();
    assert_eq!(page["UserProfileExceptions"][0]["UserProfile"]["Emails"][0]["EmailAddress"], "a@b.c");
    assert_eq!(
        page["UserProfileExceptions"][1]["UserProfile"],
        Value::Null,
        "what is no JSON can't be given back as JSON"
    );
    assert_eq!(api.ids("Everyone", json!({})).await.len(), 294);
    world.check();
}

#[tokio::test]
async fn exceptions_come_in_pages_in_the_order_of_their_numbers() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(by_crm(json!({}))).await;
    // Every third fails when it is staged, every seventh is refused when it is executed: its email has another's alternate id.
    let record = |n: u64| match (n % 3, n % 7) {
        (0, _) => json!({"IsActive": 5}),
        (_, 0) => json!({"AlternateIds": [
            {"AlternateIdType": "CRM", "AlternateId": format!("C-{n}")}, {"AlternateIdType": "Loyalty", "AlternateId": "taken"}]}),
        _ => known(&format!("p{n}"), &format!("C-{n}")),
    };
    let taken = json!({"AlternateIds": [
        {"AlternateIdType": "CRM", "AlternateId": "C-0"}, {"AlternateIdType": "Loyalty", "AlternateId": "taken"}]});
    api.create(taken).await;
    for first in (1..=120).step_by(40) {
        let records: Vec<Value> = (first..first + 40).map(record).collect();
        api.stage(token, &json!(records)).await.is(200);
    }
    let failed: Vec<u64> = (1..=120).filter(|n| n % 3 == 0).collect();
    let numbers = |all: Vec<(u64, String, String)>| all.into_iter().map(|(n, ..)| n).collect::<Vec<_>>();
    assert_eq!(numbers(api.not_in(token).await), failed);
    assert_eq!(
        api.exceptions(token, "limit=2&offset=39").await.json()["UserProfileExceptions"][0]["SequenceNumber"],
        117
    );
    api.execute(token).await.is(200);
    api.import_ended(token).await;
    let all: Vec<u64> = (1..=120).filter(|n| n % 3 == 0 || n % 7 == 0).collect();
    assert_eq!(numbers(api.not_in(token).await), all);

    let mut read = Vec::new();
    for offset in (1..).step_by(10) {
        let page = api.exceptions(token, &format!("limit=10&offset={offset}")).await.is(200).json();
        let names: Vec<&String> = page.as_object().unwrap().keys().collect();
        assert_eq!(names, ["Count", "HasMore", "Limit", "Offset", "TotalResults", "UserProfileExceptions"]);
        let items = page["UserProfileExceptions"].as_array().unwrap();
        assert_eq!(
            (page["Count"].as_u64(), page["TotalResults"].as_u64()),
            (Some(items.len() as u64), Some(all.len() as u64))
        );
        read.extend(items.iter().map(|e| e["SequenceNumber"].as_u64().unwrap()));
        assert!(items.iter().all(|e| !e["UserProfile"].is_null()), "each comes with the record as it was staged");
        if page["HasMore"] == false {
            break;
        }
    }
    assert_eq!(read, all);
    let beyond = api.exceptions(token, "offset=1000").await.is(200).json();
    assert_eq!((&beyond["Count"], &beyond["HasMore"]), (&json!(0), &json!(false)));
    for query in ["limit=0", "offset=0", "limit=x"] {
        api.exceptions(token, query).await.is(400);
    }
}

#[tokio::test]
async fn a_body_that_is_no_list_of_records_or_too_large_stages_nothing() {
    let world = World::start_with(&["--import-stage-limit", "4KiB"]).await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let path = api.imports_path(&format!("/{token}"));
    let ann = person("Ann", &[]);
    for body in [
        "",
        "[]",
        "{}",
        "{\"UserProfiles\": 5}",
        &format!("{{\"UserProfiles\": [{ann}"),
        &format!("{{\"UserProfiles\": [{ann}]] }}"),
    ] {
        api.post_text(&path, body.to_owned()).await.is(400);
    }
    let large: Vec<Value> = (0..100).map(|n| person(&format!("p{n}"), &[])).collect();
    api.stage(token, &json!(large)).await.refuses(413, &["4096"]);
    read(api.call("POST", &path).header("content-type", "text/plain").body("{}")).await.is(415);
    for path in [path.clone(), api.profile_path("")] {
        let call = api.call("POST", &path).header("content-type", "application/json");
        let compressed = call.header("content-encoding", "gzip").body(b"\x1f\x8b\x08".to_vec());
        read(compressed).await.refuses(415, &["gzip", "uncompressed"]);
    }
    assert_eq!(counts(&api.import_status(token).await.json()), [0; 7]);
    let named =
        api.post_text(&path, format!("{{\"Other\": {{\"a\": [1]}}, \"userprofiles\": [{ann}]}}")).await.is(200).json();
    assert_eq!(named["Received"], 1, "names match in any letter case, and others are passed over");
    assert!(world.run(&["serve", "--import-stage-limit", "29MiB"]).status.code() == Some(2), "28 MB is the most");
}

#[tokio::test]
async fn a_stage_call_with_the_same_key_stages_nothing_twice() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let path = api.imports_path(&format!("/{token}"));
    let body = json!({"UserProfiles": [person("Ann", &[]), {"IsActive": 1}]});
    let call = |key: &'static str| {
        let (api, path, body) = (&api, &path, &body);
        async move { read(api.call("POST", path).header("Idempotency-Key", key).json(body)).await.is(200).json() }
    };
    let first = call("part-1").await;
    let again = call("part-1").await;
    assert_eq!(first, again);
    let other = call("part-2").await;
    assert_eq!((&other["FirstSequenceNumber"], &other["TotalRecordsReceived"]), (&json!(3), &json!(4)));
}

#[tokio::test]
async fn members_that_a_profile_does_not_have_are_passed_over_and_told() {
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let mut ann = person("Ann", &[]);
    ann["Shoe"] = json!(9);
    ann["Emails"][0]["Verified"] = json!(true);
    let staged = api.stage(token, &json!([person("Ben", &[]), ann])).await.is(200).json();
    let told: Vec<(u64, &str)> = staged["UnknownMembers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|u| (u["SequenceNumber"].as_u64().unwrap(), u["Path"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(2, "Emails[0].Verified"), (2, "Shoe")]);
    api.execute(token).await.is(200);
    let status = api.import_ended(token).await;
    assert_eq!((counts(&status), &status["Warnings"]), ([2, 2, 0, 2, 0, 0, 0], &json!(1)));
    assert_eq!(api.read(2).await["Emails"][0]["EmailAddress"], "ann@example.com");
}

#[tokio::test]
async fn an_invalid_token_is_401_whatever_is_wrong_with_it() {
    let world = World::start().await;
    let (api, other) = (world.admin().await, world.sign_in(ACCOUNT, "Admin").await);
    world.create_account("OTHER");
    let foreign = world.sign_in("OTHER", "Admin").await;
    let (mine, theirs) = (api.begin_import(json!({})).await, foreign.begin_import(json!({})).await);
    other.import_status(mine).await.is(200);
    let mut bodies = Vec::new();
    for token in [theirs.to_string(), (mine ^ 1).to_string(), "0".into(), "x".into(), "99999999999999999999".into()] {
        for (method, rest) in [("GET", "/Status"), ("GET", "/Exceptions"), ("POST", ""), ("POST", "/Execute")] {
            let answer = read(api.call(method, &api.imports_path(&format!("/{token}{rest}")))).await.is(401);
            assert!(answer.header("www-authenticate").is_some());
            bodies.push(answer.body);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "byte for byte the same");

    world.advance(12 * 3_600_000 - 1);
    let api = world.admin().await;
    api.import_status(mine).await.is(200);
    world.advance(1);
    assert_eq!(api.import_status(mine).await.is(401).body, bodies[0], "a token lives 12 h");
    api.stage(mine, &json!([])).await.is(401);
    api.execute(mine).await.is(401);
}

#[tokio::test]
async fn a_completed_import_can_be_read_for_its_retention_and_then_nothing_is_left_of_it() {
    let world = World::start().await;
    let api = world.admin().await;
    let records = json!([person("Ann", &[]), {"IsActive": "secretly bad"}]);
    let (kept, _) = api.import(json!({"RetentionDays": 2}), records.clone()).await;
    let (brief, _) = api.import(json!({"RetentionDays": 0}), records).await;
    assert_eq!(api.import_status(kept).await.json()["ExpirationDate"], "2026-06-17T12:00:00.000Z");
    assert_eq!(api.import_status(brief).await.json()["ExpirationDate"], "2026-06-16T00:00:00.000Z");
    world.advance(13 * 3_600_000);
    let api = world.admin().await;
    api.import_status(brief).await.is(401);
    assert_eq!(api.not_in(kept).await.len(), 1);
    world.advance(48 * 3_600_000);
    let api = world.admin().await;
    api.exceptions(kept, "").await.is(401);
    let folder = world.data().join("imports");
    let files = || walk(&folder);
    eventually("the files are removed", || files() == 0).await;
    world.check();
}

/// Files below a folder.
pub(super) fn walk(dir: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_body_reaches_also_a_caller_who_asked_first() {
    const MORE: usize = 20 << 20;
    let world = World::start().await;
    let api = world.admin().await;
    let token = api.begin_import(json!({})).await;
    let mut stream = TcpStream::connect(world.url.strip_prefix("http://").unwrap()).unwrap();
    let path = api.imports_path(&format!("/{token}"));
    let fields = format!(
        "Host: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nConnection: close\r\n",
        api.token
    );
    write!(stream, "POST {path} HTTP/1.1\r\n{fields}Content-Length: {}\r\nExpect: 100-Continue\r\n\r\n", MORE + 1)
        .unwrap();
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut said = vec![0; go_on.len()];
    stream.read_exact(&mut said).unwrap();
    assert_eq!(said, go_on);
    // The first byte is refused.
    stream.write_all(b"x").unwrap();
    stream.write_all(&vec![b' '; MORE]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("\"Message\":"), "{answer}");
}

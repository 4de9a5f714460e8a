//! Initiate, Status, Retrieve, Commit.

use reqwest::Method;
use serde_json::json;

use crate::sandbox::Sandbox;

#[tokio::test]
async fn from_a_token_to_the_last_block() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    sandbox.profiles(&john, &["a", "b", "c"]).await;

    let robot = sandbox.token("acme_corp", "Robot").await;
    let export = sandbox.export(&robot, "everyone").await;
    let status = sandbox.settled(&robot, &export).await;
    assert_eq!(status.json()["Status"], "Complete");
    assert_eq!(status.json()["RowCount"], 3);
    let snapshot = status.header("sayso-snapshot").unwrap().to_owned();

    let first = sandbox.get(&robot, &format!("{export}?LIMIT=2&unknown=%20")).await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(first.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(first.header("sayso-snapshot"), Some(snapshot.as_str()));
    let page = first.json();
    let names: Vec<_> = page.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["Count", "HasMore", "Limit", "Offset", "TotalResults", "UserProfilePreferences"]);
    assert_eq!((&page["Count"], &page["HasMore"], &page["TotalResults"]), (&json!(2), &json!(true), &json!(3)));
    assert_eq!(page["UserProfilePreferences"][1]["AlternateIds"][0]["AlternateId"], "b");

    let last = sandbox.get(&robot, &format!("{export}?limit=2&offset=3")).await;
    assert_eq!((&last.json()["Count"], &last.json()["HasMore"]), (&json!(1), &json!(false)));
    assert_eq!(last.json()["UserProfilePreferences"][0]["Emails"][0]["EmailAddress"], "c@example.org");

    let status = sandbox.get(&robot, &format!("{export}/Status")).await;
    assert_eq!(status.json()["Status"], "Retrieved");
    let ended = sandbox.get(&robot, &export).await;
    assert_eq!(ended.status, 404);
    assert!(ended.message().contains("Retrieved"), "{ended:?}");
    sandbox.stop().await;
}

#[tokio::test]
async fn head_a_conditional_read_and_keep_alive_end_nothing_and_commit_can_be_repeated() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    sandbox.profiles(&john, &["a"]).await;
    let export = sandbox.export(&john, "Gr%C3%B6%C3%9Fe%201").await;

    let head = sandbox.send(sandbox.request(Method::HEAD, &export).bearer_auth(&john)).await;
    assert_eq!((head.status.as_u16(), head.body.as_str()), (200, ""));
    let kept = sandbox.get(&john, &format!("{export}?keepAlive=TRUE")).await;
    assert_eq!(head.header("content-length"), Some(kept.body.len().to_string().as_str()));
    assert_eq!(head.header("etag"), kept.header("etag"));
    let etag = kept.header("etag").unwrap();
    let same =
        sandbox.send(sandbox.request(Method::GET, &export).bearer_auth(&john).header("If-None-Match", etag)).await;
    assert_eq!((same.status.as_u16(), same.body.as_str(), same.header("etag")), (304, "", Some(etag)));
    let past = sandbox.get(&john, &format!("{export}?offset=9")).await;
    assert_eq!((&past.json()["Count"], &past.json()["HasMore"]), (&json!(0), &json!(false)));
    assert_eq!(sandbox.get(&john, &format!("{export}/Status")).await.json()["Status"], "Complete");

    for _ in 0..2 {
        let committed = sandbox.post(&john, &format!("{export}/Commit?keepfiles=false"), &json!({})).await;
        assert_eq!((committed.status.as_u16(), committed.body.as_str()), (200, "{}"));
    }
    assert_eq!(sandbox.get(&john, &format!("{export}/Status")).await.json()["Status"], "Retrieved");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_page_comes_as_gzip_to_who_takes_it_and_its_last_block_ends_the_token_too() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    sandbox.profiles(&john, &["a", "b", "c"]).await;
    let export = sandbox.export(&john, "everyone").await;
    sandbox.settled(&john, &export).await;
    let plain = sandbox.get(&john, &format!("{export}?keepAlive=true")).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("Accept-Encoding")));

    let ask = || sandbox.request(Method::GET, &export).bearer_auth(&john).header("Accept-Encoding", "gzip");
    let answer = ask().send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((header("content-encoding"), header("vary")), ("gzip".into(), "Accept-Encoding".into()));
    let (etag, length) = (header("etag"), header("content-length"));
    assert_ne!(Some(etag.as_str()), plain.header("etag"));
    let body = answer.bytes().await.unwrap();
    assert_eq!(length, body.len().to_string());
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&body[..]), &mut text).unwrap();
    assert_eq!(text, plain.body);
    assert_eq!(sandbox.get(&john, &format!("{export}/Status")).await.json()["Status"], "Retrieved");

    let export = sandbox.export(&john, "everyone").await;
    sandbox.settled(&john, &export).await;
    let ask = || sandbox.request(Method::GET, &export).bearer_auth(&john).header("Accept-Encoding", "gzip");
    let etag = ask().query(&[("keepAlive", "true")]).send().await.unwrap().headers()["etag"].clone();
    let same = sandbox.send(ask().header("If-None-Match", etag)).await;
    assert_eq!((same.status.as_u16(), same.body.as_str()), (304, ""));
    assert_eq!(sandbox.get(&john, &format!("{export}/Status")).await.json()["Status"], "Complete");
    sandbox.stop().await;
}

#[tokio::test]
async fn the_routes_of_the_older_service_answer_the_same() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    sandbox.profiles(&john, &["a", "b"]).await;
    let body =
        json!({"matchcriteria": "AlternateId", "MatchType": "crm", "Values": ["B"], "CallbackURL": null, "Older": 1});
    let answer = sandbox.post(&john, "/Profiles/Async/acme_corp/Export/SegmentGroup/both", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let export = format!("/Profiles/Async/acme_corp/Export/{}", answer.json()["AccessToken"]);
    assert_eq!(sandbox.settled(&john, &export).await.json()["RowCount"], 1);
    let page = sandbox.get(&john, &export).await.json();
    assert_eq!(page["UserProfilePreferences"][0]["AlternateIds"][0]["AlternateId"], "b");
    sandbox.stop().await;
}

#[tokio::test]
async fn what_initiate_does_not_take_is_named() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    let everyone = "/Profiles/v4/Async/ACME_CORP/Export/Segment/Everyone";
    for (path, body, status, named) in [
        (everyone, json!([]), 400, "object"),
        (everyone, json!({"LastDateTime": "yesterday"}), 400, "LastDateTime"),
        (everyone, json!({"MatchCriteria": "AlternateId", "Values": ["a"]}), 400, "MatchType"),
        (everyone, json!({"MatchCriteria": "AlternateId", "MatchType": "Nope", "Values": ["a"]}), 404, "Nope"),
        (everyone, json!({"Values": [1]}), 400, "MatchCriteria"),
        (everyone, json!({"CallbackURL": "http://example.org/"}), 400, "CallbackURL"),
        ("/Profiles/v4/Async/ACME_CORP/Export/Segment/Nope", json!({}), 404, "Nope"),
        ("/Profiles/v4/Async/ACME_CORP/Export/SegmentGroup/Everyone", json!({}), 404, "Everyone"),
    ] {
        let answer = sandbox.post(&john, path, &body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.message().contains(named), "{body}: {answer:?}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_gives_the_first_token_and_refuses_another_body() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    let initiate = |key: &str, body: &'static str| {
        let request = sandbox.request(Method::POST, "/Profiles/v4/Async/ACME_CORP/Export/Segment/Everyone");
        sandbox.send(request.bearer_auth(&john).header("Idempotency-Key", key).body(body))
    };
    let first = initiate("k1", "").await;
    assert_eq!(initiate("k1", "").await.body, first.body);
    assert_ne!(initiate("k2", "").await.body, first.body);
    assert_eq!(initiate("k1", "{}").await.status, 422);
    assert_eq!(initiate("not visible", "").await.status, 400);
    sandbox.stop().await;
}

#[tokio::test]
async fn limits_and_flags_out_of_range_name_the_parameter_and_end_nothing() {
    let sandbox = Sandbox::new().await;
    let john = sandbox.token("ACME_CORP", "John.Doe").await;
    let export = sandbox.export(&john, "Everyone").await;
    for (query, named) in [
        ("limit=0", "limit"),
        ("OFFSET=-1", "offset"),
        ("limit=9223372036854775808", "limit"),
        ("keepalive=yes", "keepAlive"),
    ] {
        let answer = sandbox.get(&john, &format!("{export}?{query}")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let value = query.split('=').next_back().unwrap();
        assert!(answer.message().contains(named) && answer.message().contains(value), "{answer:?}");
    }
    let empty = sandbox.get(&john, &format!("{export}?limit=9223372036854775807")).await;
    assert_eq!(empty.json()["UserProfilePreferences"], json!([]));
    assert_eq!(sandbox.get(&john, &format!("{export}/Status")).await.json()["Status"], "Retrieved");
    sandbox.stop().await;
}

//! Retrieve: pages, the last block, and who may have them.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::harness::*;

/// A world with `n` profiles and a complete export of them.
async fn exported(n: usize) -> (World, Api, u64) {
    let world = World::start().await;
    let api = world.nightly().await;
    for i in 0..n {
        api.create(person(&format!("p{i}"), &[])).await;
    }
    let token = api.export("Everyone", json!({})).await;
    (world, api, token)
}

fn count(answer: &Answer) -> usize {
    answer.json()["UserProfilePreferences"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_page_has_these_names_in_this_order() {
    let (_world, api, token) = exported(2).await;
    let answer = api.page(token, "keepAlive=true").await.is(200);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    let head = r#"{"Count":2,"HasMore":false,"Limit":1000,"Offset":1,"TotalResults":2,"UserProfilePreferences":[{"ProfileId":"#;
    assert!(text.starts_with(head), "{text}");
    assert!(text.ends_with("}]}"), "{text}");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert!(answer.header("sayso-snapshot").is_some());
}

#[tokio::test]
async fn limit_is_1000_and_offset_1_when_not_given() {
    let (_world, api, token) = exported(1_001).await;
    let page = api.page(token, "keepAlive=true").await.is(200).json();
    assert_eq!((&page["Limit"], &page["Offset"], &page["Count"]), (&json!(1000), &json!(1), &json!(1000)));
    assert_eq!((&page["HasMore"], &page["TotalResults"]), (&json!(true), &json!(1001)));
    assert_eq!(page["UserProfilePreferences"].as_array().unwrap().len(), 1000);
}

#[tokio::test]
async fn offsets_are_one_based_and_records_ordered_by_profile_id() {
    let (_world, api, token) = exported(7).await;
    let all = ids(&api.rows(token).await);
    assert!(all.is_sorted() && all.len() == 7);
    for offset in 1..=7 {
        let page = api.page(token, &format!("limit=2&offset={offset}&keepAlive=true")).await.is(200).json();
        let got = ids(page["UserProfilePreferences"].as_array().unwrap());
        assert_eq!(got, all[offset - 1..(offset + 1).min(7)]);
        assert_eq!(page["Offset"], offset);
        assert_eq!(page["HasMore"], json!(offset + 1 < 7));
        assert_eq!(page["Count"], got.len());
    }
}

#[tokio::test]
async fn a_page_past_the_end_is_empty_and_ends_nothing() {
    let (_world, api, token) = exported(3).await;
    for offset in ["4", "5", "9223372036854775807"] {
        let page = api.page(token, &format!("offset={offset}")).await.is(200).json();
        let want = (&json!(0), &json!(false), &json!([]));
        assert_eq!((&page["Count"], &page["HasMore"], &page["UserProfilePreferences"]), want);
        assert_eq!((&page["TotalResults"], &page["Offset"].to_string()), (&json!(3), &offset.to_string()));
    }
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
}

#[tokio::test]
async fn limit_and_offset_are_integers_from_one_to_2_63_minus_1() {
    let (_world, api, token) = exported(2).await;
    for bad in
        ["0", "-1", "1.5", "abc", "", "9223372036854775808", "99999999999999999999999", "0x10", "1e3", "+-1", "NaN"]
    {
        api.page(token, &format!("limit={bad}")).await.refuses(400, &["limit", "9223372036854775807"]);
        api.page(token, &format!("offset={bad}")).await.refuses(400, &["offset", "9223372036854775807"]);
    }
    let page = api.page(token, "limit=9223372036854775807&keepAlive=true").await.is(200);
    assert_eq!(count(&page), 2);
    assert_eq!(page.json()["Limit"].to_string(), "9223372036854775807");
}

#[tokio::test]
async fn an_operator_may_bound_the_limit_and_the_page_shows_the_one_in_force() {
    let world = World::start_with(&["--max-limit", "2"]).await;
    let api = world.nightly().await;
    for i in 0..3 {
        api.create(person(&format!("p{i}"), &[])).await;
    }
    let token = api.export("Everyone", json!({})).await;
    let page = api.page(token, "limit=50").await.is(200).json();
    assert_eq!((&page["Limit"], &page["Count"], &page["HasMore"]), (&json!(2), &json!(2), &json!(true)));
}

#[tokio::test]
async fn query_names_match_in_any_letter_case() {
    let (_world, api, token) = exported(3).await;
    let page = api.page(token, "LIMIT=1&Offset=2&keepalive=true").await.is(200).json();
    assert_eq!((&page["Limit"], &page["Offset"], &page["Count"]), (&json!(1), &json!(2), &json!(1)));
    api.page(token, "KEEPALIVE=true").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
}

#[tokio::test]
async fn keep_alive_takes_true_and_false_in_any_letter_case_and_nothing_else() {
    let (_world, api, token) = exported(1).await;
    for bad in ["yes", "1", "0", "", "truee", "null"] {
        api.page(token, &format!("keepAlive={bad}")).await.refuses(400, &["keepAlive", "true", "false"]);
    }
    for yes in ["true", "True", "TRUE", "tRuE"] {
        assert_eq!(count(&api.page(token, &format!("keepAlive={yes}")).await.is(200)), 1);
    }
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
    api.page(token, "keepAlive=FALSE").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
}

#[tokio::test]
async fn the_last_block_without_keep_alive_ends_the_token_and_deletes_the_files() {
    let (world, api, token) = exported(3).await;
    api.page(token, "limit=2&offset=1").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Complete", "records follow: nothing ends");
    assert!(!world.files(token).is_empty());
    let page = api.page(token, "limit=2&offset=3").await.is(200).json();
    assert_eq!(page["HasMore"], false);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
    api.page(token, "limit=2&offset=3").await.refuses(404, &["Retrieved"]);
    eventually("the files are deleted", || world.files(token).is_empty()).await;
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_but_the_owner_of_the_server_can_reach_the_files_of_an_export() {
    use std::os::unix::fs::PermissionsExt;
    let (world, _api, token) = exported(1).await;
    let folder = world.files(token)[0].parent().unwrap().to_owned();
    let exports = world.data().join("exports");
    for closed in [folder.as_path(), folder.parent().unwrap(), &exports] {
        assert_eq!(std::fs::metadata(closed).unwrap().permissions().mode() & 0o077, 0, "{}", closed.display());
    }
}

#[tokio::test]
async fn any_page_whose_end_is_the_last_record_is_the_last_block() {
    let (_world, api, token) = exported(3).await;
    api.page(token, "limit=1&offset=3").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
}

#[tokio::test]
async fn an_empty_exports_first_page_is_its_last_block() {
    let (_world, api, token) = exported(0).await;
    let kept = api.page(token, "keepAlive=true").await.is(200);
    let empty = r#"{"Count":0,"HasMore":false,"Limit":1000,"Offset":1,"TotalResults":0,"UserProfilePreferences":[]}"#;
    assert_eq!(kept.body, empty.as_bytes());
    api.page(token, "offset=2").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
    api.page(token, "").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
}

#[tokio::test]
async fn keep_alive_never_ends_the_token_in_any_order_by_any_number_of_readers() {
    let (_world, api, token) = exported(20).await;
    let all = ids(&api.rows(token).await);
    let readers = (0..8usize).map(|reader| {
        let (api, all) = (api.clone(), all.clone());
        async move {
            for step in 0..20usize {
                let offset = (step * 7 + reader * 3) % 20;
                let page =
                    api.page(token, &format!("limit=3&offset={}&keepAlive=true", offset + 1)).await.is(200).json();
                assert_eq!(ids(page["UserProfilePreferences"].as_array().unwrap()), all[offset..(offset + 3).min(20)]);
            }
        }
    });
    futures_util::future::join_all(readers).await;
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
}

#[tokio::test]
async fn whoever_takes_the_last_block_without_keep_alive_ends_the_others_token() {
    let (_world, api, token) = exported(4).await;
    let other = api.clone();
    other.page(token, "limit=2&keepAlive=true").await.is(200);
    api.page(token, "limit=2&offset=3").await.is(200);
    other.page(token, "limit=2&offset=3&keepAlive=true").await.refuses(404, &["Retrieved"]);
}

#[tokio::test]
async fn a_connection_that_breaks_before_the_last_byte_ends_nothing() {
    let world = World::start().await;
    let api = world.nightly().await;
    let note = "n".repeat(4_000);
    for i in 0..6_000 / 40 {
        let calls = (0..40).map(|j| {
            let mut p = person(&format!("p{i}x{j}"), &[]);
            p["CustomFields"] = json!([{"Name": "Note", "Value": note}]);
            api.create(p)
        });
        futures_util::future::join_all(calls).await;
    }
    let token = api.export("Everyone", json!({})).await;
    let path = api.token_path(token, "?limit=6000");
    let mut socket = std::net::TcpStream::connect(api.url.strip_prefix("http://").unwrap()).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", api.token).unwrap();
    let mut some = [0; 100_000];
    socket.read_exact(&mut some).unwrap();
    assert!(some.starts_with(b"HTTP/1.1 200"));
    drop(socket);
    // The server learns of it when it writes on: by then it has an answer for another call, too.
    let again = api.page(token, "limit=6000&keepAlive=true").await.is(200);
    assert_eq!(count(&again), 6_000);
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
    assert_eq!(count(&api.page(token, "limit=6000").await.is(200)), 6_000);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
}

#[tokio::test]
async fn head_and_304_end_nothing() {
    let (_world, api, token) = exported(2).await;
    let head = read(api.call("HEAD", &api.token_path(token, ""))).await.is(200);
    assert!(head.body.is_empty());
    let etag = head.header("etag").unwrap().to_string();
    assert!(etag.starts_with('"'), "strong: {etag}");
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    let same = read(api.call("GET", &api.token_path(token, "")).header("If-None-Match", &etag)).await.is(304);
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), Some(etag.as_str()));
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
    let other = api.page(token, "limit=1&keepAlive=true").await;
    assert_ne!(other.header("etag"), Some(etag.as_str()), "one per page");
    assert_eq!(api.page(token, "").await.is(200).body.len(), length);
}

#[tokio::test]
async fn gzip_is_one_member_with_a_tag_of_its_own_and_its_last_block_ends_the_token() {
    let (_world, api, token) = exported(250).await;
    let ask =
        |query: &str| api.call("GET", &api.token_path(token, &format!("?{query}"))).header("Accept-Encoding", "gzip");
    for query in ["limit=100&offset=1", "limit=130&offset=37", "limit=1&offset=250", "offset=999", "limit=1000"] {
        let query = format!("{query}&keepAlive=true");
        let (plain, packed) = (api.page(token, &query).await.is(200), read(ask(&query)).await.is(200));
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert_eq!(packed.header("content-length"), Some(packed.body.len().to_string().as_str()));
        assert_ne!(packed.header("etag"), plain.header("etag"));
        assert!(plain.header("vary").unwrap().eq_ignore_ascii_case("accept-encoding"));
        let mut member = flate2::bufread::GzDecoder::new(&packed.body[..]);
        let mut text = Vec::new();
        member.read_to_end(&mut text).unwrap();
        assert!(member.into_inner().is_empty(), "{query}: nothing follows the first member");
        assert_eq!(text, plain.body, "{query}");
        let tag = packed.header("etag").unwrap();
        read(ask(&query).header("If-None-Match", tag)).await.is(304);
        read(api.call("GET", &api.token_path(token, &format!("?{query}"))).header("If-None-Match", tag)).await.is(200);
    }
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
    read(ask("limit=1000")).await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
}

#[tokio::test]
async fn readers_at_once_have_each_piece_of_gzip_compressed_once() {
    let (_world, api, token) = exported(250).await;
    let path = api.token_path(token, "?keepAlive=true");
    let readers = (0..16).map(|_| read(api.call("GET", &path).header("Accept-Encoding", "gzip")));
    let pages = futures_util::future::join_all(readers).await;
    assert!(pages.into_iter().all(|page| page.is(200).header("content-encoding") == Some("gzip")));
    let metrics = read(api.http.get(format!("{}/metrics", api.url))).await.is(200).body;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.lines().any(|line| line == "sayso_gzip_pieces_total 3"), "{metrics}");
}

#[tokio::test]
async fn not_complete_yet_is_503_with_retry_after() {
    let world = World::start().await;
    let api = world.nightly().await;
    world.hold();
    let token = api.initiate("Everyone", json!({})).await;
    let answer = api.page(token, "").await.refuses(503, &[]);
    assert!(answer.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
}

#[tokio::test]
async fn unknown_malformed_and_foreign_tokens_are_404_byte_for_byte_the_same() {
    let (world, api, token) = exported(1).await;
    world.create_account("OTHER");
    let stranger = world.sign_in("OTHER", "Nightly").await;
    let colleague = world.sign_in(ACCOUNT, "Other").await;
    let unknown = api.page(4_503_599_627_370_495, "").await.is(404);
    let text = |a: &Answer| (a.status, a.body.clone(), a.header("content-type").map(str::to_string));
    for bad in ["abc", "0", "-1", "9007199254740992", "99999999999999999999", "1.5", "%20"] {
        let answer = api.get(&api.token_path(1, "").replace("/1", &format!("/{bad}"))).await;
        assert_eq!(text(&answer), text(&unknown), "{bad}");
    }
    assert_eq!(text(&stranger.page(token, "").await), text(&unknown), "another account's");
    assert_eq!(text(&colleague.page(token, "").await), text(&unknown), "another user's of the same account");
    assert_eq!(text(&colleague.status(token).await), text(&unknown));
    assert_eq!(text(&colleague.commit(token, "").await), text(&unknown));
    let admin = world.admin().await;
    admin.page(token, "keepAlive=true").await.is(200);
    api.page(token, "").await.is(200);
    assert_eq!(text(&colleague.page(token, "").await), text(&unknown), "also when it has ended");
}

#[tokio::test]
async fn without_or_with_a_bad_bearer_token_it_is_401() {
    let (_world, api, token) = exported(1).await;
    let url = format!("{}{}", api.url, api.token_path(token, ""));
    let none = read(api.http.get(&url)).await.refuses(401, &[]);
    assert!(none.header("www-authenticate").unwrap().contains("Bearer"));
    let bad = read(api.http.get(&url).bearer_auth("nonsense")).await.refuses(401, &[]);
    assert!(bad.header("www-authenticate").unwrap().contains("invalid_token"));
    read(api.http.get(&url).header("Authorization", "Digest x")).await.refuses(401, &[]);
    assert_eq!(api.status(token).await.json()["Status"], "Complete");
}

#[tokio::test]
async fn who_lost_can_execute_after_complete_cannot_read_the_export() {
    let (world, api, token) = exported(1).await;
    world.lock("Everyone");
    api.page(token, "keepAlive=true").await.refuses(403, &["CanExecute", "Everyone"]);
    api.status(token).await.refuses(403, &["CanExecute", "Everyone"]);
    api.commit(token, "").await.refuses(403, &["CanExecute", "Everyone"]);
    world.admin().await.page(token, "keepAlive=true").await.is(200);
}

#[tokio::test]
async fn a_user_who_was_switched_off_and_a_client_that_was_revoked_are_401() {
    let (world, api, token) = exported(1).await;
    let admin = world.admin().await;
    world.sayso(&["credentials", "revoke", "--account", ACCOUNT, &admin.client_id]);
    admin.page(token, "keepAlive=true").await.refuses(401, &[]);
    api.page(token, "keepAlive=true").await.is(200);
    world.apply("UserId = \"Nightly\",", "UserId = \"Nightly\", IsActive = false,");
    api.page(token, "keepAlive=true").await.refuses(401, &[]);
    let refused = api.oauth(&[("grant_type", "client_credentials")]).await.is(400).json();
    assert_eq!(refused["error"], "unauthorized_client");
}

#[tokio::test]
async fn an_operator_may_have_the_last_block_answered_again_for_a_while() {
    let world = World::start_with(&["--last-block-replay", "60s"]).await;
    let api = world.nightly().await;
    for name in ["Ann", "Bob"] {
        api.create(person(name, &[])).await;
    }
    let token = api.export("Everyone", json!({})).await;
    let first = api.page(token, "limit=1&offset=2").await.is(200);
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
    assert_eq!(api.page(token, "limit=1&offset=2").await.is(200).body, first.body);
    api.page(token, "limit=2").await.refuses(404, &["Retrieved"]);
    world.advance(60_001);
    api.page(token, "limit=1&offset=2").await.refuses(404, &["Retrieved"]);
}

#[tokio::test]
async fn a_wrong_method_is_405_with_allow_and_an_unknown_route_404() {
    let (_world, api, token) = exported(1).await;
    let answer = api.delete(&api.token_path(token, "")).await.refuses(405, &[]);
    assert!(answer.header("allow").unwrap().contains("GET"));
    api.get(&api.segment_path("Everyone")).await.refuses(405, &[]);
    api.get("/Profiles/v4/nothing/here/at/all").await.refuses(404, &[]);
    for answer in [api.status(token).await, api.get("/nowhere").await] {
        assert!(answer.header("x-correlation-id").is_some_and(|id| !id.is_empty()));
    }
}

#[tokio::test]
async fn the_words_of_a_route_match_in_any_letter_case_and_with_a_slash_behind() {
    let (_world, api, token) = exported(2).await;
    let route = api.token_path(token, "/Status").to_lowercase();
    assert_eq!(api.get(&format!("{route}/")).await.is(200).json()["Status"], "Complete");
    let page = api.get(&api.token_path(token, "/?limit=1&keepAlive=true").replace("Export", "EXPORT")).await.is(200);
    assert_eq!(count(&page), 1);
}

#[tokio::test]
async fn pages_of_any_limit_concatenate_to_the_same_records() {
    let (_world, api, token) = exported(23).await;
    let all = api.rows(token).await;
    for limit in 1..=24usize {
        let (mut offset, mut got): (usize, Vec<Value>) = (1, Vec::new());
        loop {
            let page = api.page(token, &format!("limit={limit}&offset={offset}&keepAlive=true")).await.is(200).json();
            got.extend(page["UserProfilePreferences"].as_array().unwrap().iter().cloned());
            offset += limit;
            if page["HasMore"] == false {
                break;
            }
        }
        assert_eq!(got, all, "limit {limit}");
    }
}

//! The client against a server that answers what each test writes down, as any server of this API might.

use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::Reading;

const TOKEN: &str = r#"{"access_token":"abc","token_type":"Bearer","expires_in":3600}"#;

/// Answers one connection per entry, `(status line and headers, body)`; keeps what it was sent.
async fn server(answers: &[(&str, &str)]) -> (Client, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers: Vec<String> = answers
        .iter()
        .map(|(head, body)| {
            format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        })
        .collect();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !whole(&request) {
                assert!(stream.read_buf(&mut request).await.unwrap() > 0, "a request was cut short");
            }
            log.lock().unwrap().push(String::from_utf8(request).unwrap());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let client = Client::builder(url).credentials("id", "se:cret").scope("ACME/John Doe").patience(Duration::ZERO);
    (client.build().unwrap(), seen)
}

impl Client {
    fn with_patience(self, patience: Duration) -> Client {
        let inner = Arc::into_inner(self.inner).unwrap();
        Client::from_inner(Inner { patience, ..inner })
    }
}

/// Whether a request is there with its head and its body.
fn whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_names_go_as_one_part_of_the_path() {
    let (client, seen) = server(&[
        ("200 OK", TOKEN),
        ("200 OK", r#"{"AccessToken":9007199254740991}"#),
        (
            "200 OK\r\nRetry-After: 3\r\nX-Progress: 37%",
            r#"{"AccessToken":7,"Status":"Processing","RowCount":null,"ByteCount":null}"#,
        ),
    ])
    .await;
    let request = InitiateRequest { last_date_time: Some("2026-11-24T10:00:00Z".to_owned()), ..Default::default() };
    assert_eq!(client.initiate(&Source::segment("Zürich 50/50 100%"), &request).await.unwrap(), (1 << 53) - 1);
    let status = client.status(7).await.unwrap();
    assert_eq!((status.state, status.row_count, status.progress.as_deref()), (State::Processing, None, Some("37%")));
    assert_eq!(status.retry_after, Some(Duration::from_secs(3)));

    let seen = seen.lock().unwrap();
    let first = seen[0].to_lowercase();
    assert!(first.starts_with("post /oauth/token "), "{first}");
    // base64 of "id:se%3Acret": the secret is form-encoded first
    assert!(seen[0].contains("Basic aWQ6c2UlM0FjcmV0"), "{}", seen[0]);
    assert!(seen[0].ends_with("grant_type=client_credentials&scope=ACME%2FJohn+Doe"), "{}", seen[0]);
    let path = "POST /Profiles/v4/Async/ACME/Export/Segment/Z%C3%BCrich%2050%2F50%20100%25 ";
    assert!(seen[1].starts_with(path), "{}", seen[1]);
    assert!(seen[1].ends_with(r#"{"LastDateTime":"2026-11-24T10:00:00Z"}"#), "{}", seen[1]);
    assert!(seen[2].starts_with("GET /Profiles/v4/Async/ACME/Export/7/Status "), "{}", seen[2]);
    assert!(seen[2].to_lowercase().contains("authorization: bearer abc"), "{}", seen[2]);
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_replaced() {
    let page = r#"{"Count":0,"HasMore":false,"Limit":5,"Offset":1,"TotalResults":0,"UserProfilePreferences":[]}"#;
    let (client, seen) = server(&[
        ("200 OK", TOKEN),
        ("401 Unauthorized", ""),
        ("200 OK", &TOKEN.replace("abc", "def")),
        ("200 OK", page),
    ])
    .await;
    assert_eq!(client.page(3, 5, 1, false).await.unwrap().records.len(), 0);
    let last = seen.lock().unwrap()[3].clone();
    assert!(last.starts_with("GET /Profiles/v4/Async/ACME/Export/3?limit=5&offset=1&keepAlive=false "), "{last}");
    assert!(last.to_lowercase().contains("bearer def"), "{last}");
}

#[tokio::test]
async fn refusals_carry_the_servers_words_and_never_the_secret() {
    let (client, _) =
        server(&[("400 Bad Request", r#"{"error":"invalid_scope","error_description":"not issued for it"}"#)]).await;
    let error = client.status(1).await.unwrap_err();
    assert!(error.to_string().contains("invalid_scope") && error.to_string().contains("not issued for it"), "{error}");
    assert!(!format!("{error:?} {client:?}").contains("se:cret"));

    let (client, _) = server(&[
        ("200 OK", TOKEN),
        ("503 Service Unavailable\r\nRetry-After: 2", r#"{"Message":"not complete yet"}"#),
    ])
    .await;
    let error = client.page(1, 10, 1, true).await.unwrap_err();
    assert!(error.is_temporary());
    assert!(error.to_string().contains("503: not complete yet"), "{error}");
}

#[tokio::test]
async fn tls_on_one_side_only_is_said_in_words() {
    // What a server without TLS says to a greeting of TLS, and one with TLS to a greeting without.
    for (scheme, answer, words) in [
        ("https", &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "the server speaks no TLS at this port; try http://"),
        ("http", &[21, 3, 3, 0, 2, 2, 70], "the server perhaps speaks TLS at this port; try https://"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_buf(&mut Vec::new()).await.unwrap();
            stream.write_all(answer).await.unwrap();
            // Its whole answer is read before the connection ends.
            let _ = stream.read_buf(&mut Vec::new()).await;
        });
        let client =
            Client::builder(url).account("ACME").credentials("id", "se:cret").patience(Duration::from_secs(600));
        let error = client.build().unwrap().status(1).await.unwrap_err();
        assert!(error.to_string().ends_with(words) && !error.is_temporary(), "{error}");
        assert_eq!(error.hint(), None);
    }
}

#[tokio::test]
async fn every_call_is_signed_where_there_is_a_shared_key() {
    let complete = r#"{"AccessToken":4,"Status":"Complete","RowCount":2,"ByteCount":20}"#;
    let (oauth, seen) = server(&[("200 OK", complete), ("401 Unauthorized", r#"{"Message":"unable"}"#)]).await;
    let root = format!("http://{}", oauth.inner.api.authority());
    let client = Client::builder(root).account("ACME").shared_key("John.Doe", "se:cret", crate::Algorithm::Sha512);
    let client = client.build().unwrap();
    client.status(4).await.unwrap();
    let error = client.status(4).await.unwrap_err();
    assert!(error.to_string().contains("401: unable") && error.hint().unwrap().contains("clock"), "{error}");
    assert!(!format!("{error:?} {client:?}").contains("se:cret"));
    let signed = seen.lock().unwrap()[0].clone();
    assert!(signed.contains("PNAUTHINFO3-HMAC-SHA512 Credential=John.Doe/20"), "{signed}");
}

#[tokio::test]
async fn pages_follow_each_other_until_no_more_follow() {
    let page = |ids: &str, more: bool| format!(r#"{{"HasMore":{more},"UserProfilePreferences":[{ids}]}}"#);
    let (first, last) = (page("1,2", true), page("3", false));
    let (client, seen) = server(&[("200 OK", TOKEN), ("200 OK", &first), ("200 OK", &last)]).await;
    let pages: Vec<Page> = client.pages(5, Reading { limit: 2, ..Reading::default() }).try_collect().await.unwrap();
    let records: Vec<&str> = pages.iter().flat_map(|p| p.records.iter()).collect();
    assert_eq!(records, ["1", "2", "3"]);
    assert!(seen.lock().unwrap()[2].contains("limit=2&offset=3&keepAlive=true"));
}

#[tokio::test]
async fn pages_that_do_not_fit_together_are_an_error() {
    let page = |offset: u64, total: u64, more: bool| {
        format!(r#"{{"HasMore":{more},"Offset":{offset},"TotalResults":{total},"UserProfilePreferences":[1,2]}}"#)
    };
    let too_few = "no more should follow, but 2 of 3 records have been read";
    let too_many = "there are 1 records, but 2 have been read";
    for (first, words) in
        [(page(1, 3, false), too_few), (page(1, 1, false), too_many), (page(7, 9, true), "the page begins with 7")]
    {
        let (client, _) = server(&[("200 OK", TOKEN), ("200 OK", &first)]).await;
        let reading = Reading { limit: 2, ..Reading::default() };
        let error = client.pages(5, reading).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(matches!(error, Error::Contradiction { .. }) && error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_page_of_more_records_than_were_asked_for_is_an_error() {
    // Of the first page nobody knows how many follow; of a later one the next are in flight already.
    let page = |ids: &str, more: bool| format!(r#"{{"HasMore":{more},"UserProfilePreferences":[{ids}]}}"#);
    let (first, too_many) = (page("1,2", true), page("3,4,5", true));
    let whole = page("1,2,3", false);
    for (answers, words) in [
        (vec![&whole], "2 records were asked for, 3 came, from record 1 on"),
        (vec![&first, &too_many], "2 records were asked for, 3 came, from record 3 on"),
    ] {
        let answers = std::iter::once(("200 OK", TOKEN)).chain(answers.into_iter().map(|body| ("200 OK", &**body)));
        let (client, _) = server(&answers.collect::<Vec<_>>()).await;
        let reading = Reading { limit: 2, ..Reading::default() };
        let error = client.pages(5, reading).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(matches!(error, Error::Contradiction { .. }) && error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_endless_limit_asks_for_everything_at_once() {
    let all = r#"{"HasMore":false,"UserProfilePreferences":[7,8]}"#;
    let (client, seen) = server(&[("200 OK", TOKEN), ("200 OK", all)]).await;
    let reading = Reading { from: 7, limit: u64::MAX, ..Reading::default() };
    let pages: Vec<Page> = client.pages(5, reading).try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.records.len()).sum::<usize>(), 2);
    assert!(seen.lock().unwrap()[1].contains(&format!("limit={}&offset=7&", u64::MAX)));
}

#[tokio::test]
async fn waiting_ends_with_complete_or_with_the_reason() {
    let complete = r#"{"AccessToken":4,"Status":"Complete","RowCount":2,"ByteCount":20}"#;
    let (client, _) = server(&[
        ("200 OK", TOKEN),
        ("200 OK\r\nRetry-After: 0", r#"{"AccessToken":4,"Status":"Processing"}"#),
        ("200 OK\r\nSayso-Snapshot: 2026-11-24T10:00:00.000Z", complete),
        ("200 OK", r#"{"AccessToken":4,"Status":"Error"}"#),
    ])
    .await;
    let status = client.wait(4).await.unwrap();
    assert_eq!((status.row_count, status.snapshot.as_deref()), (Some(2), Some("2026-11-24T10:00:00.000Z")));
    assert!(client.wait(4).await.unwrap_err().to_string().contains("it is Error"));
}

#[tokio::test]
async fn an_initiate_whose_answer_is_lost_is_repeated_only_where_the_server_knows_it_again() {
    // A head without its body: what became of the call is anybody's guess.
    let lost = ("200 OK\r\nTransfer-Encoding: chunked", "");
    let offering = &format!("200 OK\r\n{}: Idempotency-Key", "Sayso-Offers");
    for (token_head, tries) in [("200 OK", 1), (offering.as_str(), 2)] {
        let (client, seen) = server(&[(token_head, TOKEN), lost, ("200 OK", r#"{"AccessToken":7}"#)]).await;
        let client = client.with_patience(Duration::from_secs(60));
        let started = client.initiate(&Source::group("All"), &InitiateRequest::default()).await;
        assert_eq!(started.is_ok(), tries == 2, "{started:?}");
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 1 + tries);
        assert!(seen[1].starts_with("POST /Profiles/v4/Async/ACME/Export/SegmentGroup/All "), "{}", seen[1]);
        let key = |call: &str| call.to_lowercase().split("idempotency-key: ").nth(1).unwrap()[..32].to_owned();
        assert!(tries == 1 || key(&seen[1]) == key(&seen[2]), "with the same key");
    }
}

#[tokio::test]
async fn a_token_whose_answer_is_lost_is_asked_for_again_before_whatever_call() {
    // Of an Initiate that was never sent nothing can have come; this server doesn't know repetitions.
    let lost = ("200 OK\r\nTransfer-Encoding: chunked", "");
    let (client, seen) = server(&[lost, ("200 OK", TOKEN), ("200 OK", r#"{"AccessToken":7}"#)]).await;
    let client = client.with_patience(Duration::from_secs(60));
    assert_eq!(client.initiate(&Source::segment("All"), &InitiateRequest::default()).await.unwrap(), 7);
    assert_eq!(seen.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn a_wait_that_is_longer_than_patience_is_not_begun() {
    let busy = ("429 Too Many Requests\r\nRetry-After: 900", r#"{"Message":"slowly"}"#);
    let (client, _) = server(&[("200 OK", TOKEN), busy]).await;
    let error = client.with_patience(Duration::from_secs(60)).status(1).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(900)));
}

#[tokio::test]
async fn a_name_that_would_lead_elsewhere_is_refused() {
    let client = Client::builder("http://127.0.0.1:1").credentials("a", "b").account("ACME").build().unwrap();
    for name in ["", ".", ".."] {
        assert!(matches!(
            client.initiate(&Source::segment(name), &InitiateRequest::default()).await,
            Err(Error::Setup(_))
        ));
    }
}

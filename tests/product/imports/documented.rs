//! `sayso import` with a server that offers the documented calls and nothing more: ours, behind a relay that hides what it adds, that is
//! busy now and then, and that loses answers of calls which were done.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};

use super::{command::said, *};

struct Relay {
    to: String,
    http: reqwest::Client,
    stages: AtomicU64,
    under_way: AtomicU64,
    most_under_way: AtomicU64,
}

/// A call that is, until it is answered or its caller is gone.
struct UnderWay(Arc<Relay>);

impl UnderWay {
    fn begin(relay: &Arc<Relay>) -> Self {
        let now = relay.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        relay.most_under_way.fetch_max(now, Ordering::SeqCst);
        Self(Arc::clone(relay))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Starts one in front of a server; where it listens.
async fn relay(to: &str) -> (String, Arc<Relay>) {
    let number = AtomicU64::default;
    let relay =
        Relay { to: to.to_owned(), http: http(), stages: number(), under_way: number(), most_under_way: number() };
    let relay = Arc::new(relay);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(pass).with_state(Arc::clone(&relay));
    let app = app.layer(axum::extract::DefaultBodyLimit::disable());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, relay)
}

async fn pass(
    State(relay): State<Arc<Relay>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove("idempotency-key");
    headers.remove("host");
    let path = uri.to_string();
    let is_stage =
        method == Method::POST && !body.is_empty() && path.rsplit('/').next().unwrap().parse::<u64>().is_ok();
    let number = if is_stage { relay.stages.fetch_add(1, Ordering::SeqCst) } else { 0 };
    if is_stage && number % 7 == 3 {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let under_way = is_stage.then(|| UnderWay::begin(&relay));
    let call = relay.http.request(method, format!("{}{path}", relay.to)).headers(headers).body(body);
    let answer = call.send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    let mut body = answer.bytes().await.unwrap();
    drop(under_way);
    if is_stage {
        if number % 5 == 2 {
            let nothing = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("lost"))]);
            return (status, Body::from_stream(nothing)).into_response();
        }
        let mut told: Value = serde_json::from_slice(&body).unwrap();
        for ours in ["FirstSequenceNumber", "Received", "Failed", "UnknownMembers", "Warnings"] {
            told.as_object_mut().unwrap().remove(ours);
        }
        body = told.to_string().into();
    }
    for ours in ["sayso-offers", "retry-after", "content-length", "transfer-encoding"] {
        headers.remove(ours);
    }
    let once = futures_util::stream::iter([Ok::<_, Infallible>(body)]);
    (status, headers, Body::from_stream(once)).into_response()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_our_additions_pieces_go_one_at_a_time_and_every_record_is_in_once_and_in_order() {
    const RECORDS: usize = 600;
    let mut world = World::start().await;
    world.import_credentials();
    let api = world.admin().await;
    let (url, relay) = relay(&world.url).await;
    world.url = url;
    // Every tenth line is of one person.
    let record = |n: usize| match n % 10 {
        0 => known(&format!("v{n}"), "C-0"),
        5 if n == 245 => json!({"IsActive": 7, "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-245"}]}),
        _ => known(&format!("p{n}"), &format!("C-{n}")),
    };
    let people: String = (0..RECORDS).map(|n| format!("{}\n", record(n))).collect();
    std::fs::write(world.path("people.ndjson"), people).unwrap();
    let args = ["people.ndjson", "--piece-size", "8KiB", "--match-alternate-id", "CRM", "--json"];
    for killed in [true, true, false] {
        let mut child = world.import_command(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
        if killed {
            let staged = relay.stages.load(Ordering::SeqCst);
            while relay.stages.load(Ordering::SeqCst) < staged + 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            child.kill().unwrap();
            child.wait().unwrap();
        } else {
            let out = child.wait_with_output().unwrap();
            assert_eq!(out.status.code(), Some(1), "{}", said(&out));
        }
    }
    assert_eq!(
        relay.most_under_way.load(Ordering::SeqCst),
        1,
        "nobody can know the order of calls that are under way together"
    );
    let refused = command::lines(world.path("people.ndjson.exceptions.ndjson"));
    assert_eq!((refused.len(), &refused[0]["Line"]), (1, &json!(246)));
    let export = api.export("Everyone", json!({})).await;
    let rows = api.rows(export).await;
    let names: Vec<&str> = rows.iter().map(|row| row["CustomerName"]["FirstName"].as_str().unwrap()).collect();
    let others = (1..RECORDS).filter(|n| n % 10 != 0 && *n != 245).map(|n| format!("p{n}"));
    let wanted: Vec<String> = std::iter::once("v590".to_owned()).chain(others).collect();
    assert_eq!(names, wanted);
    world.check();
}

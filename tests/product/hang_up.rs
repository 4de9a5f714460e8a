//! Callers who hang up before they have heard anything: what was begun for them goes on to its end, as after an answer.

use std::{io::Write, net::TcpStream};

use serde_json::json;

use crate::harness::*;

/// Sends a POST and hangs up.
fn call_and_hang_up(api: &Api, path: &str, more: &str) {
    let mut socket = TcpStream::connect(api.url.strip_prefix("http://").unwrap()).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{more}Content-Length: 0\r\n\r\n",
        api.token
    );
    socket.write_all(head.as_bytes()).unwrap();
}

#[tokio::test]
async fn an_export_completes_whose_caller_hung_up_at_initiate() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let path = "/Profiles/v4/Async/ACME_CORP/Export/Segment/Everyone";
    for n in 0..20 {
        call_and_hang_up(&api, path, &format!("Idempotency-Key: night-{n}\r\n"));
    }
    // Whoever starts the nightly job again names the same export.
    for n in 0..20 {
        let again = api.call("POST", path).header("Idempotency-Key", format!("night-{n}"));
        let token = read(again).await.is(200).json()["AccessToken"].as_u64().unwrap();
        api.complete(token).await;
        assert_eq!(api.rows(token).await[0]["ProfileId"], id);
    }
}

#[tokio::test]
async fn an_import_completes_whose_caller_hung_up_at_execute() {
    let world = World::start().await;
    let admin = world.admin().await;
    let mut tokens = Vec::new();
    for n in 0..20 {
        let token = admin.begin_import(json!({})).await;
        admin.stage(token, &json!([person(&format!("P{n}"), &[])])).await.is(200);
        tokens.push(token);
    }
    for token in &tokens {
        call_and_hang_up(&admin, &admin.imports_path(&format!("/{token}/Execute")), "");
    }
    for token in tokens {
        admin.execute(token).await.is(200);
        assert_eq!(admin.import_ended(token).await["Status"], "Completed");
    }
}

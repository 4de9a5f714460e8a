//! Behind a proxy: whose address counts.

use crate::harness::*;

/// The address that the log gives to a call with this header.
async fn logged(world: &World, forwarded: &str) -> String {
    let id = format!("call-{}", forwarded.len());
    let call = http().get(format!("{}/healthz", world.url)).header("x-forwarded-for", forwarded);
    read(call.header("x-correlation-id", &id)).await.is(200);
    let log = world.log();
    let line = log.lines().find(|line| line.contains(&id)).unwrap_or_else(|| panic!("{id} is in the log: {log}"));
    let entry: serde_json::Value = serde_json::from_str(line).unwrap();
    entry["span"]["peer"].as_str().unwrap_or_else(|| panic!("{line}")).to_owned()
}

#[tokio::test]
async fn a_trusted_proxy_says_for_whom_it_calls_and_nobody_else_does() {
    let logging = ["--log", "sayso_server=debug", "--log-format", "json"];
    let world = World::start_with(&logging).await;
    assert_eq!(logged(&world, "198.51.100.3").await, "127.0.0.1");

    let world = World::start_with(&[&logging[..], &["--trusted-proxy", "10.0.0.0/8,127.0.0.1"]].concat()).await;
    assert_eq!(logged(&world, "203.0.113.99, 198.51.100.3, 10.0.0.9").await, "198.51.100.3");
    assert_eq!(logged(&world, "[2001:db8::3]:4711").await, "2001:db8::3");
    assert_eq!(logged(&world, "unknown").await, "127.0.0.1");
}

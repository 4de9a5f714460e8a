//! Callers who connect and say nothing: they leave what the server itself needs of the files that it may have open.

use std::process::Command;

use serde_json::json;
use tokio::net::TcpStream;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_leave_files_to_exports() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 512; exec \"$0\" \"$@\"", SAYSO]);
    let world = World::prepared().serve_by(shell, &[]).await;
    let api = world.nightly().await;
    api.create(person("Ann", &[])).await;
    let address = world.url.strip_prefix("http://").unwrap();
    let silent: Vec<_> = (0..600)
        .map(|_| {
            let address = address.to_owned();
            // Not all get as far: the system holds only so many that nobody accepts.
            tokio::spawn(async move {
                let _silent = TcpStream::connect(address).await;
                std::future::pending::<()>().await;
            })
        })
        .collect();
    let connected = || world.open_files().iter().filter(|(_, target)| target.starts_with("socket:")).count();
    eventually("they are accepted", || connected() >= 250).await;
    // Over the connection that was there before.
    let token = api.export("Everyone", json!({})).await;
    assert_eq!(api.rows(token).await.len(), 1);
    assert!(connected() < 300, "{}", connected());
    let log = world.log();
    assert!(log.contains("limit=512") && log.contains("connections=256"), "{log}");
    silent.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn as_many_files_may_be_open_as_the_system_lets_the_server_have() {
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 256; ulimit -H -n 4500; exec \"$0\" \"$@\"", SAYSO]);
    let world = World::prepared().serve_by(shell, &[]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", world.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().nth(3), Some("4500"), "{line}");
    assert!(!world.log().contains("connections="), "{}", world.log());
}

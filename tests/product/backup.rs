//! `sayso backup`: a copy that is whole and can be served, whatever goes on meanwhile.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::json;

use crate::harness::*;

/// Names everything in a directory.
fn names(dir: PathBuf) -> BTreeSet<String> {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

/// Puts a backup in the place of the data directory.
fn restore(world: &World, backup: &str) {
    std::fs::remove_dir_all(world.data()).unwrap();
    std::fs::rename(world.path(backup), world.data()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_eight_writers_restores_with_every_write_answered_before_it() {
    let mut world = World::start().await;
    let mut api = world.nightly().await;
    let stop = Arc::new(AtomicBool::new(false));
    let answered = Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let writers: Vec<_> = (0..8)
        .map(|w| {
            let (api, stop, answered) = (api.clone(), Arc::clone(&stop), Arc::clone(&answered));
            tokio::spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let id = api.create(person(&format!("w{w}x{n}"), &["a"])).await;
                    // A second write of the same person: a copy with one half of a transaction would show in the indexes.
                    api.update(id, json!({"CustomerName": {"LastName": format!("{n}")}})).await;
                    answered.lock().unwrap().insert(id);
                }
            })
        })
        .collect();
    for round in 0..3 {
        let enough = (round + 1) * 30;
        eventually("the writers have written", || answered.lock().unwrap().len() >= enough).await;
        let before = answered.lock().unwrap().clone();
        let name = format!("backup{round}");
        let target = world.path(&name);
        let said = tokio::task::block_in_place(|| world.sayso(&["backup", target.to_str().unwrap(), "--json"]));
        assert!(serde_json::from_str::<serde_json::Value>(&said).unwrap()["bytes"].as_u64().unwrap() > 0);
        assert_eq!(names(target), BTreeSet::from(["data.mdb".into(), "open.lock".into()]));
        assert!(!world.path(&format!("{name}.partial")).exists());
        let during = answered.lock().unwrap().len() > before.len();
        if round < 2 {
            continue;
        }
        assert!(during, "writing went on while the backup was made");
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        world = world.kill();
        restore(&world, &name);
        world.sayso(&["check"]);
        world = world.serve(&[]).await;
        api.url = world.url.clone();
        let there: BTreeSet<u64> = api.ids("Everyone", json!({})).await.into_iter().collect();
        assert!(before.is_subset(&there), "every write answered before the backup began is in it");
        let id = *there.last().unwrap();
        assert!(api.create(person("After", &[])).await > id);
        return;
    }
}

#[tokio::test]
async fn exports_of_a_restored_backup_run_again_or_end_and_none_waits_for_files_that_are_not_there() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    let id = api.create(person("Ann", &[])).await;
    let complete = api.export("Everyone", json!({})).await;
    let kept = api.export("Everyone", json!({})).await;
    api.commit(kept, "keepFiles=true").await.is(200);
    world.hold();
    let interrupted = api.initiate("Everyone", json!({})).await;
    world.sayso(&["backup", "copy"]);
    let world = world.kill();
    restore(&world, "copy");
    world.release();
    world.sayso(&["check"]);
    let world = world.serve(&[]).await;
    api.url = world.url.clone();

    assert_eq!(api.status(complete).await.is(200).json()["Status"], "Error", "at once, not at the first page");
    api.page(complete, "").await.refuses(404, &["Error"]);
    assert!(world.log().contains("a backup holds none"), "the log says why");
    assert_eq!(api.status(kept).await.is(200).json()["Status"], "Retrieved");
    api.complete(interrupted).await;
    assert_eq!(ids(&api.rows(interrupted).await), [id]);
    let clock = world.path("clock");
    world.sayso(&["check", "--clock-file", clock.to_str().unwrap()]);
}

#[tokio::test]
async fn a_backup_never_overwrites_and_leaves_nothing_where_it_is_refused() {
    let world = World::start().await;
    std::fs::create_dir(world.path("full")).unwrap();
    std::fs::write(world.path("full/mine"), "x").unwrap();
    let fails = |target: &str, words: &[&str]| {
        let out = world.run(&["backup", target]);
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success() && words.iter().all(|w| said.contains(w)), "{said}");
    };
    let before = names(world.dir.path().to_owned());
    fails("full", &["not empty"]);
    fails("data/copy", &["data directory"]);
    fails("nowhere/copy", &["nowhere", "make it first"]);
    assert_eq!(names(world.dir.path().to_owned()), before);

    // What a backup left that was killed is cleared; what is somebody else's stays.
    std::fs::create_dir(world.path("copy.partial")).unwrap();
    std::fs::write(world.path("copy.partial/data.mdb"), "half").unwrap();
    std::fs::create_dir(world.path("copy")).unwrap();
    world.sayso(&["backup", "copy"]);
    assert!(world.path("copy/data.mdb").exists() && !world.path("copy.partial").exists());
    std::fs::create_dir(world.path("other.partial")).unwrap();
    std::fs::write(world.path("other.partial/thesis"), "x").unwrap();
    fails("other", &["thesis", "in the way"]);
    assert!(world.path("other.partial/thesis").exists() && !world.path("other").exists());
}

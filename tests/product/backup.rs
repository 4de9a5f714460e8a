//! `sayso backup`: a copy that is whole and can be served, whatever goes on meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::{Value, json};

use crate::harness::{
    writers::{Seen, Writers},
    *,
};

/// Names everything in a directory.
fn names(dir: PathBuf) -> BTreeSet<String> {
    std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

/// Puts a backup of one world in the place of a data directory.
fn restore(world: &World, backup: &str, data: &Path) {
    std::fs::remove_dir_all(data).unwrap();
    std::fs::rename(world.path(backup), data).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_eight_writers_restores_to_the_state_at_one_moment_of_it() {
    backups_restore(1, 3, 800).await;
}

/// Takes so many backups of so many people while 8 write and others come, and restores each.
pub async fn backups_restore(seed: u64, rounds: u64, people: u64) -> String {
    let world = World::start_with_people(people).await;
    let api = world.nightly().await;
    let mut writers = Writers::start(&api, people, seed);
    let stop = Arc::new(AtomicBool::new(false));
    let came = Arc::new(Mutex::new(BTreeMap::new()));
    let newcomers = tokio::spawn({
        let (api, stop, came) = (api.clone(), Arc::clone(&stop), Arc::clone(&came));
        async move {
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let id = api.create(person(&format!("new{n}"), &["a"])).await;
                // A second write of the same person: a copy with one half of a transaction would show in the indexes.
                api.update(id, json!({"CustomerName": {"LastName": format!("{n}")}})).await;
                came.lock().unwrap().insert(id, n.to_string());
            }
        }
    });
    let mut meanwhile = 0;
    for round in 0..rounds {
        // The last that a writer has begun may not be answered yet.
        let enough = 4 * (round as usize + 1);
        eventually("each writer has written, and somebody came", || {
            writers.each_has_begun(enough) && came.lock().unwrap().len() as u64 > round
        })
        .await;
        let name = format!("backup{round}");
        let (from, begun, before) = (writers.moment(), writers.begun(), came.lock().unwrap().clone());
        let target = world.path(&name);
        let said = tokio::task::block_in_place(|| world.sayso(&["backup", target.to_str().unwrap(), "--json"]));
        let until = writers.moment();
        meanwhile += writers.begun() - begun;
        assert!(serde_json::from_str::<Value>(&said).unwrap()["bytes"].as_u64().unwrap() > 0);
        assert_eq!(names(target), BTreeSet::from(["data.mdb".into(), "open.lock".into()]));
        assert!(!world.path(&format!("{name}.partial")).exists());

        // Elsewhere, so that the writers go on.
        let other = World::prepared();
        restore(&world, &name, &other.data());
        tokio::task::block_in_place(|| other.check());
        let other = other.serve(&[]).await;
        let mut there = api.clone();
        there.url = other.url.clone();
        let token = there.export("Everyone", json!({})).await;
        let (mut seen, mut later) = (Vec::new(), BTreeMap::new());
        for offset in (1..).step_by(10_000) {
            let page = there.page(token, &format!("limit=10000&offset={offset}&keepAlive=true")).await.is(200).json();
            for row in page["UserProfilePreferences"].as_array().unwrap() {
                let id = row["ProfileId"].as_u64().unwrap();
                if id <= people {
                    seen.push(Seen::of(row));
                } else {
                    later.insert(id, row["CustomerName"]["LastName"].clone());
                }
            }
            if page["HasMore"] == false {
                break;
            }
        }
        assert!(seen.iter().map(|s| s.id).eq(1..=people));
        writers.were_at_one_moment(&seen, from, until);
        for (id, last_name) in before {
            assert_eq!(later.get(&id), Some(&json!(last_name)), "{id} was answered before the backup began");
        }
        let id = *later.last_key_value().unwrap().0;
        assert!(there.create(person("After", &[])).await > id);
    }
    assert!(meanwhile > 0, "writing went on while backups were made");
    stop.store(true, Ordering::Relaxed);
    newcomers.await.unwrap();
    writers.end().await;
    format!(
        "{rounds} backups of {people} people under 8 writers ({meanwhile} writes while one was made) and a newcomer: each restored to the state at one moment, check clean"
    )
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
    restore(&world, "copy", &world.data());
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

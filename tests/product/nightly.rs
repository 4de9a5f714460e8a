//! `sayso export`, the nightly job: every record once in a file that is there whole or not at all, whatever is killed meanwhile; deltas
//! and deletions; and one clear line when it fails.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{
    client::{Door, said, start},
    disk::Disk,
    own::with_own_mounts,
    random::Random,
    *,
};

/// The rows of an export by the API, as text.
async fn rows(api: &Api, segment: &str) -> String {
    let token = api.export(segment, json!({})).await;
    let body = api.page(token, "limit=1000000&keepAlive=true").await.is(200).body;
    api.commit(token, "").await.is(200);
    let page: BTreeMap<String, Box<serde_json::value::RawValue>> = serde_json::from_slice(&body).unwrap();
    let records: Vec<Box<serde_json::value::RawValue>> =
        serde_json::from_str(page["UserProfilePreferences"].get()).unwrap();
    records.iter().map(|record| format!("{}\n", record.get())).collect()
}

fn ids_of(text: &str) -> Vec<u64> {
    let id = |line: &str| serde_json::from_str::<Value>(line).unwrap()["ProfileId"].as_u64().unwrap();
    text.lines().map(id).collect()
}

async fn with_people(n: usize) -> (World, Api) {
    let world = World::prepared();
    world.write_people("people.ndjson", "P", n);
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT, "--clock-file", "clock"]);
    std::fs::remove_file(world.path("people.ndjson")).unwrap();
    let world = world.serve(&[]).await;
    let api = world.nightly().await;
    (world, api)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_holds_the_rows_as_the_server_writes_them_compressed_or_not() {
    let (world, api) = with_people(230).await;
    let wanted = rows(&api, "Everyone").await;
    let told = world.export_file(&api, &["--segment", "everyone", "--out", "all.ndjson", "--limit", "100"]);
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap(), wanted);
    assert_eq!((told["rows"].as_u64(), told["bytes"].as_u64()), (Some(230), Some(wanted.len() as u64)));
    assert_eq!(told["snapshot"], START);
    let status = api.status(told["token"].as_u64().unwrap()).await.json();
    assert_eq!(status["Status"], "Retrieved", "the token is ended when the file is safe");

    world.export_file(&api, &["--segment", "Everyone", "--out", "all.gz", "--compress", "gzip"]);
    let mut unpacked = String::new();
    let packed = std::fs::File::open(world.path("all.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, wanted);
    world.export_file(&api, &["--segment", "Everyone", "--out", "all.zst", "--compress", "zstd"]);
    let packed = std::fs::read(world.path("all.zst")).unwrap();
    assert_eq!(zstd::decode_all(&packed[..]).unwrap(), wanted.as_bytes());

    let out = world.export_command(&api, &["--group", "A or B and C", "--out", "-"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "", "nobody has both tags: {}", said(&out));
    let out = world.export_command(&api, &["--segment", "Everyone", "--out", "-"]).output().unwrap();
    assert_eq!(String::from_utf8(out.stdout).unwrap(), wanted);
    assert_eq!(world.found("all"), ["all.gz", "all.ndjson", "all.zst"], "nothing is left behind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn csv_has_a_row_for_each_profile_or_for_each_preference_and_deleted_ones_in_columns_of_their_own() {
    let (world, api) = with_people(3).await;
    let preference =
        json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}, {"FilterId": "NEWS-SOLICIT", "PreferenceType": 2}]);
    let body = json!({"CustomerName": {"LastName": "=1+1, \"Inc\""},
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": "p0@example.com", "EmailPreferences": [preference[0]]}],
        "ProfilePreferences": [preference[1]]});
    api.update(1, body).await;
    api.remove(3).await;
    let csv = |told: &Value, file: &str| std::fs::read_to_string(world.path(told[file].as_str().unwrap())).unwrap();
    let args = ["--segment", "Everyone", "--deleted", "Deleted", "--out", "p.csv", "--format", "csv"];
    let told = world.export_file(&api, &args);
    let text = csv(&told, "file");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(
        lines[0].starts_with("ProfileId,IsActive,CreateDate,") && lines.len() == 4 && lines[3].is_empty(),
        "{text}"
    );
    assert!(lines[1].contains(r#","=1+1, ""Inc""","#) && lines[1].contains(",p0@example.com,Home,"), "{text}");
    assert_eq!(csv(&told, "deleted_file"), format!("ProfileId,DeletedDate,ReasonCode\r\n3,{START},\r\n"));

    let text = csv(&world.export_file(&api, &[&args[..2], &args[4..], &["--shape", "preferences"]].concat()), "file");
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert!(rows.len() == 2 && rows[0].starts_with("1,Profile,,,,NEWS,Solicit,NEWS-SOLICIT,2,Active,"), "{text}");
    assert!(rows[1].starts_with("1,Email,Home,p0@example.com,true,NEWS,Email,NEWS-EMAIL,1,Active,"), "{text}");
    let text = csv(&world.export_file(&api, &[&args[..2], &args[4..], &["--spreadsheet"]].concat()), "file");
    assert!(text.contains(r#","'=1+1, ""Inc""","#), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_named_ones_come_with_match() {
    let (world, api) = with_people(20).await;
    std::fs::write(world.path("wanted.txt"), "p3@example.com\n\n  P7@EXAMPLE.COM \n").unwrap();
    let args = ["--segment", "Everyone", "--match", "EmailAddress", "--values", "wanted.txt", "--out", "some.ndjson"];
    assert_eq!(world.export_file(&api, &args)["rows"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_the_next_run_goes_on_and_no_record_is_written_twice() {
    let (world, api) = with_people(2_500).await;
    let wanted = rows(&api, "Everyone").await;
    let mut random = Random::new(7);
    for compress in [None, Some("gzip"), Some("zstd")] {
        let name = format!("all-{}", compress.unwrap_or("plain"));
        let mut args =
            vec!["--segment", "Everyone", "--out", &name, "--limit", "25", "--at-once", "1", "--checkpoint", "8KiB"];
        args.extend(compress.into_iter().flat_map(|how| ["--compress", how]));
        let read = || {
            let file = std::fs::read(world.path(&name)).unwrap();
            let mut text = Vec::new();
            match compress {
                Some("gzip") => drop(flate2::read::GzDecoder::new(&file[..]).read_to_end(&mut text).unwrap()),
                Some(_) => text = zstd::decode_all(&file[..]).unwrap(),
                None => text = file,
            }
            text
        };
        let mut went_on = 0;
        for run in 0..8 {
            let mut job = start(world.export_command(&api, &args));
            if run == 0 {
                let journal = world.path(&format!(".{name}.journal"));
                let is_marked = || std::fs::read_to_string(&journal).is_ok_and(|journal| journal.contains("Mark"));
                eventually("some of it is on disk", is_marked).await;
            } else {
                tokio::time::sleep(Duration::from_millis(20 + random.below(700))).await;
            }
            let over = job.0.try_wait().unwrap().is_some();
            let mut stderr = job.0.stderr.take().unwrap();
            drop(job);
            let mut told = String::new();
            stderr.read_to_string(&mut told).unwrap();
            went_on += u32::from(told.contains("going on after "));
            if world.path(&name).exists() {
                assert!(read() == wanted.as_bytes(), "a file has its name when it is whole");
                break;
            }
            assert!(!over, "it ends with the file");
        }
        went_on += u32::from(world.export_file(&api, &args)["went_on_after"].as_u64().unwrap() > 0);
        assert!(went_on > 0, "{compress:?}: no run went on after rows");
        assert!(read() == wanted.as_bytes(), "{compress:?}: every record once, in order");
        assert_eq!(world.found(&name), [name.as_str()], "nothing is left behind");
        std::fs::remove_file(world.path(&name)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_before_a_failure_is_not_read_again() {
    let (world, mut api) = with_people(600).await;
    let wanted = rows(&api, "Everyone").await;
    let door = Door::to(&world.url).await;
    let args = ["--segment", "Everyone", "--out", "all.ndjson", "--limit", "10", "--at-once", "1"];
    let quick = ["--url", &door.url, "--patience", "0s", "--checkpoint", "4KiB"];
    let mut job = start(world.export_command(&api, &[&args[..], &quick].concat()));
    eventually("some of it is on disk", || {
        std::fs::read_to_string(world.path(".all.ndjson.journal")).is_ok_and(|journal| journal.contains("Mark"))
    })
    .await;
    let world = world.kill();
    let status = job.0.wait().unwrap();
    let mut told = String::new();
    job.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(status.code(), Some(1), "{told}");
    assert!(told.contains(" of 600 rows are kept: the same command goes on from there"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");

    let world = world.serve(&[]).await;
    api.url = world.url.clone();
    door.lead_to(&world.url);
    let told = world.export_file(&api, &[&args[..], &quick].concat());
    assert!(told["went_on_after"].as_u64().unwrap() >= 10, "{told}");
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap(), wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_its_owners_alone() {
    let (world, api) = with_people(300).await;
    let mode = |name: &str| std::fs::metadata(world.path(name)).unwrap().permissions().mode() & 0o777;
    for format in ["ndjson", "csv"] {
        let out = format!("all.{format}");
        std::fs::write(world.path(&out), "of a former night").unwrap();
        std::fs::set_permissions(world.path(&out), std::fs::Permissions::from_mode(0o644)).unwrap();
        let args = ["--segment", "Everyone", "--out", &out, "--format", format, "--limit", "5", "--at-once", "1"];
        let args = [&args[..], &["--checkpoint", "1KiB"]].concat();
        let job = start(world.export_command(&api, &args));
        let journal = world.path(&format!(".{out}.journal"));
        eventually("some of it is on disk", || std::fs::read_to_string(&journal).is_ok_and(|j| j.contains("Mark")))
            .await;
        drop(job);
        let unfinished = world.found(&format!(".{out}."));
        assert!(unfinished.len() >= 2, "a journal and a part: {unfinished:?}");
        unfinished.iter().for_each(|name| assert_eq!(mode(name), 0o600, "{name}"));
        let state = format!("{format}.state");
        let _ = std::fs::remove_file(world.path(&state));
        world.export_file(&api, &[&args[..], &["--state", &state]].concat());
        assert_eq!((mode(&out), mode(&state)), (0o600, 0o600), "also where it replaces one that others could read");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_restarts_is_waited_for() {
    let (mut world, api) = with_people(1_000).await;
    let wanted = rows(&api, "Everyone").await;
    let door = Door::to(&world.url).await;
    let args = ["--segment", "Everyone", "--out", "all.ndjson", "--limit", "5", "--at-once", "1", "--url", &door.url];
    let args = [&args[..], &["--checkpoint", "4KiB"]].concat();
    let mut job = start(world.export_command(&api, &args));
    let journal = world.path(".all.ndjson.journal");
    for restart in 0..3 {
        let marks = || std::fs::read_to_string(&journal).unwrap_or_default().matches("Mark").count();
        let before = marks();
        eventually("more of it is on disk", || marks() > before).await;
        assert!(job.0.try_wait().unwrap().is_none(), "it was over before restart {restart}");
        world = world.kill().serve(&[]).await;
        door.lead_to(&world.url);
    }
    let status = job.0.wait().unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap(), wanted);
}

/// Waits until so many exports are in this state, as `/metrics` tells.
async fn there_is_one(api: &Api, state: &str) {
    let (metrics, wanted) = (format!("{}/metrics", api.url), format!("sayso_exports{{state=\"{state}\"}} 1"));
    let told = async {
        while !String::from_utf8(read(api.http.get(&metrics)).await.is(200).body).unwrap().contains(&wanted) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(60), told).await;
    in_time.unwrap_or_else(|_| panic!("no export is {state}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bearer_token_that_expires_midway_is_renewed() {
    let (world, api) = with_people(10).await;
    world.hold();
    let mut job = start(world.export_command(&api, &["--segment", "Everyone", "--out", "all.ndjson"]));
    // With the token that ends now.
    there_is_one(&api, "Processing").await;
    world.advance(2 * 3_600_000);
    world.release();
    assert!(job.0.wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap().lines().count(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_has_ended_on_the_server_is_started_anew() {
    let (world, api) = with_people(300).await;
    let args =
        ["--segment", "Everyone", "--out", "all.ndjson", "--limit", "5", "--at-once", "1", "--checkpoint", "1KiB"];
    let job = start(world.export_command(&api, &args));
    let journal = world.path(".all.ndjson.journal");
    eventually("some of it is on disk", || std::fs::read_to_string(&journal).is_ok_and(|j| j.contains("Mark"))).await;
    drop(job);
    world.advance(13 * 3_600_000);
    let mut api = api.clone();
    api.sign_in_again().await;
    api.create(person("New", &[])).await;
    let out = world.export_command(&api, &args).output().unwrap();
    assert!(out.status.success() && said(&out).contains("has ended on the server: starting anew"), "{}", said(&out));
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap(), rows(&api, "Everyone").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_ended_in_error_is_another_one_in_the_next_run() {
    let (world, api) = with_people(10).await;
    let args = ["--segment", "Everyone", "--out", "all.ndjson"];
    let exports = world.data().join("exports");
    let _ = std::fs::remove_dir_all(&exports);
    std::fs::write(&exports, "in the way").unwrap();
    for _ in 0..2 {
        let out = world.export_command(&api, &args).output().unwrap();
        assert!(out.status.code() == Some(1) && said(&out).contains("Error"), "{}", said(&out));
    }
    std::fs::remove_file(&exports).unwrap();
    assert_eq!(world.export_file(&api, &args)["rows"], 10, "not the one that the former key stands for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_expired_before_it_was_looked_at_is_another_one_in_the_next_run() {
    let (world, mut api) = with_people(10).await;
    let args = ["--segment", "Everyone", "--out", "all.ndjson"];
    world.hold();
    let job = start(world.export_command(&api, &args));
    let journal = world.path(".all.ndjson.journal");
    there_is_one(&api, "Processing").await;
    drop(job);
    world.release();
    there_is_one(&api, "Complete").await;
    world.advance(13 * 3_600_000);
    api.sign_in_again().await;
    assert_eq!(world.export_file(&api, &args)["rows"], 10);
    assert!(!journal.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_a_former_run_had_whole_are_not_those_of_another_night() {
    let (world, mut api) = with_people(205).await;
    for id in &ids_of(&rows(&api, "Everybody").await)[5..] {
        api.remove(*id).await;
    }
    std::fs::create_dir(world.path("out")).unwrap();
    let args = ["--segment", "Everybody", "--deleted", "Deleted", "--out", "out", "--limit", "1", "--at-once", "1"];
    let args = [&args[..], &["--state", "nightly.state"]].concat();
    // Whole are the few rows soon, and the many deleted ones are still to be read.
    let job = start(world.export_command(&api, &args));
    let journal = world.path("out/.Everybody-unfinished.ndjson.journal");
    eventually("the rows are whole", || std::fs::read_to_string(&journal).is_ok_and(|j| j.contains("Whole"))).await;
    drop(job);
    world.advance(24 * 3_600_000);
    api.sign_in_again().await;
    let new = api.create(person("New", &[])).await;
    let told = world.export_file(&api, &args);
    let text = std::fs::read_to_string(world.path(told["file"].as_str().unwrap())).unwrap();
    assert!(ids_of(&text).contains(&new), "{told}");
    assert_eq!(told["deleted_rows"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_taken_before_the_run_was_over_is_no_obstacle_to_the_next() {
    let (world, api) = with_people(5).await;
    let args = ["--segment", "Everyone", "--out", "all.ndjson"];
    let mut command = world.export_command(&api, &args);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let out = command.arg("--json").stdout(full).output().unwrap();
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap().lines().count(), 5, "it has its name");
    std::fs::remove_file(world.path("all.ndjson")).unwrap();
    assert_eq!(world.export_file(&api, &args)["rows"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_killed_between_its_state_and_its_commit_is_committed_by_the_next() {
    let (world, api) = with_people(5).await;
    std::fs::create_dir(world.path("out")).unwrap();
    let token = api.export("Everybody", json!({})).await;
    // The file has its name, the state has moved on, and so the options of the next run are others.
    let lines = [
        json!({"Begun": {"options": "of before the state moved on", "key": "k", "began": START,
                         "at": format!("{} {ACCOUNT}", world.url)}}),
        json!({"Complete": {"token": token, "rows": 5, "snapshot": START}}),
        json!({"Whole": {"part": "out/.Everybody-unfinished.ndjson.0.part", "file": "out/before.ndjson", "bytes": 9}}),
    ];
    let journal = lines.map(|line| format!("{line}\n")).concat();
    std::fs::write(world.path("out/.Everybody-unfinished.ndjson.journal"), journal).unwrap();
    std::fs::write(world.path("out/before.ndjson"), "the rows").unwrap();
    let args = ["--segment", "Everybody", "--state", "nightly.state", "--out", "out"];
    let out = world.export_command(&api, &args).output().unwrap();
    assert!(out.status.success() && !said(&out).contains("starting anew"), "{}", said(&out));
    assert_eq!(api.status(token).await.json()["Status"], "Retrieved");
    assert_eq!(std::fs::read_to_string(world.path("out/before.ndjson")).unwrap(), "the rows");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_makes_the_next_run_a_delta_with_deletions_in_a_file_of_their_own() {
    let (world, api) = with_people(5).await;
    std::fs::create_dir(world.path("out")).unwrap();
    world.advance(1_000);
    let args = ["--segment", "Everybody", "--deleted", "Deleted", "--state", "nightly.state", "--out", "out"];
    let first = world.export_file(&api, &args);
    assert_eq!(
        (first["rows"].as_u64(), first["deleted_rows"].as_u64(), &first["since"]),
        (Some(5), Some(0), &Value::Null)
    );

    world.advance(1_000);
    let ids = ids_of(&std::fs::read_to_string(world.path(first["file"].as_str().unwrap())).unwrap());
    api.update(ids[1], json!({"CustomerName": {"FirstName": "Changed"}})).await;
    api.remove(ids[2]).await;
    let new = api.create(person("New", &[])).await;
    world.advance(1_000);
    let second = world.export_file(&api, &args);
    assert_eq!(second["since"], first["snapshot"]);
    let read =
        |told: &Value, file: &str| ids_of(&std::fs::read_to_string(world.path(told[file].as_str().unwrap())).unwrap());
    assert_eq!(read(&second, "file"), [ids[1], new]);
    assert_eq!(read(&second, "deleted_file"), [ids[2]]);
    assert_ne!(first["file"], second["file"], "a night that was not taken yet is not lost");
    let name = second["file"].as_str().unwrap();
    assert!(name.starts_with("out/Everybody-20260615T120003000Z."), "{name}");

    // Nothing happened since: nothing comes, and the state still moves on.
    world.advance(1_000);
    let third = world.export_file(&api, &args);
    assert_eq!((third["rows"].as_u64(), third["deleted_rows"].as_u64()), (Some(0), Some(0)));
    assert_eq!(third["since"], second["snapshot"]);

    let other = ["--segment", "Everyone", "--state", "nightly.state", "--out", "out"];
    let out = world.export_command(&api, &other).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    assert!(said(&out).contains("give each export a file of its own"), "{}", said(&out));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sees_the_rows_of_a_night_finds_the_deleted_ones_beside_them() {
    let (world, api) = with_people(5).await;
    let folder = world.path("out");
    std::fs::create_dir(&folder).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let (mut seen, began) = (BTreeSet::new(), Instant::now());
            while !stop.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(120) {
                for entry in std::fs::read_dir(&folder).unwrap() {
                    let name = entry.unwrap().file_name().into_string().unwrap();
                    if name.starts_with("Everybody-2026") {
                        let beside = folder.join(name.replacen("Everybody-", "Everybody-deleted-", 1));
                        assert!(beside.exists(), "{name} lies there without its deleted ones");
                        seen.insert(name);
                    }
                }
            }
            seen.len()
        });
        for _ in 0..6 {
            world.advance(1_000);
            let args = ["--segment", "Everybody", "--deleted", "Deleted", "--state", "nightly.state", "--out", "out"];
            world.export_file(&api, &args);
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(watching.join().unwrap(), 6);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delta_never_takes_the_place_of_a_file_that_was_not_taken_yet() {
    let (world, api) = with_people(5).await;
    world.advance(1_000);
    let args = ["--segment", "Everybody", "--deleted", "Deleted", "--state", "state", "--out", "all"];
    // Nothing came before: a file of whatever origin may be replaced by everything.
    std::fs::write(world.path("all"), "old").unwrap();
    world.export_file(&api, &args);
    let all = std::fs::read_to_string(world.path("all")).unwrap();
    assert_eq!(all.lines().count(), 5);
    let state = std::fs::read_to_string(world.path("state")).unwrap();
    world.advance(1_000);
    api.remove(ids_of(&all)[2]).await;
    world.advance(1_000);

    let line = fails(&mut world.export_command(&api, &args), 2);
    assert!(line.contains("all is a file that a former run wrote") && line.contains("mkdir -p"), "{line}");
    assert_eq!(std::fs::read_to_string(world.path("all")).unwrap(), all);
    assert_eq!(std::fs::read_to_string(world.path("state")).unwrap(), state);
    assert_eq!(world.found("all"), ["all", "all-deleted"], "no export was begun");

    // A night's file that was taken makes room for the next one; also the deleted ones must have been.
    std::fs::remove_file(world.path("all")).unwrap();
    assert_eq!(world.export_file(&api, &args)["deleted_rows"], 1, "an empty file holds nothing that could be lost");
    std::fs::remove_file(world.path("all")).unwrap();
    let line = fails(&mut world.export_command(&api, &args), 2);
    assert!(line.contains("all-deleted is a file"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delta_whose_files_have_their_names_already_is_ended_and_not_refused() {
    let (world, api) = with_people(5).await;
    world.advance(1_000);
    let args = ["--segment", "Everybody", "--state", "state", "--out", "all"];
    world.export_file(&api, &args);
    std::fs::remove_file(world.path("all")).unwrap();
    world.advance(1_000);
    api.create(person("New", &[])).await;
    world.advance(1_000);
    // The state can't be written: that is where this run ends, behind the renaming.
    std::fs::create_dir(world.path(".state.new")).unwrap();
    let line = fails(&mut world.export_command(&api, &args), 1);
    assert!(line.contains("--state state can't be written"), "{line}");
    let delta = std::fs::read_to_string(world.path("all")).unwrap();
    assert_eq!(delta.lines().count(), 1);

    std::fs::remove_dir(world.path(".state.new")).unwrap();
    let before = std::fs::read_to_string(world.path("state")).unwrap();
    let out = world.export_command(&api, &args).output().unwrap();
    let told = said(&out);
    assert!(told.contains("the former run had only to be ended") && told.contains("all is a file"), "{told}");
    assert_eq!(out.status.code(), Some(2), "the next delta has no room yet");
    assert_ne!(std::fs::read_to_string(world.path("state")).unwrap(), before, "the former run is ended");
    assert_eq!(std::fs::read_to_string(world.path("all")).unwrap(), delta);
    assert_eq!(world.found("all"), ["all"]);
}

/// The token of the export that an unfinished file is of.
fn token_of(world: &World, journal: &str) -> u64 {
    let text = std::fs::read_to_string(world.path(journal)).unwrap();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter_map(|line| line["Complete"]["token"].as_u64()).next_back().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistyped_segment_of_deleted_ones_shows_before_anything_is_read() {
    let (world, api) = with_people(5).await;
    let args = ["--segment", "Everybody", "--out", "all.ndjson", "--deleted"];
    let typo = [&args[..], &["Deletd"]].concat();
    let line = fails(&mut world.export_command(&api, &typo), 1);
    assert!(line.contains("404") && line.contains("Deletd"), "{line}");
    assert_eq!(world.found("all"), [".all-deleted.ndjson.journal", ".all.ndjson.journal"], "nobody's data");
    let token = token_of(&world, ".all.ndjson.journal");
    let told = world.export_file(&api, &[&args[..], &["Deleted"]].concat());
    assert_eq!((told["token"].as_u64(), told["rows"].as_u64()), (Some(token), Some(5)), "what was complete is used");
    assert_eq!(world.found("all"), ["all-deleted.ndjson", "all.ndjson"]);

    let out = world.export_command(&api, &["--segment", "Everybody", "--out", "-", "--deleted", "Deletd"]).output();
    let out = out.unwrap();
    assert_eq!((out.status.code(), out.stdout.len()), (Some(1), 0), "{}", said(&out));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_deleted_before_the_rows_were_begun_anew_is_among_the_deleted_ones() {
    let (world, api) = with_people(300).await;
    let args = ["--segment", "Everybody", "--deleted", "Deleted", "--out", "all"];
    let args = [&args[..], &["--limit", "5", "--at-once", "1", "--checkpoint", "1KiB"]].concat();
    let job = start(world.export_command(&api, &args));
    let journal = world.path(".all.journal");
    eventually("some of it is on disk", || std::fs::read_to_string(&journal).is_ok_and(|j| j.contains("Mark"))).await;
    drop(job);
    let deleted = token_of(&world, ".all-deleted.journal");
    assert_eq!(api.status(deleted).await.json()["RowCount"], 0, "complete before the others are read");
    // The export of the others ends, that of the deleted ones lives on, and the one who is deleted now is in neither.
    api.commit(token_of(&world, ".all.journal"), "").await.is(200);
    api.remove(3).await;
    let told = world.export_file(&api, &args);
    assert_eq!((told["rows"].as_u64(), told["deleted_rows"].as_u64()), (Some(299), Some(1)), "{told}");
}

/// Runs a command that must fail with one line, and gives the line.
#[track_caller]
fn fails(command: &mut Command, code: i32) -> String {
    let out = command.output().unwrap();
    let line = said(&out);
    assert_eq!(out.status.code(), Some(code), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failure_is_one_line_that_says_what_to_do() {
    let (world, api) = with_people(3).await;
    let args = ["--segment", "Everyone", "--out", "all.ndjson", "--patience", "0s"];
    let with = |more: &[&str]| world.export_command(&api, &[&args[..], more].concat());

    let line = fails(with(&[]).env("SAYSO_CLIENT_SECRET", "wrong-Secret"), 1);
    assert!(
        line.contains("invalid_client") && line.contains("check the client id, the secret and the scope"),
        "{line}"
    );
    assert!(!line.contains("wrong-Secret"), "{line}");
    let line = fails(with(&[]).env_remove("SAYSO_CLIENT_SECRET"), 2);
    assert!(line.contains("SAYSO_CLIENT_SECRET") && line.contains("--secret-file"), "{line}");
    let line = fails(&mut with(&["--url", "http://127.0.0.1:1"]), 1);
    assert!(line.contains("can't be reached") && line.contains("check the address, the network"), "{line}");
    let line = fails(&mut world.export_command(&api, &["--segment", "Nobody", "--out", "all.ndjson"]), 1);
    assert!(
        line.contains("404") && line.contains("Nobody") && line.contains("check the name and the account"),
        "{line}"
    );
    let line = fails(&mut world.export_command(&api, &["--segment", "Locked", "--out", "all.ndjson"]), 1);
    assert!(line.contains("403") && line.contains("CanExecute") && line.contains("administrator"), "{line}");
    let line = fails(&mut with(&["--since", "yesterday"]), 1);
    assert!(line.contains("LastDateTime") && line.contains("yesterday"), "{line}");
    let line = fails(&mut world.export_command(&api, &["--segment", "Everyone", "--out", "no/such/all.ndjson"]), 1);
    assert!(line.contains("no/such") && line.contains("can't be written"), "{line}");
    assert!(Command::new("mkfifo").arg(world.path("pipe")).status().unwrap().success());
    let line = fails(&mut world.export_command(&api, &["--segment", "Everyone", "--out", "pipe"]), 2);
    assert!(line.contains("pipe is no regular file") && line.contains("stdout"), "{line}");
    assert!(!world.path("all.ndjson").exists());

    std::fs::write(world.path("secret"), format!("{}\n", api.client_secret)).unwrap();
    let out = with(&["--secret-file", "secret"]).env_remove("SAYSO_CLIENT_SECRET").output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
}

/// Makes a key for the user of `api`, or another one in place of all that there are.
fn shared_key(world: &World, more: &[&str]) -> String {
    let out = world.sayso(&[&["credentials", "key", "Nightly", "--account", ACCOUNT, "--json"], more].concat());
    serde_json::from_str::<Value>(&out).unwrap()["key"].as_str().unwrap().to_owned()
}

/// `sayso export` that signs its calls with a shared key, and knows nothing of OAuth.
fn signing(world: &World, api: &Api, key: &str, args: &[&str]) -> Command {
    let signed = ["--account", ACCOUNT, "--segment", "Everyone", "--out", "all.ndjson"];
    let mut command = world.export_command(api, &[&signed, args].concat());
    for name in ["SAYSO_CLIENT_ID", "SAYSO_CLIENT_SECRET", "SAYSO_SCOPE"] {
        command.env_remove(name);
    }
    command.env("SAYSO_USER", "Nightly").env("SAYSO_SHARED_KEY", key);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_header_does_in_place_of_oauth_and_a_wrong_key_is_one_line() {
    let (world, mut api) = with_people(30).await;
    // A header tells the moment by the client's own clock, which the server's has to agree with.
    world.set_clock(jiff::Timestamp::now().as_millisecond());
    api.sign_in_again().await;
    let wanted = rows(&api, "Everyone").await;
    let key = shared_key(&world, &[]);
    for more in [&[][..], &["--hash", "sha384"], &["--hash", "sha512"], &["--user", "Nightly", "--limit", "7"]] {
        let out = signing(&world, &api, &key, more).output().unwrap();
        assert!(out.status.success(), "{more:?}: {}", said(&out));
        assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap(), wanted, "{more:?}");
        std::fs::remove_file(world.path("all.ndjson")).unwrap();
    }
    std::fs::write(world.path("key"), &key).unwrap();
    let mut command = signing(&world, &api, &key, &["--secret-file", "key"]);
    let out = command.env_remove("SAYSO_SHARED_KEY").output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    std::fs::remove_file(world.path("all.ndjson")).unwrap();

    let wrong = key.chars().rev().collect::<String>();
    let line = fails(&mut signing(&world, &api, &wrong, &[]), 1);
    assert!(line.contains("401") && line.contains("check the credentials"), "{line}");
    assert!(line.contains("the user and the shared key") && line.contains("clock"), "{line}");
    assert!(!line.contains(&wrong) && !line.contains(&key), "{line}");
    let line = fails(&mut signing(&world, &api, &key, &["--user", "Nobody"]), 1);
    assert!(line.contains("401") && line.contains("check the credentials"), "{line}");
    let line = fails(signing(&world, &api, &key, &[]).env_remove("SAYSO_SHARED_KEY"), 2);
    assert!(line.contains("SAYSO_SHARED_KEY") && line.contains("--secret-file"), "{line}");
    assert!(!world.path("all.ndjson").exists());
    // A clock that is wrong by more than a header's life looks to the server as a wrong key does.
    world.advance(3_600_000);
    let line = fails(&mut signing(&world, &api, &key, &[]), 1);
    assert!(line.contains("401") && line.contains("this machine's clock"), "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_that_end_midway_keep_what_was_read_for_a_run_with_new_ones() {
    let (world, mut api) = with_people(600).await;
    world.set_clock(jiff::Timestamp::now().as_millisecond());
    api.sign_in_again().await;
    let wanted = rows(&api, "Everyone").await;
    let key = shared_key(&world, &[]);
    let door = Door::to(&world.url).await;
    let args = ["--limit", "10", "--at-once", "1", "--checkpoint", "4KiB", "--url", &door.url];
    let mut job = start(signing(&world, &api, &key, &args));
    eventually("some of it is on disk", || {
        std::fs::read_to_string(world.path(".all.ndjson.journal")).is_ok_and(|journal| journal.contains("Mark"))
    })
    .await;
    let world = world.kill();
    let another = shared_key(&world, &["--rotate", "--end-former"]);
    let world = world.serve(&[]).await;
    api.url = world.url.clone();
    door.lead_to(&world.url);
    let mut told = String::new();
    job.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!(job.0.wait().unwrap().code(), Some(1), "{told}");
    let line = told.lines().last().unwrap();
    assert!(line.contains("401") && line.contains("check the credentials"), "{told}");
    assert!(line.contains(" of 600 rows are kept: the same command goes on from there"), "{told}");

    let out = signing(&world, &api, &another, &[&args[..], &["--json"]].concat()).output().unwrap();
    assert!(out.status.success(), "{}", said(&out));
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(told["went_on_after"].as_u64().unwrap() >= 10, "{told}");
    assert_eq!(std::fs::read_to_string(world.path("all.ndjson")).unwrap(), wanted);
}

#[test]
fn a_full_disk_keeps_what_was_read_and_the_next_run_goes_on() {
    with_own_mounts(async || {
        let (world, api) = with_people(1_500).await;
        let wanted = rows(&api, "Everyone").await;
        let disk = Disk::mount(&world.path("small"), 8, 100);
        disk.fill(wanted.len() as u64 / 2);
        let args = ["--segment", "Everyone", "--out", "small/all.ndjson", "--limit", "50", "--checkpoint", "16KiB"];
        let line = fails(&mut world.export_command(&api, &args), 1);
        assert!(line.contains("No space left on device") && line.contains("the same command goes on"), "{line}");
        assert!(!world.path("small/all.ndjson").exists());
        disk.make_room();
        let told = world.export_file(&api, &args);
        assert!(told["went_on_after"].as_u64().unwrap() > 0, "{told}");
        assert_eq!(std::fs::read_to_string(world.path("small/all.ndjson")).unwrap(), wanted);
    });
}

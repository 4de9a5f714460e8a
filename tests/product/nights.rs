//! Nights of a nightly job: by day people change and go, by night `sayso export` runs and something is killed, the job or the server. A target
//! that is kept by nothing but the job's files equals the source in the end.

use std::{collections::BTreeMap, io::Read, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::harness::{
    client::{Door, Running, said, start},
    random::Random,
    *,
};

/// What a warehouse does with the files: rows over the former ones, then the deleted ones away.
fn take_over(files: &Path, target: &mut BTreeMap<u64, Value>) {
    let mut names: Vec<_> =
        std::fs::read_dir(files).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    // Hidden ones aren't finished.
    names.retain(|name| !name.starts_with('.'));
    // By their moment; those of one night before the deleted ones of that night.
    names.sort_by_key(|name| {
        let moment = name.rsplit('-').next().unwrap().to_owned();
        (moment, name.contains("-deleted-"))
    });
    for name in names {
        let file = files.join(&name);
        for line in std::fs::read_to_string(&file).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let id = row["ProfileId"].as_u64().unwrap();
            if name.contains("-deleted-") { drop(target.remove(&id)) } else { drop(target.insert(id, row)) }
        }
        std::fs::remove_file(file).unwrap();
    }
}

/// Waits for a job, which must succeed.
#[track_caller]
fn ends_well(mut job: Running, when: &str) {
    let mut told = String::new();
    job.0.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(job.0.wait().unwrap().success(), "{when}: {told}");
}

/// So many nights; gives a line about them.
pub async fn nights(seed: u64, count: u64, people: usize) -> String {
    let mut random = Random::new(seed);
    let world = World::prepared();
    world.write_people("people.ndjson", "P", people);
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT, "--clock-file", "clock"]);
    let mut world = world.serve(&[]).await;
    let mut api = world.nightly().await;
    let door = Door::to(&world.url).await;
    std::fs::create_dir(world.path("out")).unwrap();
    let mut ids: Vec<u64> = (1..=people as u64).collect();
    let mut target = BTreeMap::new();
    let (mut jobs_killed, mut servers_killed, mut runs) = (0, 0, 0);
    for night in 0..count {
        world.advance(20 * 3_600_000);
        api.sign_in_again().await;
        for n in 0..5 + random.below(20) {
            let at = random.below(ids.len() as u64) as usize;
            match random.below(4) {
                0 => ids.push(api.create(person(&format!("N{night}x{n}"), &["a"])).await),
                1 if ids.len() > 10 => api.remove(ids.swap_remove(at)).await,
                2 => {
                    // The opt-in expires after ten days by itself, which nobody writes.
                    let wants = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
                    let address = format!("n{night}x{n}@example.com");
                    let email = json!({"EmailAddressType": "Work", "EmailAddress": address, "EmailPreferences": wants});
                    api.update(ids[at], json!({"Emails": [email]})).await;
                }
                _ => api.update(ids[at], json!({"CustomerName": {"LastName": format!("L{night}x{n}")}})).await,
            }
        }
        world.advance(4 * 3_600_000);
        let args =
            ["--url", &door.url, "--segment", "Everybody", "--deleted", "Deleted", "--state", "state", "--out", "out"];
        let args = [&args[..], &["--limit", "20", "--at-once", "2", "--checkpoint", "4KiB"]].concat();
        let job = || world.export_command(&api, &args);
        let running = start(job());
        tokio::time::sleep(Duration::from_millis(random.below(500))).await;
        match random.below(3) {
            0 => {
                drop(running);
                jobs_killed += 1;
            }
            1 => {
                world = world.kill().serve(&[]).await;
                door.lead_to(&world.url);
                api.url = world.url.clone();
                ends_well(running, &format!("night {night}: it waits for the server"));
                servers_killed += 1;
            }
            _ => ends_well(running, &format!("night {night}")),
        }
        // Cron starts it again, as often as it takes; one more run than needed does no harm.
        let out = world.export_command(&api, &args).output().unwrap();
        assert!(out.status.success(), "night {night}: {}", said(&out));
        runs += 1;
        // Not every morning has somebody who takes the files over.
        if random.below(3) > 0 || night + 1 == count {
            take_over(&world.path("out"), &mut target);
        }
    }
    api.sign_in_again().await;
    let token = api.export("Everybody", json!({})).await;
    let source: BTreeMap<u64, Value> =
        api.rows(token).await.into_iter().map(|row| (row["ProfileId"].as_u64().unwrap(), row)).collect();
    assert_eq!(source.len(), target.len());
    for (id, row) in &source {
        assert_eq!(target.get(id), Some(row), "profile {id}");
    }
    format!(
        "{count} nights, {jobs_killed} jobs and {servers_killed} servers killed in {runs} of them: the target equals the source, {} profiles",
        target.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_some_nights_with_kills_the_target_equals_the_source() {
    nights(11, 6, 120).await;
}

//! Measures the store alone, on sample profiles in a temporary directory: bulk load, single writes, a scan of facts, a copy of rows.
//!
//! ```text
//! cargo run --release -p sayso-store --example load -- 1000000 50000
//! ```
//! Arguments: profiles (200,000) and profiles in one commit (50,000). `TMPDIR` says on which disk.
#![allow(clippy::print_stdout)]

use std::{
    error::Error,
    sync::Arc,
    time::{Duration, Instant},
};

use sayso_model::{id::Author, input::parse_profile};
use sayso_store::{Role, Store, StoreError, SystemClock, profiles::Change};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|a| a.parse::<u64>());
    let profiles = arguments.next().transpose()?.unwrap_or(200_000);
    let batch = arguments.next().transpose()?.unwrap_or(50_000).max(1);

    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), Role::Command, Arc::new(SystemClock))?;
    let account = store.create_account("BENCH", toml::from_str(sayso_sample::ACCOUNT_TOML)?)?;
    let author = Author { user_id: "Admin".into(), source_id: None };
    let sampler = sayso_sample::Sampler::new(1);
    let parse = |n: u64| {
        let mut line = Vec::new();
        sampler.profile(n, &mut line);
        parse_profile(&line)
    };

    let (mut parsing, mut loading) = (Duration::ZERO, Duration::ZERO);
    for start in (0..profiles).step_by(usize::try_from(batch)?) {
        let started = Instant::now();
        let inputs = (start..(start + batch).min(profiles)).map(parse).collect::<Result<Vec<_>, _>>()?;
        parsing += started.elapsed();
        let started = Instant::now();
        for answer in store.load(account.no, &author, inputs)? {
            answer?;
        }
        loading += started.elapsed();
    }
    let rate = |n: u64, time: Duration| n as f64 / time.as_secs_f64();
    println!("made and parsed {profiles} on one core in {parsing:.2?}: {:.0}/s", rate(profiles, parsing));
    println!("loaded {profiles} in {loading:.2?}: {:.0}/s, {batch} in a commit", rate(profiles, loading));
    println!("the file has {} bytes", store.sizes()?.file_bytes);

    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for together in [1, 100, 1_000] {
        let started = Instant::now();
        let rounds = if together == 1 { 200 } else { 10 };
        for round in 0..rounds {
            let waiting: Vec<_> = (0..together)
                .map(|n| {
                    let input = parse(profiles + 10_000 * together + round * together + n);
                    Ok::<_, Box<dyn Error>>(store.write(account.no, author.clone(), Change::Create(Box::new(input?))))
                })
                .collect::<Result<_, _>>()?;
            for written in waiting {
                runtime.block_on(written)?;
            }
        }
        println!("wrote {together} at once: {:.0}/s", rate(rounds * together, started.elapsed()));
    }

    let started = Instant::now();
    let snapshot = runtime.block_on(store.snapshot(account.no))?;
    println!("took a snapshot in {:.2?}", started.elapsed());
    let started = Instant::now();
    let mut ids = Vec::new();
    snapshot.for_each_facts::<StoreError>(0..u64::MAX, &mut |id, _| {
        ids.push(id);
        Ok(())
    })?;
    println!("scanned {} facts on one core in {:.2?}", ids.len(), started.elapsed());
    for step in [5, 1] {
        let started = Instant::now();
        let mut bytes = 0;
        snapshot.for_each_row::<StoreError>(&mut ids.iter().copied().step_by(step), &mut |row| {
            bytes += row.json.len();
            Ok(())
        })?;
        println!("verified every row of {step} ({bytes} bytes) on one core in {:.2?}", started.elapsed());
    }
    drop(snapshot);
    let started = Instant::now();
    let report = store.check(&mut |_| {})?;
    println!("checked {} profiles in {:.2?}: {} problems", report.profiles, started.elapsed(), report.problem_count);
    Ok(())
}

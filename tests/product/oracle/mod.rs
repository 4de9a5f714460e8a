//! The oracle: random sequences of calls against a model of the specification, which is simple and obvious and shares nothing with
//! the product. After each step everything that can be read must be what the model says: by id, by alternate id, the searches, the
//! histories, a full export.
//!
//! A sequence is made from a seed, which a failure names: `SAYSO_ORACLE_SEED=7 cargo test -p sayso --test product oracle` runs that one
//! again. What fails is made smaller first: steps and members of bodies are left out as long as it still fails.

mod bodies;
mod calls;
mod check;
mod config;
mod consents;
mod contacts;
mod dates;
mod faults;
mod fields;
mod history;
mod holders;
mod json;
mod model;
mod operations;
mod patch;
mod person;
mod preferences;
mod reading;
mod run;
mod searches;
mod shape;
mod shrink;

use std::time::{Duration, Instant};

use crate::harness::random::Random;
use operations::Op;
use run::Run;

/// At least so many steps in a sequence.
const STEPS: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_sequences_of_calls_agree_with_a_model_of_the_specification() {
    // One that comes by contacts which return and by opt-outs which revoke what others stand on.
    let seed = std::env::var("SAYSO_ORACLE_SEED").map_or(2, |text| text.parse().unwrap());
    let said = sequences(seed, 1, 4).await;
    eprintln!("{said}");
}

/// Runs so many sequences, of consecutive seeds, with a full export after every few steps; says what was done.
pub async fn sequences(seed: u64, count: u64, export_every: u64) -> String {
    let began = Instant::now();
    let (mut steps, mut refused) = (0, 0);
    for seed in seed..seed + count {
        let run = sequence(seed, export_every).await;
        steps += run.taken;
        refused += run.refused;
    }
    let took = began.elapsed().as_secs();
    format!(
        "{count} sequences of {STEPS} steps: {steps} steps, {refused} calls refused as foreseen, no disagreement, {took} s"
    )
}

async fn sequence(seed: u64, export_every: u64) -> Run {
    let mut random = Random::new(seed);
    let mut run = Run::start(export_every).await;
    let mut taken: Vec<Op> = Vec::new();
    while taken.len() < STEPS {
        let op = operations::next(&mut random, &run, taken.len());
        taken.push(op.clone());
        if let Err(why) = run.step(&op).await {
            let patience =
                Duration::from_secs(std::env::var("SAYSO_ORACLE_SHRINK").map_or(120, |s| s.parse().unwrap()));
            drop(run);
            let step = taken.len();
            let (smallest, how) = shrink::shrink(taken, why.clone(), patience).await;
            panic!(
                "seed {seed}, step {step}: {why}\nmade smaller: {how}\nthe steps that it takes:\n{}",
                shrink::told(&smallest)
            );
        }
    }
    check::exports(&run).await.unwrap_or_else(|why| panic!("seed {seed}, at the end: {why}"));
    run.world.check();
    run
}

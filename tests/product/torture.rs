//! The long versions of the tests of faults. `cargo xtask torture` runs them, says with which seed and how long, and sums up.

use std::time::Duration;

use crate::{backup, crash, flipped, full_disk, harness::own::with_own_mounts, nights, oracle, slow_readers, storm};

/// A number from the environment: what xtask was told.
fn told(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap())
}

fn seed() -> u64 {
    told("SAYSO_TORTURE_SEED", 1)
}

fn rounds() -> u64 {
    told("SAYSO_TORTURE_ROUNDS", 50)
}

/// One line of the summary.
fn sum_up(what: &str) {
    eprintln!("torture: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn kill_9_of_the_server_and_of_a_load_beside_it() {
    // the first kill waits for a page that is under way, and of the others each second one for an export that is half made: so many are left
    // to come at a moment that nothing chose
    sum_up(&crash::server_and_load_are_killed(seed(), 2 * rounds() + 1, 20_000, 1_000).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn kill_9_of_a_load_that_is_alone() {
    sum_up(&crash::lonely_load_is_killed(seed(), rounds(), 40_000).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn a_storm_of_8_writers_and_8_readers() {
    sum_up(&storm::storm(seed(), rounds(), 100_000, 1_000).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn backups_under_8_writers() {
    sum_up(&backup::backups_restore(seed(), rounds(), 100_000).await);
}

#[test]
#[ignore = "long: cargo xtask torture"]
fn a_disk_that_fills_up_and_gets_room_again() {
    with_own_mounts(async || sum_up(&full_disk::the_disk_comes_and_goes(seed(), rounds()).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn abandoned_downloads() {
    sum_up(&slow_readers::abandoned_downloads_are_freed(200).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn slow_readers() {
    sum_up(&slow_readers::slow_readers_are_served(200, Duration::from_secs(150)).await);
}

#[test]
#[ignore = "long: cargo xtask torture"]
fn flipped_bits_in_the_data_file() {
    sum_up(&flipped::data_file_is_damaged(seed(), 4 * rounds()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn flipped_bits_in_the_files_of_exports() {
    sum_up(&flipped::export_files_are_damaged(seed(), rounds()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn random_sequences_beside_a_model_of_the_specification() {
    sum_up(&oracle::sequences(seed(), rounds(), 1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long: cargo xtask torture"]
async fn nights_of_a_nightly_job() {
    sum_up(&nights::nights(seed(), told("SAYSO_TORTURE_ROUNDS", 30).max(30), 2_000).await);
}

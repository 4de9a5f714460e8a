//! Many readers at once, and the harm that slow ones do.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::bench::{
    crowd,
    cut::PAGE,
    data::SMALL,
    measure::slow::SlowReaders,
    report::{Bound, Report, SAYSO, Unit},
    server::Server,
    stats::percentile,
};

const READERS: usize = 64;
const SLOW: usize = 200;

/// Measures it.
pub(in crate::bench) fn many(server: &Server, report: &mut Report, quick: bool, rounds: u32) -> anyhow::Result<()> {
    report.section(
        "Many readers",
        "64 readers walk 64 different exports (of one segment) at once, pages of 1,000 rows, again and again; then a fast reader walks one export while 200 others take 1 KB a second each of pages of 10,000 rows. As many threads as cores read for all of them; they and the server share the cores.",
    );
    let time = Duration::from_secs(if quick { 1 } else { 4 });
    let exports: anyhow::Result<Vec<_>> = (0..READERS).map(|_| server.export(SMALL, &json!({}))).collect();
    let exports = exports?;
    let walks: Vec<_> = exports.iter().map(|export| server.pages(export, PAGE)).collect();
    let pages = walks[0].len();
    report.note(&format!("Each export holds {} rows in {pages} pages.", exports[0].rows));
    server.memory.peak();
    let (one, all) = ("1 reader", "64 readers, 64 exports");
    let slowest = "p99 of a page, 64 readers, 64 exports";
    for _ in 0..rounds {
        let alone = crowd::each(server.address, &walks[..1], time)?;
        report.add(one, SAYSO, Unit::MegabytesPerSecond, alone.rate());
        let together = crowd::each(server.address, &walks, time)?;
        report.add(all, SAYSO, Unit::MegabytesPerSecond, together.rate());
        report.add(slowest, SAYSO, Unit::Milliseconds, percentile(&together.latencies, 0.99));
    }
    report.memory("64 readers on 64 exports", server.memory.peak());
    report.ratio(
        "64 readers on different exports, against one reader",
        (all, SAYSO),
        (one, SAYSO),
        Bound::AtLeast(1.5),
    );
    if let Some(p99) = report.median(slowest, SAYSO) {
        report.target("p99 of a 1,000-row page among 64 readers", Unit::Milliseconds, p99, Bound::AtMost(100.0));
    }

    let mut still = SLOW;
    let (before, beside) = ("p99 of a page, a fast reader alone", "p99 of a page, a fast reader beside 200 slow ones");
    for _ in 0..rounds {
        let alone = crowd::each(server.address, &walks[..1], time)?;
        report.add(before, SAYSO, Unit::Milliseconds, percentile(&alone.latencies, 0.99));
        let requests: Vec<_> = (0..SLOW).map(|at| server.page(exports[at % READERS].token, 10_000, 1)).collect();
        let began = Instant::now();
        let slow = SlowReaders::start(server.address, &requests)?;
        // what the server's socket buffers take at once goes out first
        std::thread::sleep(time / 2);
        let crowded = crowd::each(server.address, &walks[..1], time)?;
        let seconds = began.elapsed().as_secs_f64();
        let (live, taken) = slow.stop()?;
        report.add("a slow reader takes", SAYSO, Unit::BytesPerSecond, taken as f64 / SLOW as f64 / seconds);
        report.add(beside, SAYSO, Unit::Milliseconds, percentile(&crowded.latencies, 0.99));
        still = still.min(live);
        // each takes a kilobyte at once, the last one perhaps not any more
        anyhow::ensure!(
            taken as f64 >= SLOW as f64 * (seconds - 1.0) * 1024.0 * 0.9,
            "the slow readers took only {taken} bytes in {seconds:.1} s"
        );
    }
    report.memory("200 slow readers", server.memory.peak());
    let what = "slow readers that were still being served at the end, of 200";
    report.target(what, Unit::Count, still as f64, Bound::AtLeast(SLOW as f64));
    let what = "p99 of a fast reader beside 200 slow ones, against alone";
    report.ratio(what, (beside, SAYSO), (before, SAYSO), Bound::AtMost(1.2));
    exports.iter().try_for_each(|export| server.commit(export))
}

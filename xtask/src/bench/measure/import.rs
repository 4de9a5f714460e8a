//! `sayso import`: files over HTTP into an empty account, staged and executed, with one bad record in a hundred.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::bench::{
    data::Maker,
    program,
    report::{Bound, Report, SAYSO, Unit, thousands},
    server::Server,
};

/// One record in so many is bad: in turn one that fails when it is staged, and one that is refused when it is executed.
const BAD: u64 = 100;

/// Measures imports of a tenth of the profiles and of all.
pub(in crate::bench) fn import(
    maker: &Maker<'_>,
    report: &mut Report,
    profiles: u64,
    rounds: u32,
    lean: bool,
) -> anyhow::Result<()> {
    report.section(
        "Import",
        "`sayso import people.ndjson --json` against a server on the same two cores, over HTTP with OAuth, into an empty account; every answer durable. One record in a hundred is bad: half of these when they are staged (a type that the account hasn't got), half when they are executed (an alternate id that is somebody else's). Each comes back as an exception with its line and reason, and all others are in: this is verified.",
    );
    let sizes = [(profiles / 10).max(1_000), profiles];
    let mut whole = Vec::new();
    for size in sizes {
        let people = people(maker, size, lean)?;
        for _ in 0..rounds {
            once(maker, report, &people)?;
        }
        crate::bench::remove(&people.file)?;
        let what = rate(size);
        whole.extend(report.median(&what, SAYSO));
        if let Some(rate) = report.median(&what, SAYSO) {
            let what = format!("import of {} over HTTP, staged and executed", thousands(size as f64));
            report.target(&what, Unit::PerSecond, rate, Bound::AtLeast(10_000.0));
        }
    }
    if let [small, large] = whole[..] {
        let what = format!(
            "time per record of an import of {}, against {}",
            thousands(sizes[1] as f64),
            thousands(sizes[0] as f64)
        );
        report.target(&what, Unit::Times, small / large, Bound::AtMost(1.3));
    }
    Ok(())
}

fn rate(size: u64) -> String {
    format!("import of {}, staged and executed", thousands(size as f64))
}

/// A file of records.
struct People {
    file: PathBuf,
    records: u64,
    /// The lines of those that can't be imported.
    bad: Vec<u64>,
}

/// The sample people with bad ones among them.
fn people(maker: &Maker<'_>, records: u64, lean: bool) -> anyhow::Result<People> {
    let file = maker.dir.join(format!("import-{records}.ndjson"));
    let mut out = BufWriter::new(File::create(&file)?);
    let (mut bad, mut before) = (Vec::new(), Value::Null);
    let mut sample = maker.sample(records);
    let mut sampling = sample.stdout(Stdio::piped()).spawn().context("`sayso sample` can't be started")?;
    let sampled = sampling.stdout.take().context("`sayso sample` has no output")?;
    for (line, text) in (1..).zip(BufReader::new(sampled).lines()) {
        let mut record: Value = serde_json::from_str(&text?)?;
        if lean {
            make_lean(&mut record);
        }
        if line % (2 * BAD) == 0 {
            record["AlternateIds"] = before["AlternateIds"].clone();
        } else if line % BAD == 0 {
            record["Emails"][0]["EmailAddressType"] = "Boat".into();
        }
        writeln!(out, "{record}")?;
        if line % BAD == 0 {
            bad.push(line);
        } else {
            before = record;
        }
    }
    ensure!(sampling.wait()?.success(), "`sayso sample` failed");
    out.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?.sync_all()?;
    Ok(People { file, records, bad })
}

/// Leaves an alternate id and an email address with its preference: what a list of subscribers has.
fn make_lean(record: &mut Value) {
    let Some(members) = record.as_object_mut() else { return };
    members.retain(|name, _| ["AlternateIds", "Emails"].contains(&name.as_str()));
    members.values_mut().filter_map(Value::as_array_mut).for_each(|list| list.truncate(1));
}

fn once(maker: &Maker<'_>, report: &mut Report, people: &People) -> anyhow::Result<()> {
    let size = thousands(people.records as f64);
    let data = maker.empty("imported")?;
    let server = Server::start(maker.sayso, &data)?;
    let staged = Staged::watch(&data);
    let mut command = Command::new(maker.sayso);
    command.arg("import").arg(&people.file).arg("--json");
    command.args(["--url", &format!("http://{}", server.address)]).arg("--credentials").arg(server.credentials());
    // 1: some records are not in
    let (told, memory) = program::run_watched_to(&mut command, 1)?;
    let told: Value = serde_json::from_str(&told).context("`sayso import --json` gave no JSON")?;
    verify(&server, people, &told)?;
    let seconds = |name: &str| told[name].as_f64().with_context(|| format!("`sayso import` told no {name}"));
    let records = people.records as f64;
    report.add(&format!("staging of {size}"), SAYSO, Unit::PerSecond, records / seconds("staging_seconds")?);
    report.add(&format!("execution of {size}"), SAYSO, Unit::PerSecond, records / seconds("executing_seconds")?);
    report.add(&rate(people.records), SAYSO, Unit::PerSecond, records / seconds("seconds")?);
    let own = server.memory.peak();
    report.add(&format!("memory of the server, {size}"), SAYSO, Unit::Megabytes, own);
    report.add(&format!("memory of `sayso import`, {size}"), SAYSO, Unit::Megabytes, memory);
    report.memory("imports", own);
    report.memory("sayso import", memory);
    let file = people.file.metadata()?.len() / 1_000_000;
    let (staged, kept) = (staged.end() / 1_000_000, bytes_under(&data) / 1_000_000);
    report.note(&format!(
        "{size}: {file} MB of NDJSON; staged files had {staged} MB at the most; the data directory has {kept} MB at the end."
    ));
    drop(server);
    fs::remove_dir_all(&data)?;
    Ok(())
}

/// Every bad record is an exception with its line, every other is in.
fn verify(server: &Server, people: &People, told: &Value) -> anyhow::Result<()> {
    let good = people.records - people.bad.len() as u64;
    if told["status"] != "Completed" || told["records"] != people.records || told["imported"] != good {
        bail!("`sayso import` was to import {good} of {} records and says {told}", people.records);
    }
    let file = told["exceptions_file"].as_str().context("no exceptions were told")?;
    let mut lines = Vec::with_capacity(people.bad.len());
    for line in BufReader::new(File::open(file)?).lines() {
        let exception: Value = serde_json::from_str(&line?)?;
        let is_whole =
            exception["SequenceNumber"] == exception["Line"] && exception["Exceptions"][0]["Message"].is_string();
        lines.extend(exception["Line"].as_u64().filter(|_| is_whole));
    }
    crate::bench::remove(Path::new(file))?;
    if lines != people.bad {
        bail!("the exceptions are not those of the bad records: {} in place of {}", lines.len(), people.bad.len());
    }
    let export = server.export(crate::bench::data::ALL, &serde_json::json!({}))?;
    server.commit(&export)?;
    if export.rows != good {
        bail!("{} profiles are in, and {good} should be", export.rows);
    }
    Ok(())
}

/// Looks at how much is staged.
struct Staged {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Staged {
    fn watch(data: &Path) -> Self {
        let (most, stop, folder) =
            (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)), data.join("imports"));
        let thread = thread::spawn({
            let (most, stop) = (Arc::clone(&most), Arc::clone(&stop));
            move || {
                while !stop.load(Relaxed) {
                    most.fetch_max(bytes_under(&folder), Relaxed);
                    thread::sleep(Duration::from_millis(500));
                }
            }
        });
        Self { most, stop, thread }
    }

    fn end(self) -> u64 {
        self.stop.store(true, Relaxed);
        let _ = self.thread.join();
        self.most.load(Relaxed)
    }
}

/// Bytes of all files in a folder and below; what vanishes meanwhile counts nothing.
fn bytes_under(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => bytes_under(&entry.path()),
        // a store's file has holes
        Ok(about) => std::os::unix::fs::MetadataExt::blocks(&about) * 512,
        Err(_) => 0,
    });
    sizes.sum()
}

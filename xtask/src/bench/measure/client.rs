//! `sayso export` as a nightly job runs it, against curl that fetches the same pages.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::bench::{
    data::{ALL, Maker},
    measure::Site,
    program, remove,
    report::{Bound, Report, SAYSO, Unit},
    server::Export,
};

/// Records of a page, for both: what the client asks for where rows are of 5 KB.
const PAGE: u64 = 800;

const TO_DISK: &str = "curl, one page after the other, each to a file, then synced";
const TO_CACHE: &str = "curl, the same, not synced";
const TO_NOTHING: &str = "curl, the same, thrown away";

/// A section of its own.
pub(in crate::bench) fn client(maker: &Maker<'_>, site: &Site, report: &mut Report, rounds: u32) -> anyhow::Result<()> {
    report.section(
        "The client",
        "`sayso export` of all rows to a file that is whole and on disk in the end, from the moment at which the server has the export complete; as NDJSON, as CSV and as Parquet. curl fetches the same pages with keepAlive, one after the other over one connection (`--config` with all URLs), and looks at none. Server and client share the cores.",
    );
    let rows = format!("rows to NDJSON, of {}", site.size());
    let flat = format!("rows to Parquet, one for each preference, of {} profiles", site.size());
    let preferences = preferences(maker, site)?;
    report.note(&format!("{preferences} rows where each preference is one."));
    let (mut megabytes, mut peak) = (Vec::new(), 0.0_f64);
    for _ in 0..rounds {
        let export = Exported::run(maker, site, "ndjson", &[])?;
        report.add(&rows, SAYSO, Unit::PerSecond, export.rate());
        megabytes.push(export.bytes as f64 / 1e6);
        peak = peak.max(export.memory);
        let all = site.server.export(ALL, &json!({}))?;
        for (who, place, synced) in
            [(TO_DISK, Some("pages"), true), (TO_CACHE, Some("pages"), false), (TO_NOTHING, None, false)]
        {
            let took = curl(maker.dir, site, &all, place, synced)?;
            report.add(&rows, who, Unit::PerSecond, all.rows as f64 / took.as_secs_f64());
        }
        site.server.commit(&all)?;
        let export = Exported::run(maker, site, "csv", &[])?;
        report.add(&format!("rows to CSV, of {}", site.size()), SAYSO, Unit::PerSecond, export.rate());
        peak = peak.max(export.memory);
        let export = Exported::run(maker, site, "parquet", &["--shape", "preferences"])?;
        report.add(&flat, SAYSO, Unit::PerSecond, preferences as f64 / export.walk);
        peak = peak.max(export.memory);
        let export = Exported::run(maker, site, "parquet", &[])?;
        report.add(&format!("profiles to Parquet, of {}", site.size()), SAYSO, Unit::PerSecond, export.rate());
        let json = export.bytes as f64 / 1e6 / export.walk;
        report.add("JSON read for Parquet", SAYSO, Unit::MegabytesPerSecond, json);
        peak = peak.max(export.memory);
    }
    report.note(&format!("{} MB of NDJSON.", megabytes.first().map_or(0, |mb| *mb as u64)));
    let named = |words: &str| format!("client to NDJSON, against {words}");
    report.ratio(&named("curl that syncs, too"), (&rows, SAYSO), (&rows, TO_DISK), Bound::AtLeast(0.7));
    report.ratio(&named("curl that syncs nothing"), (&rows, SAYSO), (&rows, TO_CACHE), Bound::AtLeast(0.7));
    let nested = format!("profiles to Parquet, of {}", site.size());
    for (what, whose) in [(&flat, "rows, one for each preference"), (&nested, "rows, one for each profile")] {
        if let Some(rate) = report.median(what, SAYSO) {
            let what = format!("client to Parquet, {whose}");
            report.target(&what, Unit::PerSecond, rate, Bound::AtLeast(200_000.0));
        }
    }
    report.target("memory of the client at the most (VmHWM), any format", Unit::Megabytes, peak, Bound::AtMost(200.0));
    Ok(())
}

/// How many preferences the profiles have: the rows of a table with a row for each.
fn preferences(maker: &Maker<'_>, site: &Site) -> anyhow::Result<u64> {
    let mut lines = 0;
    Exported::run_and(maker, site, "csv", &["--shape", "preferences"], |file| {
        lines = BufReader::new(fs::File::open(file)?).split(b'\n').count() as u64;
        Ok(())
    })?;
    lines.checked_sub(1).context("a table without a head")
}

/// One run of `sayso export`.
struct Exported {
    rows: u64,
    /// Of JSON.
    bytes: u64,
    /// Seconds from Complete to the whole file.
    walk: f64,
    /// Its memory at the most, megabytes.
    memory: f64,
}

impl Exported {
    fn run(maker: &Maker<'_>, site: &Site, format: &str, args: &[&str]) -> anyhow::Result<Self> {
        Self::run_and(maker, site, format, args, |_| Ok(()))
    }

    /// The same, where somebody looks at the file before it is removed.
    fn run_and(
        maker: &Maker<'_>,
        site: &Site,
        format: &str,
        args: &[&str],
        look: impl FnOnce(&Path) -> anyhow::Result<()>,
    ) -> anyhow::Result<Self> {
        let file = maker.dir.join(format!("out.{format}"));
        let mut command = Command::new(maker.sayso);
        command.args(["export", "--json", "--segment", ALL, "--format", format]).arg("--out").arg(&file);
        command.args(["--limit", &PAGE.to_string()]).args(args);
        command
            .arg("--url")
            .arg(format!("http://{}", site.server.address))
            .arg("--credentials")
            .arg(site.server.credentials());
        let (told, memory) = program::run_watched_whole(&mut command)?;
        look(&file)?;
        remove(&file)?;
        let told: Value = serde_json::from_str(&told).context("`sayso export --json` gave no JSON")?;
        let number = |name: &str| told[name].as_f64().with_context(|| format!("no {name}"));
        let rows = number("rows")? as u64;
        ensure!(rows == site.profiles, "`sayso export` gave {rows} of {} rows", site.profiles);
        Ok(Self { rows, bytes: number("bytes")? as u64, walk: number("seconds")? - number("waited_seconds")?, memory })
    }

    fn rate(&self) -> f64 {
        self.rows as f64 / self.walk
    }
}

/// Fetches every page of an export with curl, into files of this folder, or nowhere where it has no name. How long it took, which ends when
/// the files are on disk where they are synced.
fn curl(dir: &Path, site: &Site, all: &Export, folder: Option<&str>, synced: bool) -> anyhow::Result<Duration> {
    let folder = folder.map(|name| dir.join(name));
    if let Some(folder) = &folder {
        fs::create_dir_all(folder)?;
    }
    let mut config = format!("silent\nfail\nheader = \"Authorization: {}\"\n", site.server.authorization());
    let mut files = Vec::new();
    for (number, path) in site.server.page_paths(all, PAGE).iter().enumerate() {
        let file = folder.as_ref().map(|folder| folder.join(format!("page-{number}.json")));
        let to = file.as_deref().unwrap_or(Path::new("/dev/null"));
        writeln!(config, "url = \"http://{}{path}\"\noutput = \"{}\"", site.server.address, to.display())?;
        files.extend(file);
    }
    let list = dir.join("curl.config");
    fs::write(&list, config)?;
    let mut command = Command::new("curl");
    command.arg("--config").arg(&list);
    let started = Instant::now();
    program::run(&mut command)?;
    if synced {
        files.iter().try_for_each(|file| fs::File::open(file)?.sync_all())?;
    }
    let took = started.elapsed();
    fs::remove_file(&list)?;
    if let Some(folder) = &folder {
        fs::remove_dir_all(folder)?;
    }
    Ok(took)
}

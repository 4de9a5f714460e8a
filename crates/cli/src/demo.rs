//! `sayso demo`: the main job, whole, with no set-up (program.md). Everything it does could be done by hand with the other
//! commands and curl; it meets its own server as a stranger, over HTTP with OAuth.

mod by_hand;
mod digest;
mod export;
mod people;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail};
use sayso_callbacks::{Settings as CallbackSettings, Worker};
use sayso_client::Client;
use sayso_export::{Engine, Settings as ExportSettings};
use sayso_import::{Engine as ImportEngine, Settings as ImportSettings};
use sayso_server::Options;
use sayso_store::{Role, Store, SystemClock, account::Account};
use serde::Serialize;

use self::{by_hand::ByHand, export::Exported, people::SampleSource};
use crate::{
    account::file,
    args::DemoArgs,
    credentials::Credentials,
    data,
    load::pipeline::{self, Target},
    out,
    progress::Progress,
    serve,
    stop::Stop,
};

/// The account's name.
const ACCOUNT: &str = "DEMO";
/// Records of a page, the API's own default.
const PAGE: u64 = 1_000;

/// What of the sample account the demo shows.
#[derive(Debug, Clone, Copy, Serialize)]
struct Segments {
    sample: &'static str,
    all: &'static str,
    deleted: &'static str,
}

const SEGMENTS: Segments = Segments { sample: "Georgia newsletter", all: "Everyone", deleted: "Deleted profiles" };
const SEGMENT_GROUP: &str = "Georgia reachable";

/// How to reach the running server, as `--serve --json` gives it (program.md).
#[derive(Serialize)]
struct Running<'a> {
    url: &'a str,
    account: &'a str,
    #[serde(flatten)]
    credentials: &'a Credentials,
    segments: Segments,
    segment_group: &'a str,
}

/// What was done, as `--json` alone gives it.
#[derive(Serialize)]
struct Done<'a> {
    account: &'a str,
    segment: &'a str,
    profiles: u64,
    rows: u64,
    bytes: u64,
    file: String,
    snapshot: Option<&'a str>,
    seconds: Seconds,
}

#[derive(Serialize)]
struct Seconds {
    load: f64,
    generate: f64,
    retrieve: f64,
    all: f64,
}

/// Runs it.
///
/// # Errors
/// When any phase fails, or the file has not as many lines as the export has rows.
pub fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let stop = Stop::listen()?;
    let started = Instant::now();
    let file = output_file(&args.out);
    sayso_server::record_metrics();
    let dir = tempfile::Builder::new().prefix("sayso-demo-").tempdir().context("no temporary directory can be made")?;
    let store = Store::open(&dir.path().join("data"), Role::Server, Arc::new(SystemClock))?;
    let account = make_account(&store)?;
    let loaded = load(&store, &account, &args, &stop)?;
    let administrator = data::first_administrator(&account.config).expect("make_account ensured one");
    let credentials = Credentials::new(&account.name, store.create_client(account.no, &administrator.user_id)?);

    let tell = |url: &str, exported: &Exported| {
        let (args, credentials, account, loaded, file) = (&args, &credentials, &account.name, &loaded, &file);
        Story { args, url, credentials, account, loaded, exported, file, started }.tell()
    };
    let outcome = serve::runtime()?.block_on(serve_and_export(store, &args, &stop, &credentials, &file, tell));
    let removed = dir.close().context("the temporary data directory can't be removed");
    outcome?;
    removed?;
    Ok(ExitCode::SUCCESS)
}

/// `--out`: a directory that is there (or ends with a slash) takes `export.ndjson`.
fn output_file(out: &Path) -> PathBuf {
    let is_directory = out.is_dir() || out.as_os_str().to_string_lossy().ends_with(std::path::MAIN_SEPARATOR);
    if is_directory { out.join("export.ndjson") } else { out.to_owned() }
}

fn make_account(store: &Store) -> anyhow::Result<Account> {
    let mut configuration = file::parse(sayso_sample::ACCOUNT_TOML)?;
    file::ensure_administrator(&mut configuration, "Admin")?;
    store.create_account(ACCOUNT, configuration).map_err(data::with_all_problems)
}

struct Loaded {
    profiles: u64,
    bytes: u64,
    time: Duration,
}

fn load(store: &Store, account: &Account, args: &DemoArgs, stop: &Stop) -> anyhow::Result<Loaded> {
    let administrator =
        data::first_administrator(&account.config).ok_or_else(|| anyhow!("the sample account has no administrator"))?;
    let source = SampleSource::new(args.seed, args.profiles);
    let mut progress = Progress::start("loading sample profiles", Some(args.profiles));
    let author = data::author(administrator);
    // Nobody else knows this directory yet.
    let target = Target { store, account: account.no, author: &author, alone: true };
    let mut first_rejected = None;
    let totals = pipeline::run(
        &target,
        &source,
        stop,
        &mut |line| {
            first_rejected.get_or_insert_with(|| format!("sample profile {} was rejected: {}", line.line, line.reason));
            Ok(())
        },
        &mut |totals| progress.at(totals.loaded, totals.loaded, "profiles"),
    )
    .map_err(|failure| failure.error.context("the sample profiles can't be loaded"))?;
    let time = progress.finish();
    if stop.asked() {
        bail!("interrupted while loading");
    }
    match first_rejected {
        Some(words) => Err(anyhow!(words)),
        None => Ok(Loaded { profiles: totals.loaded, bytes: source.bytes(), time }),
    }
}

async fn serve_and_export(
    store: Store,
    args: &DemoArgs,
    stop: &Stop,
    credentials: &Credentials,
    file: &Path,
    tell: impl FnOnce(&str, &Exported) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let options = Options { listen: args.listen, ..Options::default() };
    let listener = sayso_server::bind(&options).await?;
    let url = format!("http://{}", listener.local_addr().context("the address that is listened on can't be told")?);
    let engine = Engine::start(store.clone(), ExportSettings::default(), sayso_server::permission_check(&store))?;
    let imports =
        ImportEngine::start(store.clone(), ImportSettings::default(), sayso_server::import_permission_check(&store))?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let asked = stop.clone().wait();
    let callbacks = Worker::start(&store, &engine, CallbackSettings::default())?;
    let server = tokio::spawn(serve::serve(store, engine, imports, callbacks, listener, options, async move {
        tokio::select! {
            () = asked => {}
            _ = ended => {}
        }
    }));

    let client = Client::builder(&url)
        .credentials(&credentials.client_id, credentials.client_secret.reveal())
        .scope(&credentials.scope)
        .build()?;
    let exported = tokio::select! {
        exported = export::run(&client, SEGMENTS.sample, file) => exported,
        () = stop.clone().wait() => Err(anyhow!("interrupted while exporting")),
    };
    let told = exported.and_then(|exported| tell(&url, &exported));
    // While this is kept the server runs on, until Ctrl-C or SIGTERM ends it; dropping it ends the server.
    let _end = (args.serve && told.is_ok()).then_some(end);
    let served = server.await.context("the server's task panicked")?;
    told?;
    served
}

/// What is told at the end.
struct Story<'a> {
    args: &'a DemoArgs,
    url: &'a str,
    account: &'a str,
    credentials: &'a Credentials,
    loaded: &'a Loaded,
    exported: &'a Exported,
    file: &'a Path,
    started: Instant,
}

impl Story<'_> {
    fn tell(&self) -> anyhow::Result<()> {
        let Self { args, url, account, credentials, loaded, exported, file, started } = *self;
        match (args.json, args.serve) {
            (true, true) => {
                out::json(&Running { url, account, credentials, segments: SEGMENTS, segment_group: SEGMENT_GROUP })
            }
            (true, false) => out::json(&Done {
                account,
                segment: SEGMENTS.sample,
                profiles: loaded.profiles,
                rows: exported.rows,
                bytes: exported.bytes,
                file: file.display().to_string(),
                snapshot: exported.snapshot.as_deref(),
                seconds: Seconds {
                    load: loaded.time.as_secs_f64(),
                    generate: exported.generated.as_secs_f64(),
                    retrieve: exported.retrieved.as_secs_f64(),
                    all: started.elapsed().as_secs_f64(),
                },
            }),
            (false, _) => self.tell_people(),
        }
    }

    fn tell_people(&self) -> anyhow::Result<()> {
        let Self { args, url, account, credentials, loaded, exported, file, started } = *self;
        let rate = out::count(out::rate(loaded.profiles, loaded.time));
        out::line(format_args!(
            "Loaded   {} ({}, seed {}) into a temporary data directory in {}: {rate}/s",
            out::counted(loaded.profiles, "sample profile"),
            out::bytes(loaded.bytes),
            args.seed,
            out::took(loaded.time),
        ))?;
        out::line(format_args!("Served   account {account} on {url}"))?;
        out::line(format_args!(
            "Exported segment {:?} over HTTP: {}, {}",
            SEGMENTS.sample,
            out::counted(exported.rows, "row"),
            out::bytes(exported.bytes)
        ))?;
        out::line(format_args!("         Initiate to Complete {}", out::took(exported.generated)))?;
        out::line(format_args!(
            "         {} of {} {}",
            out::counted(exported.pages, "page"),
            out::count(PAGE),
            out::took(exported.retrieved)
        ))?;
        out::line(format_args!("Wrote    {}, one record a line, as many lines as rows", file.display()))?;
        out::line(format_args!("Whole    {}", out::took(started.elapsed())))?;
        if let Some(first) = &exported.first {
            out::line("\nThe first record:\n")?;
            out::line(digest::of(first)?)?;
        }
        let by_hand = ByHand {
            url,
            account,
            segment: SEGMENTS.sample,
            scope: &credentials.scope,
            credentials: args.serve.then_some(credentials),
        };
        out::line("")?;
        out::line(by_hand)
    }
}

#[cfg(test)]
mod tests;

//! `sayso serve`: opens the data directory, starts the engine, answers HTTP until it is asked to end.

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sayso_callbacks::{Settings as CallbackSettings, Worker};
use sayso_export::Engine;
use sayso_import::Engine as ImportEngine;
use sayso_server::{Options, Tls};
use sayso_store::{Role, Store};
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
};

use crate::{data, descriptors, out, settings::Settings, stop::Stop};

/// Runs it.
///
/// # Errors
/// When the directory can't be opened, the address can't be listened on, or the server fails.
pub fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    forbid_core_files();
    let files = descriptors::raise_limit();
    let stop = Stop::listen()?;
    let runtime = runtime()?;
    // Without somebody who listens, the signal ends the process.
    let hangups = runtime.block_on(async { Hangups::listen() })?;
    // Before the store is opened: its first numbers count too.
    sayso_server::record_metrics();
    data::must_be_no_file(&settings.data)?;
    let clock = data::clock(settings.clock_file.as_deref());
    let store = Store::open_with(&settings.data, Role::Server, clock, settings.store)
        .with_context(|| format!("the data directory {} can't be opened", settings.data.display()))?;
    if store.accounts()?.is_empty() {
        out::note(format_args!(
            "There is no account yet; sayso account create NAME --data {} makes one, also while this server runs.",
            settings.data.display()
        ));
    }
    for (file, what) in [
        (&settings.clock_file, "the present moment comes from"),
        (&settings.export.hold_file, "exports wait while there is"),
    ] {
        if let Some(path) = file {
            out::note(format_args!("Sandbox: {what} {}. Never do this with people's real data.", path.display()));
        }
    }
    let tls = settings.tls.map(|(certificate, key)| Tls::load(certificate, key)).transpose()?;
    let options = Options {
        listen: settings.listen,
        tls: tls.clone(),
        public_url: settings.public_url.clone(),
        request_limit: settings.request_limit,
        login_failures: settings.login_failures,
        trusted_proxies: settings.trusted_proxies.clone(),
        callbacks: settings.callbacks.clone(),
        write_stall: settings.write_stall,
        import_stage_body: settings.import_stage_limit,
        max_connections: descriptors::connections(files, Options::default().max_connections),
        ..Options::default()
    };
    let ca = settings.callback_ca.as_deref().map(|path| {
        std::fs::read(path)
            .with_context(|| format!("{} can't be read (--callback-ca, SAYSO_CALLBACK_CA)", path.display()))
    });
    let callbacks =
        CallbackSettings { policy: settings.callbacks, timeout: settings.callback_timeout, ca: ca.transpose()? };
    let last = store.clone();
    let served = runtime.block_on(async {
        let listener = sayso_server::bind(&options).await?;
        let address = listener.local_addr().context("the address that is listened on can't be told")?;
        if tls.is_none() && !address.ip().is_loopback() {
            let text = "listening beyond this machine without TLS: secrets and people's data cross the network in the clear; give --tls-cert and --tls-key, put a TLS proxy before it, or listen on 127.0.0.1";
            match tracing::enabled!(tracing::Level::WARN) {
                true => tracing::warn!(%address, "{text}"),
                false => out::note(format_args!("{address}: {text}")),
            }
        }
        let scheme = if tls.is_some() { "https" } else { "http" };
        tokio::spawn(hangups.reload(tls));
        let engine = Engine::start(store.clone(), settings.export, sayso_server::permission_check(&store))?;
        let imports = ImportEngine::start(store.clone(), settings.import, sayso_server::import_permission_check(&store))?;
        let callbacks = Worker::start(&store, &engine, callbacks)?;
        // From here on connections are taken: the kernel holds those that come before the first is accepted.
        out::line(format_args!("listening on {scheme}://{address}"))?;
        serve(store, engine, imports, callbacks, listener, options, stop.wait()).await
    });
    end(runtime, &last);
    served.map(|()| ExitCode::SUCCESS)
}

/// How long threads that still work for callers who were broken off are waited for.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Ends the runtime. Dropped, it would wait for whatever its threads are at, however long that takes, of which nobody will hear any more: a wide
/// search, or a body that is staged no further. They keep the store open, which otherwise writes what waits for the audit trail when it is
/// closed.
fn end(runtime: Runtime, store: &Store) {
    if let Err(error) = runtime.block_on(store.write_notes()) {
        tracing::error!(%error, "what was noted last for the audit trail is not written");
    }
    runtime.shutdown_timeout(LAST_WORK);
}

/// SIGHUP, at which the certificate and its key are read again, as whoever renews them expects of a server.
#[cfg(unix)]
struct Hangups(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Hangups {
    fn listen() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).map(Self).context("SIGHUP can't be listened to")
    }

    async fn reload(mut self, tls: Option<Arc<Tls>>) {
        while self.0.recv().await.is_some() {
            match tls.as_ref().map(|tls| tls.reload()) {
                Some(Ok(())) => tracing::info!("the TLS certificate was read again; new connections get it"),
                Some(Err(error)) => tracing::error!(%error, "the former TLS certificate stays in use"),
                None => tracing::info!("SIGHUP has nothing to read again: there is no TLS certificate"),
            }
        }
    }
}

/// Other systems have no such signal: a new certificate needs a new start.
#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    fn listen() -> anyhow::Result<Self> {
        Ok(Self)
    }

    async fn reload(self, _: Option<Arc<Tls>>) {}
}

/// The memory of a server holds secrets and people's data, and a core file would hold the memory. A limit of 0 keeps files away, but the kernel
/// still pipes the core to a program where the machine has one for it; at 1 it does neither, and a process that isn't dumpable has none,
/// whatever its limit (`fs/coredump.c`). Nor can other processes of the same user read its memory then.
fn forbid_core_files() {
    let most = getrlimit(Resource::Core).maximum.unwrap_or(1).min(1);
    let mut forbidden = setrlimit(Resource::Core, Rlimit { current: Some(most), maximum: Some(most) });
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        forbidden = forbidden.and(set_dumpable_behavior(DumpableBehavior::NotDumpable));
    }
    if let Err(error) = forbidden {
        tracing::warn!(%error, "core files can't be switched off: a crash may write secrets to one");
    }
}

/// Tasks that a thread runs before it asks for new requests again. At tokio's 61 a request may wait for a whole round of other
/// readers' pages before it so much as gets into line.
const EVENT_INTERVAL: u32 = 1;

/// The runtime of a server.
///
/// # Errors
/// When the system gives no threads.
pub fn runtime() -> anyhow::Result<Runtime> {
    runtime::Builder::new_multi_thread()
        .event_interval(EVENT_INTERVAL)
        .enable_all()
        .build()
        .context("the server's threads can't be started")
}

/// Serves until `shutdown` ends, then lets callbacks and the engines come to rest.
///
/// # Errors
/// When the server fails.
pub async fn serve(
    store: Store,
    engine: Engine,
    imports: ImportEngine,
    callbacks: Worker,
    listener: TcpListener,
    options: Options,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let served = sayso_server::serve(store, engine.clone(), imports.clone(), listener, options, shutdown).await;
    callbacks.stop().await;
    // Waits for workers: not on a thread that others' tasks need.
    let rest = tokio::task::spawn_blocking(move || {
        engine.stop();
        imports.stop();
    });
    rest.await.context("the engines did not come to rest")?;
    served.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_end_waits_for_no_thread_that_works_on_and_loses_no_note() {
        use sayso_store::audit::{About, Action, Credential, Entry, Origin};
        let dir = tempfile::tempdir().unwrap();
        let store =
            super::Store::open(dir.path(), super::Role::Server, std::sync::Arc::new(sayso_store::SystemClock)).unwrap();
        let account = store.create_account("DEMO", toml::from_str(sayso_sample::ACCOUNT_TOML).unwrap()).unwrap();
        // The same again waits for a minute.
        let refused = || Entry::new(Action::CallRefused, Origin::of(Credential::None));
        for _ in 0..3 {
            store.note(About::Account(account.no), refused());
        }
        let runtime = super::runtime().unwrap();
        let keeps_open = store.clone();
        let (works, working) = std::sync::mpsc::channel();
        let (goes, gone) = std::sync::mpsc::channel::<()>();
        runtime.spawn_blocking(move || {
            works.send(()).unwrap();
            let _ = gone.recv();
            drop(keeps_open);
        });
        working.recv().unwrap();
        super::end(runtime, &store); // or it never comes back
        let told = store.audit_page(account.no, (None, None), u64::MAX, 0).unwrap().lines.concat();
        assert!(told.contains("CallRefused"), "{told}");
        drop(goes);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_leaves_no_core_also_where_its_limit_was_0_before() {
        use rustix::process::{DumpableBehavior, Resource, Rlimit, dumpable_behavior, getrlimit, setrlimit};
        setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();
        super::forbid_core_files();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert!(matches!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable)));
    }
}

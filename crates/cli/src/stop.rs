//! Ctrl-C and SIGTERM: the first asks everything to end cleanly, the second ends the process at once.

use std::thread;

use anyhow::Context;
use tokio::{runtime, sync::watch};

/// Tells whether the process was asked to end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for the signals from now on. A thread of its own waits for them, so that commands without a runtime can ask too.
    ///
    /// # Errors
    /// When the system refuses to hand over the signals.
    pub fn listen() -> anyhow::Result<Stop> {
        let (tell, told) = watch::channel(false);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().context("no runtime for signals")?;
        let mut signals = {
            let _entered = runtime.enter();
            Signals::new().context("Ctrl-C and SIGTERM can't be listened to")?
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    signals.next().await;
                    eprintln!("ending: what is in flight is finished; once more to end at once");
                    tell.send_replace(true);
                    signals.next().await;
                    // As the shell says it of a process that SIGINT ended.
                    std::process::exit(130);
                });
            })
            .context("no thread for signals")?;
        Ok(Stop(told))
    }

    /// One that nobody asks to stop.
    pub fn never() -> Stop {
        Stop(watch::channel(false).1)
    }

    /// Whether the process was asked to end.
    pub fn asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until the process is asked to end.
    pub async fn wait(mut self) {
        if self.0.wait_for(|asked| *asked).await.is_err() {
            // The thread that tells is gone: nobody will ask any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

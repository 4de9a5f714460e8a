//! The `sayso` program. `main` is a shim; this library is the program, so that its parts can be tested.
//!
//! | room | what is in it |
//! |---|---|
//! | [`args`] | the command line as it is typed; every flag has an environment variable |
//! | [`settings`] | what `serve` runs with: flag > environment > file > default, resolved once |
//! | [`demo`] [`serve`] [`account`] [`credentials`] [`load`] [`export`] [`import`] [`check`] [`audit`] [`backup`] [`compact`] [`sample`] | one command each |
//! | [`connect`] | reaching a server over HTTP, with credentials that never stand on a command line |
//! | [`data`] | opening a data directory, finding an account, with words for what can go wrong |
//! | [`out`] | results to stdout, everything for people to stderr, numbers as people read them |
//! | [`aside`] | work in a process of its own, which damaged data may end |
//! | [`progress`] [`log`] [`stop`] | a bar or plain lines; tracing; Ctrl-C and SIGTERM |
//!
//! Exit codes (program.md): 0 done, 1 failed (or something was found wrong), 2 wrong usage.

pub mod account;
pub mod args;
pub mod aside;
pub mod audit;
pub mod backup;
pub mod check;
pub mod compact;
pub mod connect;
pub mod credentials;
pub mod data;
pub mod demo;
mod descriptors;
pub mod export;
pub mod import;
mod journal;
pub mod load;
pub mod log;
pub mod out;
mod private;
pub mod progress;
pub mod sample;
pub mod serve;
pub mod settings;
pub mod stop;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

/// A load makes profiles on some threads and lets go of them on another, which glibc's allocator does slowly: with this one a
/// load takes a quarter less processor time (measured over 100,000 sample profiles).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(code) => code,
        // `sayso sample … | head`: the reader has what it wanted.
        Err(error) if error.is::<out::StdoutClosed>() => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sayso: {}", out::chain(&error));
            ExitCode::from(if error.is::<settings::Usage>() { 2 } else { 1 })
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if let Command::Serve(args) = cli.command {
        // `serve` alone may set its log in a file, so its settings come first.
        let settings = settings::resolve(*args, &cli.log)?;
        log::start(&settings.log)?;
        return serve::run(settings);
    }
    log::start(&settings::Log::resolve(&cli.log, None, None, "warn"))?;
    match cli.command {
        Command::Serve(_) => unreachable!("taken above"),
        Command::Demo(args) => demo::run(args),
        Command::Sample(args) => sample::run(args),
        Command::Account { command } => account::run(command),
        Command::Credentials { command } => credentials::run(command),
        Command::Load(args) => load::run(args),
        Command::Export(args) => export::run(*args),
        Command::Import(args) => import::run(*args),
        Command::Check(args) => check::run(args),
        Command::Audit { command } => audit::run(command),
        Command::Backup(args) => backup::run(args),
        Command::Compact(args) => compact::run(args),
    }
}

//! Developers' commands, run as `cargo xtask …`. They drive the released program from outside, as its users do, and share no
//! code with it: what they measure is what is shipped.

mod bench;
mod clients;
mod schemathesis;
mod script;
mod torture;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developers' commands")]
enum Command {
    /// Measure Sayso and its peers side by side, and write docs/performance.md
    Bench(bench::Args),
    /// Verify callbacks with the Standard Webhooks libraries of PyPI and npm
    Callbacks(script::Args),
    /// Read gzip pages with curl, httpx, requests, reqwest and node, and compare them with the plain ones
    Clients(clients::Args),
    /// Sign in, export and revoke with Authlib, requests-oauthlib and oauth4webapi, by secret and by key
    Oauth(script::Args),
    /// Hold the server against its own description: every check of schemathesis over every call
    Schemathesis(schemathesis::Args),
    /// Read the tables of an export with DuckDB, pyarrow and pandas, and compare every value with the NDJSON
    Tables(script::Args),
    /// The long tests of faults: kill -9, full disks, many at once, damaged files
    Torture(torture::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Bench(args) => bench::run(&args),
        Command::Callbacks(args) => args.run("callbacks", []),
        Command::Clients(args) => clients::run(&args),
        Command::Oauth(args) => args.run("oauth", []),
        Command::Schemathesis(args) => schemathesis::run(&args),
        Command::Tables(args) => args.run("tables", []),
        Command::Torture(args) => torture::run(&args),
    }
}

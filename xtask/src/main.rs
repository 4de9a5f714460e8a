//! Developers' commands, run as `cargo xtask …`. They drive the released program from outside, as its users do, and share no
//! code with it: what they measure is what is shipped.

mod bench;

use std::process::ExitCode;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developers' commands")]
enum Command {
    /// Measure Sayso and its peers side by side, and write docs/performance.md
    Bench(bench::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Bench(args) => bench::run(&args),
    }
}

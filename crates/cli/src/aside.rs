//! Work in a process of its own. LMDB trusts the structure of its file: a damaged page can lead it outside, which ends the process that reads
//! it. What looks for damage is done in a second one, and when that ends so, it has found something.

use std::{
    os::unix::process::ExitStatusExt as _,
    process::{Command, ExitCode},
};

use anyhow::{Context, bail};

use crate::args::DataArgs;

/// Set in the process that does the work.
const INSIDE: &str = "SAYSO_CHECK_INSIDE";

/// Interrupt, kill, terminate.
const ASKED_TO_END: [i32; 3] = [2, 9, 15];

/// How the work ended.
#[derive(Debug, Clone, Copy)]
pub enum Ended {
    /// By itself.
    By(ExitCode),
    /// By this signal, which reading damaged data raised.
    Damaged(i32),
}

/// Starts the program again with the same arguments; there, it does the work.
///
/// # Errors
/// Those of the work; when the process can't be started, or was told to end.
pub fn run(work: impl FnOnce() -> anyhow::Result<ExitCode>) -> anyhow::Result<Ended> {
    if std::env::var_os(INSIDE).is_some() {
        return work().map(Ended::By);
    }
    let program = std::env::current_exe().context("the program that checks can't be found")?;
    let status = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .status()
        .context("the process that checks can't be started")?;
    if let Some(code) = status.code() {
        return Ok(Ended::By(ExitCode::from(u8::try_from(code).unwrap_or(1))));
    }
    let signal = status.signal().unwrap_or_default();
    if ASKED_TO_END.contains(&signal) {
        bail!("the check was ended by signal {signal}");
    }
    Ok(Ended::Damaged(signal))
}

/// What is told of data whose reading ended by a signal.
pub fn damaged(data: &DataArgs, signal: i32) -> String {
    format!(
        "the structure of the data file {} is damaged: reading it ended in signal {signal}; restore a backup",
        data.data.join("data.mdb").display()
    )
}

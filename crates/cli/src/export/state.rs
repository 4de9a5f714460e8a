//! The moment of the last run that succeeded: where the next one goes on (`--state`).

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::place;

/// What the state file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    /// What was exported: a delta of one segment says nothing about another.
    pub(super) account: String,
    /// `segment "Everybody"`.
    pub(super) source: String,
    /// The snapshot of that run, the next one's LastDateTime.
    pub(super) since: String,
}

impl State {
    /// The state that a file keeps; `None` before the first run.
    ///
    /// # Errors
    /// When the file is of another export, or can't be read.
    pub(super) fn read(path: &Path, account: &str, source: &str) -> anyhow::Result<Option<State>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e).with_context(|| format!("--state {} can't be read", path.display())),
        };
        let state: State = serde_json::from_str(&text).with_context(|| {
            format!("--state {} is no state of an export; remove it, and the next run gives everything", path.display())
        })?;
        if !state.account.eq_ignore_ascii_case(account) || state.source != source {
            bail!(
                "--state {} is of {} in account {}, not of {source} in {account}; give each export a file of its own",
                path.display(),
                state.source,
                state.account
            );
        }
        Ok(Some(state))
    }

    /// Keeps it, whole or not at all.
    ///
    /// # Errors
    /// When it can't be written.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string(self).context("a state is no JSON")? + "\n";
        place::write_aside(path, text.as_bytes())
            .with_context(|| format!("--state {} can't be written", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_of_one_export() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nightly.state");
        let source = r#"segment "Everybody""#;
        assert_eq!(State::read(&path, "A", source).unwrap(), None);
        let state = State { account: "A".into(), source: source.into(), since: "2026-11-24T10:00:00.000Z".into() };
        state.write(&path).unwrap();
        assert_eq!(State::read(&path, "a", source).unwrap(), Some(state));
        let error = State::read(&path, "A", r#"segment "Other""#).unwrap_err().to_string();
        assert!(error.contains("a file of its own"), "{error}");
        fs::write(&path, "{}").unwrap();
        assert!(State::read(&path, "A", source).unwrap_err().to_string().contains("remove it"));
    }
}

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
    /// What of the source; files of older versions don't tell.
    #[serde(default)]
    pub(super) scope: Option<Scope>,
}

/// What of a source the runs of a state export. Whoever was left out of one run would never come in the next, which asks for changes since then.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Scope {
    /// A digest of `--match`, `--match-type` and the values; nothing where all are exported.
    pub(super) narrowed: Option<String>,
    /// The segment of deleted profiles.
    pub(super) deleted: Option<String>,
}

impl State {
    /// The state that a file keeps; `None` before the first run.
    ///
    /// # Errors
    /// When the file is of another export, or can't be read.
    pub(super) fn read(path: &Path, account: &str, source: &str, scope: &Scope) -> anyhow::Result<Option<State>> {
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
        if let Some(former) = &state.scope {
            let what = match (&former.deleted, &scope.deleted) {
                _ if former.narrowed != scope.narrowed => "with other --match or --values".to_owned(),
                (None, Some(_)) => "without --deleted".to_owned(),
                (Some(of), None) => format!("with --deleted {of:?}"),
                (Some(of), Some(now)) if !of.eq_ignore_ascii_case(now) => format!("with --deleted {of:?}"),
                _ => return Ok(Some(state)),
            };
            bail!(
                "--state {} is of runs {what}; whom those left out would never come. Run with the same, or give each kind of run a \
                 state of its own (its first run gives everything)",
                path.display()
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
        let all = Scope::default();
        assert_eq!(State::read(&path, "A", source, &all).unwrap(), None);
        let since = "2026-11-24T10:00:00.000Z".to_owned();
        let state = State { account: "A".into(), source: source.into(), since, scope: Some(all.clone()) };
        state.write(&path).unwrap();
        assert_eq!(State::read(&path, "a", source, &all).unwrap(), Some(state));
        let error = State::read(&path, "A", r#"segment "Other""#, &all).unwrap_err().to_string();
        assert!(error.contains("a file of its own"), "{error}");
        fs::write(&path, "{}").unwrap();
        assert!(State::read(&path, "A", source, &all).unwrap_err().to_string().contains("remove it"));
    }

    #[test]
    fn a_state_is_of_all_that_its_runs_export() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nightly.state");
        let scope = |narrowed: Option<&str>, deleted: Option<&str>| Scope {
            narrowed: narrowed.map(str::to_owned),
            deleted: deleted.map(str::to_owned),
        };
        let scopes =
            [scope(None, None), scope(Some("x"), None), scope(None, Some("Gone")), scope(None, Some("Others"))];
        for former in &scopes {
            let state =
                State { account: "A".into(), source: "s".into(), since: "t".into(), scope: Some(former.clone()) };
            state.write(&path).unwrap();
            for now in &scopes {
                assert_eq!(State::read(&path, "A", "s", now).is_ok(), former == now, "{former:?}, then {now:?}");
            }
            assert!(State::read(&path, "A", "s", &scope(None, Some("GONE"))).is_ok() == (*former == scopes[2]));
        }
        fs::write(&path, r#"{"Account":"A","Source":"s","Since":"t"}"#).unwrap();
        assert!(State::read(&path, "A", "s", &scopes[2]).is_ok(), "an older file is read");
    }
}

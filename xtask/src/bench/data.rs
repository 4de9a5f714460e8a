//! What is measured on: the sample people of a fixed seed, in the sample account with one segment more.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use super::program;

/// The account's name.
pub(super) const ACCOUNT: &str = "BENCH";
/// Every profile.
pub(super) const ALL: &str = "Everyone";
/// One in five.
pub(super) const FIFTH: &str = "Fifth";
/// Some 2 %: an export small enough to have 64 of.
pub(super) const SMALL: &str = "Georgia%20newsletter";
/// The states of [`FIFTH`], in which some 31 % of the people live; 65 % take the newsletter.
pub(super) const STATES: [&str; 4] = ["CA", "FL", "PA", "TX"];

/// Makes files of people, data directories, and loads the ones into the others.
pub(super) struct Maker<'a> {
    pub(super) sayso: &'a Path,
    pub(super) dir: &'a Path,
    pub(super) seed: u64,
}

impl Maker<'_> {
    /// So many people as NDJSON; made once.
    pub(super) fn people(&self, profiles: u64) -> anyhow::Result<PathBuf> {
        let file = self.dir.join(format!("people-{profiles}.ndjson"));
        if !file.exists() {
            program::run(self.sample(profiles).arg("--out").arg(&file))?;
        }
        Ok(file)
    }

    /// The command that prints so many people.
    pub(super) fn sample(&self, profiles: u64) -> Command {
        let mut sample = Command::new(self.sayso);
        sample.args(["sample", "--profiles", &profiles.to_string(), "--seed", &self.seed.to_string()]);
        sample
    }

    /// The sample account with [`FIFTH`].
    fn account(&self) -> anyhow::Result<PathBuf> {
        let file = self.dir.join("account.toml");
        let mut text = program::run(Command::new(self.sayso).args(["sample", "--account-file"]))?;
        let states = STATES.map(|state| format!("{state:?}")).join(", ");
        text.push_str(&format!(
            r#"
[[Segments]]
Name = "{FIFTH}"
Description = "Takes the newsletter by email and lives in one of four big states: one profile in five"
Criteria.All = [
    {{ Field = "Address.StateProvince", In = [{states}] }},
    {{ Preference = "NEWS-EMAIL", Type = "OptIn", Status = "Active" }},
]
"#
        ));
        fs::write(&file, text)?;
        Ok(file)
    }

    /// A data directory with the account and nobody in it; what was there before goes.
    pub(super) fn empty(&self, name: &str) -> anyhow::Result<PathBuf> {
        let data = self.dir.join(name);
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let mut create = Command::new(self.sayso);
        create.args(["account", "create", ACCOUNT]).arg("--from").arg(self.account()?).arg("--data").arg(&data);
        program::run(&mut create)?;
        Ok(data)
    }

    /// The command that loads a file of people.
    pub(super) fn load_command(&self, people: &Path, data: &Path) -> Command {
        let mut load = Command::new(self.sayso);
        load.arg("load").arg(people).args(["--account", ACCOUNT, "--json"]).arg("--data").arg(data);
        load
    }

    /// Loads so many people into an empty data directory.
    pub(super) fn load(&self, name: &str, profiles: u64) -> anyhow::Result<Loaded> {
        let (people, data) = (self.people(profiles)?, self.empty(name)?);
        let started = Instant::now();
        let (told, memory) = program::run_watched(&mut self.load_command(&people, &data))?;
        let took = started.elapsed();
        let summary: serde_json::Value = serde_json::from_str(&told).context("`sayso load --json` gave no JSON")?;
        if summary["loaded"] != profiles {
            bail!("`sayso load` loaded {} of {profiles} profiles", summary["loaded"]);
        }
        Ok(Loaded { data, took, memory })
    }
}

/// A loaded data directory.
pub(super) struct Loaded {
    pub(super) data: PathBuf,
    /// The command, from its start to its end.
    pub(super) took: Duration,
    /// Its memory beyond the page cache at the most, megabytes.
    pub(super) memory: f64,
}

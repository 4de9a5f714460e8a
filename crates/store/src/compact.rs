//! The data file written anew, so that nothing deleted is left in it (profile.md, Rules).
//!
//! Every entry is put into a new file one by one. The engine's own compacting copy won't do: it leaves out free pages and the gaps of the
//! others, but copies the pages of long values whole, and behind a value's end lies whatever was in that memory before, another's row
//! perhaps. In the dictionary of facts, a term that no profile has any more (a tag may name a person) is replaced by one that means
//! nothing: ids are never given again.
//!
//! The new file is made in a folder of its own, synced, and renamed over the old one: whatever stops it, one of the two is there. What is
//! left of the folder then, the next who opens the directory removes. Nobody else has it open meanwhile ([`Role::Alone`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
    sync::Arc,
};

use heed::{PutFlags, RwTxn};
use sayso_model::{
    facts::Facts,
    id::{AccountNo, ProfileId},
};

use crate::{
    Inner, Role, Store, StoreError,
    backup::{during, not_copied, room_for, sync_folder},
    engine::{self, DATA_FILE, Databases, Db, Engine, OrEngine, Read},
    keys, meta, rows, seal,
};

/// The folder in which the new file is made.
const FOLDER: &str = "compact.tmp";
/// Bytes in one transaction: a small part of what the engine can keep of one in memory.
const TOGETHER: usize = 32 << 20;

/// Sizes of the data file, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs)]
pub struct Compacted {
    pub before: u64,
    pub after: u64,
}

impl Store {
    /// Writes the data file anew and closes the store. It has to be the only clone, opened as [`Role::Alone`]. `progress` is told the
    /// entries written so far, and how many there are.
    ///
    /// # Errors
    /// [`StoreError::NotCopied`] when there is no room or the disk fails: the data are as they were, or (when the last sync failed) whole
    /// and new.
    pub fn compact(self, progress: &mut dyn FnMut(u64, u64)) -> Result<Compacted, StoreError> {
        let only = Arc::try_unwrap(self.inner).ok().filter(|inner| inner.role == Role::Alone);
        let Some(Inner { dir, writer, shared, _open_lock, .. }) = only else {
            return Err(StoreError::Engine("what is compacted must be open once, and alone".into()));
        };
        drop(writer);
        let made = rewrite(&shared.engine, shared.disk_reserve, progress);
        let (old, new) = (dir.join(DATA_FILE), dir.join(FOLDER).join(DATA_FILE));
        let size = |path: &Path| fs::metadata(path).map(|m| m.len()).map_err(during("looking at", path));
        let exchanged = made.and_then(|()| {
            let sizes = Compacted { before: size(&old)?, after: size(&new)? };
            // The old file is mapped until here.
            drop(shared);
            fs::rename(&new, &old).map_err(during("renaming the new file to", &old))?;
            sync_folder(&dir)?;
            Ok(sizes)
        });
        if let Err(e) = remove_leftover(&dir) {
            tracing::warn!("{e}; whoever opens the directory next tries again");
        }
        exchanged
    }
}

/// Removes what a compaction has left that was broken off. Only while nobody compacts.
pub(crate) fn remove_leftover(dir: &Path) -> Result<(), StoreError> {
    let folder = dir.join(FOLDER);
    match fs::remove_dir_all(&folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(during("removing", &folder)(e)),
        _ => Ok(()),
    }
}

/// Makes the new file, synced, under its temporary name.
fn rewrite(engine: &Engine, reserve: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let unknown = engine.database_count()?.saturating_sub(engine.dbs.all().len() as u64);
    if unknown > 0 {
        return Err(StoreError::Version(format!(
            "{} has {unknown} databases that this program doesn't know and would lose; compact it with the newer Sayso that made them",
            engine.dir().display()
        )));
    }
    let (file, free) = engine.file_and_free_bytes()?;
    room_for(engine.dir(), file.saturating_sub(free), reserve)?;
    let folder = engine.dir().join(FOLDER);
    DirBuilder::new().mode(0o700).create(&folder).map_err(during("making the folder", &folder))?;
    let path = folder.join(DATA_FILE);
    copy(engine, &folder, progress).map_err(|e| match e {
        // A write that was cut short for want of room is no more to the engine than one that failed.
        StoreError::Engine(why) if engine::free_disk(&folder).is_ok_and(|free| free < TOGETHER as u64) => {
            StoreError::NotCopied(format!("{} can't be written: there is no room on the disk ({why})", path.display()))
        }
        e => not_copied(e, &path),
    })?;
    // The engine synced each commit; the length of the file and its name are ours to make last.
    fs::File::open(&path).and_then(|f| f.sync_all()).map_err(during("syncing", &path))?;
    sync_folder(&folder)
}

fn copy(engine: &Engine, folder: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
    let env = engine::open_environment(folder)?;
    let dbs = Databases::create(&env, env.write_txn().or_engine()?)?;
    let txn = engine.read()?;
    let sources = engine.dbs.all();
    let mut total = 0;
    for (_, source) in &sources {
        total += source.len(&txn).or_engine()?;
    }
    let terms = Terms::used(&engine.dbs, &txn)?;
    let mut done = 0;
    let mut batch = Batch { env: &env, wtxn: None, bytes: 0 };
    for ((name, source), (_, target)) in sources.iter().zip(dbs.all()) {
        for entry in source.iter(&txn).or_engine()? {
            let (key, value) = entry.or_engine()?;
            match terms.blank(name, key) {
                Some(blank) => batch.put(target, key, &blank)?,
                None => batch.put(target, key, value)?,
            }
            done += 1;
            if batch.bytes >= TOGETHER {
                batch.commit()?;
                progress(done, total);
            }
        }
    }
    batch.commit()?;
    progress(done, total);
    drop(batch);
    env.prepare_for_closing().wait();
    Ok(())
}

/// Entries on their way into the new file.
struct Batch<'e> {
    env: &'e heed::Env<heed::WithoutTls>,
    wtxn: Option<RwTxn<'e>>,
    bytes: usize,
}

impl Batch<'_> {
    /// Puts what comes in the order of the keys.
    fn put(&mut self, db: Db, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let wtxn = match &mut self.wtxn {
            Some(wtxn) => wtxn,
            none => none.insert(self.env.write_txn().or_engine()?),
        };
        self.bytes += key.len() + value.len();
        db.put_with_flags(wtxn, PutFlags::APPEND, key, value).or_engine()
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.bytes = 0;
        self.wtxn.take().map_or(Ok(()), |wtxn| wtxn.commit().or_engine())
    }
}

/// The terms that profiles have, by account. Of an account whose facts can't all be read every term counts as used.
struct Terms(BTreeMap<AccountNo, BTreeSet<u32>>);

impl Terms {
    fn used(dbs: &Databases, txn: &Read<'_>) -> Result<Self, StoreError> {
        let mut used = BTreeMap::new();
        'accounts: for (no, _) in meta::all_numbers(dbs, txn)? {
            let mut ids = BTreeSet::new();
            for entry in dbs.facts.prefix_iter(txn, &keys::account(no)).or_engine()? {
                let (key, sealed) = entry.or_engine()?;
                let id = keys::profile_of(key).unwrap_or(ProfileId(0));
                let Ok((encoded, _)) = rows::open_facts(id, sealed, 0) else { continue 'accounts };
                let Some(facts) = Facts::new(encoded) else { continue 'accounts };
                ids.extend(facts.term_ids());
            }
            used.insert(no, ids);
        }
        Ok(Self(used))
    }

    /// What takes the place of a term that no profile has; `None` for one that is used, and for entries of other databases.
    fn blank(&self, database: &str, key: &[u8]) -> Option<Vec<u8>> {
        let (no, id) = keys::term_of(key).filter(|_| database == "terms")?;
        // No element's terms begin like this, and the id makes it the only one.
        let unused = self.0.get(&no).is_some_and(|used| !used.contains(&id));
        unused.then(|| seal::seal(format!("unused {id}").as_bytes()))
    }
}

//! Where a file goes, and how it gets there: whole, or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{journal::beside, private};

/// Puts a whole file in its place. Both names are in one directory.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(to)
}

/// Writes a small file: beside its place, on disk, then renamed.
pub(super) fn write_aside(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let aside = beside(path, "new");
    let mut file = private::create(&aside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    rename(&aside, path)
}

/// A name is on disk when its directory is.
fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// `people.csv.gz` → `people-deleted.csv.gz`.
pub(super) fn of_deleted(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // The first dot of a hidden file is no beginning of an ending.
    let dot = name.char_indices().skip(1).find(|(_, c)| *c == '.').map_or(name.len(), |(at, _)| at);
    out.with_file_name(format!("{}-deleted{}", &name[..dot], &name[dot..]))
}

/// `Everybody-20261124T100000123Z.csv` → `Everybody-deleted-20261124T100000123Z.csv`.
pub(super) fn of_deleted_in_folder(out: &Path) -> PathBuf {
    let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (what, moment) = name.rsplit_once('-').unwrap_or((&name, ""));
    out.with_file_name(format!("{what}-deleted-{moment}"))
}

/// The name of a file in a directory: what is exported, when, in which form. Nothing in it leads elsewhere.
pub(super) fn name(source: &str, deleted: bool, moment: &str, ending: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "-_ ".contains(c) { c } else { '_' };
    let source: String = source.chars().map(safe).collect();
    let moment: String = moment.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    format!("{}{}-{moment}.{ending}", source.trim(), if deleted { "-deleted" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deleted_ones_go_beside_the_others() {
        assert_eq!(of_deleted(Path::new("/srv/people.csv.gz")), Path::new("/srv/people-deleted.csv.gz"));
        assert_eq!(of_deleted(Path::new("people")), Path::new("people-deleted"));
        assert_eq!(of_deleted_in_folder(Path::new("/srv/A-b-2026.csv")), Path::new("/srv/A-b-deleted-2026.csv"));
        assert_eq!(of_deleted(Path::new(".people.csv")), Path::new(".people-deleted.csv"));
    }

    #[test]
    fn a_name_says_what_and_when_and_leads_nowhere_else() {
        let moment = "2026-11-24T10:00:00.123Z";
        assert_eq!(name("Géorgie été", false, moment, "csv"), "Géorgie été-20261124T100000123Z.csv");
        assert_eq!(name("../x", true, moment, "ndjson.gz"), "___x-deleted-20261124T100000123Z.ndjson.gz");
    }
}

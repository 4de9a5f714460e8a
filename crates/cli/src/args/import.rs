//! `sayso import` as it is typed.

use std::{ops::RangeInclusive, path::PathBuf};

use clap::{Args, ValueEnum};

use super::{ServerArgs, switch};
use crate::settings::Size;

/// What is removed of a profile where its record doesn't have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Refresh {
    /// Alternate ids.
    AlternateIds,
    /// Emails, phones and addresses.
    Contacts,
    /// Custom fields.
    CustomFields,
    /// Groups.
    Groups,
    /// Tags.
    Tags,
}

/// What a call may have: smaller pieces cost a call a record, and no server takes larger ones with the record that fills them.
const PIECE_SIZES: RangeInclusive<u64> = (1 << 10)..=(27 << 20);

fn piece_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if PIECE_SIZES.contains(&size.0) { Ok(size) } else { Err("accepted are 1KiB to 27MiB".to_owned()) }
}

/// `sayso import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples (the address may stand as \"url\" in the file of --credentials, or in SAYSO_URL):
  sayso import people.ndjson --url https://consents.example.org --credentials nightly.json
  sayso import crm.csv --map crm.toml --match-alternate-id CRM --url https://consents.example.org --credentials nightly.json
  sayso import leavers.ndjson --delete --name 'Leavers of June' --match-alternate-id CRM --url https://consents.example.org --credentials nightly.json

A mapping says which column goes where (crm.toml):
  [Columns]
  \"Customer no\" = \"AlternateIds[CRM]\"
  \"First name\"  = \"CustomerName.FirstName\"
  \"E-mail\"      = \"Emails[Home].EmailAddress\"
  \"Newsletter\"  = \"Emails[Home].EmailPreferences[NEWS-EMAIL]\"   # yes and no, or 1 and 2
  \"Tags\"        = \"ProfileTags\"                                 # several, with ; between them
  [Constants]
  \"Emails[Home].IsDefault\" = \"yes\"
An empty cell says nothing, so what is there stays.

What it does:
  Kill it at any moment and run the same command again: it goes on where it was, and no record goes in twice. Nothing changes in the account
  before every record is staged. What isn't taken goes to FILE.exceptions.ndjson, with its line and the reason; the rest is in.
  A member that no profile has (EmailPreference in place of EmailPreferences) is not taken, which goes there, too, with its path.

Exit codes: 0 every record is in, 1 some or all are not, or not all that stands in them (stderr says why), 2 wrong usage.")]
pub struct ImportArgs {
    /// NDJSON, a profile a line as in the Data API, or tables with a header (CSV, with --map); also .gz and .zst
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The files are tables (CSV, RFC 4180): the mapping that says which column goes where
    #[arg(long, env = "SAYSO_MAP", value_name = "FILE")]
    pub map: Option<PathBuf>,
    /// Match by the alternate id of this type; a record that nobody has is a new profile [default: by ProfileId]
    #[arg(long, env = "SAYSO_MATCH_ALTERNATE_ID", value_name = "TYPE")]
    pub match_alternate_id: Option<String>,
    /// Remove from a matched profile whatever its record doesn't have, of these kinds [default: nothing]
    #[arg(long, env = "SAYSO_REFRESH", value_name = "KINDS", value_delimiter = ',')]
    pub refresh: Vec<Refresh>,
    /// Take preferences that are tied to older consent versions than the profile has
    #[arg(long, env = "SAYSO_ALLOW_PRIOR_CONSENTS", value_parser = switch())]
    pub allow_prior_consents: bool,
    /// Members that no profile has are meant to be passed over: they are counted, but are no failure, as with --delete
    #[arg(long, env = "SAYSO_IGNORE_UNKNOWN", value_parser = switch())]
    pub ignore_unknown: bool,
    /// Delete the profiles that the records match; the name of the import becomes their reason code
    #[arg(long, env = "SAYSO_DELETE", value_parser = switch())]
    pub delete: bool,
    /// A name for the import, for people
    #[arg(long, env = "SAYSO_NAME", value_name = "NAME")]
    pub name: Option<String>,
    /// For how many days the server tells of the import after its end, 0 to 10 [default: the server's, 3]
    #[arg(long, env = "SAYSO_RETENTION_DAYS", value_name = "DAYS", value_parser = clap::value_parser!(u8).range(0..=10))]
    pub retention_days: Option<u8>,
    /// Where lines and reasons of what isn't taken go [default: the first file's name with .exceptions.ndjson]
    #[arg(long, env = "SAYSO_EXCEPTIONS", value_name = "FILE")]
    pub exceptions: Option<PathBuf>,
    /// Calls at once; the records keep their order all the same. A server that doesn't recognise repeated calls gets one at a time
    #[arg(long, env = "SAYSO_PARALLEL", value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub parallel: u8,
    /// How much goes into one call, and its last record, 1KiB to 27MiB; servers take 25 MB at most unless they are told otherwise
    #[arg(long, env = "SAYSO_PIECE_SIZE", value_name = "SIZE", default_value = "8MiB", value_parser = piece_size)]
    pub piece_size: Size,
    /// Print what became of it as one JSON object
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,
    /// Which server, and as whom.
    #[command(flatten)]
    pub server: ServerArgs,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Import {
        #[command(flatten)]
        args: ImportArgs,
    }

    fn read(more: &[&str]) -> Result<ImportArgs, String> {
        let typed = ["import", "people.ndjson", "--credentials", "c.json"].iter().chain(more);
        Import::try_parse_from(typed).map(|import| import.args).map_err(|error| error.to_string())
    }

    #[test]
    fn calls_at_once_and_their_sizes_are_refused_where_they_mean_nothing() {
        for (flag, value, accepted) in [
            ("--parallel", "0", "1..=16"),
            ("--parallel", "17", "1..=16"),
            ("--piece-size", "0B", "1KiB to 27MiB"),
            ("--piece-size", "50MiB", "1KiB to 27MiB"),
            ("--piece-size", "8MB", "such as 64MiB"),
        ] {
            let error = read(&[flag, value]).unwrap_err();
            assert!([flag, value, accepted].iter().all(|word| error.contains(word)), "{error}");
        }
        for (parallel, size) in [("1", "1KiB"), ("16", "27MiB")] {
            assert!(read(&["--parallel", parallel, "--piece-size", size]).is_ok(), "{parallel} {size}");
        }
        let args = read(&[]).unwrap();
        assert_eq!((args.parallel, args.piece_size), (4, Size(8 << 20)));
    }
}

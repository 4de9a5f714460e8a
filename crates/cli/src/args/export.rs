//! `sayso export` as it is typed, and how any command reaches a server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::switch;
use crate::settings::{Size, Span};

/// Which server, and as whom. Secrets never stand here: every user of the machine can read a command line.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server and credentials")]
pub struct ServerArgs {
    /// The address of the server, with its scheme and port, as in the examples [or "url" of --credentials]
    #[arg(long, env = "SAYSO_URL", value_name = "URL")]
    pub url: Option<String>,
    /// The account, the clientId of the API's paths [default: the scope's]
    #[arg(long, env = "SAYSO_ACCOUNT", value_name = "NAME")]
    pub account: Option<String>,
    /// A file with what `sayso credentials create --json` printed: client_id, client_secret, scope, perhaps url
    #[arg(long, env = "SAYSO_CREDENTIALS", value_name = "FILE")]
    pub credentials: Option<PathBuf>,
    /// The OAuth client's id; its secret comes from SAYSO_CLIENT_SECRET or --secret-file
    #[arg(long, env = "SAYSO_CLIENT_ID", value_name = "ID")]
    pub client_id: Option<String>,
    /// ClientId/UserId, as the credentials were issued for
    #[arg(long, env = "SAYSO_SCOPE", value_name = "SCOPE")]
    pub scope: Option<String>,
    /// In place of OAuth: sign every call as this user; the shared key comes from SAYSO_SHARED_KEY or --secret-file
    #[arg(long, env = "SAYSO_USER", value_name = "USER", conflicts_with = "client_id")]
    pub user: Option<String>,
    /// The hash that the calls are signed with
    #[arg(long, env = "SAYSO_HASH", value_name = "HASH", default_value = "sha256")]
    pub hash: Hash,
    /// A file with nothing but the secret or the shared key, that only you can read
    #[arg(long, env = "SAYSO_SECRET_FILE", value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// How long a call that fails is tried again, when it may help: no network, a restart, a server that is busy
    #[arg(long, env = "SAYSO_PATIENCE", value_name = "TIME", default_value = "2m")]
    pub patience: Span,
}

/// The hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// `sayso export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples (the address may stand as \"url\" in the file of --credentials, or in SAYSO_URL):
  sayso export --url https://consents.example.org --credentials nightly.json --segment Everybody --out people.ndjson
  sayso export --url https://consents.example.org --credentials nightly.json --segment 'Georgia newsletter' --out georgia.csv.gz --format csv --compress gzip
  sayso export --url https://consents.example.org --credentials nightly.json --segment Everybody --deleted 'Deleted profiles' --state nightly.state --out /srv/exports

Once, where the server's data is, and then on the machine of the nightly job:
  sayso credentials create --account ACME_CORP --user Nightly.Export --json > nightly.json
  install -m 600 nightly.json /etc/sayso/nightly.json; mkdir -p /var/lib/sayso /srv/exports

The cron line, every night at two, for whoever owns those (every option may stand above it as a variable, such as SAYSO_URL=https://…):
  0 2 * * * /usr/local/bin/sayso export --url https://consents.example.org --credentials /etc/sayso/nightly.json --segment Everybody --deleted 'Deleted profiles' --state /var/lib/sayso/nightly.state --out /srv/exports >>/var/lib/sayso/nightly.log 2>&1

What it does:
  Kill it at any moment and run the same command again: it goes on where it was. The file gets its name when it is whole and on disk.
  With --state a run gives what changed since the last one that succeeded; the first gives everything. A profile that LEFT the segment is not
  among what changed: to keep an exact copy, export a segment over all profiles (Profiles = \"All\") and give a segment over deleted ones
  (Profiles = \"Deleted\") with --deleted. Take over the changed rows first, then remove the deleted ones.
  Into a directory every run makes a new file, so that a night whose file was not taken yet is not lost; a file is replaced, but
  with --state only what changed would take its place: there a run is refused until the file of the former one was moved away.

Exit codes: 0 the file is there, 1 it is not (stderr says why, and what was read is kept for the next run), 2 wrong usage.")]
pub struct ExportArgs {
    /// The segment to export
    #[arg(
        long,
        env = "SAYSO_SEGMENT",
        value_name = "NAME",
        required_unless_present = "group",
        conflicts_with = "group"
    )]
    pub segment: Option<String>,
    /// The segment group to export
    #[arg(long, env = "SAYSO_GROUP", value_name = "NAME")]
    pub group: Option<String>,
    /// A file, an existing directory (then the file is named for the segment and the moment), or - for stdout
    ///
    /// Its files are readable by their owner only, whatever the umask: chmod those that another user is to read, such as PostgreSQL's own COPY
    #[arg(long, env = "SAYSO_OUT", value_name = "FILE|DIR|-")]
    pub out: PathBuf,
    /// The form of the rows: as the server writes them, or as a table (docs/tables.md has the columns)
    #[arg(long, env = "SAYSO_FORMAT", value_name = "FORMAT", default_value = "ndjson")]
    pub format: Format,
    /// Compress the file
    #[arg(long, env = "SAYSO_COMPRESS", value_name = "HOW")]
    pub compress: Option<Compress>,
    /// What a row of a table is
    #[arg(long, env = "SAYSO_SHAPE", value_name = "SHAPE", default_value = "profiles")]
    pub shape: Shape,
    /// CSV for a spreadsheet: a text that it would take for a formula gets a ' before it
    #[arg(long, env = "SAYSO_SPREADSHEET", value_parser = switch())]
    pub spreadsheet: bool,
    /// As one JSON object on stdout: rows, bytes, file, snapshot, and how long it took
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,

    /// Only what changed since this moment, such as 2026-11-24T02:00:00Z (without a zone: US Eastern time)
    #[arg(long, env = "SAYSO_SINCE", value_name = "MOMENT", conflicts_with = "state", help_heading = "What changed")]
    pub since: Option<String>,
    /// Only what changed since the last run that succeeded, whose moment this file keeps; it is made by the first run, and is for runs with
    /// the same segment, --match and --deleted
    #[arg(long, env = "SAYSO_STATE", value_name = "FILE", help_heading = "What changed")]
    pub state: Option<PathBuf>,
    /// A segment over deleted profiles: who was deleted goes into a file of its own, with -deleted in its name (to stdout: after the others)
    #[arg(long, env = "SAYSO_DELETED", value_name = "SEGMENT", help_heading = "What changed")]
    pub deleted: Option<String>,

    /// Only profiles that match by ProfileId, AlternateId, EmailAddress or PhoneNumber
    #[arg(
        long,
        env = "SAYSO_MATCH",
        value_name = "CRITERIA",
        help_heading = "Only some profiles",
        requires = "values"
    )]
    pub r#match: Option<String>,
    /// The type to match in, such as CRM; AlternateId needs it
    #[arg(
        long,
        env = "SAYSO_MATCH_TYPE",
        value_name = "TYPE",
        help_heading = "Only some profiles",
        requires = "match"
    )]
    pub match_type: Option<String>,
    /// A file with the values to match, one a line, at most 100,000; - reads stdin
    #[arg(long, env = "SAYSO_VALUES", value_name = "FILE", help_heading = "Only some profiles", requires = "match")]
    pub values: Option<PathBuf>,

    /// Which server, and as whom.
    #[command(flatten)]
    pub server: ServerArgs,

    /// Rows in a page, at most
    #[arg(long, env = "SAYSO_LIMIT", value_name = "N", default_value_t = 2_000, hide_short_help = true, help_heading = "Fine tuning", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: u64,
    /// Pages that are fetched at once
    #[arg(long, env = "SAYSO_AT_ONCE", value_name = "N", default_value_t = 3, hide_short_help = true, help_heading = "Fine tuning", value_parser = clap::value_parser!(u64).range(1..=16))]
    pub at_once: u64,
    /// How often what was read is put on disk; up to twice as much may have to be read again after a kill
    #[arg(
        long,
        env = "SAYSO_CHECKPOINT",
        value_name = "SIZE",
        default_value = "64MiB",
        hide_short_help = true,
        help_heading = "Fine tuning"
    )]
    pub checkpoint: Size,
}

/// The form of what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One JSON object a line, byte for byte as the server wrote it.
    Ndjson,
    /// RFC 4180.
    Csv,
    /// Typed and nested.
    #[cfg(feature = "parquet")]
    Parquet,
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compress {
    /// For everybody.
    Gzip,
    /// Smaller and faster.
    Zstd,
}

/// What a row of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// One row a profile.
    Profiles,
    /// One row a preference.
    Preferences,
}

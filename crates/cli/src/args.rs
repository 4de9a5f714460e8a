//! The command line as it is typed (program.md). Nothing is decided here; each flag can also be set by the environment
//! variable `SAYSO_…` of the same name.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::FalseyValueParser};

use sayso_server::PublicUrl;

mod access;
mod account;
mod export;
mod import;

pub use access::{AuditCommand, CertificateCommand, CredentialsCommand};
pub use account::AccountCommand;
pub use export::{Compress, ExportArgs, Format, Hash, ServerArgs, Shape};
pub use import::{ImportArgs, Refresh};

use crate::settings::{Network, Size, Span, listen_address};

/// Where data lives when nothing else is said.
pub const DEFAULT_DATA: &str = "./sayso-data";

/// A yes-or-no variable of the environment: unset, empty, 0, false, no and off are no.
fn switch() -> FalseyValueParser {
    FalseyValueParser::new()
}

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "sayso",
    version,
    about = "Keeps people's consents and communication preferences, and exports them fast.",
    after_help = "Start here:\n  sayso demo                    everything once, without set-up\n  sayso demo --serve            the same, and leaves the server running\n\nExit codes: 0 done, 1 failed, 2 wrong usage."
)]
pub struct Cli {
    /// Logging, of every command.
    #[command(flatten)]
    pub log: LogArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What is logged, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct LogArgs {
    /// What to log to stderr: error, warn, info, debug, trace, or a filter such as `sayso_server=debug,info` [default: info for
    /// serve, warn for the other commands]
    #[arg(long, env = "SAYSO_LOG", global = true, value_name = "FILTER", help_heading = "Logging")]
    pub log: Option<String>,
    /// The form of the log [default: text]
    #[arg(long, env = "SAYSO_LOG_FORMAT", global = true, value_name = "FORMAT", help_heading = "Logging")]
    pub log_format: Option<LogFormat>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The main job, whole, with no set-up: sample account and profiles, server, export over HTTP
    Demo(DemoArgs),
    /// The server
    Serve(Box<ServeArgs>),
    /// Plausible people as NDJSON, the same bytes for the same seed
    Sample(SampleArgs),
    /// Accounts and their configuration
    Account {
        /// What to do with it.
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// OAuth clients and shared keys: who may call the API
    Credentials {
        /// What to do with them.
        #[command(subcommand)]
        command: CredentialsCommand,
    },
    /// Bulk load of NDJSON straight into the data directory
    Load(LoadArgs),
    /// Export a segment over HTTP into a file; resumes, and can give only what changed and who was deleted
    Export(Box<ExportArgs>),
    /// Import files of profiles over HTTP: NDJSON, or CSV with a mapping; resumes
    Import(Box<ImportArgs>),
    /// Verify every checksum and every index of a data directory
    Check(CheckArgs),
    /// The audit trail: who exported and changed what
    Audit {
        /// What to do with it.
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// A consistent copy of the data, also while a server runs
    Backup(BackupArgs),
    /// Write the data anew, so that nothing deleted is left in them; with no server running
    Compact(CompactArgs),
}

/// Which data directory a command works on.
#[derive(Debug, Clone, Args)]
pub struct DataArgs {
    /// The data directory
    #[arg(long, env = "SAYSO_DATA", value_name = "DIR", default_value = DEFAULT_DATA)]
    pub data: PathBuf,
    /// The file with the key that shared keys are sealed with [default: DIR.key beside the data directory]; SAYSO_KEY in the environment
    /// takes its place
    #[arg(long, env = "SAYSO_KEY_FILE", value_name = "FILE", hide_short_help = true)]
    pub key_file: Option<PathBuf>,
    /// For sandboxes and tests: take the present moment from this file, as `serve --clock-file` does
    #[arg(long, env = "SAYSO_CLOCK_FILE", value_name = "FILE", hide_short_help = true)]
    pub clock_file: Option<PathBuf>,
}

/// `sayso demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso demo\n  sayso demo --profiles 10000 --out /tmp/export.ndjson\n  sayso demo --serve --json"
)]
pub struct DemoArgs {
    /// How many sample profiles
    #[arg(long, env = "SAYSO_PROFILES", value_name = "N", default_value_t = 100_000)]
    pub profiles: u64,
    /// The seed of the sample profiles
    #[arg(long, env = "SAYSO_SEED", value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Where the export goes: a file, or a directory for `export.ndjson`
    #[arg(long, env = "SAYSO_OUT", value_name = "PATH", default_value = "./export.ndjson")]
    pub out: PathBuf,
    /// Leave the server running until Ctrl-C, and print credentials for it
    #[arg(long, env = "SAYSO_SERVE", value_parser = switch())]
    pub serve: bool,
    /// One JSON object on stdout in place of the story
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,
    /// Where the server listens; port 0 is any free one
    #[arg(long, env = "SAYSO_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = listen_address)]
    pub listen: SocketAddr,
}

/// `sayso serve`. Everything is optional here: [`crate::settings`] adds the file and the defaults.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  sayso serve --data ./sayso-data --listen 127.0.0.1:8080\n  sayso serve --config sayso.toml\n\nsayso.toml, names as the flags with _ for -:\n  data = \"/var/lib/sayso\"\n  listen = \"127.0.0.1:8080\"\n  token_life = \"12h\"\n\nA flag counts before the environment, that before the file, that before the default."
)]
pub struct ServeArgs {
    /// A TOML file with these same settings
    #[arg(long, env = "SAYSO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data directory [default: ./sayso-data]
    #[arg(long, env = "SAYSO_DATA", value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where to listen; port 0 is any free one [default: 127.0.0.1:8080]
    #[arg(long, env = "SAYSO_LISTEN", value_name = "ADDRESS", value_parser = listen_address)]
    pub listen: Option<SocketAddr>,
    /// Speak TLS with this certificate: a PEM file with the server's certificate first, then its intermediates. Read again on
    /// SIGHUP, with its key
    #[arg(long, env = "SAYSO_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, a PEM file
    #[arg(long, env = "SAYSO_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Most requests of an account in a minute; 0 is any number [default: 600000]
    #[arg(long, env = "SAYSO_REQUEST_LIMIT", value_name = "N")]
    pub request_limit: Option<u32>,
    /// Cut off a reader that takes no byte of an answer for this long; slow readers are kept [default: 45s]
    #[arg(long, env = "SAYSO_WRITE_STALL", value_name = "TIME")]
    pub write_stall: Option<Span>,

    /// Largest body of a bulk import's Stage, up to 28MiB [default: 25MiB]
    #[arg(long, env = "SAYSO_IMPORT_STAGE_LIMIT", value_name = "SIZE")]
    pub import_stage_limit: Option<Size>,
    /// The file with the key that shared keys are sealed with, base64 of 32 bytes, which is made when it is first needed;
    /// SAYSO_KEY in the environment takes its place [default: the data directory's name with .key, beside it]
    #[arg(long, env = "SAYSO_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Disk that is kept free: below it only what ends or removes something is written [default: 64MiB]
    #[arg(long, env = "SAYSO_DISK_RESERVE", value_name = "SIZE")]
    pub disk_reserve: Option<Size>,
    /// The URL at which callers reach the server, for OAuth; needed behind a proxy [default: the address it was called at]
    #[arg(long, env = "SAYSO_PUBLIC_URL", value_name = "URL")]
    pub public_url: Option<PublicUrl>,
    /// Failed sign-ins of one client or user from one address within ten minutes until it has to wait; five times as many
    /// from an address, ten times as many of a client or user; at most 100, 0: never [default: 10]
    #[arg(long, env = "SAYSO_LOGIN_FAILURES", value_name = "N")]
    pub login_failures: Option<u16>,
    /// A proxy, or a network of them, that is believed when it says for whom it calls (X-Forwarded-For); may be given
    /// several times [default: none]
    #[arg(long, env = "SAYSO_TRUSTED_PROXY", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxy: Option<Vec<Network>>,
    /// How long an export can be retrieved once it is complete [default: 12h]
    #[arg(long, env = "SAYSO_TOKEN_LIFE", value_name = "TIME", help_heading = "Exports")]
    pub token_life: Option<Span>,
    /// How long Status answers after an export has ended [default: 7d]
    #[arg(long, env = "SAYSO_STATUS_LIFE", value_name = "TIME", help_heading = "Exports")]
    pub status_life: Option<Span>,
    /// How long files stay after Commit with keepFiles [default: 7d]
    #[arg(long, env = "SAYSO_KEPT_FILES_LIFE", value_name = "TIME", help_heading = "Exports")]
    pub kept_files_life: Option<Span>,
    /// Time between two searches for what has expired [default: 30s]
    #[arg(long, env = "SAYSO_SWEEP_INTERVAL", value_name = "TIME", help_heading = "Exports")]
    pub sweep_interval: Option<Span>,
    /// Threads that generate exports [default: one per core]
    #[arg(long, env = "SAYSO_WORKERS", value_name = "N", help_heading = "Exports")]
    pub workers: Option<usize>,
    /// The largest page, records [default: none]
    #[arg(long, env = "SAYSO_MAX_LIMIT", value_name = "N", help_heading = "Exports")]
    pub max_limit: Option<u64>,
    /// For how long a repeated request for the last block is answered again after the token has ended [default: 0s]
    #[arg(long, env = "SAYSO_LAST_BLOCK_REPLAY", value_name = "TIME", help_heading = "Exports")]
    pub last_block_replay: Option<Span>,
    /// Take callback addresses that are http:// to this machine [default: false]
    #[arg(long, env = "SAYSO_ALLOW_HTTP_CALLBACKS", value_name = "BOOL", help_heading = "Exports", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub allow_http_callbacks: Option<bool>,
    /// A network, or an address, that callbacks may be made to by https although it isn't on the internet; may be given several
    /// times [default: none]
    #[arg(
        long,
        env = "SAYSO_ALLOW_CALLBACK_NETWORK",
        value_name = "CIDR",
        help_heading = "Exports",
        value_delimiter = ','
    )]
    pub allow_callback_network: Option<Vec<Network>>,
    /// PEM file of additional CAs to trust for callback receivers [default: none]
    #[arg(long, env = "SAYSO_CALLBACK_CA", value_name = "FILE", help_heading = "Exports")]
    pub callback_ca: Option<PathBuf>,
    /// How long the receiver of a callback may take to answer [default: 10s]
    #[arg(long, env = "SAYSO_CALLBACK_TIMEOUT", value_name = "TIME", help_heading = "Exports")]
    pub callback_timeout: Option<Span>,
    /// Take the present moment from this file (`2026-11-24T10:00:00.000Z`), read at every question: the server then
    /// believes whatever is written there
    #[arg(
        long,
        env = "SAYSO_CLOCK_FILE",
        value_name = "FILE",
        help_heading = "For sandboxes and tests, never in earnest"
    )]
    pub clock_file: Option<PathBuf>,
    /// Exports wait in Processing while this file exists
    #[arg(
        long,
        env = "SAYSO_HOLD_FILE",
        value_name = "FILE",
        help_heading = "For sandboxes and tests, never in earnest"
    )]
    pub hold_file: Option<PathBuf>,
}

/// `sayso sample`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso sample --profiles 1000 --seed 7 > people.ndjson\n  sayso sample --account-file > account.toml\n  sayso sample --profiles 1000000 | sayso load - --account ACME_CORP"
)]
pub struct SampleArgs {
    /// How many profiles
    #[arg(long, env = "SAYSO_PROFILES", value_name = "N", required_unless_present = "account_file")]
    pub profiles: Option<u64>,
    /// The same seed gives the same bytes
    #[arg(long, env = "SAYSO_SEED", value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Write to this file in place of stdout
    #[arg(long, env = "SAYSO_OUT", value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the account that the profiles fit
    #[arg(long, env = "SAYSO_ACCOUNT_FILE", value_parser = switch(), conflicts_with = "profiles")]
    pub account_file: bool,
}

/// Which account a command works on.
#[derive(Debug, Clone, Args)]
pub struct InAccount {
    /// The account
    #[arg(long, env = "SAYSO_ACCOUNT", value_name = "NAME")]
    pub account: String,
    /// Which data directory.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `sayso load`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso load people.ndjson --account ACME_CORP\n  sayso load january.ndjson.gz february.ndjson.zst --account ACME_CORP\n  zcat people.gz | sayso load - --account ACME_CORP --json\n\nEach line is a new profile. Lines that were rejected go to FILE.rejected.ndjson with number and reason."
)]
pub struct LoadArgs {
    /// NDJSON, one profile a line; plain, gzip or zstd; `-` reads stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The user recorded as the author of the profiles [default: the first administrator]
    #[arg(long, env = "SAYSO_USER", value_name = "USER")]
    pub user: Option<String>,
    /// Begin at this line of the one file that is given: to go on after a load that was interrupted
    #[arg(long, env = "SAYSO_FROM_LINE", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub from_line: u64,
    /// The summary as one JSON object
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,
    /// Where.
    #[command(flatten)]
    pub place: InAccount,
}

/// `sayso check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sayso check --data ./sayso-data --json\n\nWhen something is wrong: a damaged profile can't be changed or deleted any more; stop the server and restore the newest backup that\nchecks clean (docs/operating.md)."
)]
pub struct CheckArgs {
    /// The report as one JSON object
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,
    /// Which data directory.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `sayso backup`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  sayso backup /backup/sayso-monday --data ./sayso-data\n  sayso backup \"/backup/sayso-$(date +%F)\" --json\n\nTo restore: sayso check --data /backup/sayso-monday, copy that directory where the data belong, start sayso serve on it.\nExport files are not in a backup: who held a complete export initiates it again."
)]
pub struct BackupArgs {
    /// A new directory for the copy, which is a data directory itself
    #[arg(value_name = "DIR")]
    pub target: PathBuf,
    /// What was copied as one JSON object
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,
    /// Which data directory.
    #[command(flatten)]
    pub data: DataArgs,
}

/// `sayso compact`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  sayso compact --data ./sayso-data\n\nThe server has to be stopped. As much disk as the data take must be free. Whatever stops it, the data are whole: start it again."
)]
pub struct CompactArgs {
    /// The sizes as one JSON object
    #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
    pub json: bool,
    /// Which data directory.
    #[command(flatten)]
    pub data: DataArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn every(command: &clap::Command, see: &mut dyn FnMut(&clap::Command)) {
        see(command);
        command.get_subcommands().filter(|c| c.get_name() != "help").for_each(|c| every(c, see));
    }

    #[test]
    fn the_command_line_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_has_an_environment_variable_of_its_name() {
        every(&Cli::command(), &mut |command| {
            for arg in command.get_arguments().filter(|a| !a.is_positional()) {
                let flag = arg.get_long().unwrap_or_default();
                if matches!(flag, "help" | "version") {
                    continue;
                }
                let wanted = format!("SAYSO_{}", flag.replace('-', "_").to_uppercase());
                assert_eq!(
                    arg.get_env().and_then(|e| e.to_str()),
                    Some(wanted.as_str()),
                    "{} --{flag}",
                    command.get_name()
                );
            }
        });
    }

    #[test]
    fn every_command_shows_an_example() {
        every(&Cli::command(), &mut |command| {
            if command.get_subcommands().next().is_none() {
                let help = command.clone().render_long_help().to_string();
                assert!(help.contains("Example") && help.contains("  sayso "), "{help}");
            }
        });
    }
}

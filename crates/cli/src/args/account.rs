//! `sayso account` as it is typed.

use std::path::PathBuf;

use clap::Subcommand;

use super::{DataArgs, switch};

/// `sayso account …`.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Make an account with its first administrator
    #[command(
        after_help = "Examples:\n  sayso account create ACME_CORP\n  sayso account create ACME_CORP --from account.toml --admin Jane.Roe"
    )]
    Create {
        /// The account's name, the clientId of the API's paths
        name: String,
        /// Its configuration; without it, nothing but an administrator
        #[arg(long, env = "SAYSO_FROM", value_name = "FILE")]
        from: Option<PathBuf>,
        /// The first administrator's user id
        #[arg(long, env = "SAYSO_ADMIN", value_name = "USER", default_value = "Admin")]
        admin: String,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Make an account's configuration what a file says; prints what changed
    #[command(
        after_help = "Examples:\n  sayso account apply ACME_CORP --from account.toml --dry-run\n  sayso account apply ACME_CORP --from account.toml"
    )]
    Apply {
        /// The account
        name: String,
        /// The whole configuration; `-` reads stdin
        #[arg(long, env = "SAYSO_FROM", value_name = "FILE")]
        from: PathBuf,
        /// Check the file and print what would change, and change nothing
        #[arg(long, env = "SAYSO_DRY_RUN", value_parser = switch())]
        dry_run: bool,
        /// The changes as one JSON object
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print an account's configuration as a file that `apply` takes
    #[command(
        after_help = "Examples:\n  sayso account show ACME_CORP > account.toml\n  sayso account show ACME_CORP --json"
    )]
    Show {
        /// The account
        name: String,
        /// As JSON in place of TOML
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Print the secret that an account's callbacks are signed with (whsec_…); made when there is none yet
    #[command(
        after_help = "Examples:\n  sayso account webhook-secret ACME_CORP\n  sayso account webhook-secret ACME_CORP --rotate\n\nThe receiver of callbacks verifies their signatures with it (Standard Webhooks). After --rotate the former one signs, too, for 24 h."
    )]
    WebhookSecret {
        /// The account
        name: String,
        /// Make another; the former one signs beside it for 24 h
        #[arg(long, env = "SAYSO_ROTATE", value_parser = switch())]
        rotate: bool,
        /// With --rotate: the former one ends at once
        #[arg(long, env = "SAYSO_END_FORMER", value_parser = switch(), requires = "rotate")]
        end_former: bool,
        /// As one JSON object: account, secret
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
    /// List the accounts of a data directory
    #[command(after_help = "Example:\n  sayso account list --json")]
    List {
        /// As a JSON array
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
}

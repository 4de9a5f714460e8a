//! `sayso credentials` and `sayso audit` as they are typed: who may reach an account, and who did.

use std::path::PathBuf;

use clap::Subcommand;
use sayso_store::audit::Head;

use super::{DataArgs, InAccount, switch};

/// `sayso credentials …`.
#[derive(Debug, Subcommand)]
pub enum CredentialsCommand {
    /// Make an OAuth client for a user; its secret is shown once
    #[command(after_help = "Example:\n  sayso credentials create --account ACME_CORP --user Admin --json")]
    Create {
        /// The user it acts as
        #[arg(long, env = "SAYSO_USER", value_name = "USER")]
        user: String,
        /// As one JSON object: client_id, client_secret, scope
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
    /// List the OAuth clients of an account
    #[command(after_help = "Example:\n  sayso credentials list --account ACME_CORP")]
    List {
        /// As a JSON array
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
    /// Give a client a second secret; the older of two ends
    #[command(after_help = "Example:\n  sayso credentials rotate CLIENT_ID --account ACME_CORP --json")]
    Rotate {
        /// The client
        client_id: String,
        /// End the former secrets at once: somebody else may know them
        #[arg(long, env = "SAYSO_END_FORMER", value_parser = switch())]
        end_former: bool,
        /// As one JSON object
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
    /// Make, exchange or end a user's shared key, for callers that sign their requests; a key is shown once
    #[command(
        after_help = "Examples:\n  sayso credentials key Admin --account ACME_CORP --json\n  sayso credentials key Admin --account ACME_CORP --rotate\n  sayso credentials key Admin --account ACME_CORP --revoke"
    )]
    Key {
        /// The user who signs with it
        user: String,
        /// Give a user who has a key another; the older of two ends
        #[arg(long, env = "SAYSO_ROTATE", value_parser = switch())]
        rotate: bool,
        /// With --rotate: end the former keys at once: somebody else may know them
        #[arg(long, env = "SAYSO_END_FORMER", value_parser = switch(), requires = "rotate")]
        end_former: bool,
        /// Take the key from standard input in place of making one: 32 to 256 characters, which callers have already
        #[arg(long, env = "SAYSO_STDIN", value_parser = switch(), conflicts_with = "revoke")]
        stdin: bool,
        /// End the user's shared keys
        #[arg(long, env = "SAYSO_REVOKE", value_parser = switch(), conflicts_with = "rotate")]
        revoke: bool,
        /// As one JSON object: account, user, key
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
    /// Give a client a certificate or a public key in place of a secret, list them, take one away
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Remove a client; its tokens end at once
    #[command(after_help = "Example:\n  sayso credentials revoke CLIENT_ID --account ACME_CORP")]
    Revoke {
        /// The client
        client_id: String,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
}

/// `sayso credentials certificate`.
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Give a client a certificate: it then signs in with the key (private_key_jwt); two may be valid at once
    #[command(
        after_help = "Example:\n  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 -subj /CN=nightly -keyout key.pem -out cert.pem\n  sayso credentials certificate add CLIENT_ID --file cert.pem --end-secrets --account ACME_CORP\n\nThe key stays with the client. RSA of 2048 to 8192 bits (RS256) or EC on P-256 (ES256). Who issued the certificate makes no difference."
    )]
    Add {
        /// The client
        client_id: String,
        /// The PEM of a certificate or of a public key
        #[arg(long, env = "SAYSO_FILE", value_name = "FILE")]
        file: PathBuf,
        /// End the client's secrets: it signs in with its key alone
        #[arg(long, env = "SAYSO_END_SECRETS", value_parser = switch())]
        end_secrets: bool,
        /// As one JSON object
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
    /// List the certificates of a client
    #[command(after_help = "Example:\n  sayso credentials certificate list CLIENT_ID --account ACME_CORP")]
    List {
        /// The client
        client_id: String,
        /// As a JSON array
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
    /// Take a certificate away from a client; the client's tokens end at once
    #[command(
        after_help = "Example:\n  sayso credentials certificate remove CLIENT_ID CERTIFICATE_ID --account ACME_CORP"
    )]
    Remove {
        /// The client
        client_id: String,
        /// The certificate, as `list` shows it
        certificate_id: String,
        /// Where.
        #[command(flatten)]
        place: InAccount,
    },
}

/// `sayso audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the trails from their beginning: finds a record that was edited, removed, moved or cut off
    #[command(
        after_help = "Examples:\n  sayso audit verify\n  sayso audit verify --head 4711:9f86d0…\n  sayso audit verify trail.ndjson\n\nA trail that was hashed anew as a whole shows by nothing but a head that was noted elsewhere: keep those that this prints where\nnobody who can write the data directory can write (docs/operating.md).\n\nExit code 1 when something is wrong."
    )]
    Verify {
        /// A file that `sayso audit export` wrote, in place of the data directory
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// A record that was noted before, which must still be there as it was; may be repeated
        #[arg(long, env = "SAYSO_HEAD", value_name = "SEQUENCE:HASH", value_delimiter = ',')]
        head: Vec<Head>,
        /// The report as one JSON object
        #[arg(long, env = "SAYSO_JSON", value_parser = switch())]
        json: bool,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
    /// Write the trails to stdout, one record a line, as they are kept
    #[command(
        after_help = "Example:\n  sayso audit export --account ACME_CORP > trail.ndjson\n\nEach record ends with its Hash, the SHA-256 of the line without it; behind a trail stands its head, and at the end how much there is."
    )]
    Export {
        /// This account's alone [default: all, and what concerns no account]
        #[arg(long, env = "SAYSO_ACCOUNT", value_name = "NAME")]
        account: Option<String>,
        /// Which data directory.
        #[command(flatten)]
        data: DataArgs,
    },
}

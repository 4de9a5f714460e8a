//! `sayso credentials certificate …`: what a client has in place of a secret. Its key stays with the client and is nothing that this program
//! could show.

use std::{fs, process::ExitCode};

use anyhow::{Context, bail};
use sayso_store::access::Certificate;
use serde::Serialize;

use crate::{
    args::CertificateCommand,
    data,
    out::{self, Table},
};

/// A certificate as it is told.
#[derive(Debug, Serialize)]
struct Listed {
    /// What an assertion may name as `kid`.
    certificate_id: String,
    algorithm: &'static str,
    subject: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    created: String,
}

impl From<&Certificate> for Listed {
    fn from(certificate: &Certificate) -> Self {
        Self {
            certificate_id: certificate.id.clone(),
            algorithm: certificate.key.algorithm(),
            subject: certificate.subject.clone(),
            not_before: certificate.not_before.map(|moment| moment.to_string()),
            not_after: certificate.not_after.map(|moment| moment.to_string()),
            created: certificate.created.to_string(),
        }
    }
}

/// Runs one of them.
///
/// # Errors
/// What is missing, what the file isn't, or what the store says.
pub(super) fn run(command: CertificateCommand) -> anyhow::Result<ExitCode> {
    match command {
        CertificateCommand::Add { client_id, file, end_secrets, json, place } => {
            let pem = fs::read_to_string(&file)
                .with_context(|| format!("the certificate {} can't be read (--file, SAYSO_FILE)", file.display()))?;
            let (store, account) = data::open_account(&place)?;
            let certificate = Listed::from(&store.certify_client(account.no, &client_id, &pem, end_secrets)?);
            if json {
                out::json(&certificate)?;
            } else {
                out::line(format_args!("certificate  {}", certificate.certificate_id))?;
                out::line(format_args!("algorithm    {}", certificate.algorithm))?;
                if let Some(until) = &certificate.not_after {
                    out::line(format_args!("valid until  {until}"))?;
                }
            }
            out::note(match end_secrets {
                true => "The client's secrets are ended; it signs in with its key alone.",
                false => "The client's secrets stay good, too; --end-secrets ends them.",
            });
        }
        CertificateCommand::List { client_id, json, place } => {
            let (store, account) = data::open_account(&place)?;
            let client = store.clients(account.no)?.into_iter().find(|client| client.client_id == client_id);
            let Some(client) = client else {
                bail!(
                    "account {0} has no client {client_id:?}; sayso credentials list --account {0} shows those it has",
                    account.name
                );
            };
            let listed: Vec<Listed> = client.certificates.iter().map(Listed::from).collect();
            if json {
                out::json(&listed)?;
            } else if listed.is_empty() {
                out::note("The client has no certificates; sayso credentials certificate add gives it one.");
            } else {
                let mut table =
                    Table::new(&["CERTIFICATE ID", "ALGORITHM", "SUBJECT", "VALID FROM", "UNTIL", "CREATED"]);
                let open = |date: Option<String>| date.unwrap_or_else(|| "-".to_owned());
                for one in listed {
                    table.row(vec![
                        one.certificate_id,
                        one.algorithm.to_owned(),
                        open(one.subject),
                        open(one.not_before),
                        open(one.not_after),
                        one.created,
                    ]);
                }
                out::line(table)?;
            }
        }
        CertificateCommand::Remove { client_id, certificate_id, place } => {
            let (store, account) = data::open_account(&place)?;
            if !store.decertify_client(account.no, &client_id, &certificate_id)? {
                bail!(
                    "client {client_id} has no certificate {certificate_id:?}; sayso credentials certificate list {client_id} --account {} shows those it has",
                    account.name
                );
            }
            out::line(format_args!("removed {certificate_id}"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

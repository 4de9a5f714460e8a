//! What the audit trail tells of exports: each step in the commit that takes it, pages as they are given out. An export is of nobody's use
//! to a thief who has not read it, so nobody gets a first page before it is on disk that they do.

use std::{collections::HashSet, net::IpAddr};

use parking_lot::Mutex;
use sayso_model::{
    id::AccessToken,
    selection::{Conditions, Matching},
};
use sayso_store::{
    StoreError,
    audit::{About, Action, Credential, Entry, Origin},
};

use crate::{
    Engine,
    callback::{Callback, Dead, Step},
    engine::Caller,
    job::{Request, State},
    page::Page,
    record::{Change, Job},
};

/// Readers of one export that are kept apart; from one more on all count as new again.
const MOST: usize = 1_000;

/// Who reads: user, credential, address.
type Reader = (Option<String>, Credential, Option<IpAddr>);

/// Who has had a page.
#[derive(Default)]
pub(crate) struct Readers(Mutex<HashSet<Reader>>);

impl Readers {
    fn has(&self, origin: &Origin) -> bool {
        self.0.lock().contains(&Self::key(origin))
    }

    fn add(&self, origin: &Origin) {
        let mut all = self.0.lock();
        if all.len() >= MOST {
            all.clear();
        }
        all.insert(Self::key(origin));
    }

    fn key(origin: &Origin) -> Reader {
        (origin.user_id.clone(), origin.credential.clone(), origin.peer)
    }
}

/// An export was asked for.
pub(crate) fn initiated(request: &Request, token: AccessToken) -> Entry {
    let (kind, name) = request.exported.subject.named();
    let entry = Entry { export: Some(token), ..Entry::new(Action::ExportInitiated, request.origin.clone()) };
    let entry = entry.subject(kind, name);
    match asked(request) {
        asked if asked.is_empty() => entry,
        asked => entry.detail(asked),
    }
}

/// What was asked for beside the segment. Never the values: they may be somebody's address; nor where a callback goes.
fn asked(request: &Request) -> String {
    let Conditions { since, matching } = &request.conditions;
    let since = since.map(|since| format!("changed since {since}"));
    let matching = matching.as_ref().map(|Matching { criteria, match_type, values }| {
        let of_type = match_type.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("one of {} values of {}{of_type}", values.len(), criteria.word())
    });
    let callback = request.callback_url.as_ref().map(|_| "with a callback".to_owned());
    [since, matching, callback].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Its files begin to be made.
pub(crate) fn started(job: &Job) -> Entry {
    by_program(Action::ExportStarted, job)
}

/// A job took a step to another state.
pub(crate) fn changed(job: &Job, change: &Change) -> Entry {
    let of = |action, origin: &Origin| Entry { origin: origin.clone(), ..by_program(action, job) };
    match job.state {
        State::Retrieved => match change {
            Change::Committed { origin, .. } => of(Action::ExportCommitted, origin),
            Change::LastBlockFlushed(_, origin) => of(Action::ExportRetrieved, origin),
            _ => by_program(Action::ExportRetrieved, job),
        },
        State::Expired => by_program(Action::ExportExpired, job),
        State::Failed => by_program(Action::ExportDenied, job).detail("the permission was lost"),
        State::Error => by_program(Action::ExportFailed, job).detail(job.error.as_deref().unwrap_or_default()),
        State::Complete | State::Processing => {
            Entry { rows: job.row_count, bytes: job.byte_count, ..by_program(Action::ExportCompleted, job) }
        }
    }
}

/// A callback reached its end; nothing of one that waits for its next attempt. Where it went is not told: addresses of receivers may
/// carry secrets.
pub(crate) fn of_callback(callback: &Callback, step: &Step) -> Option<Entry> {
    let (action, detail) = match step {
        Step::Delivered => (Action::CallbackDelivered, None),
        Step::Dead(Dead::Gone) => (Action::CallbackDead, Some("the receiver wants no more of it (410)")),
        Step::Dead(Dead::TriedLongEnough) => (Action::CallbackDead, Some("no attempt of a day was taken")),
        Step::Waits(_) => return None,
    };
    let entry = Entry { export: Some(callback.token), ..Entry::new(action, Origin::program()) };
    let entry = entry.subject("callback", &callback.id.to_string());
    Some(match detail {
        Some(detail) => entry.detail(detail),
        None => entry,
    })
}

/// What the program does with a job of somebody's.
fn by_program(action: Action, job: &Job) -> Entry {
    let (kind, name) = job.subject.named();
    let origin = Origin::program().for_user(job.user_id.as_str());
    Entry { export: Some(job.token), ..Entry::new(action, origin) }.subject(kind, name)
}

impl Engine {
    /// Tells the audit trail that a page is about to be given out. Of the first for a user, credential and address it is on disk when this is
    /// answered; the others follow within a quarter of a second.
    ///
    /// # Errors
    /// When the record can't be kept: then the page must not go out.
    pub async fn giving(&self, caller: &Caller, token: AccessToken, page: &Page) -> Result<(), StoreError> {
        let store = &self.inner().store;
        let readers = &page.export().readers;
        let origin = &caller.origin;
        let entry = Entry {
            export: Some(token),
            rows: Some(page.count),
            bytes: Some(page.length),
            ..Entry::new(Action::ExportPagesRead, origin.clone())
        };
        if readers.has(origin) {
            store.note(About::Account(caller.account), entry);
            return Ok(());
        }
        store.audit(caller.account, entry).await?;
        readers.add(origin);
        Ok(())
    }
}

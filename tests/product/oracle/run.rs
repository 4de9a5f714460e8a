//! One sequence under way: the real server and the model beside it. Every step is made on both, and what the server answers must be
//! what the model says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    bodies::Bodies,
    calls::Part,
    check,
    model::{How, Model, Person, Refused},
    operations::{At, Guard, Op, User, is_right_reason},
    patch, shape,
};
use crate::harness::{random::Random, *};

const ORACLE: &str = "ORACLE";
/// A bearer token's hour, less than half of it.
const SIGNED_IN_FOR: i64 = 25 * 60_000;

pub struct Run {
    pub world: World,
    pub api: Api,
    pub model: Model,
    /// The profiles that steps made.
    pub labels: BTreeMap<usize, u64>,
    /// The ETag and the profile that were read last.
    pub etags: BTreeMap<u64, (String, Value)>,
    /// A tag that was there before.
    stale: BTreeMap<u64, String>,
    admin: Api,
    nightly: Api,
    /// The header with the precondition of the call that is being made; whether that fails.
    guard: Option<(&'static str, String)>,
    fails: bool,
    /// The highest ProfileId that was given.
    highest: u64,
    signed_in: i64,
    /// A full export after so many steps.
    pub export_every: u64,
    /// How many steps were taken, and how many of their calls were refused as the model said.
    pub taken: u64,
    pub refused: u64,
}

impl Run {
    pub async fn start(export_every: u64) -> Run {
        let world = World::start().await;
        let model = Model::new(world.now());
        std::fs::write(world.path("oracle.toml"), include_str!("account.toml")).unwrap();
        world.sayso(&["account", "create", ORACLE, "--from", "oracle.toml"]);
        let api = world.sign_in(ORACLE, "Nightly").await;
        let (admin, nightly) = (world.sign_in(ORACLE, "Admin").await, api.clone());
        let (signed_in, labels, etags) = (world.now(), BTreeMap::new(), BTreeMap::new());
        let (stale, guard, fails) = (BTreeMap::new(), None, false);
        Run {
            world,
            api,
            model,
            labels,
            etags,
            stale,
            admin,
            nightly,
            guard,
            fails,
            highest: 0,
            signed_in,
            export_every,
            taken: 0,
            refused: 0,
        }
    }

    /// Whom a call names, if anybody.
    pub fn resolve(&self, at: &At) -> Option<u64> {
        match at {
            At::Made(label) => self.labels.get(label).copied().filter(|id| self.model.people.contains_key(id)),
            At::Alternate { kind, id, .. } => self.model.reached(kind, id),
        }
    }

    /// An address under this base, such as `Profile`, with what follows it.
    fn path(&self, base: &str, at: &At, rest: &str) -> String {
        match at {
            At::Made(label) => {
                let nobody = 9_999_999;
                let id = self.labels.get(label).copied().unwrap_or(nobody);
                format!("/Profiles/v4/{}/{base}/{id}{rest}", self.api.account)
            }
            At::Alternate { kind, id, in_path } => self.alternate_path(base, kind, id, *in_path, rest),
        }
    }

    pub fn alternate_path(&self, base: &str, kind: &str, id: &str, in_path: bool, rest: &str) -> String {
        let (account, kind, id) = (&self.api.account, encoded(kind), encoded(id));
        match in_path {
            true => format!("/Profiles/v4/{account}/{base}/AlternateIdType/{kind}/AlternateId/{id}{rest}"),
            false => format!("/Profiles/v4/{account}/{base}/AlternateId{rest}?alternateIdType={kind}&alternateId={id}"),
        }
    }

    /// Makes a step on both and compares everything. What differs is the error.
    pub async fn step(&mut self, op: &Op) -> Result<(), String> {
        let touched = self.make(op).await?;
        check::everything(self, touched).await
    }

    /// Makes a step on both; what the server answers is compared. Gives the profile that the step was about.
    pub async fn make(&mut self, op: &Op) -> Result<Option<u64>, String> {
        self.taken += 1;
        let touched = self.call(op).await?;
        if self.model.now - self.signed_in > SIGNED_IN_FOR {
            self.nightly.sign_in_again().await;
            self.admin.sign_in_again().await;
            let user = if self.model.user == "Admin" { &self.admin } else { &self.nightly };
            self.api = user.clone();
            self.signed_in = self.model.now;
        }
        Ok(touched)
    }

    /// Sends a call, under its precondition if it has one.
    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let mut call = self.api.call(method, path);
        if let Some((name, value)) = &self.guard {
            call = call.header(*name, value);
        }
        if let Some(body) = body {
            let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/json" };
            call = call.header("content-type", kind).body(body.to_string());
        }
        read(call).await
    }

    async fn call(&mut self, op: &Op) -> Result<Option<u64>, String> {
        match op {
            Op::Wait(ms) => {
                self.model.now += ms;
                self.world.set_clock(self.model.now);
                Ok(None)
            }
            Op::By(user) => {
                let (api, name, source) = match user {
                    User::Nightly => (&self.nightly, "Nightly", json!("Batch")),
                    User::Admin => (&self.admin, "Admin", Value::Null),
                };
                (self.api, self.model.user, self.model.source) = (api.clone(), json!(name), source);
                Ok(None)
            }
            Op::Configure { setting, over_http } => {
                let call = setting.call(&self.model.config).filter(|_| *over_http);
                setting.apply(&mut self.model.config);
                if let Some((kind, name, operations)) = call {
                    return self.configure(kind, &name, &operations).await;
                }
                std::fs::write(self.world.path("oracle.toml"), self.model.config.to_toml()).unwrap();
                let out =
                    self.world.run(&["account", "apply", ORACLE, "--from", "oracle.toml", "--clock-file", "clock"]);
                match out.status.success() {
                    true => Ok(None),
                    false => Err(format!("{setting:?} is refused: {}", String::from_utf8_lossy(&out.stderr))),
                }
            }
            Op::Guarded(guard, op) => {
                let found = self.target(op);
                let tag = match (guard, found) {
                    (Guard::Current | Guard::Weak, Some(id)) => {
                        let path = self.api.profile_path(&format!("/{id}?implied={}", id.is_multiple_of(2)));
                        self.api.get(&path).await.header("etag").ok_or("no ETag")?.to_owned()
                    }
                    _ => "\"1-2-3\"".to_owned(),
                };
                let (name, value, fails) = match guard {
                    Guard::Current => ("if-match", format!("\"0-0-0\", {tag}"), found.is_none()),
                    Guard::Weak => ("if-match", format!("W/{tag}"), true),
                    Guard::Stale => {
                        let stale = found.and_then(|id| self.stale.get(&id)).unwrap_or(&tag);
                        ("if-match", format!("{stale}, \"0-0-0\""), true)
                    }
                    Guard::Any => ("if-match", "*".to_owned(), found.is_none()),
                    Guard::New => ("if-none-match", "*".to_owned(), found.is_some()),
                };
                (self.guard, self.fails) = (Some((name, value)), fails);
                let made = Box::pin(self.call(op)).await;
                (self.guard, self.fails) = (None, false);
                made
            }
            Op::Untag(tag) => self.untag(tag).await,
            Op::Create { label, body } => {
                let answer = self.send("POST", &self.api.profile_path(""), Some(body)).await;
                self.created(*label, answer, self.model.created(body))
            }
            Op::Upsert { label, kind, id, in_path, body } => {
                let answer =
                    self.send("POST", &self.alternate_path("Profile", kind, id, *in_path, ""), Some(body)).await;
                match self.model.reached(kind, id) {
                    Some(found) => self.written(found, answer, self.model.written(found, body, How::Update)),
                    None => self.created(*label, answer, self.model.created(&named(body, kind, id))),
                }
            }
            Op::Write { at, how, body } => {
                let method = if *how == How::Replace { "PUT" } else { "POST" };
                let answer = self.send(method, &self.path("Profile", at, ""), Some(body)).await;
                match (self.resolve(at), at) {
                    // The alternate id that a replacing call names is part of what it sends.
                    (Some(found), At::Alternate { kind, id, .. }) if *how == How::Replace => {
                        self.written(found, answer, self.model.written(found, &named(body, kind, id), *how))
                    }
                    (Some(found), _) => self.written(found, answer, self.model.written(found, body, *how)),
                    // An update by an alternate id that reaches nobody makes a profile.
                    (None, At::Alternate { kind, id, .. }) if *how == How::Update => {
                        let label = usize::MAX - 1 - self.taken as usize;
                        self.created(label, answer, self.model.created(&named(body, kind, id)))
                    }
                    (None, _) => self.nobody(&answer, shape::is_right(body)),
                }
            }
            Op::Patch { at, seed } => self.patch(at, *seed).await,
            Op::Part { at, part, body } => {
                let base = if *part == Part::Preferences { "Profile/Preferences" } else { "Consents" };
                let answer = self.send("POST", &self.path(base, at, ""), Some(body)).await;
                match self.resolve(at) {
                    Some(found) => self.written(found, answer, self.model.part_written(found, body, *part)),
                    None => self.nobody(&answer, false),
                }
            }
            Op::Archive { at, body } => {
                let answer = self.send("PUT", &self.path("Profile/Preferences", at, "/Archive"), Some(body)).await;
                let Some(found) = self.resolve(at) else { return self.nobody(&answer, false) };
                let want = self.model.archived(found, body);
                if let Ok((_, count)) = &want
                    && !self.fails
                    && answer.json()["ArchivedCount"] != *count
                {
                    return Err(format!("the model archives {count}, the product answers {}", shown(&answer)));
                }
                self.written(found, answer, want.map(|(person, _)| person))
            }
            Op::Activate { label, active, body } => {
                let word = if *active { "/Activate" } else { "/Deactivate" };
                let at = At::Made(*label);
                let answer = self.send("POST", &self.path("Profile", &at, word), Some(body)).await;
                match self.resolve(&at) {
                    Some(found) => self.written(found, answer, self.model.activated(found, *active, &body["Reason"])),
                    None => self.nobody(&answer, false),
                }
            }
            Op::WithdrawConsent { label, filter, consent_type } => {
                let at = At::Made(*label);
                let rest = format!("/Filter/{}/Consent/{}", encoded(filter), encoded(consent_type));
                let answer = self.send("DELETE", &self.path("Consents", &at, &rest), None).await;
                let Some(found) = self.resolve(&at) else { return self.nobody(&answer, true) };
                match self.model.consent_withdrawn(found, filter, consent_type) {
                    Ok(person) if !self.fails => {
                        is(&answer, 204)?;
                        self.keep(found, person);
                        Ok(Some(found))
                    }
                    want => self.written(found, answer, want),
                }
            }
            Op::Delete { at, reason } => {
                let mut path = self.path("Profile", at, "");
                if let Some(reason) = reason {
                    let sign = if path.contains('?') { '&' } else { '?' };
                    path = format!("{path}{sign}reasonCode={}", encoded(reason));
                }
                let answer = self.send("DELETE", &path, None).await;
                let is_right = is_right_reason(reason.as_deref());
                match self.resolve(at) {
                    Some(id) if is_right && !self.fails => {
                        is(&answer, 204)?;
                        self.model.delete(id, reason.as_deref());
                        self.etags.remove(&id);
                        Ok(Some(id))
                    }
                    found => {
                        let mut refused = Refused::new();
                        refused.extend(found.is_none().then_some(404));
                        refused.extend((!is_right).then_some(400));
                        self.is_refused(&answer, refused).map(|()| found)
                    }
                }
            }
        }
    }

    /// Changes one configured thing over HTTP.
    async fn configure(&mut self, kind: &str, name: &str, operations: &Value) -> Result<Option<u64>, String> {
        let base = format!("/Profiles/v4/{}", self.api.account);
        // Types are named by their numbers.
        let named = match kind {
            "EmailType" | "ConsentTypes" => {
                let list = if kind == "EmailType" { "EmailTypes" } else { kind };
                let all = self.admin.get(&format!("{base}/{list}")).await.json();
                let found = all[list].as_array().and_then(|all| all.iter().find(|t| t["TypeName"] == name));
                found.ok_or("the type isn't there")?["TypeId"].to_string()
            }
            _ => name.to_owned(),
        };
        let call = self.admin.call("PATCH", &format!("{base}/{kind}/{named}"));
        let answer =
            read(call.header("content-type", "application/json-patch+json").body(operations.to_string())).await;
        is(&answer, 200).map_err(|e| format!("{kind}/{name} {operations}: {e}"))?;
        Ok(None)
    }

    /// Takes a tag off everybody.
    async fn untag(&mut self, tag: &str) -> Result<Option<u64>, String> {
        let path = format!("/Profiles/v4/{}/Tags/{}", self.api.account, encoded(tag));
        let answer = self.send("DELETE", &path, None).await;
        let people: Vec<(u64, Person)> = self.model.untagged(tag).collect();
        if people.is_empty() {
            return self.nobody(&answer, true);
        }
        is(&answer, 204)?;
        let touched = people.first().map(|(id, _)| *id);
        people.into_iter().for_each(|(id, person)| self.keep(id, person));
        Ok(touched)
    }

    /// The profile that a call is about.
    fn target(&self, op: &Op) -> Option<u64> {
        match op {
            Op::Write { at, .. }
            | Op::Patch { at, .. }
            | Op::Part { at, .. }
            | Op::Archive { at, .. }
            | Op::Delete { at, .. } => self.resolve(at),
            Op::Activate { label, .. } | Op::WithdrawConsent { label, .. } => self.resolve(&At::Made(*label)),
            Op::Upsert { kind, id, .. } => self.model.reached(kind, id),
            _ => None,
        }
    }

    /// Patches what the server shows; the outcome is written as a replacement.
    async fn patch(&mut self, at: &At, seed: u64) -> Result<Option<u64>, String> {
        let path = self.path("Profile", at, "");
        let Some(found) = self.resolve(at) else {
            let answer = self.send("PATCH", &path, Some(&json!([]))).await;
            return self.nobody(&answer, true);
        };
        let bare = self.api.profile_path(&format!("/{found}?implied=false&includeConsentHistory=false"));
        let document = self.api.get(&bare).await.json();
        let mut random = Random::new(seed);
        let mut bodies =
            Bodies { random: &mut random, config: &self.model.config, now: self.model.now, row: document.clone() };
        let operations = patch::random(&mut bodies, &document);
        let answer = self.send("PATCH", &path, Some(&operations)).await;
        let want = match patch::apply(document, &operations) {
            Ok(patched) => self.model.written(found, &patched, How::Replace),
            Err(status) => Err(Refused::from([status])),
        };
        self.written(found, answer, want).map_err(|e| format!("{operations}: {e}"))
    }

    /// A call about a profile that isn't there; perhaps its body isn't right either.
    fn nobody(&mut self, answer: &Answer, is_right: bool) -> Result<Option<u64>, String> {
        let refused = if is_right { Refused::from([404]) } else { Refused::from([400, 404]) };
        self.is_refused(answer, refused).map(|()| None)
    }

    fn created(&mut self, label: usize, answer: Answer, want: Result<Person, Refused>) -> Result<Option<u64>, String> {
        let mut person = match want {
            Ok(person) if !self.fails => person,
            want => return self.is_refused(&answer, want.err().unwrap_or_default()).map(|()| None),
        };
        is(&answer, 201)?;
        let id = answer.json()["ProfileId"].as_u64().ok_or("no ProfileId in the answer")?;
        if id <= self.highest {
            return Err(format!("the new profile got the ProfileId {id}, but {} was given before", self.highest));
        }
        let location = answer.header("location").unwrap_or_default();
        if !location.ends_with(&format!("/Profile/{id}")) {
            return Err(format!("the Location of profile {id} is {location:?}"));
        }
        self.highest = id;
        person.row["ProfileId"] = id.into();
        self.model.people.insert(id, person);
        self.labels.insert(label, id);
        Ok(Some(id))
    }

    fn written(&mut self, id: u64, answer: Answer, want: Result<Person, Refused>) -> Result<Option<u64>, String> {
        match want {
            Ok(person) if !self.fails => {
                is(&answer, 200)?;
                if answer.json()["ProfileId"] != id {
                    return Err(format!("the answer is {}, not profile {id}", answer.json()));
                }
                self.keep(id, person);
            }
            want => self.is_refused(&answer, want.err().unwrap_or_default())?,
        }
        Ok(Some(id))
    }

    /// Takes over what a call made of a profile. If that changed, its tag is another, whatever the profile reads like now.
    fn keep(&mut self, id: u64, person: Person) {
        if let Some((etag, read)) = self.etags.get_mut(&id)
            && self.model.people[&id].row != person.row
        {
            self.stale.insert(id, etag.clone());
            *read = Value::Null;
        }
        self.model.people.insert(id, person);
    }

    fn is_refused(&mut self, answer: &Answer, mut refused: Refused) -> Result<(), String> {
        if self.fails {
            refused.insert(412);
        }
        self.refused += 1;
        match refused.contains(&answer.status) && !answer.message().is_empty() {
            true => Ok(()),
            false => Err(format!("the model says {refused:?}, the product {}", shown(answer))),
        }
    }
}

/// The body of a new profile by alternate id: the id is part of it.
fn named(body: &Value, kind: &str, id: &str) -> Value {
    let mut body = body.clone();
    if !shape::is_right(&body) {
        return body;
    }
    let ids = super::json::list(&body, "AlternateIds");
    let names = |item: &Value| {
        let is = |member: &str, text: &str| super::json::text(item, member).is_some_and(|t| super::json::same(t, text));
        is("AlternateIdType", kind) && is("AlternateId", id)
    };
    if !ids.iter().any(names) {
        let mut ids = ids.to_vec();
        ids.push(serde_json::json!({"AlternateIdType": kind, "AlternateId": id}));
        body["AlternateIds"] = ids.into();
    }
    body
}

pub fn is(answer: &Answer, status: u16) -> Result<(), String> {
    if answer.status == status {
        Ok(())
    } else {
        Err(format!("the model says {status}, the product {}", shown(answer)))
    }
}

fn shown(answer: &Answer) -> String {
    format!("{}: {}", answer.status, String::from_utf8_lossy(&answer.body))
}

//! One sequence under way: the real server and the model beside it. Every step is made on both, and what the server answers must be
//! what the model says.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    check,
    model::{How, Model, Person, Refused},
    operations::{At, Op, is_right_reason},
};
use crate::harness::*;

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
        let (signed_in, labels, etags) = (world.now(), BTreeMap::new(), BTreeMap::new());
        Run { world, api, model, labels, etags, highest: 0, signed_in, export_every, taken: 0, refused: 0 }
    }

    /// Whom a call names, if anybody.
    pub fn resolve(&self, at: &At) -> Option<u64> {
        match at {
            At::Made(label) => self.labels.get(label).copied().filter(|id| self.model.people.contains_key(id)),
            At::Alternate { kind, id, .. } => self.model.reached(kind, id),
        }
    }

    fn path(&self, at: &At) -> String {
        match at {
            At::Made(label) => {
                let nobody = 9_999_999;
                self.api.profile_path(&format!("/{}", self.labels.get(label).copied().unwrap_or(nobody)))
            }
            At::Alternate { kind, id, in_path } => self.alternate_path(kind, id, *in_path),
        }
    }

    pub fn alternate_path(&self, kind: &str, id: &str, in_path: bool) -> String {
        let (kind, id) = (encoded(kind), encoded(id));
        self.api.profile_path(&match in_path {
            true => format!("/AlternateIdType/{kind}/AlternateId/{id}"),
            false => format!("/AlternateId?alternateIdType={kind}&alternateId={id}"),
        })
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
            self.api.sign_in_again().await;
            self.signed_in = self.model.now;
        }
        Ok(touched)
    }

    async fn call(&mut self, op: &Op) -> Result<Option<u64>, String> {
        match op {
            Op::Wait(ms) => {
                self.model.now += ms;
                self.world.set_clock(self.model.now);
                Ok(None)
            }
            Op::Create { label, body } => {
                let answer = self.api.post(&self.api.profile_path(""), body).await;
                self.created(*label, answer, self.model.created(body))
            }
            Op::Upsert { label, kind, id, in_path, body } => {
                let answer = self.api.post(&self.alternate_path(kind, id, *in_path), body).await;
                match self.model.reached(kind, id) {
                    Some(found) => self.written(found, answer, self.model.written(found, body, How::Update)),
                    None => self.created(*label, answer, self.model.created(&named(body, kind, id))),
                }
            }
            Op::Write { at, how, body } => {
                let method = if *how == How::Replace { "PUT" } else { "POST" };
                let path = self.path(at);
                match (self.resolve(at), at, how) {
                    (None, At::Alternate { kind, id, .. }, How::Update) => {
                        // A POST by an alternate id that nobody has makes a profile, which a sequence does by an upsert.
                        let (kind, id) = (kind.clone(), id.clone());
                        let answer = read(self.api.call(method, &path).json(body)).await;
                        self.created(
                            usize::MAX - 1 - self.taken as usize,
                            answer,
                            self.model.created(&named(body, &kind, &id)),
                        )
                    }
                    (found, ..) => {
                        let answer = read(self.api.call(method, &path).json(body)).await;
                        match found {
                            Some(found) => self.written(found, answer, self.model.written(found, body, *how)),
                            None => self.nobody(answer, super::shape::is_right(body)),
                        }
                    }
                }
            }
            Op::Delete { at, reason } => {
                let mut path = self.path(at);
                if let Some(reason) = reason {
                    let sign = if path.contains('?') { '&' } else { '?' };
                    path = format!("{path}{sign}reasonCode={}", encoded(reason));
                }
                let answer = self.api.delete(&path).await;
                match self.resolve(at) {
                    Some(id) if is_right_reason(reason.as_deref()) => {
                        is(&answer, 204)?;
                        self.model.delete(id, reason.as_deref());
                        self.etags.remove(&id);
                        Ok(Some(id))
                    }
                    found => self.expect_refusal(&answer, found, is_right_reason(reason.as_deref())),
                }
            }
            Op::Configure(setting) => {
                setting.apply(&mut self.model.config);
                std::fs::write(self.world.path("oracle.toml"), self.model.config.to_toml()).unwrap();
                let out =
                    self.world.run(&["account", "apply", ORACLE, "--from", "oracle.toml", "--clock-file", "clock"]);
                match out.status.success() {
                    true => Ok(None),
                    false => Err(format!("{setting:?} is refused: {}", String::from_utf8_lossy(&out.stderr))),
                }
            }
        }
    }

    fn expect_refusal(&mut self, answer: &Answer, found: Option<u64>, is_right: bool) -> Result<Option<u64>, String> {
        let mut refused = Refused::new();
        if found.is_none() {
            refused.insert(404);
        }
        if !is_right {
            refused.insert(400);
        }
        self.is_refused(answer, &refused)?;
        Ok(found)
    }

    fn nobody(&mut self, answer: Answer, is_right: bool) -> Result<Option<u64>, String> {
        self.expect_refusal(&answer, None, is_right)
    }

    fn created(&mut self, label: usize, answer: Answer, want: Result<Person, Refused>) -> Result<Option<u64>, String> {
        let mut person = match want {
            Err(refused) => return self.is_refused(&answer, &refused).map(|()| None),
            Ok(person) => person,
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
            Err(refused) => self.is_refused(&answer, &refused)?,
            Ok(person) => {
                is(&answer, 200)?;
                if answer.json()["ProfileId"] != id {
                    return Err(format!("the answer is {}, not profile {id}", answer.json()));
                }
                self.model.people.insert(id, person);
                if let Some((_, read)) = self.etags.get_mut(&id) {
                    *read = Value::Null; // whatever it reads like: the ETag must be another
                }
            }
        }
        Ok(Some(id))
    }

    fn is_refused(&mut self, answer: &Answer, refused: &Refused) -> Result<(), String> {
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
    if !super::shape::is_right(&body) {
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

//! Many who write at once as fast as they can, each into profiles of its own, and remember what was written when: so it can be told
//! whether something that was taken meanwhile is the state at one moment.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};

use super::{ACCOUNT, Api, World, random::Random};

const WRITERS: u64 = 8;

impl World {
    /// A server with so many people, `p0` and so on, whose ids are 1 and so on.
    pub async fn start_with_people(people: u64) -> World {
        let world = World::prepared();
        world.write_people("people.ndjson", "p", people as usize);
        world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
        world.serve(&[]).await
    }
}

/// One write. Moments are counted: each that is looked at gets the next number.
#[derive(Clone)]
struct Write {
    id: u64,
    began: u64,
    answered: Option<u64>,
}

type Log = Arc<Mutex<Vec<Write>>>;

/// 8 writers at work.
pub struct Writers {
    moments: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    logs: Vec<Log>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Writers {
    /// Sets them to work on the people of [`World::start_with_people`]. Writer w has those whose id leaves the rest w; its nth write makes
    /// the names of one of them, and a field in another part of the row, `w-n`.
    pub fn start(api: &Api, people: u64, seed: u64) -> Writers {
        assert_eq!(people % WRITERS, 0);
        let mut writers = Writers {
            moments: Arc::default(),
            stop: Arc::default(),
            logs: (0..WRITERS).map(|_| Log::default()).collect(),
            tasks: Vec::new(),
        };
        for (w, log) in (0..).zip(&writers.logs) {
            let (api, log, mut random) = (api.clone(), log.clone(), Random::new(seed << 8 | w));
            let (moments, stop) = (writers.moments.clone(), writers.stop.clone());
            writers.tasks.push(tokio::spawn(async move {
                for n in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let id = random.below(people / WRITERS) * WRITERS + if w == 0 { WRITERS } else { w };
                    log.lock().unwrap().push(Write { id, began: next(&moments), answered: None });
                    let text = format!("{w}-{n}");
                    let both = json!({"FirstName": text, "LastName": text});
                    api.update(id, json!({"CustomerName": both, "CustomFields": [{"Name": "Note", "Value": text}]}))
                        .await;
                    log.lock().unwrap().last_mut().unwrap().answered = Some(next(&moments));
                }
            }));
        }
        writers
    }

    /// After everything that has been answered and before everything that begins later.
    pub fn moment(&self) -> u64 {
        next(&self.moments)
    }

    /// How many writes have begun.
    pub fn begun(&self) -> usize {
        self.logs.iter().map(|log| log.lock().unwrap().len()).sum()
    }

    /// Whether each of them has begun so many.
    pub fn each_has_begun(&self, writes: usize) -> bool {
        self.logs.iter().all(|log| log.lock().unwrap().len() >= writes)
    }

    /// Ends them, once each has its answer.
    pub async fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
        assert!(self.logs.iter().all(|log| !log.lock().unwrap().is_empty()), "each has written");
    }

    /// These are all people as they were at one and the same moment between two.
    pub fn were_at_one_moment(&self, people: &[Seen], from: u64, until: u64) {
        // When the last write that they show began, and when the first that they don't show was answered.
        let (mut newest, mut missing) = (0, u64::MAX);
        for (w, log) in (0..).zip(&self.logs) {
            let log = log.lock().unwrap().clone();
            let own = people.iter().filter(|seen| seen.id % WRITERS == w);
            let shown = own.clone().filter_map(|seen| seen.write).max().unwrap_or(0);
            let last: HashMap<u64, usize> = log[..shown].iter().zip(1..).map(|(write, n)| (write.id, n)).collect();
            for seen in own {
                let wanted = last.get(&seen.id).copied();
                assert_eq!(seen.write, wanted, "of profile {}, beside write {shown} of writer {w}", seen.id);
            }
            newest = newest.max(log[..shown].last().map_or(0, |write| write.began));
            missing = missing.min(log.get(shown).and_then(|write| write.answered).unwrap_or(u64::MAX));
        }
        assert!(missing > from, "a write is not there that was answered ({missing}) before the first moment ({from})");
        assert!(newest < until, "a write is there that began ({newest}) after the last moment ({until})");
        assert!(
            newest < missing,
            "a write is there that began ({newest}) after one was answered ({missing}) that is not"
        );
    }
}

fn next(moments: &AtomicU64) -> u64 {
    moments.fetch_add(1, Ordering::SeqCst)
}

/// Whose row was seen, with which write of its writer: none, and it is as it was loaded.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    pub id: u64,
    write: Option<usize>,
}

impl Seen {
    /// A row that isn't torn: all of it is of one write, or as it was loaded.
    pub fn of(row: &Value) -> Seen {
        let id = row["ProfileId"].as_u64().unwrap();
        let (name, loaded) = (&row["CustomerName"], format!("p{}", id - 1));
        assert_eq!(row["Emails"][0]["EmailAddress"], format!("{loaded}@example.com"), "nobody writes it: {row}");
        let note = row["CustomFields"].as_array().and_then(|fields| fields.iter().find(|f| f["Name"] == "Note"));
        let Some(note) = note else {
            assert!(name["FirstName"] == loaded && name["LastName"].is_null(), "as it was loaded: {row}");
            return Seen { id, write: None };
        };
        assert!(name["FirstName"] == note["Value"] && name["LastName"] == note["Value"], "a torn row: {row}");
        let (w, n) = note["Value"].as_str().unwrap().split_once('-').unwrap();
        assert_eq!(w.parse::<u64>().unwrap(), id % WRITERS, "another's profile: {row}");
        Seen { id, write: Some(n.parse().unwrap()) }
    }
}

//! A segment's definition: whatever is accepted, the compiled predicate over facts says what the exact evaluator says.

use std::sync::LazyLock;

use sayso_model::{
    change::{Kept, create},
    config::{Config, Population},
    facts::{self, Answer, Facts, Predicate, Terms},
    id::ProfileId,
    input::parse_profile,
    moment::Moment,
    profile::{Place, PreferenceStatus, Tombstone},
    reading,
    render::render,
    segment::{Criterion, matches, matches_tombstone, parse},
};
use serde_json::Value;

use crate::profile::{NOW, account, author};

/// People of the sample; enough that every state of a preference and consent occurs among them.
const PEOPLE: u64 = 48;
/// When they are looked at: as they were written, and when much of them has expired.
const MOMENTS: [Moment; 2] = [NOW, Moment(NOW.0 + 400 * 86_400_000)];

/// An account with its people.
struct Site {
    config: Config,
    terms: Terms,
    people: Vec<(Kept, Vec<u8>)>,
}

static SITES: LazyLock<[Site; 2]> = LazyLock::new(|| [Site::make(false), Site::make(true)]);

impl Site {
    fn make(implied: bool) -> Self {
        let mut account = account();
        account.implied_preferences = implied;
        let config = Config::new(account);
        let sampler = sayso_sample::Sampler::new(42);
        let mut terms = Terms::new();
        let people = (0..PEOPLE).map(|index| {
            let mut line = Vec::new();
            sampler.profile(index, &mut line);
            let input = parse_profile(&line).expect("a sample profile is accepted");
            let mut kept = create(&input, ProfileId(index + 1), &config, &author(), NOW).expect("it is accepted");
            kept.profile.is_active = index % 5 != 0;
            archive_one(&mut kept, index);
            let mut ids = Vec::new();
            let told = facts::terms(&kept, &config);
            for term in told.iter() {
                let next = terms.len() as u32;
                ids.push(*terms.entry(term.to_owned()).or_insert(next));
            }
            let mut bytes = Vec::new();
            let (row, expiry) = (render(&kept.profile), reading::next_expiry(&kept.profile, NOW));
            facts::encode(&kept, &told, &row, expiry, &ids, &mut bytes);
            (kept, bytes)
        });
        let people = people.collect();
        Self { config, terms, people }
    }

    fn check(&self, criterion: &Criterion) {
        let output = criterion.reading();
        for at in MOMENTS {
            let predicate = Predicate::compile(criterion, &self.config, &self.terms, at);
            for (kept, bytes) in &self.people {
                let exact = matches(criterion, &reading::read(kept, &self.config, &output, at), at);
                let said = predicate.answer(kept.profile.profile_id, Facts::new(bytes).expect("facts"));
                let agreed = said == Answer::Unknown || (said == Answer::Yes) == exact;
                assert!(agreed, "facts say {said:?}, the row {exact}, of {:?} at {at}", kept.profile);
            }
        }
    }
}

/// Of every third person the first preference of an email has a former, archived one beside it.
fn archive_one(kept: &mut Kept, index: u64) {
    if !index.is_multiple_of(3) {
        return;
    }
    let Some(email) = kept.profile.emails.first() else { return };
    let Some(preference) = email.preferences.first() else { return };
    let mut former = preference.clone();
    former.preference_status = PreferenceStatus::Archived;
    let place = if index.is_multiple_of(2) { email.place() } else { Place::Profile };
    kept.extras.archived.push((place, former));
}

/// A definition as JSON, over live profiles and over deleted ones.
pub fn check(data: &[u8]) {
    let Ok(definition) = serde_json::from_slice::<Value>(data) else { return };
    for site in SITES.iter() {
        match parse(Some(&definition), Population::Active, &site.config, "Criteria") {
            Ok(criterion) => {
                site.check(&criterion);
                site.check(&Criterion::Not(Box::new(criterion)));
            }
            Err(refusal) => {
                assert!(refusal.path.starts_with("Criteria"), "{refusal}");
                assert!(!refusal.message.is_empty());
            }
        }
    }
    let config = &SITES[0].config;
    if let Ok(criterion) = parse(Some(&definition), Population::Deleted, config, "Criteria") {
        for (id, reason) in [(1, None), (99, Some("GDPR"))] {
            let (profile_id, reason_code) = (ProfileId(id), reason.map(str::to_owned));
            let tombstone = Tombstone { profile_id, deleted_date: NOW, reason_code };
            let is_in = matches_tombstone(&criterion, &tombstone, NOW);
            assert_ne!(is_in, matches_tombstone(&Criterion::Not(Box::new(criterion.clone())), &tombstone, NOW));
        }
    }
}

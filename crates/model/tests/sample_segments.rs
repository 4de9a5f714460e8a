//! The segments of the sample account over the sample people: facts decide them all, as reading every profile does.

#![allow(clippy::unwrap_used)] // a test that can't be set up has failed

use sayso_model::{
    change::{Kept, create},
    config::{Config, Configuration, check},
    facts::{Answer, Facts, Predicate, Terms, encode, terms},
    id::{Author, ProfileId},
    input::parse_profile,
    moment::{Moment, parse_date_time},
    reading, render,
    segment::matches,
    selection::Selection,
};
use sayso_sample::{ACCOUNT_TOML, Sampler};

const PROFILES: u64 = 2000;

struct Sample {
    config: Config,
    now: Moment,
    terms: Terms,
    people: Vec<(Kept, Vec<u8>)>,
}

fn sample() -> Sample {
    let config = Config::new(toml::from_str::<Configuration>(ACCOUNT_TOML).unwrap());
    let author = Author { user_id: "Sample".into(), source_id: None };
    let now = parse_date_time("2026-11-24T10:00:00.000Z").unwrap();
    let sampler = Sampler::new(42);
    let mut dictionary = Terms::new();
    let people = (0..PROFILES).map(|index| {
        let mut line = Vec::new();
        sampler.profile(index, &mut line);
        let kept = create(&parse_profile(&line).unwrap(), ProfileId(index + 1), &config, &author, now).unwrap();
        let row = render::render(&kept.profile);
        let mut ids = Vec::new();
        let told = terms(&kept, &config);
        for term in told.iter() {
            let next = dictionary.len() as u32;
            ids.push(*dictionary.entry(term.to_owned()).or_insert(next));
        }
        let mut facts = Vec::new();
        encode(&kept, &told, &row, reading::next_expiry(&kept.profile, now), &ids, &mut facts);
        (kept, facts)
    });
    let people = people.collect();
    Sample { config, now, terms: dictionary, people }
}

#[test]
fn the_sample_account_is_well_formed() {
    let account = toml::from_str::<Configuration>(ACCOUNT_TOML).unwrap();
    assert_eq!(check(&account, None), Ok(()));
    let shown = toml::to_string(&account).unwrap();
    assert_eq!(toml::from_str::<Configuration>(&shown).unwrap(), account);
}

#[test]
fn facts_of_sample_people_are_small_and_so_is_their_dictionary() {
    let sample = sample();
    let bytes: usize = sample.people.iter().map(|(_, facts)| facts.len()).sum();
    assert!(bytes / sample.people.len() < 150, "{} bytes a profile", bytes / sample.people.len());
    assert!(sample.terms.len() < 2000, "{} terms", sample.terms.len());
}

#[test]
fn sample_segments_are_decided_by_facts_as_by_rows() {
    let Sample { config, now, terms, people } = sample();
    let segments = config.source.segments.iter().map(|s| Selection::of_segment(&config, &s.name).unwrap());
    let groups = config.source.segment_groups.iter().map(|g| Selection::of_group(&config, &g.name).unwrap());
    for selection in segments.chain(groups).filter(|s| !s.over_deleted()) {
        let name = &selection.members[0].1.name;
        let criterion = selection.criterion(&config).unwrap();
        let predicate = Predicate::compile(&criterion, &config, &terms, now);
        let mut selected = 0;
        for (kept, facts) in &people {
            let exact = matches(&criterion, &reading::read(kept, &config, &criterion.reading(), now), now);
            selected += usize::from(exact);
            let said = predicate.answer(kept.profile.profile_id, Facts::new(facts).unwrap());
            assert_eq!(said, if exact { Answer::Yes } else { Answer::No }, "{name}: {}", kept.profile.profile_id);
        }
        assert!(selected > 0, "nobody is in {name}");
    }
}

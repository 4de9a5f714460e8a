//! The sample people of the quick start go through every rule of a write, and their rows read back.

use std::sync::Arc;

use sayso_model::{
    change::{create, update},
    config::{Config, Configuration},
    id::{Author, ProfileId},
    input::parse_profile,
    moment::parse_date_time,
    profile::Profile,
    render::render,
};
use sayso_sample::{ACCOUNT_TOML, Sampler};

const PROFILES: u64 = 500;

#[test]
fn every_sample_profile_is_taken_and_sending_it_again_changes_nothing_but_stamps() {
    let config = Config::new(toml::from_str::<Configuration>(ACCOUNT_TOML).unwrap());
    let author = Author { user_id: "Sample".into(), source_id: None };
    let now = parse_date_time("2026-11-24T10:00:00.000Z").unwrap();
    let sampler = Sampler::new(42);
    for index in 0..PROFILES {
        let mut line = Vec::new();
        sampler.profile(index, &mut line);
        let input = parse_profile(&line).unwrap_or_else(|e| panic!("{index}: {e}"));
        let kept = create(&input, ProfileId(index + 1), &config, &author, now)
            .unwrap_or_else(|e| panic!("{index}: {e}: {}", String::from_utf8_lossy(&line)));
        let row = render(&kept.profile);
        assert_eq!(serde_json::from_slice::<Profile>(&row.json).unwrap(), kept.profile);

        // What was read is sent back a moment later.
        let later = sayso_model::moment::Moment(now.0 + 1000);
        let echo = parse_profile(&row.json).unwrap();
        let changed = update(kept.clone(), &echo, &config, &author, later).unwrap_or_else(|e| panic!("{index}: {e}"));
        assert_eq!(changed.former, []);
        let mut expected = kept;
        Arc::make_mut(&mut expected.profile.edited).last_modified_date = later;
        assert_eq!(changed.kept, expected);
    }
}

//! That the demo names what the sample account has, and where it writes. The demo itself runs in `tests/commands.rs`.

use sayso_model::config::{Config, Population, check};

use super::*;
use crate::load::lines::Source;

fn sample_account() -> Config {
    let mut configuration = file::parse(sayso_sample::ACCOUNT_TOML).unwrap();
    file::ensure_administrator(&mut configuration, "Admin").unwrap();
    assert_eq!(check(&configuration, None), Ok(()));
    Config::new(configuration)
}

#[test]
fn the_sample_account_has_what_the_demo_names() {
    let config = sample_account();
    assert!(config.segment(SEGMENTS.sample).is_some() && config.segment_group(SEGMENT_GROUP).is_some());
    let all = config.segment(SEGMENTS.all).unwrap();
    assert_eq!((all.profiles, &all.criteria), (Population::Active, &None), "over every active profile");
    let deleted = config.segment(SEGMENTS.deleted).unwrap();
    assert_eq!((deleted.profiles, &deleted.criteria), (Population::Deleted, &None), "over every deleted profile");
    assert!(data::first_administrator(&config).is_some());
}

#[test]
fn sample_profiles_come_whole_and_in_order() {
    let source = SampleSource::new(3, 300);
    let mut lines = Vec::new();
    let mut text = Vec::new();
    while let Some(chunk) = source.next().unwrap() {
        lines.extend(chunk.lines.iter().map(|line| line.number));
        text.extend(chunk.lines.iter().flat_map(|line| [chunk.text(line), b"\n"].concat()));
    }
    assert_eq!(lines, (1..=300).collect::<Vec<u64>>());
    let mut wanted = Vec::new();
    sayso_sample::write_profiles(&mut wanted, 300, 3).unwrap();
    assert!(text == wanted, "the same bytes as sayso sample gives");
    assert_eq!(source.bytes(), wanted.len() as u64);
}

#[test]
fn out_may_be_a_file_or_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(output_file(dir.path()), dir.path().join("export.ndjson"));
    assert_eq!(output_file(&dir.path().join("x.ndjson")), dir.path().join("x.ndjson"));
    assert_eq!(output_file(Path::new("new/")), Path::new("new/export.ndjson"));
}

//! What `load` says; what it does is tested through the binary (`tests/commands.rs`).

use super::*;

#[test]
fn rejected_lines_stand_beside_their_file() {
    assert_eq!(rejected_path(Path::new("in/people.ndjson.gz")), Path::new("in/people.ndjson.gz.rejected.ndjson"));
    assert_eq!(rejected_path(Path::new("-")), Path::new("stdin.rejected.ndjson"));
}

#[test]
fn a_load_that_stopped_says_how_to_go_on() {
    let totals = Totals { lines: 1_200, loaded: 1_199, rejected: 1, last_line: 1_200 };
    let failure = pipeline::Failure { error: anyhow!("the disk is full"), totals };
    let words = out::chain(&went_wrong("people.ndjson", 1, failure));
    assert!(words.contains("after line 1200; 1,199 profiles up to there are loaded"), "{words}");
    assert!(words.contains("--from-line 1201") && words.ends_with(": the disk is full"), "{words}");

    let failure = pipeline::Failure { error: anyhow!("x"), totals: Totals::default() };
    assert!(
        out::chain(&went_wrong("f", 50, failure)).contains("--from-line 50"),
        "nothing was done: begin at the same line"
    );
}

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

#[test]
fn of_several_files_it_is_told_which_are_loaded_and_which_are_not_begun() {
    let files = ["a", "b", "-", "c d"].map(PathBuf::from);
    let words = |at| among_others(anyhow!("why").context("b: it stopped"), &files, at).to_string();
    let rest = "load what is left in a run of its own, without --from-line";
    assert_eq!(words(1), format!("b: it stopped: why; before it a came to the end; not begun: stdin, c d; {rest}"));
    assert_eq!(words(0), format!("b: it stopped: why; not begun: b, stdin, c d; {rest}"));
    assert_eq!(words(3), "b: it stopped: why; before it a, b, stdin came to the end");
    assert_eq!(among_others(anyhow!("why"), &files[..1], 0).to_string(), "why");
}

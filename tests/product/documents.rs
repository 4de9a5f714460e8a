//! What the documents say, held against the program: README.md is followed from its beginning as a newcomer would, and the names and paths in
//! all of them are of things that there are.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{harness::SAYSO, recipes::not_run};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Where the README's server listens; the test's has any free port.
const ADDRESS: &str = "127.0.0.1:8080";

/// What README.md has newcomers type, in its order. Cargo's lines are left out: the program is built.
fn typed() -> Vec<String> {
    let text = fs::read_to_string(format!("{ROOT}/README.md")).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.flat_map(str::lines).filter(|line| !line.starts_with("cargo ")).map(str::to_owned).collect()
}

/// The server that a line of the README starts, in a terminal of its own.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A shell in a newcomer's directory, with the program installed.
fn shell(script: &str, place: &Path) -> Command {
    let path = format!("{}:{}", Path::new(SAYSO).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(place).env("PATH", path).env("no_proxy", "*");
    command
}

#[track_caller]
fn run(script: &str, place: &Path) -> String {
    let out = shell(script, place).output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{script}\n{said}\n{}", String::from_utf8_lossy(&out.stderr));
    said
}

/// A file's lines, of the only file there whose name has this in it (or not).
fn lines_of(folder: &Path, deleted: bool) -> usize {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let wanted = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().contains("-deleted-") == deleted;
    let [file] = &paths.filter(wanted).collect::<Vec<_>>()[..] else { panic!("one file a night") };
    fs::read_to_string(file).unwrap().lines().count()
}

#[test]
fn the_readme_can_be_followed_from_its_beginning() {
    let missing = ["curl", "jq", "openssl"].into_iter().find(|name| {
        let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().unwrap();
        found.stdout.is_empty()
    });
    if let Some(name) = missing {
        return not_run("documents::the_readme_can_be_followed_from_its_beginning", &format!("there is no {name}"));
    }
    let place = tempfile::tempdir().unwrap();
    let lines = typed();
    let at = lines.iter().position(|line| line.starts_with("sayso serve ")).expect("a line starts the server");
    assert!(lines[at].contains(ADDRESS), "{}", lines[at]);
    run(&lines[..at].join("\n"), place.path());

    let serve = format!("exec {}", lines[at].replace(ADDRESS, "127.0.0.1:0"));
    let mut server = Server(shell(&serve, place.path()).stdout(Stdio::piped()).spawn().unwrap());
    let mut told = BufReader::new(server.0.stdout.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://").expect("it says where it listens");

    let said = run(&lines[at + 1..].join("\n").replace(ADDRESS, address), place.path());
    assert!(!said.contains("\"Message\""), "a call was refused: {said}");
    assert!(said.contains("\"AccessToken\""), "the signed call made an export: {said}");
    let page: Value = serde_json::from_slice(&fs::read(place.path().join("page1.json")).unwrap()).unwrap();
    assert_eq!(page["HasMore"], false, "{page}");
    let exports = place.path().join("exports");
    assert_eq!((lines_of(&exports, false), lines_of(&exports, true)), (1_000, 0));
}

/// What stands between backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn every_path_in_the_documents_is_there() {
    let mut documents = vec![format!("{ROOT}/README.md"), format!("{ROOT}/SECURITY.md")];
    for entry in fs::read_dir(format!("{ROOT}/docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "md") {
            documents.push(path.to_str().unwrap().to_owned());
        }
    }
    let ours = ["bench/", "crates/", "docs/", "fuzz/", "tests/", "xtask/"];
    let mut seen = 0;
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let is_path = |text: &&str| {
            let names_source = text.contains('/') && text.ends_with(".rs");
            (names_source || ours.iter().any(|folder| text.starts_with(folder))) && !text.contains(' ')
        };
        for path in code(&text).filter(is_path) {
            assert!(
                Path::new(ROOT).join(path).exists(),
                "{document} names {path}: paths begin at the repository's root"
            );
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} paths were looked at");
}

/// What stands behind a flag wherever a text has it: one word, or what is quoted. Not what help has in its place.
fn values<'a>(text: &'a str, flag: &str) -> Vec<&'a str> {
    let flag = format!("{flag} ");
    let values = text.split(&flag).skip(1).map(|rest| match rest.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next().unwrap(),
        None => rest.split([' ', '\n', '`']).next().unwrap(),
    });
    values.filter(|value| !value.starts_with(['<', '['])).collect()
}

#[test]
fn the_sample_account_has_every_name_that_the_documents_use() {
    let place = tempfile::tempdir().unwrap();
    let account = run("sayso sample --account-file", place.path());
    let mut texts = vec![("README.md".into(), fs::read_to_string(format!("{ROOT}/README.md")).unwrap())];
    texts.push(("sayso export --help".into(), run("sayso export --help", place.path())));
    for entry in fs::read_dir(format!("{ROOT}/docs/recipes")).unwrap() {
        let path = entry.unwrap().path();
        texts.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
    }
    for (flag, key) in [("--segment", "Name"), ("--deleted", "Name"), ("--user", "UserId")] {
        let mut seen = 0;
        for (document, text) in &texts {
            // A help breaks its lines anywhere, also within a name.
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for name in values(&text, flag) {
                assert!(account.contains(&format!("{key} = \"{name}\"")), "{document}: {flag} {name}");
                seen += 1;
            }
        }
        assert!(seen >= 3, "{seen} names behind {flag} were looked at");
    }
}

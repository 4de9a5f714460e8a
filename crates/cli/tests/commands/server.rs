use crate::util::{Place, get};

#[test]
fn serve_says_where_it_listens_and_ends_cleanly() {
    let place = Place::new();
    let (running, line) = place.start(&mut place.command(&["serve", "--listen", "127.0.0.1:0"]));
    let url = line.strip_prefix("listening on ").unwrap().trim_end();
    assert!(url.starts_with("http://127.0.0.1:") && !url.ends_with(":0"), "{line:?}");
    assert!(get(url, "/healthz").0.contains(" 200 "));
    let (status, rest) = running.terminate();
    assert!(status.success(), "{status}");
    assert_eq!(rest, "", "stdout holds that one line");
}

#[test]
fn a_flag_counts_before_the_environment_and_that_before_the_file() {
    let place = Place::new();
    place.write("sayso.toml", "data = \"from-file\"\nlisten = \"127.0.0.1:0\"\nlog_format = \"json\"\n");
    let serve = |flags: &[&str], env: Option<&str>| {
        let mut command = place.command(&[&["serve", "--config", "sayso.toml"], flags].concat());
        command.envs(env.map(|data| ("SAYSO_DATA", data)));
        let (running, line) = place.start(&mut command);
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{line:?}");
        assert!(running.terminate().0.success());
    };
    serve(&[], None);
    assert!(place.path("from-file").is_dir());
    serve(&[], Some("from-env"));
    assert!(place.path("from-env").is_dir());
    serve(&["--data", "from-flag"], Some("never"));
    assert!(place.path("from-flag").is_dir() && !place.path("never").exists());
}

#[test]
fn commands_work_while_the_server_runs_and_a_second_server_is_refused() {
    let place = Place::with_account();
    let (running, _) = place.start(&mut place.command(&["serve", "--listen", "127.0.0.1:0"]));
    let people = place.run(&["sample", "--profiles", "2500"]).ok().out;
    let summary = place.run_with(&["load", "-", "--account", "ACME", "--json"], people.as_bytes()).ok().json();
    assert_eq!(summary["loaded"], 2500);
    place.run(&["credentials", "create", "--account", "ACME", "--user", "Admin", "--json"]).ok();
    assert_eq!(place.run(&["check", "--json"]).ok().json()["profiles"], 2500);
    place.run(&["serve", "--listen", "127.0.0.1:0"]).fails(1, &["another server"]);
    assert!(running.terminate().0.success());
}

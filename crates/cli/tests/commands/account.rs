use crate::util::Place;

#[test]
fn what_show_prints_applies_as_no_change() {
    let place = Place::with_account();
    let shown = place.run(&["account", "show", "acme"]).ok().out;
    place.write("shown.toml", &shown);
    assert_eq!(place.run(&["account", "apply", "ACME", "--from", "shown.toml"]).ok().out, "no change\n");
    assert_eq!(place.run_with(&["account", "apply", "ACME", "--from", "-"], shown.as_bytes()).ok().out, "no change\n");
    assert_eq!(place.run(&["account", "apply", "ACME", "--from", "account.toml"]).ok().out, "no change\n");
}

#[test]
fn apply_prints_what_it_changes_and_a_dry_run_changes_nothing() {
    let place = Place::with_account();
    let shown = place.run(&["account", "show", "ACME"]).ok().out;
    place.write("new.toml", format!("{shown}\n[[EmailTypes]]\nTypeName = \"Club\"\n"));

    let dry = place.run(&["account", "apply", "ACME", "--from", "new.toml", "--dry-run"]).ok().out;
    assert_eq!(dry, "+ EmailTypes  Club\n1 change would be made in account ACME\n");
    assert_eq!(place.run(&["account", "show", "ACME"]).ok().out, shown);

    let json = place.run(&["account", "apply", "ACME", "--from", "new.toml", "--json"]).ok().json();
    let wanted = serde_json::json!({"account": "ACME", "dry_run": false, "changes": [{"kind": "EmailTypes", "name": "Club", "change": "added"}]});
    assert_eq!(json, wanted);
    assert_eq!(place.run(&["account", "apply", "ACME", "--from", "new.toml"]).ok().out, "no change\n");
    assert!(place.run(&["account", "show", "ACME", "--json"]).ok().json()["EmailTypes"].to_string().contains("Club"));
}

#[test]
fn another_user_id_is_another_user_and_the_credentials_that_end_are_told() {
    let place = Place::with_account();
    let shown = place.run(&["account", "show", "ACME"]).ok().out;
    let user = "\n[[Users]]\nUserId = \"Old.Job\"\nName = \"Job\"\nUserGroups = []\n";
    place.write("with.toml", format!("{shown}{user}"));
    place.run(&["account", "apply", "ACME", "--from", "with.toml"]).ok();
    for _ in 0..2 {
        place.run(&["credentials", "create", "--account", "ACME", "--user", "Old.Job"]).ok();
    }
    place.run(&["credentials", "key", "Old.Job", "--account", "ACME"]).ok();

    place.write("renamed.toml", format!("{shown}{}", user.replace("Old.Job", "New.Job")));
    let apply = ["account", "apply", "ACME", "--from", "renamed.toml"];
    let wanted = "- Users  Old.Job: removing this user ends 2 OAuth clients and 1 shared key\n+ Users  New.Job\n";
    let dry = place.run(&[&apply[..], &["--dry-run"]].concat()).ok().out;
    assert!(dry.starts_with(wanted), "{dry}");
    let json = place.run(&[&apply[..], &["--dry-run", "--json"]].concat()).ok().json();
    assert_eq!(json["changes"][0]["ends"], serde_json::json!({"oauth_clients": 2, "shared_keys": 1}));
    assert!(json["changes"][1].get("ends").is_none(), "{json}");
    let done = place.run(&apply).ok().out;
    assert!(done.starts_with(wanted), "{done}");
    let left = place.run(&["credentials", "list", "--account", "ACME", "--json"]).ok().out;
    assert!(!left.contains("Old.Job"), "{left}");
}

#[test]
fn a_configuration_that_is_refused_changes_nothing_and_every_problem_is_told() {
    let place = Place::with_account();
    let shown = place.run(&["account", "show", "ACME"]).ok().out;
    let bad = "[[Segments]]\nName = \"a\"\nCriteria = { Field = \"NoSuchField\", Is = \"x\" }\n\
               [[Segments]]\nName = \"b\"\nCriteria = { Preference = \"NO-SUCH\" }\n";
    place.write("bad.toml", format!("{shown}\n{bad}"));
    let args = ["account", "apply", "ACME", "--from", "bad.toml"];
    place.run(&args).fails(1, &["nothing was changed", "NoSuchField", "NO-SUCH"]);
    assert_eq!(place.run(&["account", "show", "ACME"]).ok().out, shown);
    place.write("typo.toml", "[[EmailTypes]]\nTypeNam = \"x\"\n");
    place.run(&["account", "apply", "ACME", "--from", "typo.toml"]).fails(1, &["typo.toml", "line 2", "TypeName"]);
}

#[test]
fn a_new_account_without_a_file_has_an_administrator_and_says_what_comes_next() {
    let place = Place::new();
    let made = place.run(&["account", "create", "Blank.1", "--admin", "Jane.Roe"]).ok();
    assert_eq!(made.out, "created account Blank.1\n");
    assert!(
        made.err.contains("Jane.Roe") && made.err.contains("sayso credentials create --account Blank.1"),
        "{}",
        made.err
    );
    let shown = place.run(&["account", "show", "blank.1", "--json"]).ok().json();
    assert_eq!(shown["Users"][0]["UserId"], "Jane.Roe");
    assert_eq!(shown["Users"][0]["UserGroups"][0], "Administrators");
    place.run(&["account", "create", "BLANK.1"]).fails(1, &["Blank.1"]);
    assert_eq!(place.run(&["account", "list", "--json"]).ok().json()[0]["name"], "Blank.1");
    assert!(place.run(&["account", "list"]).ok().out.contains("Blank.1"));
    place
        .run(&["account", "show", "Other"])
        .fails(1, &["no account \"Other\"", "Blank.1", "sayso account create Other"]);
}

#[test]
fn a_mistyped_data_directory_is_not_made() {
    let place = Place::new();
    place.run(&["account", "list", "--data", "nowhere"]).fails(1, &["nowhere", "--data", "sayso account create"]);
    assert!(!place.path("nowhere").exists());
}

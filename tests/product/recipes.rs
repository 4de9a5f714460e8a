//! The recipes of docs/recipes, run as they stand there: their commands are taken out of the pages, and the result is compared with the source.
//! DuckDB's is run by tests/tables, where DuckDB is.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::harness::*;

/// Where the recipes have their files; tests have theirs elsewhere.
const PLACE: &str = "/srv/sayso";
/// Where they have the program, when nothing looks for it.
const INSTALLED: &str = "/usr/local/bin/sayso";

/// The blocks of a recipe in this language, their places moved into the test's directory.
fn blocks(recipe: &str, language: &str, world: &World) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes").join(recipe);
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks = Vec::new();
    let mut inside: Option<String> = None;
    for line in text.lines() {
        match &mut inside {
            None if line == format!("```{language}") => inside = Some(String::new()),
            None => {}
            Some(block) if line == "```" => {
                let block = std::mem::take(block).replace(INSTALLED, SAYSO);
                blocks.push(block.replace(PLACE, world.path("place").to_str().unwrap()));
                inside = None;
            }
            Some(block) => *block += &format!("{line}\n"),
        }
    }
    assert!(!blocks.is_empty(), "{recipe} has a block in {language}");
    blocks
}

/// A server with people, and in `place` what all recipes want done once.
async fn prepared() -> (World, Api) {
    let world = World::start().await;
    // As the sample account calls it, which the pages are written for.
    world.apply("Name = \"Deleted\"", "Name = \"Deleted profiles\"");
    let api = world.nightly().await;
    std::fs::create_dir_all(world.path("place/in")).unwrap();
    let credentials =
        json!({"client_id": api.client_id, "client_secret": api.client_secret, "scope": api.scope}).to_string();
    std::fs::write(world.path("place/nightly.json"), credentials).unwrap();
    for n in 0..30 {
        api.create(with_newsletter(&format!("P{n}"), 1 + n % 2)).await;
    }
    world.advance(1_000);
    (world, api)
}

/// A person whose only email wants the newsletter (1) or not (2).
fn with_newsletter(name: &str, kind: u64) -> Value {
    let mut person = person(name, &[]);
    person["CustomerName"]["LastName"] = json!("O'Neil \\ \"Ø\",\nJr");
    person["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": kind}]);
    person
}

/// What happens by day.
async fn a_day(world: &World, api: &Api) {
    api.update(2, json!({"CustomerName": {"FirstName": "Changed"}})).await;
    api.update(3, json!({"Emails": [with_newsletter("P2", 2)["Emails"][0]]})).await;
    api.remove(5).await;
    // Who is deactivated keeps the opt-in.
    api.post(&format!("{}/Deactivate", api.at(7)), &json!({"Reason": "moved"})).await.is(200);
    api.create(with_newsletter("New", 1)).await;
    world.advance(1_000);
}

/// A command with the program on its path, the server's address and the credentials.
fn shell(world: &World, script: &str, more: &[(&str, &str)]) -> Output {
    let path = format!("{}:{}", Path::new(SAYSO).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(world.dir.path()).env("PATH", path);
    command.env("SAYSO_URL", &world.url).env("SAYSO_CREDENTIALS", world.path("place/nightly.json"));
    command.envs(more.iter().copied());
    command.output().unwrap()
}

#[track_caller]
fn run(world: &World, script: &str, more: &[(&str, &str)]) -> String {
    let out = shell(world, script, more);
    assert!(out.status.success(), "{script}\n{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

pub(crate) fn not_run(name: &str, why: &str) {
    // eprintln! would say it to the runner, which tells nobody of a test that passes.
    std::io::stderr().write_all(format!("\n*** NOT RUN: {name}: {why} ***\n").as_bytes()).unwrap();
}

fn files(world: &World) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(world.path("place/in"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cron_line_makes_two_files_a_night() {
    let (world, _) = prepared().await;
    let table = blocks("cron.md", "crontab", &world).remove(0);
    let mut variables = Vec::new();
    let mut command = None;
    for line in table.lines() {
        match line.strip_prefix("0 2 * * * ") {
            Some(rest) => command = Some(rest.to_owned()),
            None => variables.push(line.split_once('=').unwrap()),
        }
    }
    // Another server than the page's.
    variables.retain(|(name, _)| *name != "SAYSO_URL");
    run(&world, &command.unwrap(), &variables);
    let names = files(&world);
    let [rows, deleted] = names.as_slice() else { panic!("{names:?}") };
    assert!(rows.starts_with("Everybody-2026") && deleted.starts_with("Everybody-deleted-2026"), "{names:?}");
    assert_eq!(rows.rsplit('-').next(), deleted.rsplit('-').next(), "of one night");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_of_systemd_does_the_same() {
    let (world, _) = prepared().await;
    let units = blocks("systemd.md", "ini", &world);
    let value = |name: &str| units[0].lines().filter_map(move |line| line.strip_prefix(name)).collect::<Vec<_>>();
    let variables: Vec<_> = value("Environment=").into_iter().map(|pair| pair.split_once('=').unwrap()).collect();
    let variables: Vec<_> = variables.into_iter().filter(|(name, _)| *name != "SAYSO_URL").collect();
    run(&world, value("ExecStart=")[0], &variables);
    assert_eq!(files(&world).len(), 2);
    assert!(files(&world).iter().all(|name| name.ends_with(".ndjson.zst")));

    let folder = world.path("units");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("sayso-export.service");
    let service = units[0].replace("User=sayso\n", "");
    std::fs::write(&path, service).unwrap();
    std::fs::write(folder.join("sayso-export.timer"), &units[1]).unwrap();
    match Command::new("systemd-analyze").arg("verify").arg(&path).arg(folder.join("sayso-export.timer")).output() {
        Ok(out) => assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr)),
        Err(e) => not_run("systemd-analyze verify of the units", &e.to_string()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suppression_list_has_everybody_who_must_not_be_mailed() {
    let (world, api) = prepared().await;
    let script = blocks("suppression-list.md", "sh", &world).remove(0);
    let list = |world: &World| -> BTreeSet<String> {
        std::fs::read_to_string(world.path("place/suppress.txt")).unwrap().lines().map(str::to_owned).collect()
    };
    run(&world, &script, &[]);
    let mut wanted: BTreeSet<String> = (1..30).step_by(2).map(|n| format!("p{n}@example.com")).collect();
    assert_eq!(list(&world), wanted, "who said no");
    a_day(&world, &api).await;
    run(&world, &script, &[]);
    wanted.extend(["p2@example.com", "p4@example.com", "p6@example.com"].map(str::to_owned));
    assert_eq!(list(&world), wanted, "and who says no by now, who was deleted, and who was deactivated");
    let failed = shell(&world, &script, &[("SAYSO_CREDENTIALS", "/nonexistent")]);
    assert!(!failed.status.success(), "a list of yesterday isn't told to be today's");
    world.advance(11 * 86_400_000);
    run(&world, &script, &[]);
    wanted.extend((0..30).step_by(2).map(|n| format!("p{n}@example.com")).chain(["new@example.com".to_owned()]));
    assert_eq!(list(&world), wanted, "and whose yes has expired");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_has_every_morning_what_the_source_has() {
    let (world, api) = prepared().await;
    let server = match Postgres::start(&world) {
        Ok(server) => server,
        Err(why) => return not_run("recipes::postgresql_has_every_morning_what_the_source_has", &why),
    };
    let variables = [("PGHOST", server.socket.as_str()), ("PGUSER", "postgres"), ("PGDATABASE", "postgres")];
    let scripts = blocks("postgresql.md", "sh", &world);
    run(&world, &scripts[0], &variables);
    let nowhere = shell(&world, &scripts[1], &[("PGHOST", "/nonexistent"), ("PGUSER", "postgres")]);
    assert!(!nowhere.status.success(), "a night that PostgreSQL didn't take");
    assert_eq!(files(&world).len(), 2, "waits for the next");
    for night in 0..3 {
        run(&world, &scripts[1], &variables);
        assert!(files(&world).is_empty(), "what is taken over is removed");
        let all = run(&world, "psql -qAt -c 'SELECT row FROM profiles'", &variables);
        let target: BTreeMap<u64, Value> = all.lines().map(|line| by_id(serde_json::from_str(line).unwrap())).collect();
        assert_eq!(target, source(&api).await, "night {night}");
        if night == 0 {
            a_day(&world, &api).await;
        }
    }
    let query = &blocks("postgresql.md", "sql", &world)[0];
    let ids: BTreeSet<u64> =
        run(&world, &format!("psql -qAt <<'SQL'\n{query}\nSQL"), &variables).lines().map(first_number).collect();
    assert_eq!(ids, with_yes(&source(&api).await));
    assert!(!ids.is_empty() && !ids.contains(&7), "nobody mails who was deactivated");

    // As columns, by COPY of CSV.
    run(&world, &scripts[2], &variables);
    run(&world, &scripts[2], &variables);
    let columns = "SELECT json_build_array(ProfileId, ContactKind, ContactType, Contact, ContactIsActive, FilterId, PreferenceType,
        PreferenceStatus, ReasonCode, to_char(CustomerDate AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'), PreferenceAttributes, Consents,
        ProfileIsActive) FROM preferences ORDER BY ProfileId, Contact, FilterId";
    let got = run(&world, &format!("psql -qAt <<'SQL'\n{columns}\nSQL"), &variables);
    let got: Vec<Value> = got.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wanted: Vec<Value> = source(&api).await.values().flat_map(preferences_of_emails).collect();
    assert_eq!(got, wanted);
}

/// The preferences of a row's emails, in the order of the query: nobody here has others, or more than one email.
fn preferences_of_emails(row: &Value) -> Vec<Value> {
    let emails = row["Emails"].as_array().unwrap().iter();
    let all = emails.flat_map(|e| e["EmailPreferences"].as_array().unwrap().iter().map(move |p| (e, p)));
    let cells = |(e, p): (&Value, &Value)| {
        json!([
            row["ProfileId"],
            "Email",
            e["EmailAddressType"],
            e["EmailAddress"],
            e["IsActive"],
            p["FilterId"],
            p["PreferenceType"],
            p["PreferenceStatus"],
            p["ReasonCode"],
            p["CustomerDate"],
            p["PreferenceAttributes"],
            p["Consents"],
            row["IsActive"],
        ])
    };
    all.map(cells).collect()
}

fn first_number(line: &str) -> u64 {
    line.split('|').next().unwrap().parse().unwrap()
}

fn by_id(row: Value) -> (u64, Value) {
    (row["ProfileId"].as_u64().unwrap(), row)
}

async fn source(api: &Api) -> BTreeMap<u64, Value> {
    let token = api.export("Everybody", json!({})).await;
    let rows = api.rows(token).await.into_iter().map(by_id).collect();
    api.commit(token, "").await.is(200);
    rows
}

/// Who may be sent the newsletter, by the rows themselves.
fn with_yes(source: &BTreeMap<u64, Value>) -> BTreeSet<u64> {
    let yes =
        |p: &Value| p["FilterId"] == "NEWS-EMAIL" && p["PreferenceType"] == 1 && p["PreferenceStatus"] == "Active";
    let may_be_mailed = |row: &Value| {
        let mut emails = row["Emails"].as_array().unwrap().iter();
        row["IsActive"] == true && emails.any(|e| e["EmailPreferences"].as_array().unwrap().iter().any(yes))
    };
    source.iter().filter(|(_, row)| may_be_mailed(row)).map(|(id, _)| *id).collect()
}

/// A cluster of its own, reached by a socket alone.
struct Postgres {
    socket: String,
    data: std::path::PathBuf,
    /// Before each of its commands: PostgreSQL refuses to be root.
    by: String,
    bin: String,
}

impl Postgres {
    fn start(world: &World) -> Result<Postgres, String> {
        let bin = run(
            world,
            "pg_config --bindir 2>/dev/null || dirname \"$(readlink -f \"$(command -v postgres)\")\" || true",
            &[],
        );
        let bin = bin.trim().to_owned();
        if bin.is_empty() || shell(world, "command -v psql", &[]).stdout.is_empty() {
            return Err("there is no postgres and psql on this machine".to_owned());
        }
        let root = run(world, "id -u", &[]).trim() == "0";
        let by = if root { "setpriv --reuid postgres --regid postgres --clear-groups " } else { "" }.to_owned();
        let home = tempfile::Builder::new().prefix("sayso-pg").tempdir().unwrap().keep();
        let place = home.display().to_string();
        let own = if root { format!("chown postgres {place}; ") } else { String::new() };
        let begin = format!(
            "{own}{by}{bin}/initdb -D {place}/data -U postgres -A trust -E UTF8 --no-sync >/dev/null && \
             {by}{bin}/pg_ctl -D {place}/data -w -l {place}/log -o \"-k {place} -c listen_addresses= -c fsync=off\" start >/dev/null"
        );
        let out = shell(world, &begin, &[]);
        let server = Postgres { socket: place, data: home.join("data"), by, bin };
        if out.status.success() { Ok(server) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let end = format!("{}{}/pg_ctl -D {} -m immediate stop", self.by, self.bin, self.data.display());
        let _ = Command::new("sh").args(["-c", &end]).output();
        let _ = std::fs::remove_dir_all(&self.socket);
    }
}

//! The audit trail (access.md, Kept safe): it tells who exported what, who changed access, who was refused; and whatever is done to it is found.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt as _,
    process::Command,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    configuration::{make, path},
    harness::*,
};

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// The records of an account, as an administrator reads them.
async fn records(admin: &Api) -> Vec<Value> {
    let answer = admin.get(&path("/Audit")).await.is(200).json();
    answer["Records"].as_array().unwrap().clone()
}

/// Those of one export, each as its action, user and rows.
fn steps(records: &[Value], token: u64) -> Vec<(&str, &str, Option<u64>)> {
    let of = records.iter().filter(|record| record["AccessToken"] == token);
    of.map(|r| (r["Action"].as_str().unwrap(), r["UserId"].as_str().unwrap(), r["Rows"].as_u64())).collect()
}

fn actions(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["Action"].as_str().unwrap()).collect()
}

/// What `sayso audit verify` says, and whether it found nothing wrong.
fn verify(world: &World, args: &[&str]) -> (bool, Value) {
    let out = world.run(&[&["audit", "verify", "--json"], args].concat());
    let report = serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"));
    (out.status.success(), report)
}

fn head_of(report: &Value, account: &str) -> String {
    let trails = report["trails"].as_array().unwrap();
    let trail = trails.iter().find(|trail| trail["client_id"] == account).unwrap();
    trail["head"].as_str().unwrap().to_owned()
}

/// The digest that is told of the last thing in a list, made as docs/operating.md makes it: of its text in the account without spaces.
fn digest_of_last(world: &World, list: &str) -> String {
    let shown = world.sayso(&["account", "show", ACCOUNT, "--json"]);
    let account: std::collections::HashMap<String, Value> = serde_json::from_str(&shown).unwrap();
    let digest = Sha256::digest(account[list].as_array().unwrap().last().unwrap().to_string());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn it_is_known_who_exported_what_and_how_much_of_it_went_where() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    for name in ["a", "b", "c"] {
        nightly.create(person(name, &[])).await;
    }
    let token = nightly.export("Everyone", json!({})).await;
    nightly.page(token, "limit=2&offset=1&keepAlive=true").await.is(200);
    nightly.page(token, "limit=2&offset=3&keepAlive=true").await.is(200);
    admin.page(token, "limit=1&offset=1&keepAlive=true").await.is(200);
    read(nightly.call("HEAD", &nightly.token_path(token, ""))).await.is(200);
    nightly.commit(token, "").await.is(200);
    nightly.commit(token, "").await.is(200);
    let other = nightly.export("Everyone", json!({})).await;
    nightly.page(other, "").await.is(200);
    nightly.settled(other).await;

    let records = records(&admin).await;
    let told = steps(&records, token);
    assert_eq!(told[0], ("ExportInitiated", "Nightly", None));
    assert!(told.contains(&("ExportStarted", "Nightly", None)), "{told:?}");
    assert!(told.contains(&("ExportCompleted", "Nightly", Some(3))), "{told:?}");
    let read = |user: &str| {
        let pages = told.iter().filter(|(action, by, _)| *action == "ExportPagesRead" && *by == user);
        pages.map(|(_, _, rows)| rows.unwrap()).sum::<u64>()
    };
    assert_eq!((read("Nightly"), read("Admin")), (3, 1), "{told:?}");
    let commits = told.iter().filter(|(action, ..)| *action == "ExportCommitted").count();
    assert_eq!(commits, 1, "a commit that is repeated ends nothing: {told:?}");
    assert!(steps(&records, other).contains(&("ExportRetrieved", "Nightly", None)));

    let page = records.iter().find(|r| r["Action"] == "ExportPagesRead").unwrap();
    for (member, value) in [
        ("ClientId", ACCOUNT),
        ("Credential", "OAuthClient"),
        ("OAuthClientId", nightly.client_id.as_str()),
        ("Peer", "127.0.0.1"),
        ("Method", "GET"),
        ("Route", "/Async/{clientId}/Export/{accessToken}"),
    ] {
        assert_eq!(page[member], value, "{member} of {page}");
    }
    assert!(page["Bytes"].as_u64().unwrap() > 100);
    assert_eq!(records.iter().find(|r| r["AccessToken"] == token).unwrap()["Subject"], "segment \"Everyone\"");
}

#[tokio::test]
async fn nobody_gets_a_first_page_that_is_not_on_disk_and_killing_the_server_breaks_no_trail() {
    let mut world = World::start().await;
    let mut readers = vec![world.nightly().await, world.admin().await, world.nightly().await];
    readers[0].create(person("a", &[])).await;
    let token = readers[0].export("Everyone", json!({})).await;
    for round in 0..3 {
        for reader in &readers {
            reader.page(token, "keepAlive=true").await.is(200);
        }
        // others' work is under way when it ends
        let busy = readers.iter().map(|reader| {
            let reader = reader.clone();
            tokio::spawn(async move {
                for _ in 0..200 {
                    let call = reader.call("GET", &reader.token_path(token, "?keepAlive=true"));
                    if try_read(call).await.is_err() {
                        break;
                    }
                }
            })
        });
        let busy: Vec<_> = busy.collect();
        world = world.kill();
        for task in busy {
            task.await.unwrap();
        }
        let (sound, report) = verify(&world, &[]);
        assert!(sound, "{report}");
        world = world.serve(&[]).await;
        readers.iter_mut().for_each(|reader| reader.url.clone_from(&world.url));
        let records = records(&readers[1]).await;
        for reader in &readers {
            let first = records.iter().filter(|r| {
                r["Action"] == "ExportPagesRead"
                    && r["AccessToken"] == token
                    && r["OAuthClientId"] == reader.client_id.as_str()
            });
            assert!(first.count() > round, "round {round}: {} has a page that nobody knows of", reader.client_id);
        }
    }
    assert_eq!(world.check()["problem_count"], 0);
}

#[tokio::test]
async fn refused_calls_are_told_and_the_same_ones_counted() {
    let world = World::start().await;
    world.create_account("OTHER");
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let bad = Api { token: "x".repeat(43), ..admin.clone() };
    for _ in 0..40 {
        bad.get(&path("/Users")).await.is(401);
    }
    nightly.get(&path("/Users")).await.is(403);
    nightly.get(&path("/Audit")).await.refuses(403, &["Administrators"]);
    nightly.get("/Profiles/v4/OTHER/Users").await.is(404);
    admin.get(&path("/Profile/999999")).await.is(404);
    Api { client_secret: "guessed".to_owned(), ..nightly.clone() }.oauth(&GRANT).await.is(401);

    let records = records(&admin).await;
    let told = |wanted: &[(&str, Value)]| {
        let fits = |r: &&Value| wanted.iter().all(|(member, value)| r[*member] == *value);
        records.iter().filter(fits).cloned().collect::<Vec<_>>()
    };
    let bad = told(&[("Action", json!("CallRefused")), ("Status", json!(401))]);
    let count: u64 = bad.iter().map(|r| r["Count"].as_u64().unwrap_or(1)).sum();
    assert_eq!(count, 40, "{bad:?}");
    assert!(bad.len() <= 3, "{bad:?}");
    assert_eq!((&bad[0]["Credential"], &bad[0]["Peer"]), (&json!("None"), &json!("127.0.0.1")));
    for (status, route) in [(403, "/{clientId}/Users"), (403, "/{clientId}/Audit"), (404, "/{clientId}/Users")] {
        let wanted = [("Status", json!(status)), ("Route", json!(route)), ("UserId", json!("Nightly"))];
        assert_eq!(told(&wanted).len(), 1, "{status} {route}: {records:#?}");
    }
    let guessed = told(&[("Action", json!("TokenRefused"))]);
    assert_eq!(guessed.len(), 1);
    assert_eq!(guessed[0]["Subject"], format!("OAuth client {:?}", nightly.client_id));
    assert_eq!(told(&[("Route", json!("/{clientId}/Profile/{profileId}"))]).len(), 0, "what isn't there is no refusal");
    let theirs = world.sign_in("OTHER", "Admin").await;
    let theirs = theirs.get("/Profiles/v4/OTHER/Audit").await.is(200).json();
    assert!(!theirs.to_string().contains("Nightly"), "{theirs}");
}

#[tokio::test]
async fn a_hidden_segment_a_broken_header_and_another_s_token_leave_a_record_of_who_tried() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    make(&admin, "/UserGroups", json!({"Name": "Makers", "Permissions": {"Segments": "Edit"}})).await;
    make(&admin, "/Users", json!({"UserId": "Paula", "UserGroups": ["Makers"]})).await;
    make(&admin, "/Segments", json!({"Name": "Hidden", "Profiles": "Active"})).await;
    let paula = world.sign_in(ACCOUNT, "Paula").await;
    let seen = paula.get(&path("/Segments/hidden")).await.is(404);
    let not_there = paula.get(&path("/Segments/absent")).await.is(404);
    assert_eq!(seen.message().replace("hidden", "absent"), not_there.message(), "nothing tells that it is there");
    paula.put(&path("/Segments/Hidden"), &json!({"Name": "Hidden", "Profiles": "All"})).await.is(404);
    paula.delete(&path("/Segments/Hidden")).await.is(404);
    read(paula.call("GET", &path("/Users")).header("Authorization", "Bearer again")).await.is(400);
    let form = [("token", admin.token.as_str())];
    let revoke = http().post(format!("{}/oauth/revoke", nightly.url));
    read(revoke.basic_auth(&nightly.client_id, Some(&nightly.client_secret)).form(&form)).await.is(400);

    let records = records(&admin).await;
    let refused: Vec<_> = records.iter().filter(|r| r["Action"] == "CallRefused").collect();
    let told = |r: &&Value| {
        let text = |member: &str| r[member].as_str().unwrap_or("-").to_owned();
        format!("{} {} {} {} {}", text("Method"), text("Route"), r["Status"], text("UserId"), text("Subject"))
    };
    let told: Vec<String> = refused.iter().map(told).collect();
    let hidden = "/{clientId}/Segments/{segmentName} 404 Paula segment \"Hidden\"";
    assert_eq!(
        told,
        [
            format!("GET {hidden}"),
            format!("PUT {hidden}"),
            format!("DELETE {hidden}"),
            "GET /{clientId}/Users 400 - -".to_owned(),
            "POST /oauth/revoke 400 Nightly -".to_owned(),
        ]
    );
    assert_eq!(refused[4]["OAuthClientId"], nightly.client_id.as_str());
    admin.get(&path("/Users")).await.is(200);
}

#[tokio::test]
async fn it_is_known_what_an_export_was_asked_for_and_no_value_of_it() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let values = ["wilhelmine@example.org", "other@example.org"];
    let since = "2026-11-01T00:00:00.000Z";
    let asked = json!({
        "LastDateTime": since, "MatchCriteria": "EmailAddress", "MatchType": "Home", "Values": values,
    });
    let token = nightly.initiate("Everyone", asked).await;
    let plain = nightly.initiate("Everyone", json!({})).await;
    let records = records(&admin).await;
    let of =
        |token: u64| records.iter().find(|r| r["AccessToken"] == token && r["Action"] == "ExportInitiated").unwrap();
    assert_eq!(of(token)["Detail"], format!("changed since {since}; one of 2 values of EmailAddress \"Home\""));
    assert!(of(plain)["Detail"].is_null());
    assert!(!json!(records).to_string().contains("@example.org"));
}

#[tokio::test]
async fn signed_in_users_who_are_refused_are_named_whatever_is_made_up_beside_them() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    for n in 0..230 {
        let made_up = Api { client_id: format!("made-up-{n}"), ..nightly.clone() };
        assert!(made_up.oauth(&GRANT).await.status >= 400);
    }
    for route in ["/Users", "/Audit", "/OAuthClients"] {
        nightly.get(&path(route)).await.is(403);
    }
    let records = records(&admin).await;
    let refused: Vec<_> = records.iter().filter(|r| r["Status"] == 403).collect();
    assert_eq!(refused.len(), 3, "{refused:?}");
    for record in refused {
        assert_eq!(
            (&record["UserId"], &record["Peer"], &record["OAuthClientId"]),
            (&json!("Nightly"), &json!("127.0.0.1"), &json!(nightly.client_id)),
            "{record}"
        );
    }
}

#[tokio::test]
async fn commands_are_told_with_the_user_of_the_system_and_showing_a_secret_is_told() {
    let mut world = World::start().await;
    let admin = world.admin().await;
    let run = |args: &[&str]| {
        let mut command = Command::new(SAYSO);
        command.args(args).arg("--data").arg(world.data()).env("SUDO_USER", "john");
        let out = command.output().unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    run(&["account", "webhook-secret", ACCOUNT]);
    let secret = run(&["account", "webhook-secret", ACCOUNT]);
    let me = String::from_utf8(Command::new("id").arg("-rnu").output().unwrap().stdout).unwrap();
    let records = records(&admin).await;
    let shown: Vec<_> = records.iter().filter(|r| r["Action"] == "WebhookSecretShown").collect();
    assert_eq!(shown.len(), 2, "{records:#?}");
    for record in shown {
        assert_eq!((&record["SystemUser"], &record["SudoUser"]), (&json!(me.trim()), &json!("john")), "{record}");
        assert_eq!((&record["Credential"], &record["UserId"]), (&json!("CommandLine"), &Value::Null));
    }
    assert!(!json!(records).to_string().contains(secret.trim()));
    world = world.kill();
    let (sound, report) = verify(&world, &[]);
    assert!(sound, "{report}");
}

#[tokio::test]
async fn changes_of_access_and_configuration_are_told_over_http_and_at_the_command_line() {
    let world = World::start().await;
    let admin = world.admin().await;
    let before = records(&admin).await.len();
    make(&admin, "/UserGroups", json!({"Name": "Lookers", "Permissions": {"Profiles": "View"}})).await;
    make(&admin, "/Users", json!({"UserId": "Paula", "UserGroups": ["Lookers"]})).await;
    let shown = admin.post(&path("/OAuthClients"), &json!({"UserId": "Paula"})).await.is(201).json();
    let client = shown["ClientId"].as_str().unwrap();
    let digests = ["UserGroups", "Users"].map(|list| digest_of_last(&world, list));
    world.sayso(&["credentials", "rotate", client, "--account", ACCOUNT]);
    world.sayso(&["credentials", "revoke", client, "--account", ACCOUNT]);
    admin.delete(&path("/Users/Paula")).await.is(204);
    let records = records(&admin).await;
    let told: Vec<String> = records[before..]
        .iter()
        .filter(|r| r["Action"] != "TokenIssued")
        .map(|r| {
            let text = |member: &str| r[member].as_str().unwrap_or("-").to_owned();
            ["Action", "UserId", "Credential", "Subject", "Detail"].map(text).join(" | ")
        })
        .collect();
    assert_eq!(
        told,
        [
            format!(
                "ConfigurationChanged | Admin | OAuthClient | UserGroups | added \"Lookers\" as {} (Profiles View)",
                digests[0]
            ),
            format!(
                "ConfigurationChanged | Admin | OAuthClient | Users | added \"Paula\" as {} (active in \"Lookers\")",
                digests[1]
            ),
            format!("ClientCreated | Admin | OAuthClient | OAuth client {client:?} | for user \"Paula\""),
            format!(
                "ClientRotated | - | CommandLine | OAuth client {client:?} | of user \"Paula\"; the former secret stays valid"
            ),
            format!("ClientRevoked | - | CommandLine | OAuth client {client:?} | of user \"Paula\""),
            "ConfigurationChanged | Admin | OAuthClient | Users | removed \"Paula\"".to_owned(),
        ]
    );
}

#[tokio::test]
async fn the_trail_is_read_by_pages_within_a_range_of_time() {
    let world = World::start().await;
    let mut admin = world.admin().await;
    // commands have the machine's clock here, which is ahead of the server's
    let start = millis(records(&admin).await.last().unwrap()["Moment"].as_str().unwrap());
    for n in 0..5 {
        world.set_clock(start + 60_000 * (n + 1));
        admin.sign_in_again().await;
    }
    let all = admin.get(&path("/Audit")).await.is(200).json();
    let sequences: Vec<u64> =
        all["Records"].as_array().unwrap().iter().map(|r| r["Sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=all["TotalCount"].as_u64().unwrap()).collect::<Vec<_>>());
    let range = format!("/Audit?from={}&to={}", iso(start + 120_000), iso(start + 300_000));
    let some = admin.get(&path(&range)).await.is(200).json();
    assert_eq!(
        (some["TotalCount"].clone(), actions(some["Records"].as_array().unwrap())),
        (json!(3), vec!["TokenIssued"; 3])
    );
    let second = admin.get(&path(&format!("{range}&limit=1&offset=2"))).await.is(200).json();
    assert_eq!(second["Records"], json!([some["Records"][1]]));
    for (query, words) in [
        ("?limit=1001", ["limit", "1 to 1000"]),
        ("?offset=0", ["offset", "from 1"]),
        ("?from=yesterday", ["from", "2026-11-24T10:00:00Z"]),
    ] {
        admin.get(&path(&format!("/Audit{query}"))).await.refuses(400, &words);
    }
}

#[tokio::test]
async fn any_byte_that_is_changed_in_the_trail_is_found_by_verify() {
    let mut world = World::start().await;
    let nightly = world.nightly().await;
    nightly.create(person("a", &[])).await;
    let token = nightly.export("Everyone", json!({})).await;
    nightly.page(token, "").await.is(200);
    world = world.kill();
    let (sound, report) = verify(&world, &[]);
    assert!(sound, "{report}");
    let head = head_of(&report, ACCOUNT);
    assert!(verify(&world, &["--head", &head]).0);

    let exported = world.run(&["audit", "export"]).stdout;
    let file = world.path("trail.ndjson");
    fs::write(&file, &exported).unwrap();
    let file = file.to_str().unwrap();
    let (sound, of_file) = verify(&world, &[file, "--head", &head]);
    assert!(sound, "{of_file}");
    assert_eq!(of_file["trails"], report["trails"]);
    let records: Vec<usize> = (0..exported.len()).step_by(exported.len() / 40).collect();
    for at in records.into_iter().chain([exported.len() - 1]) {
        let mut changed = exported.clone();
        changed[at] ^= 1;
        fs::write(file, &changed).unwrap();
        let (sound, report) = verify(&world, &[file]);
        assert!(!sound && report["problem_count"].as_u64() > Some(0), "byte {at}: {report}");
    }
    // the same in the data themselves, wherever a record lies
    let path = world.data().join("data.mdb");
    let data = fs::read(&path).unwrap();
    let word = b"\"Action\":\"ExportPagesRead\"";
    let places = data.windows(word.len()).enumerate().filter(|(_, window)| window == word).map(|(at, _)| at as u64);
    let places: Vec<u64> = places.collect();
    assert!(!places.is_empty());
    let open = OpenOptions::new().write(true).open(&path).unwrap();
    places.iter().for_each(|at| open.write_all_at(b"\"Action\":\"ExportPagesReae\"", *at).unwrap());
    let (sound, report) = verify(&world, &[]);
    assert!(!sound && report.to_string().contains("it was changed"), "{report}");
    let check = world.run(&["check"]);
    assert!(!check.status.success() && String::from_utf8_lossy(&check.stdout).contains("audit trail"), "{check:?}");
}

#[tokio::test]
async fn a_backup_and_a_compacted_directory_have_the_whole_trail_and_a_noted_head_tells_an_older_one() {
    let mut world = World::start().await;
    world.admin().await;
    let copy = world.path("copy");
    world.sayso(&["backup", copy.to_str().unwrap()]);
    world.admin().await;
    world = world.kill();
    let (_, report) = verify(&world, &[]);
    let head = head_of(&report, ACCOUNT);
    world.sayso(&["compact"]);
    let (sound, compacted) = verify(&world, &["--head", &head]);
    assert!(sound, "{compacted}");
    assert_eq!(compacted["trails"], report["trails"]);
    assert!(String::from_utf8(world.run(&["audit", "export"]).stdout).unwrap().contains("BackupMade"));
    let of_copy = |args: &[&str]| {
        let out = Command::new(SAYSO).args(["audit", "verify", "--data"]).arg(&copy).args(args).output().unwrap();
        (out.status.success(), String::from_utf8(out.stdout).unwrap())
    };
    let (sound, older) = of_copy(&[]);
    assert!(sound && older.contains("nothing is wrong"), "{older}");
    let (sound, older) = of_copy(&["--head", &head]);
    assert!(!sound && older.contains("noted"), "{older}");
}

#[tokio::test]
async fn no_secret_and_nobody_s_data_stand_in_the_trail() {
    let world = World::start().await;
    let (mut admin, nightly) = (world.admin().await, world.nightly().await);
    let mut never = vec![admin.client_secret.clone(), admin.token.clone(), nightly.token.clone()];
    admin.sign_in_again().await;
    never.push(admin.token.clone());
    let somebody = json!({
        "CustomerName": {"FirstName": "Wilhelmine", "LastName": "Zuckerbrot"},
        "Emails": [{"EmailAddressType": "Home", "EmailAddress": "wilhelmine@example.org"}],
        "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": "C-987654"}],
    });
    nightly.create(somebody).await;
    let token = nightly.export("Everyone", json!({})).await;
    nightly.page(token, "").await.is(200);
    let bad = Api { token: "x".repeat(43), ..admin.clone() };
    for address in ["/Profile/Email?emailAddress=wilhelmine@example.org", "/Profile/Name?lastName=Zuckerbrot"] {
        bad.get(&path(address)).await.is(401);
        nightly.get(&path(address)).await;
    }
    bad.get(&path("/Profile/AlternateIdType/CRM/AlternateId/C-987654")).await.is(401);
    bad.get("/Profiles/v4/wilhelmine@example.org/Users").await.is(401);
    let mut client = admin.post(&path("/OAuthClients"), &json!({"UserId": "Nightly"})).await.is(201).json();
    never.push(client["ClientSecret"].take().as_str().unwrap().to_owned());
    let key = world.sayso(&["credentials", "key", "Nightly", "--account", ACCOUNT, "--json"]);
    never.push(serde_json::from_str::<Value>(&key).unwrap()["key"].as_str().unwrap().to_owned());
    let guess = "a-secret-that-went-into-the-wrong-place";
    let wrong = Api { client_id: guess.to_owned(), client_secret: guess.to_owned(), ..admin.clone() };
    wrong.oauth(&GRANT).await.is(401);
    never.extend(["Wilhelmine", "wilhelmine", "Zuckerbrot", "C-987654", "xxxxxxxx", guess].map(str::to_owned));
    records(&admin).await;

    let trail = String::from_utf8(world.run(&["audit", "export"]).stdout).unwrap();
    assert!(trail.contains("CallRefused") && trail.contains("SharedKeyRotated") && trail.contains("TokenRefused"));
    for secret in never {
        assert!(!trail.contains(&secret), "{secret} stands in the trail:\n{trail}");
    }
}

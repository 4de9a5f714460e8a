//! No secret of a day of use is anywhere but with its owner (access.md, Kept safe): not in the log however much is logged, nor in an answer other
//! than the one that shows it, nor in the metrics, the data directory or a core file.

use std::{
    collections::BTreeSet,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Command, Stdio},
};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::json;

use crate::{
    configuration::{make, path},
    harness::{receiver::Receiver, *},
    signed::header,
};

/// What was said to anybody, and what was secret.
#[derive(Default)]
struct Day {
    secrets: BTreeSet<String>,
    said: Vec<(String, Vec<u8>)>,
}

impl Day {
    /// A secret, whole and as it stands in a header.
    fn secret(&mut self, secret: &str) -> String {
        assert!(secret.len() >= 16, "{secret} could be anything");
        self.secrets.insert(secret.to_owned());
        secret.to_owned()
    }

    fn say(&mut self, what: &str, bytes: impl Into<Vec<u8>>) {
        self.said.push((what.to_owned(), bytes.into()));
    }

    async fn call(&mut self, what: &str, call: reqwest::RequestBuilder) -> Answer {
        let answer = read(call).await;
        let headers: Vec<String> = answer.headers.iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
        self.say(what, [headers.join("\n").as_bytes(), b"\n", &answer.body].concat());
        answer
    }

    /// A call whose answer shows a secret, and may.
    async fn shows(&mut self, call: reqwest::RequestBuilder, member: &str) -> String {
        let answer = read(call).await.is(200);
        let secret = answer.json()[member].as_str().unwrap().to_owned();
        self.secret(&secret)
    }

    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (what, bytes) in &self.said {
            for secret in &self.secrets {
                if bytes.windows(secret.len()).any(|window| window == secret.as_bytes()) {
                    told.push(format!("{what} has {secret}"));
                }
            }
        }
        told
    }

    fn files(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                self.files(&entry.path());
            } else {
                self.say(&entry.path().display().to_string(), std::fs::read(entry.path()).unwrap_or_default());
            }
        }
    }
}

#[tokio::test]
async fn no_secret_of_a_day_of_use_is_told_to_anybody_else() {
    let world = World::start_with(&["--log", "trace", "--allow-http-callbacks"]).await;
    let mut day = Day::default();
    let admin = world.admin().await;
    let nightly = world.nightly().await;
    for api in [&admin, &nightly] {
        day.secret(&api.client_secret);
        day.secret(&api.token);
        day.secret(&BASE64_STANDARD.encode(format!("{}:{}", api.client_id, api.client_secret)));
    }
    admin.create(person("Ann", &[])).await;

    // OAuth: a second secret, a token for it, and all that can be wrong.
    let made = admin.call("POST", &path("/OAuthClients")).json(&json!({"UserId": "Nightly"}));
    let made = read(made).await.is(201).json();
    let (id, secret) = (made["ClientId"].as_str().unwrap(), day.secret(made["ClientSecret"].as_str().unwrap()));
    day.shows(admin.call("POST", &path(&format!("/OAuthClients/{id}/Rotate"))), "ClientSecret").await;
    let token_call = |form: &[(&str, &str)]| admin.http.post(format!("{}/oauth/token", world.url)).form(form);
    let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", &secret)];
    let token = day.shows(token_call(&form), "access_token").await;
    let wrong = day.secret(&"w".repeat(64));
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let jwt =
        [part("{\"alg\":\"RS256\"}"), part(&format!("{{\"iss\":\"{id}\",\"sub\":\"{id}\"}}")), part(&wrong)].join(".");
    let jwt = day.secret(&jwt);
    let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for form in [
        vec![("grant_type", "client_credentials"), ("client_id", id), ("client_secret", &wrong)],
        vec![("grant_type", "password"), ("client_id", id), ("client_secret", &secret)],
        vec![("grant_type", "client_credentials"), ("client_id", id), ("client_secret", &secret), ("scope", "A/b")],
        vec![("grant_type", "client_credentials"), ("client_id", &secret), ("client_secret", id)],
        vec![("client_secret", &secret), ("client_secret", &wrong)],
        vec![("grant_type", &secret)],
        vec![("grant_type", "client_credentials"), ("client_assertion_type", jwt_bearer), ("client_assertion", &jwt)],
        vec![("grant_type", "client_credentials"), ("client_assertion_type", &jwt), ("client_assertion", jwt_bearer)],
    ] {
        day.call("a wrong token call", token_call(&form)).await;
        let basic = admin.http.post(format!("{}/oauth/token", world.url)).basic_auth(id, Some(&wrong));
        day.call("a wrong token call", basic.form(&form)).await;
    }
    day.call(
        "a token call of JSON",
        admin.http.post(format!("{}/oauth/token", world.url)).json(&json!({"client_secret": secret})),
    )
    .await;
    let odd = admin.http.post(format!("{}/oauth/token", world.url)).header("authorization", format!("Basic {secret}"));
    day.call("a malformed Basic header", odd.form(&[("grant_type", "client_credentials")])).await;

    // Bearer tokens, good and bad, where they belong and where not.
    let users = format!("{}{}", world.url, path("/Users"));
    for authorization in [
        format!("Bearer {token}"),
        format!("Bearer {wrong}"),
        format!("Bearer {token} {token}"),
        format!("bearer{token}"),
        format!("Basic {token}"),
        token.clone(),
    ] {
        day.call("a call with a token", admin.http.get(&users).header("authorization", &authorization)).await;
    }
    let twice = admin.http.get(&users).header("authorization", format!("Bearer {token}"));
    day.call("a call with two headers", twice.header("authorization", format!("Bearer {wrong}"))).await;

    // Shared keys: good, bad, late, malformed.
    let key = day.shows(admin.call("POST", &path("/Users/Nightly/SharedKey")), "SharedKey").await;
    let now = iso(world.now());
    let good = header(&key, ACCOUNT, "Nightly", &now);
    day.secret(good.split_once("Signature=").unwrap().1);
    let vault = std::fs::read_to_string(world.path("data.key")).unwrap();
    day.secret(vault.trim());
    let profile = format!("{}{}", world.url, nightly.profile_path("/Email?emailAddress=ann@example.com"));
    let signed = |authorization: &str| admin.http.get(&profile).header("authorization", authorization);
    read(signed(&good)).await.is(200);
    for authorization in [
        good.clone(),
        good.replace("Nightly", "Nobody"),
        good.replace(&now, "yesterday"),
        good.replace(&now, "2026-06-15T11:00:00Z"),
        good.replace("HMAC-SHA256", "SHA256"),
        good.replace("HMAC-SHA256", "HMAC-MD5"),
        good.replace("Signature=", ""),
        format!("PNAUTHINFO3-HMAC-SHA256 Credential={key}/{now} Signature={key}"),
        format!("PNAUTHINFO3-HMAC-SHA256 {key}"),
        format!("PNAUTHINFO3-HMAC-SHA256 Credential=Nightly/{key} Signature={key}"),
    ] {
        day.call("a signed call", signed(&authorization)).await;
    }

    // An export, signed and with a token, its callback, and bodies that are wrong.
    let webhook = world.sayso(&["account", "webhook-secret", ACCOUNT]);
    day.secret(webhook.trim().strip_prefix("whsec_").unwrap());
    let receiver = Receiver::answering("204 No Content").await;
    let export = nightly.export("Everyone", json!({"CallbackURL": receiver.url()})).await;
    assert_eq!(receiver.has_heard(1).await.signed_by(&webhook), 1);
    day.call("Status", nightly.call("GET", &nightly.token_path(export, "/Status"))).await;
    day.call("a page", nightly.call("GET", &nightly.token_path(export, "?limit=10&keepAlive=true"))).await;
    day.call("Commit", nightly.call("POST", &nightly.token_path(export, "/Commit"))).await;
    for (method, rest, body) in [
        ("POST", "/Users", format!("{{\"UserId\": \"{key}")),
        ("POST", "/OAuthClients", format!("{{\"UserId\": \"Nightly\", \"ClientSecret\": \"{secret}\"}}")),
        ("POST", "/OAuthClients", secret.clone()),
        ("PATCH", "/Users/Nightly", format!("[{{\"op\": \"{key}\"}}]")),
    ] {
        let call = admin.call(method, &path(rest)).header("content-type", "application/json").body(body);
        // What a caller sends as something else comes back to that caller, and goes no further.
        read(call).await;
    }
    day.call("the client", admin.call("GET", &path(&format!("/OAuthClients/{id}")))).await;
    day.call("the user", admin.call("GET", &path("/Users/Nightly"))).await;
    make(&admin, "/Users", json!({"UserId": "Late"})).await;

    // Ended: what was good is refused.
    admin.delete(&path("/Users/Nightly/SharedKey")).await.is(204);
    day.call("an ended key", signed(&good)).await;
    admin.delete(&path(&format!("/OAuthClients/{id}"))).await.is(204);
    day.call("an ended token", admin.http.get(&users).bearer_auth(&token)).await;
    day.call("an ended client", token_call(&form)).await;

    day.call("metrics", admin.http.get(format!("{}/metrics", world.url))).await;
    for args in
        [&["credentials", "list", "--account", ACCOUNT, "--json"][..], &["account", "show", ACCOUNT], &["check"]]
    {
        let out = world.run(args);
        day.say(&format!("sayso {args:?}"), [out.stdout, out.stderr].concat());
    }
    let url = world.url.clone();
    let world = world.kill();
    let log = world.log();
    assert!(log.contains("DEBUG") && log.contains("/Users/{userId}/SharedKey"), "everything is logged: {url}");
    day.say("the log", log);
    day.files(&world.data());
    assert!(day.secrets.len() >= 12 && day.said.len() > 40, "{} {}", day.secrets.len(), day.said.len());
    let told = day.told();
    assert!(told.is_empty(), "{}", told.join("\n"));
    // The search finds what is there.
    day.say("a leak", format!("token={token}"));
    assert_eq!(day.told().len(), 1);
}

/// Memory holds secrets, and a core file would hold the memory.
#[tokio::test]
async fn a_server_that_crashes_leaves_no_core_file() {
    let world = World::prepared();
    let core_of = |program: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -c unlimited 2>/dev/null; exec {program}")]).current_dir(world.dir.path());
        shell.stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = shell.spawn().unwrap();
        // Said once it listens; `yes` says something at once.
        let mut first = [0];
        std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut first).unwrap();
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let kill = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        (child.wait().unwrap(), core.split_whitespace().nth(4).unwrap().to_owned())
    };
    let (status, limit) = core_of(&format!("{SAYSO} serve --data {} --listen 127.0.0.1:0", world.data().display()));
    assert_eq!((status.signal(), status.core_dumped(), limit.as_str()), (Some(6), false, "1"));
    let (other, limit) = core_of("yes");
    // Where this machine makes core files at all, another program of the same shell leaves one.
    assert!(other.signal() == Some(6) && limit != "1");
}

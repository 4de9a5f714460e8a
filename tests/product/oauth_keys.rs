//! A client that signs in with the key of a certificate (access.md; RFC 7523), and everything that is no such thing.

use serde_json::{Value, json};

use crate::{
    configuration::path,
    harness::{
        jwt::{JWT_BEARER, Signer, der, key},
        *,
    },
};

/// Signs in with an assertion, at the token endpoint or another.
async fn show(api: &Api, endpoint: &str, jwt: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![("grant_type", "client_credentials"), ("client_assertion_type", JWT_BEARER)];
    form.push(("client_assertion", jwt));
    form.extend(more);
    read(api.http.post(format!("{}{endpoint}", api.url)).form(&form)).await
}

/// Claims that are right, with a `jti` that nobody had before.
fn claims(world: &World, api: &Api) -> Value {
    let now = world.now() / 1000;
    let jti: u128 = rand();
    json!({"iss": api.client_id, "sub": api.client_id, "aud": world.url, "iat": now, "exp": now + 60, "jti": jti.to_string()})
}

fn rand() -> u128 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed).into()
}

/// Gives a client a key over the API.
async fn certify(admin: &Api, client: &Api, pem: &str) -> Value {
    let of = path(&format!("/OAuthClients/{}/Certificates", client.client_id));
    admin.post(&of, &json!({"Certificate": pem})).await.is(201).json()
}

/// The description of a refusal, which is 401 `invalid_client`.
#[track_caller]
fn refused(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!((answer.status, body["error"].as_str()), (401, Some("invalid_client")), "{body}");
    body["error_description"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_signs_in_with_the_key_of_its_certificate() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let rsa = certify(&admin, &nightly, key!("rsa.cert.pem")).await;
    certify(&admin, &nightly, key!("ec.pub.pem")).await;
    let (rsa_signer, ec_signer) = (Signer::rsa(key!("rsa.key.pem")), Signer::ec(key!("ec.key.pem")));
    let token_endpoint = format!("{}/oauth/token", world.url);
    let with = |name: &str, value: Value| {
        let mut claims = claims(&world, &nightly);
        claims[name] = value;
        claims
    };
    for (jwt, more) in [
        (
            rsa_signer
                .sign(&json!({"alg": "RS256", "typ": "JWT", "kid": rsa["CertificateId"]}), &claims(&world, &nightly)),
            &[][..],
        ),
        (
            ec_signer.sign(&json!({"alg": "ES256"}), &claims(&world, &nightly)),
            &[("client_id", nightly.client_id.as_str())],
        ),
        (
            ec_signer.sign(&json!({"alg": "ES256"}), &with("aud", json!(token_endpoint))),
            &[("scope", nightly.scope.as_str())],
        ),
        (ec_signer.sign(&json!({"alg": "ES256"}), &with("aud", json!([world.url, token_endpoint]))), &[]),
        (ec_signer.sign(&json!({"alg": "ES256"}), &with("exp", json!(world.now() / 1000 + 3600))), &[]),
        (ec_signer.sign(&json!({"alg": "ES256"}), &with("iat", json!(world.now() / 1000 + 30))), &[]),
        (ec_signer.sign(&json!({"alg": "ES256"}), &with("nbf", json!(world.now() as f64 / 1000.0 + 0.5))), &[]),
        (ec_signer.sign(&json!({"alg": "ES256"}), &with("other", json!({"a": 1}))), &[]),
    ] {
        let token = show(&nightly, "/oauth/token", &jwt, more).await.is(200).json();
        assert_eq!(token["scope"], nightly.scope);
        let api = Api { token: token["access_token"].as_str().unwrap().to_owned(), ..nightly.clone() };
        api.initiate("Everyone", json!({})).await;
        // what it got it can end with another assertion, for the address that it calls
        let revoke =
            ec_signer.sign(&json!({"alg": "ES256"}), &with("aud", json!(format!("{}/oauth/revoke", world.url))));
        show(&nightly, "/oauth/revoke", &revoke, &[("token", &api.token)]).await.is(200);
        api.post(&api.segment_path("Everyone"), &json!({})).await.is(401);
    }
}

#[tokio::test]
async fn every_assertion_that_is_not_the_client_s_own_and_fresh_is_refused() {
    let world = World::start_with(&["--login-failures", "0"]).await;
    let (admin, nightly, other) = (world.admin().await, world.nightly().await, world.nightly().await);
    certify(&admin, &nightly, key!("rsa.cert.pem")).await;
    let mine = certify(&admin, &nightly, key!("ec.cert.pem")).await;
    let theirs = certify(&admin, &other, key!("other.pub.pem")).await;
    let (rsa, ec) = (Signer::rsa(key!("rsa.key.pem")), Signer::ec(key!("ec.key.pem")));
    let others = Signer::ec(key!("other.key.pem"));
    let es = |more: Value| {
        let mut header = json!({"alg": "ES256"});
        header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        header
    };
    let plain = es(json!({}));
    let now = world.now() / 1000;
    let with = |changes: Value| {
        let mut claims = claims(&world, &nightly);
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    };
    let good = || with(json!({}));
    let unverified = "is not verified";
    let unreadable = "no JWT that is signed with RS256 or ES256";
    let hs = json!({"alg": "HS256"});
    let public = der(key!("ec.pub.pem"));
    let expired = with(json!({"exp": now, "iat": now - 60}));
    let table: Vec<(&str, String, &str)> = vec![
        // what is no signature
        ("alg none", Signer::Nobody.sign(&json!({"alg": "none"}), &good()), unreadable),
        ("alg None", Signer::Nobody.sign(&json!({"alg": "None"}), &good()), unreadable),
        ("no alg", Signer::Nobody.sign(&json!({}), &good()), unreadable),
        ("an empty signature", Signer::Nobody.sign(&plain, &good()), unverified),
        ("HS256 with the public key's bytes", Signer::Hmac(public.clone()).sign(&hs, &good()), unreadable),
        ("HS256 with the public key's PEM", Signer::Hmac(key!("ec.pub.pem").into()).sign(&hs, &good()), unreadable),
        ("HS256 with the secret", Signer::Hmac(nightly.client_secret.clone().into()).sign(&hs, &good()), unreadable),
        ("a MAC by the public key, said to be ES256", Signer::Hmac(public).sign(&plain, &good()), unverified),
        ("RS512", rsa.sign(&json!({"alg": "RS512"}), &good()), unreadable),
        ("PS256", rsa.sign(&json!({"alg": "PS256"}), &good()), unreadable),
        // another key than the client's
        ("another client's key", others.sign(&plain, &good()), unverified),
        (
            "another client's key and kid",
            others.sign(&es(json!({"kid": theirs["CertificateId"]})), &good()),
            unverified,
        ),
        ("RSA said to be ES256", rsa.sign(&plain, &good()), unverified),
        ("EC said to be RS256", ec.sign(&json!({"alg": "RS256"}), &good()), unverified),
        ("an unknown kid", ec.sign(&es(json!({"kid": "nobody's"})), &good()), unverified),
        (
            "the kid of another key",
            rsa.sign(&json!({"alg": "RS256", "kid": mine["CertificateId"]}), &good()),
            unverified,
        ),
        (
            "a key of its own in the header",
            others.sign(&es(json!({"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}})), &good()),
            unverified,
        ),
        ("a critical extension", ec.sign(&es(json!({"crit": ["exp"]})), &good()), unverified),
        ("another kind of token", ec.sign(&es(json!({"typ": "at+jwt"})), &good()), "typ"),
        // claims
        ("no sub", ec.sign(&plain, &with(json!({"sub": null}))), "sub"),
        ("another's sub", ec.sign(&plain, &with(json!({"sub": other.client_id}))), unverified),
        ("an unknown sub", ec.sign(&plain, &with(json!({"sub": "nobody"}))), unverified),
        ("no iss", ec.sign(&plain, &with(json!({"iss": null}))), "iss"),
        ("another's iss", ec.sign(&plain, &with(json!({"iss": other.client_id}))), "iss"),
        ("no aud", ec.sign(&plain, &with(json!({"aud": null}))), "aud"),
        ("aud of another server", ec.sign(&plain, &with(json!({"aud": "https://other.example"}))), "aud"),
        ("aud of another call", ec.sign(&plain, &with(json!({"aud": format!("{}/oauth/revoke", world.url)}))), "aud"),
        ("aud also of another", ec.sign(&plain, &with(json!({"aud": [world.url, "https://other.example"]}))), "aud"),
        ("aud of nobody", ec.sign(&plain, &with(json!({"aud": []}))), "aud"),
        ("no exp", ec.sign(&plain, &with(json!({"exp": null}))), "exp"),
        ("exp as a text", ec.sign(&plain, &with(json!({"exp": "soon"}))), "wrong type"),
        ("expired", ec.sign(&plain, &expired), "expired"),
        ("exp too far", ec.sign(&plain, &with(json!({"exp": now + 3600 + 31}))), "more than an hour"),
        ("exp far beyond", ec.sign(&plain, &with(json!({"exp": 1e300}))), "more than an hour"),
        ("nbf in the future", ec.sign(&plain, &with(json!({"nbf": now + 31}))), "nbf"),
        ("iat in the future", ec.sign(&plain, &with(json!({"iat": now + 31}))), "iat"),
        ("no jti", ec.sign(&plain, &with(json!({"jti": null}))), "jti"),
        ("an empty jti", ec.sign(&plain, &with(json!({"jti": ""}))), "jti"),
        // no token at all
        ("two parts", "e30.e30".into(), unreadable),
        ("garbage", "a.b.c".into(), unreadable),
    ];
    for (what, jwt, word) in table {
        let description = refused(&show(&nightly, "/oauth/token", &jwt, &[]).await);
        assert!(description.contains(word), "{what}: {description}");
        for hidden in [&nightly.client_secret, &jwt, &mine["CertificateId"].as_str().unwrap().to_owned()] {
            assert!(!description.contains(hidden.as_str()), "{what}: {description}");
        }
        let at_revoke = show(&nightly, "/oauth/revoke", &jwt, &[("token", "a")]).await;
        if what == "aud of another call" {
            at_revoke.is(200);
        } else {
            assert!(refused(&at_revoke).contains(word), "{what}");
        }
    }
    let named = ec.sign(&plain, &good());
    refused(&show(&nightly, "/oauth/token", &named, &[("client_id", &other.client_id)]).await);
    // one character of a good one changed, anywhere
    let jwt = ec.sign(&plain, &good());
    for at in (0..jwt.len()).step_by(7) {
        let mut tampered = jwt.clone().into_bytes();
        tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
        refused(&show(&nightly, "/oauth/token", std::str::from_utf8(&tampered).unwrap(), &[]).await);
    }
    show(&nightly, "/oauth/token", &jwt, &[]).await.is(200);
}

#[tokio::test]
async fn an_assertion_is_good_once_also_after_a_crash() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    certify(&admin, &nightly, key!("ec.pub.pem")).await;
    let ec = Signer::ec(key!("ec.key.pem"));
    // the port changes with the restart, so the name must not
    let world = world.kill().serve(&["--public-url", "https://sayso.example.org"]).await;
    let nightly = Api { url: world.url.clone(), ..nightly };
    let mut claims = claims(&world, &nightly);
    claims["aud"] = json!("https://sayso.example.org");
    claims["exp"] = json!(world.now() / 1000 + 600);
    let jwt = ec.sign(&json!({"alg": "ES256"}), &claims);
    show(&nightly, "/oauth/token", &jwt, &[]).await.is(200);
    assert!(refused(&show(&nightly, "/oauth/token", &jwt, &[]).await).contains("used before"));
    // signed anew it is the same jti
    claims["iat"] = json!(world.now() / 1000 - 1);
    let again = ec.sign(&json!({"alg": "ES256"}), &claims);
    assert!(refused(&show(&nightly, "/oauth/token", &again, &[]).await).contains("used before"));
    assert!(refused(&show(&nightly, "/oauth/revoke", &jwt, &[("token", "a")]).await).contains("used before"));
    let world = world.kill().serve(&["--public-url", "https://sayso.example.org"]).await;
    let nightly = Api { url: world.url.clone(), ..nightly };
    assert!(refused(&show(&nightly, "/oauth/token", &jwt, &[]).await).contains("used before"));
    world.advance(600_000);
    assert!(refused(&show(&nightly, "/oauth/token", &jwt, &[]).await).contains("expired"));
    world.check();
}

#[tokio::test]
async fn a_certificate_counts_from_and_until_its_dates_and_ends_when_it_is_taken_away() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let certificate = certify(&admin, &nightly, key!("other.cert.pem")).await;
    let signer = Signer::ec(key!("other.key.pem"));
    let ask = || {
        let jwt = signer.sign(&json!({"alg": "ES256"}), &claims(&world, &nightly));
        let nightly = nightly.clone();
        async move { show(&nightly, "/oauth/token", &jwt, &[]).await }
    };
    for (moment, valid) in [
        ("2026-07-31T23:59:59.999Z", false),
        ("2026-08-01T00:00:00.000Z", true),
        ("2027-01-01T00:00:00.000Z", true),
        ("2027-01-01T00:00:00.001Z", false),
    ] {
        world.set(moment);
        assert_eq!(ask().await.status, if valid { 200 } else { 401 }, "{moment}");
    }
    world.set("2026-08-01T00:00:00.000Z");
    let token = ask().await.is(200).json()["access_token"].as_str().unwrap().to_owned();
    let mut admin = admin;
    admin.sign_in_again().await;
    let id = certificate["CertificateId"].as_str().unwrap();
    let one = path(&format!("/OAuthClients/{}/Certificates/{id}", nightly.client_id));
    admin.delete(&one).await.is(204);
    admin.delete(&one).await.refuses(404, &[id]);
    refused(&ask().await);
    let api = Api { token, ..nightly.clone() };
    api.post(&api.segment_path("Everyone"), &json!({})).await.is(401);
}

#[tokio::test]
async fn a_certificate_is_given_over_http_listed_and_may_end_the_secrets() {
    let world = World::start().await;
    let (admin, nightly) = (world.admin().await, world.nightly().await);
    let of = path(&format!("/OAuthClients/{}/Certificates", nightly.client_id));
    let answer = admin.post(&of, &json!({"Certificate": key!("rsa.cert.pem"), "EndSecrets": true})).await.is(201);
    let listed = answer.json();
    let id = listed["CertificateId"].as_str().unwrap();
    assert_eq!(
        listed,
        json!({"CertificateId": id, "Algorithm": "RS256", "Subject": "CN=Nightly export",
            "NotBefore": "2026-01-01T00:00:00.000Z", "NotAfter": "2027-01-01T00:00:00.000Z", "Created": iso(world.now())})
    );
    assert_eq!(answer.header("location"), Some(format!("{of}/{id}").as_str()));
    let client = admin.get(&path(&format!("/OAuthClients/{}", nightly.client_id))).await.is(200).json();
    assert_eq!((&client["Certificates"], &client["Secrets"]), (&json!([listed]), &json!([])));
    assert_eq!(nightly.oauth(&[("grant_type", "client_credentials")]).await.status, 401);
    nightly.get(&path("/Segments")).await.is(401);
    let jwt = Signer::rsa(key!("rsa.key.pem")).sign(&json!({"alg": "RS256"}), &claims(&world, &nightly));
    show(&nightly, "/oauth/token", &jwt, &[]).await.is(200);

    let refuses = |body: Value, status: u16, word: &'static str| {
        let (admin, of) = (admin.clone(), of.clone());
        async move { drop(admin.post(&of, &body).await.refuses(status, &[word])) }
    };
    refuses(json!({"Certificate": key!("ec.key.pem")}), 400, "private key").await;
    refuses(json!({"Certificate": key!("expired.cert.pem")}), 400, "2025-01-01").await;
    refuses(json!({"Certificate": key!("rsa1024.cert.pem")}), 400, "1024").await;
    refuses(json!({}), 400, "Certificate").await;
    certify(&admin, &nightly, key!("ec.pub.pem")).await;
    refuses(json!({"Certificate": key!("other.pub.pem")}), 409, "two certificates").await;
}

#[tokio::test]
async fn certificates_are_kept_at_the_command_line() {
    let world = World::start().await;
    let nightly = world.nightly().await;
    std::fs::write(world.path("cert.pem"), key!("ec.cert.pem")).unwrap();
    std::fs::write(world.path("key.pem"), key!("ec.key.pem")).unwrap();
    let certificate = |words: &[&str]| {
        let all = [&["credentials", "certificate"], words, &["--account", ACCOUNT]].concat();
        world.run(&all)
    };
    let add = certificate(&["add", &nightly.client_id, "--file", "cert.pem", "--end-secrets", "--json"]);
    assert!(add.status.success(), "{}", String::from_utf8_lossy(&add.stderr));
    let added: Value = serde_json::from_slice(&add.stdout).unwrap();
    let id = added["certificate_id"].as_str().unwrap();
    let list = certificate(&["list", &nightly.client_id, "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&list.stdout).unwrap(), json!([added]));
    let jwt = Signer::ec(key!("ec.key.pem")).sign(&json!({"alg": "ES256", "kid": id}), &claims(&world, &nightly));
    show(&nightly, "/oauth/token", &jwt, &[]).await.is(200);
    assert_eq!(nightly.oauth(&[("grant_type", "client_credentials")]).await.status, 401);

    let private = certificate(&["add", &nightly.client_id, "--file", "key.pem"]);
    let said = String::from_utf8_lossy(&private.stderr).into_owned();
    assert!(!private.status.success() && said.contains("private key") && !said.contains(key!("ec.key.pem")), "{said}");
    assert!(certificate(&["remove", &nightly.client_id, id]).status.success());
    assert!(!certificate(&["remove", &nightly.client_id, id]).status.success());
    let jwt = Signer::ec(key!("ec.key.pem")).sign(&json!({"alg": "ES256"}), &claims(&world, &nightly));
    refused(&show(&nightly, "/oauth/token", &jwt, &[]).await);
}

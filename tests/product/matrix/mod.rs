//! Every route of the API's description against every kind of caller (access.md): none, one with a token that is bad, expired or revoked, one of
//! another account, one who lacks the permission, one who has it. `routes.txt` says what each route needs; a route without a line fails.
//!
//! Who lacks a permission has all others, and of the one in question the level below: so that no other permission can stand in for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::{
    configuration::{make, path},
    harness::{rules::consent, *},
};

const AREAS: [&str; 9] =
    ["Profiles", "Preferences", "Consents", "Configuration", "Segments", "Exports", "Imports", "Events", "Users"];

/// A line of `routes.txt`.
struct Route {
    n: usize,
    call: &'static str,
    method: &'static str,
    template: &'static str,
    need: &'static str,
    status: u16,
    query: String,
    body: String,
}

fn routes() -> Vec<Route> {
    let lines = include_str!("routes.txt").lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let route = |(n, line): (usize, &'static str)| {
        let mut cells = line.split(" | ");
        let mut cell = || cells.next().unwrap_or_default();
        let (call, need, status) = (cell(), cell(), cell());
        let (method, template) = call.split_once(' ').unwrap();
        let status = status.parse().unwrap_or_else(|_| panic!("line {}: no status in {line:?}", n + 1));
        let mut own = || cell().replace("{n}", &n.to_string());
        Route { n, call, method, template, need, status, query: own(), body: own() }
    };
    lines.map(route).collect()
}

/// The areas that a need names, with their levels.
fn areas(need: &str) -> Vec<(&str, &str)> {
    need.split(" + ").filter_map(|one| one.split_once(' ')).collect()
}

/// Signs in somebody who has these permissions and nothing else.
async fn somebody(world: &World, admin: &Api, name: &str, permissions: &BTreeMap<&str, &str>) -> Api {
    let user = name.replace([' ', '+'], "-");
    make(admin, "/UserGroups", json!({"Name": name, "Permissions": permissions})).await;
    make(admin, "/Users", json!({"UserId": user, "UserGroups": [name]})).await;
    world.sign_in(ACCOUNT, &user).await
}

/// Who has what is needed and nothing else, and for each area of it who has everything else, with that area.
async fn people_for<'n>(world: &World, admin: &Api, need: &'n str) -> (Api, Vec<(&'n str, Api)>) {
    let needed = areas(need);
    let has = somebody(world, admin, &format!("has {need}"), &needed.iter().copied().collect()).await;
    let mut lacking = Vec::new();
    for (lacks, level) in needed {
        let below = if level == "Edit" { "View" } else { "None" };
        // a profile's preferences and consents are part of it
        let covers = |area: &str| area == lacks || ["Preferences", "Consents"].contains(&lacks) && area == "Profiles";
        let permissions = AREAS.iter().map(|area| (*area, if covers(area) { below } else { "Edit" })).collect();
        lacking.push((lacks, somebody(world, admin, &format!("lacks {lacks} of {need}"), &permissions).await));
    }
    (has, lacking)
}

/// The values of the path that a route needs, made for it alone.
async fn values(admin: &Api, route: &Route) -> BTreeMap<&'static str, String> {
    let n = route.n;
    let exports = route.template.starts_with("/Async");
    let mut values = BTreeMap::from([
        ("clientId", ACCOUNT.to_owned()),
        ("alternateId", format!("C-{n}")),
        ("alternateIdType", "CRM".to_owned()),
        ("filterId", "ASKS".to_owned()),
        ("consentType", "Marketing".to_owned()),
        ("kind", "Preferences".to_owned()),
        ("type", "Email".to_owned()),
        ("typeId", "1".to_owned()),
        ("tag", format!("t{n}")),
        ("segmentName", if exports { "Everyone" } else { "Locked" }.to_owned()),
        ("segmentGroupName", if exports { "A or B and C" } else { "Locked group" }.to_owned()),
    ]);
    if route.call.contains("Profile") || route.call.contains("Consents") || route.call.contains("{tag}") {
        let mut profile = person("Ann", &[&format!("t{n}")]);
        profile["AlternateIds"] = json!([{"AlternateIdType": "CRM", "AlternateId": format!("C-{n}")}]);
        profile["Groups"] = json!([{"GroupType": "Household", "GroupName": format!("Smith-{n}"), "IsPrimary": true}]);
        profile["Emails"][0]["Consents"] = json!([consent("Marketing", 1)]);
        values.insert("profileId", admin.create(profile).await.to_string());
    }
    for (parameter, all, member) in [
        ("userId", "Users", "UserId"),
        ("userGroupName", "UserGroups", "Name"),
        ("sourceGroupName", "SourceGroups", "Name"),
    ] {
        if route.call.contains(&format!("{{{parameter}}}")) {
            let name = format!("Spare{n}");
            make(admin, &format!("/{all}"), json!({ member: name })).await;
            values.insert(parameter, name);
        }
    }
    if route.call.contains("{oauthClientId}") {
        let client = make(admin, "/OAuthClients", json!({"UserId": "Spare"})).await;
        values.insert("oauthClientId", client["ClientId"].as_str().unwrap().to_owned());
    }
    if route.call.contains("{certificateId}") {
        let of = format!("/OAuthClients/{}/Certificates", values["oauthClientId"]);
        let certificate = make(admin, &of, json!({"Certificate": include_str!("../../keys/other.pub.pem")})).await;
        values.insert("certificateId", certificate["CertificateId"].as_str().unwrap().to_owned());
    }
    if route.call.contains("{id}") {
        let all = route
            .template
            .split('/')
            .find(|part| ["Picklist", "CustomField", "ProgramGroups", "Programs", "Filters"].contains(part));
        let field = |name: &'static str| async move {
            let fields = admin.get(&path("/CustomFields")).await.is(200).json();
            crate::configuration::of(&fields, "CustomFields", "Name", name)["Id"].to_string()
        };
        let id = match (all.unwrap(), route.template) {
            ("ProgramGroups", _) => "All".to_owned(),
            ("Programs", _) => "NEWS".to_owned(),
            ("Filters", _) => "NEWS-EMAIL".to_owned(),
            (_, text) if text.contains("/Text/") => field("Note").await,
            (_, numeric) if numeric.contains("/Numeric/") => field("Age").await,
            (_, list) if list.contains("/SelectList/") => field("Colour").await,
            (_, date) if date.contains("/DateTime/") => field("Born").await,
            _ => "1".to_owned(),
        };
        values.insert("id", id);
    }
    values
}

/// The area of a token's route, and the level that the route needs.
fn of_token(route: &Route) -> Option<(&'static str, &'static str)> {
    let has_token = route.template.contains("/{accessToken}") || route.template.contains("/Import/");
    has_token.then(|| areas(route.need).into_iter().next()).flatten()
}

/// A token of somebody's own: who may only look, or no more even that, was let begin one before.
async fn token_of(admin: &Api, who: &Api, group: &str, (area, level): (&str, &str)) -> String {
    let permit = async |level: &str| {
        let body = json!({"Name": group, "Permissions": {area: level}});
        read(admin.call("PUT", &path(&format!("/UserGroups/{}", encoded(group)))).json(&body)).await.is(200);
    };
    permit("Edit").await;
    let token = match area {
        "Imports" => who.begin_import(json!({})).await,
        _ => who.export("Everyone", json!({})).await,
    };
    permit(level).await;
    token.to_string()
}

/// The address of a route with these values, in an account.
fn address(route: &Route, values: &BTreeMap<&'static str, String>, account: &str) -> String {
    let mut filled = route.template.to_owned();
    for (name, value) in values {
        let value = if *name == "clientId" { account.to_owned() } else { encoded(value) };
        filled = filled.replace(&format!("{{{name}}}"), &value);
    }
    assert!(!filled.contains('{'), "{}: no value for a parameter of the path", route.call);
    let base = if route.template.contains("{clientId}") { "/Profiles/v4" } else { "" };
    let query = if route.query.is_empty() { String::new() } else { format!("?{}", route.query) };
    format!("{base}{filled}{query}")
}

fn with_body(call: reqwest::RequestBuilder, route: &Route) -> reqwest::RequestBuilder {
    let kind = match (route.body.is_empty(), route.method) {
        (true, _) => return call,
        (_, "PATCH") => "application/json-patch+json",
        _ if route.template.starts_with("/oauth/") => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    call.header("content-type", kind).body(route.body.clone())
}

async fn ask(api: &Api, route: &Route, address: &str) -> Answer {
    read(with_body(api.call(route.method, address), route)).await
}

/// What two answers must have in common so that nobody can tell them apart: all but the moment and the number of the call.
fn told(answer: &Answer) -> (u16, BTreeMap<String, Vec<u8>>, Vec<u8>) {
    let of_the_call = ["date", "x-correlation-id"];
    let headers = answer.headers.iter().filter(|(name, _)| !of_the_call.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    (answer.status, headers, answer.body.clone())
}

#[tokio::test]
async fn every_route_has_one_line() {
    let world = World::start().await;
    let document = read(http().get(format!("{}/openapi.json", world.url))).await.is(200).json();
    let mut left: BTreeSet<String> = BTreeSet::new();
    for route in routes() {
        assert!(left.insert(route.call.to_owned()), "{} has two lines in tests/product/matrix/routes.txt", route.call);
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let call = format!("{} {}", method.to_uppercase(), path.strip_prefix("/Profiles/v4").unwrap_or(path));
            assert!(left.remove(&call), "{call} has no line in tests/product/matrix/routes.txt: say what it needs");
        }
    }
    assert!(left.is_empty(), "lines of routes that are not there: {left:?}");
}

#[tokio::test]
async fn every_route_lets_in_who_may_and_nobody_else() {
    let world = World::start_with(&["--login-failures", "0"]).await;
    world.create_account("OTHER");
    let (expired, first) = (world.nightly().await, world.admin().await);
    world.advance(3_600_000);
    read(first.call("GET", &path("/Users"))).await.is(401);
    let (admin, revoked) = (world.admin().await, world.nightly().await);
    world.sayso(&["credentials", "revoke", "--account", ACCOUNT, &revoked.client_id]);
    let bad = Api { token: "x".repeat(43), ..admin.clone() };
    let empty = Api { token: String::new(), ..admin.clone() };
    make(&admin, "/Users", json!({"UserId": "Spare"})).await;
    make(&admin, "/CustomField/DateTime", json!({"Name": "Born"})).await;
    let asks = json!({"ID": "ASKS", "ProgramID": "NEWS", "ChannelID": "Email", "RequiredConsents": ["Marketing"]});
    make(&admin, "/Config/Filters", asks).await;

    let all = routes();
    let needs: BTreeSet<&str> = all.iter().map(|route| route.need).filter(|need| !areas(need).is_empty()).collect();
    let mut people = BTreeMap::new();
    for need in needs {
        people.insert(need, people_for(&world, &admin, need).await);
    }
    let permissions = json!([
        {"UserGroup": "has Segments Edit", "CanEdit": true},
        {"UserGroup": "has Segments View", "CanView": true},
        {"UserGroup": "lacks Segments of Segments Edit", "CanEdit": true},
    ]);
    for one in ["/Segments/Locked", "/SegmentGroups/Locked%20group", "/Segments/Preview"] {
        if one.ends_with("Preview") {
            read(admin.call("PUT", &path(one)).json(&json!({}))).await.is(201);
        }
        let call = admin.call("PUT", &path(&format!("{one}/Permissions")));
        read(call.json(&permissions)).await.is(200);
    }
    // to make a group of segments needs CanExecute on its members
    let executes = json!([
        {"UserGroup": "Exporters", "CanExecute": true},
        {"UserGroup": "has Segments Edit", "CanExecute": true},
    ]);
    read(admin.call("PUT", &path("/Segments/A/Permissions")).json(&executes)).await.is(200);
    let executes: Vec<_> = people
        .iter()
        .filter(|(need, _)| need.contains("Exports"))
        .flat_map(|(need, (_, lacking))| {
            let lacks = lacking.iter().map(move |(lacks, _)| format!("lacks {lacks} of {need}"));
            lacks.chain([format!("has {need}")])
        })
        .map(|group| json!({"UserGroup": group, "CanExecute": true}))
        .collect();
    for one in ["/Segments/Everyone", "/SegmentGroups/A%20or%20B%20and%20C"] {
        read(admin.call("PUT", &path(&format!("{one}/Permissions"))).json(&executes)).await.is(200);
    }
    let all_areas =
        somebody(&world, &admin, "has all areas", &AREAS.iter().map(|area| (*area, "Edit")).collect()).await;

    let mut wrong: Vec<String> = Vec::new();
    for route in &all {
        let mut expect = |who: &str, answer: &Answer, status: u16, words: &[&str]| {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            if answer.status != status || !words.iter().all(|word| text.contains(word)) {
                wrong.push(format!("{} {who}: {} not {status} {words:?}: {text}", route.call, answer.status));
            }
        };
        let mut values = values(&admin, route).await;
        if let Some(needed) = of_token(route) {
            let group = format!("has {}", route.need);
            values.insert("accessToken", token_of(&admin, &people[route.need].0, &group, needed).await);
        }
        let values = values;
        let here = address(route, &values, ACCOUNT);
        if route.need == "open" {
            let answer =
                read(with_body(http().request(route.method.parse().unwrap(), format!("{}{here}", world.url)), route))
                    .await;
            expect("with no credentials", &answer, route.status, &[]);
            continue;
        }
        let none = http().request(route.method.parse().unwrap(), format!("{}{here}", world.url));
        let none = read(with_body(none, route)).await;
        expect("with no credentials", &none, 401, &["Authorization"]);
        for (who, api) in
            [("with a bad token", &bad), ("with an expired one", &expired), ("with a revoked one", &revoked)]
        {
            let answer = ask(api, route, &here).await;
            expect(who, &answer, 401, &["unable to authenticate"]);
            assert!(answer.header("www-authenticate").is_some_and(|v| v.contains("Bearer")), "{}", route.call);
        }
        assert_eq!(ask(&empty, route, &here).await.status, 400, "{}", route.call);
        let older = here.replacen("/Profiles/v4", "/Profiles", 1);
        expect("with a revoked one under the older base", &ask(&revoked, route, &older).await, 401, &[]);

        let foreign = ask(&admin, route, &address(route, &values, "OTHER")).await;
        let unknown = ask(&admin, route, &address(route, &values, "NOBODY")).await;
        expect("of another account", &foreign, 404, &["no such account"]);
        assert_eq!(told(&foreign), told(&unknown), "{}", route.call);

        let (has, lacking) = match route.need {
            "Administrator" => (&admin, &[][..]),
            need => (&people[need].0, &people[need].1[..]),
        };
        for (permission, lacks) in lacking {
            let mut values = values.clone();
            if route.need.ends_with("Token") {
                let group = format!("lacks {permission} of {}", route.need);
                values.insert("accessToken", token_of(&admin, lacks, &group, (permission, "None")).await);
            }
            let here = address(route, &values, ACCOUNT);
            expect("who lacks the permission", &ask(lacks, route, &here).await, 403, &[permission]);
        }
        let beyond_areas = match route.need.rsplit(' ').next() {
            Some("Execute") => Some((403, "CanExecute")),
            // another's token is as one that isn't there
            Some("Token") => Some((404, "access token")),
            Some("Administrator") => Some((403, "Administrators")),
            _ => None,
        };
        if let Some((status, word)) = beyond_areas {
            expect("who has all areas", &ask(&all_areas, route, &here).await, status, &[word]);
        }
        expect("who has it", &ask(has, route, &here).await, route.status, &[]);
    }
    assert!(wrong.is_empty(), "{}\n{} wrong", wrong.join("\n"), wrong.len());
}

#[tokio::test]
async fn another_account_s_things_are_as_those_that_are_nowhere() {
    let world = World::start().await;
    world.create_account("OTHER");
    let (admin, theirs) = (world.admin().await, world.sign_in("OTHER", "Nightly").await);
    let token = theirs.export("Everyone", json!({})).await;
    let profile = theirs.create(person("Secret", &[])).await;
    for (there, nowhere) in [
        (admin.token_path(token, "/Status"), admin.token_path(token ^ 1, "/Status")),
        (admin.profile_path(&format!("/{profile}")), admin.profile_path(&format!("/{}", profile + 1_000))),
    ] {
        let (there, nowhere) = (admin.get(&there).await.is(404), admin.get(&nowhere).await.is(404));
        let blind = |answer: &Answer| answer.message().replace(|c: char| c.is_ascii_digit(), "");
        assert_eq!(blind(&there), blind(&nowhere));
    }
}

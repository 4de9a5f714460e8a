//! LastDateTime: how it is read, how it is rounded, and what counts as changed.

use serde_json::{Value, json};

use crate::harness::*;

fn since(date: &str) -> Value {
    json!({"LastDateTime": date})
}

#[tokio::test]
async fn only_profiles_changed_at_or_after_it() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mut made = Vec::new();
    for minute in 0..3 {
        world.set_clock(millis(START) + minute * 60_000);
        made.push(api.create(person(&format!("p{minute}"), &[])).await);
    }
    assert_eq!(api.ids("Everyone", since("2026-06-15T12:01:00.000Z")).await, made[1..]);
    world.advance(60_000);
    api.update(made[0], json!({"CustomerName": {"LastName": "New"}})).await;
    assert_eq!(api.ids("Everyone", since("2026-06-15T12:02:30Z")).await, [made[0]]);
}

#[tokio::test]
async fn with_z_with_an_offset_and_without_a_zone_it_is_the_same_moment() {
    let world = World::start().await;
    let api = world.nightly().await;
    let early = api.create(person("early", &[])).await;
    world.advance(60_000);
    let late = api.create(person("late", &[])).await;
    for now in
        ["2026-06-15T12:01:00Z", "2026-06-15T14:01:00+02:00", "2026-06-15T06:31:00.000-05:30", "2026-06-15T08:01:00"]
    {
        assert_eq!(api.ids("Everyone", since(now)).await, [late], "{now}");
    }
    for before in ["2026-06-15T12:00:00.000Z", "2026-06-15T08:00:00", "2026-06-15T08:00:00.000"] {
        assert_eq!(api.ids("Everyone", since(before)).await, [early, late], "{before}");
    }
}

/// Profiles changed at the last ms before and at a moment: whether `date` is taken as that moment.
async fn means(world: &World, api: &Api, date: &str, instant: &str) {
    world.set_clock(millis(instant) - 1_000);
    let before = api.create(json!({})).await;
    world.set_clock(millis(instant));
    let at = api.create(json!({})).await;
    let got = api.ids("Everyone", since(date)).await;
    assert!(got.contains(&at) && !got.contains(&before), "{date} is {instant}");
}

#[tokio::test]
async fn without_a_zone_it_is_us_eastern_time_on_both_sides_of_both_changes() {
    let world = World::start().await;
    world.set("2025-03-01T00:00:00Z");
    let mut api = world.nightly().await;
    for (date, instant) in [
        ("2025-03-09T01:59:59", "2025-03-09T06:59:59Z"),
        // From 02:00 to 03:00 there is no such time: it moves forward.
        ("2025-03-09T02:30:00", "2025-03-09T07:30:00Z"),
        ("2025-03-09T03:31:00", "2025-03-09T07:31:00Z"),
        ("2025-11-02T00:59:59", "2025-11-02T04:59:59Z"),
        // From 01:00 to 02:00 each time comes twice: the earlier counts.
        ("2025-11-02T01:30:00", "2025-11-02T05:30:00Z"),
        ("2025-11-02T02:00:00", "2025-11-02T07:00:00Z"),
    ] {
        world.set_clock(millis(instant) - 2_000);
        api.sign_in_again().await;
        means(&world, &api, date, instant).await;
    }
}

#[tokio::test]
async fn anything_else_is_400() {
    let world = World::start().await;
    let api = world.nightly().await;
    for bad in [
        "",
        "yesterday",
        "2026-06-15",
        "2026-06-15 12:00:00Z",
        "2026-06-15T12:00Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-06-15T24:00:00Z",
        "2026-06-15T12:60:00Z",
        "2026-06-15T12:00:61Z",
        "06/15/2026 12:00:00",
        "2026-06-15T12:00:00+25:00",
        "20260615T120000Z",
        "2026-06-15T12:00:00.Z",
        "2026-06-15T12:00:00 America/New_York",
        "1750000000",
    ] {
        api.post(&api.segment_path("Everyone"), &since(bad)).await.refuses(400, &["LastDateTime"]);
    }
    for bad in [json!({"LastDateTime": 1}), json!({"LastDateTime": {}}), json!({"LastDateTime": true})] {
        api.post(&api.segment_path("Everyone"), &bad).await.refuses(400, &["LastDateTime"]);
    }
}

/// The vendor's rounding, written down as the specification words it.
fn rounded(ms: i64) -> i64 {
    let ten = ms - ms.rem_euclid(10);
    match ms.rem_euclid(10) {
        0..=2 => ten + 3,
        3..=6 => ten + 7,
        _ => ten + 10,
    }
}

/// Writes a profile at each ms from `start` on and compares exports since each of them with the rounding.
async fn rounds(start: &str, steps: i64) {
    let world = World::start().await;
    let first = millis(start);
    world.set_clock(first - 60_000);
    let api = world.nightly().await;
    let mut made = Vec::new();
    for ms in 0..steps {
        world.set_clock(first + ms);
        made.push((first + ms, api.create(json!({})).await));
    }
    for ms in 0..steps {
        let from = first + ms;
        let want: Vec<u64> = made.iter().filter(|(at, _)| rounded(*at) >= rounded(from)).map(|(_, id)| *id).collect();
        assert_eq!(api.ids("Everyone", since(&iso(from))).await, want, "since {}", iso(from));
    }
}

#[tokio::test]
async fn rounding_moves_every_last_digit_up() {
    rounds("2026-06-15T12:00:00.120Z", 22).await;
}

#[tokio::test]
async fn rounding_carries_over_the_last_second_of_a_year() {
    rounds("2026-12-31T23:59:59.990Z", 14).await;
}

#[tokio::test]
async fn what_expires_by_itself_counts_as_changed() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    let opted = |name: &str| {
        let mut p = person(name, &[]);
        p["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
        p
    };
    let expiring = api.create(opted("Ann")).await;
    let plain = api.create(person("Bob", &[])).await;
    assert_eq!(api.ids("Newsletter", json!({})).await, [expiring]);
    // The filter's opt-ins last ten days.
    let day = 24 * 3_600_000;
    world.advance(10 * day - 1);
    api.sign_in_again().await;
    assert_eq!(api.ids("Newsletter", json!({})).await, [expiring]);
    let before = iso(world.now());
    world.advance(1);
    assert_eq!(api.ids("Newsletter", json!({})).await, [] as [u64; 0], "at its moment it has expired");
    assert_eq!(api.ids("Everyone", since(&before)).await, [expiring]);
    let token = api.export("Everyone", json!({})).await;
    let rows = api.rows(token).await;
    assert_eq!(rows[0]["Emails"][0]["EmailPreferences"][0]["PreferenceStatus"], "Expired");
    assert_eq!(ids(&rows), [expiring, plain]);
    world.advance(day);
    api.sign_in_again().await;
    assert_eq!(api.ids("Everyone", since(&iso(world.now()))).await, [] as [u64; 0], "an expiry is news once");
}

#[tokio::test]
async fn a_consent_that_expires_counts_as_changed_and_reads_expired() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    let consent = json!([{"ConsentType": "Marketing", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1}]);
    let id = api.create(json!({"Consents": consent})).await;
    world.advance(30 * 24 * 3_600_000);
    api.sign_in_again().await;
    let token = api.export("Everyone", since("2026-07-01T00:00:00Z")).await;
    let rows = api.rows(token).await;
    assert_eq!(ids(&rows), [id]);
    assert_eq!(rows[0]["Consents"][0]["Expired"], true);
}

#[tokio::test]
async fn passing_the_snapshot_as_the_next_last_date_time_misses_nothing() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mut copy = std::collections::BTreeMap::new();
    let mut last: Option<String> = None;
    let mut live = Vec::new();
    for round in 0..12i64 {
        // A clock that stands still or jumps back must lose nothing either.
        world.set_clock(
            millis(START) + [0, 5, 5, 3, 9_000, 8_000, 8_001, 8_001, 0, 20_000, 20_000, 20_001][round as usize],
        );
        live.push(api.create(person(&format!("r{round}"), &[])).await);
        if round % 3 == 2 {
            api.remove(live.remove(0)).await;
            api.update(live[0], json!({"CustomerName": {"LastName": format!("L{round}")}})).await;
        }
        let body = last.as_ref().map_or(json!({}), |l| since(l));
        let changed = api.initiate("Everybody", body.clone()).await;
        let done = api.complete(changed).await;
        for row in api.rows(changed).await {
            copy.insert(row["ProfileId"].as_u64().unwrap(), row);
        }
        let gone = api.export("Deleted", body).await;
        for row in api.rows(gone).await {
            copy.remove(&row["ProfileId"].as_u64().unwrap());
        }
        last = Some(done.header("sayso-snapshot").unwrap().to_string());
        let all = api.export("Everybody", json!({})).await;
        let source: Vec<Value> = api.rows(all).await;
        assert_eq!(copy.values().cloned().collect::<Vec<_>>(), source, "round {round}");
    }
}

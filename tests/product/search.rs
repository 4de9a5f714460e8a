//! The searches of the Data API: who is found, in what order, how many at most.

use serde_json::{Value, json};

use crate::harness::*;

impl Api {
    /// The profiles that a search gives.
    async fn search(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&self.profile_path(&format!("/{query}"))).await.is(200).json();
        answer["UserProfilePreferences"].as_array().unwrap().clone()
    }
    async fn found(&self, query: &str) -> Vec<u64> {
        ids(&self.search(query).await)
    }
    async fn refused(&self, query: &str, status: u16, words: &[&str]) {
        self.get(&self.profile_path(&format!("/{query}"))).await.refuses(status, words);
    }
}

#[tokio::test]
async fn by_email_all_who_have_it_are_found_in_any_letter_case_ascending() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mail = |kind: &str, address: &str| json!({"Emails": [{"EmailAddressType": kind, "EmailAddress": address}]});
    let second_work = api.create(mail("Work", "Ann@Example.com")).await;
    let home = api.create(mail("Home", "ann@example.com")).await;
    api.create(mail("Home", "bob@example.com")).await;
    assert_eq!(api.found("Email?emailAddress=ANN%40example.com").await, [second_work, home]);
    assert_eq!(api.found("Email?emailAddress=ann@example.com&emailType=home").await, [home]);
    assert_eq!(api.found("email?EMAILADDRESS=ann@example.com&emailType=").await, [second_work, home]);
    api.refused("Email?emailAddress=ann@example.com&emailType=Fax", 404, &["Fax"]).await;
    api.refused("Email?emailType=Home", 400, &["emailAddress"]).await;
}

#[tokio::test]
async fn by_phone_the_digits_count() {
    let world = World::start().await;
    let api = world.nightly().await;
    let id = api.create(json!({"PhoneNumbers": [{"PhoneType": "Mobile", "PhoneNumber": "+1 (404) 555-0100"}]})).await;
    assert_eq!(api.found("Phone?phoneNumber=14045550100").await, [id]);
    assert_eq!(api.found("Phone?phoneNumber=%2B1-404-555-0100&phoneType=mobile").await, [id]);
    assert_eq!(api.found("Phone?phoneNumber=14045550100&phoneType=Home").await, [0; 0]);
    assert_eq!(api.found("Phone?phoneNumber=none").await, [0; 0]);
    api.refused("Phone?phoneNumber=1&phoneType=Pager", 404, &["Pager"]).await;
    api.refused("Phone?phoneNumber=none&includeInactive=maybe", 400, &["includeInactive", "maybe"]).await;
    api.refused("Phone", 400, &["phoneNumber"]).await;
}

#[tokio::test]
async fn by_name_every_part_that_is_given_is_the_same_without_regard_to_case() {
    let world = World::start().await;
    let api = world.nightly().await;
    let name = |first: &str, middle: Option<&str>, last: &str| json!({"CustomerName": {"FirstName": first, "MiddleName": middle, "LastName": last}});
    let ann = api.create(name("Ann", Some("Mary"), "Núñez")).await;
    let bob = api.create(name("Bob", None, "NÚÑEZ")).await;
    api.create(name("Ann", None, "Núñezson")).await;
    assert_eq!(api.found("Name?lastName=n%C3%BA%C3%B1ez").await, [ann, bob]);
    assert_eq!(api.found("Name?lastName=N%C3%BA%C3%B1ez&firstName=ANN").await, [ann]);
    assert_eq!(api.found("Name?lastName=N%C3%BA%C3%B1ez&middleName=mary").await, [ann]);
    assert_eq!(api.found("Name?lastName=N%C3%BA%C3%B1ez&firstName=Bob&middleName=mary").await, [0; 0]);
    api.refused("Name?firstName=Ann", 400, &["lastName"]).await;
}

#[tokio::test]
async fn by_address_one_address_must_have_every_part() {
    let world = World::start().await;
    let api = world.nightly().await;
    let address = |line: &str, city: &str, state: &str, code: &str| json!({"AddressType": "Home", "Address1": line, "City": city, "StateProvince": state, "PostalCode": code, "CountryCode_Alpha2": "US"});
    let two = json!({"Addresses": [address("1 Oak St", "Macon", "GA", "31201"), address("2 Elm St", "Miami", "FL", "33101")]});
    let (two, one) =
        (api.create(two).await, api.create(json!({"Addresses": [address("1 OAK ST", "MACON", "ga", "31202")]})).await);
    for (query, expected) in [
        ("city=macon", vec![two, one]),
        ("address1=1%20oak%20st", vec![two, one]),
        ("stateProvince=GA", vec![two, one]),
        ("postalCode=31201", vec![two]),
        ("postalCode=31201&city=Macon&stateProvince=GA&address1=1+Oak+St&country=usa&addressType=HOME", vec![two]),
        ("city=Macon&stateProvince=FL", vec![]),
        ("city=Macon&country=CA", vec![]),
        ("city=Miami&address2=Apt", vec![]),
    ] {
        assert_eq!(api.found(&format!("Address?{query}")).await, expected, "{query}");
    }
    api.refused("Address?addressType=Home&country=US", 400, &["address1", "city", "stateProvince", "postalCode"]).await;
    api.refused("Address?city=Macon&addressType=Moon", 404, &["Moon"]).await;
}

#[tokio::test]
async fn by_preference_attributes_one_preference_must_have_them_all() {
    let world = World::start().await;
    let api = world.nightly().await;
    let said = |filter: &str, attributes: &[(&str, &str)]| {
        let attributes: Vec<_> = attributes.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
        json!({"FilterId": filter, "PreferenceType": 1, "PreferenceAttributes": attributes})
    };
    let both = api
        .create(json!({"ProfilePreferences": [said("NEWS-SOLICIT", &[("Origin", "Web"), ("Campaign", "Spring")])]}))
        .await;
    let mut apart = person("Ann", &[]);
    apart["ProfilePreferences"] = json!([said("NEWS-SOLICIT", &[("Origin", "Web")])]);
    apart["Emails"][0]["EmailPreferences"] = json!([said("NEWS-EMAIL", &[("Campaign", "Fall")])]);
    let apart = api.create(apart).await;
    for (query, expected) in [
        ("attributes[0].Key=origin&attributes[0].Value=WEB", vec![both, apart]),
        ("attributes%5B0%5D.key=Campaign", vec![both, apart]),
        ("attributes[0].Key=Campaign&attributes[0].Value=Fall", vec![apart]),
        ("attributes[0].Key=Origin&attributes[1].Key=Campaign", vec![both]),
        (
            "attributes[7].Key=Origin&attributes[7].Value=Web&attributes[2].Key=Campaign&attributes[2].Value=spring",
            vec![both],
        ),
        ("attributes[0].Key=Nothing", vec![]),
    ] {
        assert_eq!(api.found(&format!("PreferenceAttributes?{query}")).await, expected, "{query}");
    }
    api.refused("PreferenceAttributes", 400, &["attributes[0].Key"]).await;
    api.refused("PreferenceAttributes?attributes[3].Value=x", 400, &["attributes[3].Key"]).await;
    api.refused("PreferenceAttributes?attributes[x].Key=x", 400, &["attributes[x].Key"]).await;
}

#[tokio::test]
async fn by_custom_fields_and_means_all_or_means_any_and_values_count_as_what_the_field_holds() {
    let world = World::start().await;
    let api = world.nightly().await;
    let fields = |fields: &[(&str, &str)]| json!({"CustomFields": fields.iter().map(|(n, v)| json!({"Name": n, "Value": v})).collect::<Vec<_>>()});
    let ann = api.create(fields(&[("Age", "42"), ("Note", "Likes tea"), ("Colour", "red::green")])).await;
    let bob = api.create(fields(&[("Age", "42"), ("Colour", "green")])).await;
    for (query, expected) in [
        ("customFields[0].Name=age&customFields[0].Value=42.0", vec![ann, bob]),
        ("customFields[0].Name=Note&customFields[0].Value=LIKES+TEA", vec![ann]),
        ("customFields[0].Name=Note&customFields[0].Value=tea", vec![]),
        ("customFields[0].Name=Colour&customFields[0].Value=green", vec![ann, bob]),
        ("customFields[0].Name=Colour&customFields[0].Value=Green::Red", vec![ann]),
        (
            "customFields[0].Name=Age&customFields[0].Value=42&customFields[1].Name=Colour&customFields[1].Value=red",
            vec![ann],
        ),
        (
            "customFields[0].Name=Age&customFields[0].Value=1&customFields[1].Name=Colour&customFields[1].Value=red&operator=or",
            vec![ann],
        ),
    ] {
        assert_eq!(api.found(&format!("CustomFields?{query}")).await, expected, "{query}");
    }
    api.refused("CustomFields?customFields[0].Name=Height&customFields[0].Value=1", 404, &["Height"]).await;
    api.refused("CustomFields?customFields[0].Name=Colour&customFields[0].Value=blue", 404, &["blue"]).await;
    api.refused(
        "CustomFields?customFields[0].Name=Age&customFields[0].Value=old",
        400,
        &["customFields[0].Value", "old"],
    )
    .await;
    api.refused("CustomFields?customFields[0].Name=Age", 400, &["customFields[0].Value"]).await;
    api.refused(
        "CustomFields?customFields[0].Name=Age&customFields[0].Value=1&operator=Xor",
        400,
        &["operator", "Xor"],
    )
    .await;
}

#[tokio::test]
async fn nobody_found_is_an_empty_list() {
    let world = World::start().await;
    let api = world.nightly().await;
    for query in [
        "Email?emailAddress=nobody@example.com",
        "Phone?phoneNumber=1",
        "Name?lastName=Nobody",
        "Address?city=Nowhere",
        "PreferenceAttributes?attributes[0].Key=x",
        "CustomFields?customFields[0].Name=Note&customFields[0].Value=x",
    ] {
        let answer = api.get(&api.profile_path(&format!("/{query}"))).await.is(200);
        assert_eq!(answer.json(), json!({"UserProfilePreferences": []}), "{query}");
    }
}

#[tokio::test]
async fn fifty_profiles_are_given_and_of_one_more_none() {
    let world = World::prepared();
    let one = |n: usize| {
        json!({
            "CustomerName": {"LastName": "Lee"},
            "AlternateIds": [{"AlternateIdType": "CRM", "AlternateId": n.to_string()}],
            "Emails": [{"EmailAddressType": "Home", "EmailAddress": "all@example.com",
                "EmailPreferences": [{"FilterId": "NEWS-EMAIL", "PreferenceType": 1, "PreferenceAttributes": [{"Key": "Origin", "Value": "Web"}]}]}],
            "PhoneNumbers": [{"PhoneType": "Home", "PhoneNumber": "5550100"}],
            "Addresses": [{"AddressType": "Home", "Address1": "1 Oak St", "City": "Macon", "StateProvince": "GA", "PostalCode": "31201"}],
            "CustomFields": [{"Name": "Note", "Value": "same"}],
        })
        .to_string()
    };
    std::fs::write(world.path("people.ndjson"), (0..51).map(|n| one(n) + "\n").collect::<String>()).unwrap();
    world.sayso(&["load", "people.ndjson", "--account", ACCOUNT]);
    let world = world.serve(&[]).await;
    let api = world.nightly().await;
    let queries = [
        "Email?emailAddress=all@example.com",
        "Phone?phoneNumber=5550100",
        "Name?lastName=lee",
        "Address?city=Macon",
        "Address?postalCode=31201",
        "PreferenceAttributes?attributes[0].Key=Origin&attributes[0].Value=web",
        "CustomFields?customFields[0].Name=Note&customFields[0].Value=same",
    ];
    for query in queries {
        api.refused(query, 403, &["more than 50 profiles match; narrow the search"]).await;
    }
    api.update(51, json!({"IsActive": false})).await;
    for query in queries {
        assert_eq!(api.found(query).await, (1..=50).collect::<Vec<u64>>(), "{query}");
        api.refused(&format!("{query}&includeInactive=true"), 403, &["more than 50"]).await;
    }
    world.check();
}

#[tokio::test]
async fn deactivated_profiles_are_found_only_with_include_inactive() {
    let world = World::start().await;
    let api = world.nightly().await;
    let mut ann = person("Ann", &[]);
    ann["CustomerName"]["LastName"] = "Lee".into();
    ann["CustomFields"] = json!([{"Name": "Note", "Value": "x"}]);
    let id = api.create(ann).await;
    api.update(id, json!({"IsActive": false})).await;
    for query in [
        "Email?emailAddress=ann@example.com",
        "Name?lastName=Lee",
        "CustomFields?customFields[0].Name=Note&customFields[0].Value=x",
    ] {
        assert_eq!(api.found(query).await, [0; 0], "{query}");
        assert_eq!(api.found(&format!("{query}&includeInactive=TRUE")).await, [id], "{query}");
        api.refused(&format!("{query}&includeInactive=maybe"), 400, &["includeInactive", "maybe"]).await;
    }
}

#[tokio::test]
async fn what_was_changed_or_deleted_is_not_found_under_its_former_values() {
    let world = World::start().await;
    let api = world.nightly().await;
    let named = |last: &str| json!({"CustomerName": {"LastName": last}});
    let (changed, deleted) = (api.create(named("Lee")).await, api.create(named("Lee")).await);
    api.update(changed, named("Smith")).await;
    api.remove(deleted).await;
    assert_eq!(api.found("Name?lastName=Lee").await, [0; 0]);
    assert_eq!(api.found("Name?lastName=Smith").await, [changed]);
    world.check();
}

#[tokio::test]
async fn a_search_shows_each_profile_as_a_read_does() {
    let world = World::start().await;
    let mut api = world.nightly().await;
    let consent = |status: u8| json!({"Consents": [{"ConsentType": "Marketing", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": status}]});
    let mut ann = person("Ann", &[]);
    ann["Emails"][0]["EmailPreferences"] = json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1}]);
    let id = api.create(ann).await;
    api.update(id, consent(1)).await;
    api.update(id, consent(3)).await;
    let email = "Email?emailAddress=ann@example.com";
    let fresh = api.search(email).await;
    assert_eq!(fresh, [api.read(id).await]);
    assert_eq!(fresh[0]["ConsentHistory"].as_array().unwrap().len(), 1);
    let without = api.search(&format!("{email}&includeConsentHistory=false")).await;
    assert_eq!(without[0].get("ConsentHistory"), None);
    // ten days on the opt-in has expired by itself
    world.advance(11 * 24 * 3_600_000);
    api.sign_in_again().await;
    let expired = api.search(email).await;
    assert_eq!(expired, [api.read(id).await]);
    assert_eq!(expired[0]["Emails"][0]["EmailPreferences"][0]["PreferenceStatus"], "Expired");
}

#[tokio::test]
async fn a_search_needs_the_permission_to_view_profiles() {
    let world = World::start().await;
    world.sign_in(ACCOUNT, "Reader").await.found("Name?lastName=Lee").await;
    world.apply("Permissions = { Profiles = \"View\" }", "Permissions = {}");
    world.sign_in(ACCOUNT, "Reader").await.refused("Name?lastName=Lee", 403, &["Profiles", "View"]).await;
}

#[tokio::test]
async fn what_a_search_names_and_the_account_has_not_is_told_with_its_parameter() {
    let world = World::start().await;
    let api = world.nightly().await;
    for (rest, words) in [
        ("Email?emailAddress=a@example.org&emailType=Zed", "emailType: there is no email type \"Zed\""),
        ("Phone?phoneNumber=1&phoneType=Zed", "phoneType: there is no phone type \"Zed\""),
        ("Address?city=Macon&addressType=Zed", "addressType: there is no address type \"Zed\""),
        (
            "CustomFields?customFields[0].Name=Zed&customFields[0].Value=1",
            "customFields[0].Name: there is no custom field \"Zed\"",
        ),
        (
            "CustomFields?customFields[3].Name=Colour&customFields[3].Value=zed",
            "customFields[3].Value: there is no choice",
        ),
        ("Group?groupType=Zed&groupName=a&profileId=1", "groupType: there is no group type \"Zed\""),
    ] {
        api.get(&api.profile_path(&format!("/{rest}"))).await.refuses(404, &[words]);
    }
}

#[tokio::test]
async fn an_email_that_many_deactivated_profiles_share_still_finds_the_active_one() {
    let world = World::start().await;
    let api = world.nightly().await;
    let shared = json!([{"EmailAddressType": "Home", "EmailAddress": "desk@example.org"}]);
    let profile = |active: bool| json!({"IsActive": active, "Emails": shared});
    futures_util::future::join_all((0..70).map(|_| api.create(profile(false)))).await;
    let active = api.create(profile(true)).await;
    let one = api.profile_path("/Email?emailAddress=desk@example.org");
    let found = api.get(&one).await.is(200).json();
    assert_eq!(ids(found["UserProfilePreferences"].as_array().unwrap()), [active]);
    api.get(&format!("{one}&includeInactive=true")).await.refuses(403, &["more than 50"]);
}

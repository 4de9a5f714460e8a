//! What the tests of the rules of a profile need beside: an account that has something for every rule, and the other methods.

use serde_json::{Value, json};

use super::{ACCOUNT, Answer, Api, World, read};

/// The account of the product tests with more in it.
const MORE: &str = r#"
[[CustomFields]]
Name = "Code"
Kind = { Text = { MinLength = 3, MaxLength = 5, RegularExpression = "[A-Z]+[0-9]*" } }

[[CustomFields]]
Name = "Price"
Kind = { Numeric = { Min = -10.0, Max = 99.5, DecimalPlaces = 2 } }

[[CustomFields]]
Name = "Born"
Kind = { DateTime = {} }

[[CustomFields]]
Name = "Shade"
Kind = { SelectList = { Picklist = "Colours" } }

[[CustomFields]]
Name = "First"
Kind = { Text = {} }
UpdateRule = "IfCurrentBlank"

[[CustomFields]]
Name = "Lasting"
Kind = { Text = {} }
UpdateRule = "IfNewNotBlank"

[[CustomFields]]
Name = "Fixed"
Kind = { Text = {} }
UpdateRule = "Never"

[[ConsentTypes]]
TypeName = "Calls"
Versions = [
  { ConsentVersion = "v1", LocalizedFields = [{ Locale = "en_US" }, { Locale = "es_US" }] },
  { ConsentVersion = "v2", ExpirationInDays = 5, LocalizedFields = [{ Locale = "en_US" }] },
]

[[Programs]]
ID = "PROMO"
Filters = [
  { ID = "PROMO-EMAIL", ChannelID = "Email", RequiredConsents = ["Calls"], OptOutExpirationInDays = 20, Frequencies = [{ ID = "W", IsDefault = true }, { ID = "M" }] },
  { ID = "PROMO-MAIL", ChannelID = "Mail" },
  { ID = "PROMO-PHONE", ChannelID = "Phone" },
  { ID = "PROMO-SOLICIT", ChannelID = "Solicit", RequiredConsents = ["Calls"] },
]
"#;

impl World {
    /// A fresh server whose account has something for every rule.
    pub async fn with_rules() -> World {
        let world = World::start().await;
        let text = std::fs::read_to_string(world.path("account.toml")).unwrap();
        std::fs::write(world.path("account.toml"), text + MORE).unwrap();
        world.sayso(&["account", "apply", ACCOUNT, "--from", "account.toml"]);
        world
    }
}

impl Api {
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        read(self.call("PUT", path).json(body)).await
    }
    pub async fn patch(&self, path: &str, operations: &Value) -> Answer {
        let call = self.call("PATCH", path).header("content-type", "application/json-patch+json");
        read(call.body(operations.to_string())).await
    }
    /// The address of a profile.
    pub fn at(&self, id: u64) -> String {
        self.profile_path(&format!("/{id}"))
    }
    /// The address of the consents of a profile.
    pub fn consents_at(&self, id: u64, rest: &str) -> String {
        format!("/Profiles/v4/{}/Consents/{id}{rest}", self.account)
    }
    /// A row with archived preferences, as an export gives it.
    pub async fn with_archived(&self, id: u64) -> Value {
        let token = self.export("With archived", json!({})).await;
        self.rows(token).await.into_iter().find(|row| row["ProfileId"] == id).unwrap()
    }
}

/// A consent of this type and status; version v1, in English.
pub fn consent(name: &str, status: u8) -> Value {
    json!({"ConsentType": name, "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": status})
}

pub fn says(filter: &str, preference_type: u8) -> Value {
    json!({"FilterId": filter, "PreferenceType": preference_type})
}

/// The value with these members.
pub fn with(mut value: Value, more: Value) -> Value {
    value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    value
}

/// An email address with these preferences.
pub fn mail(address: &str, preferences: Value) -> Value {
    json!({"EmailAddressType": "Home", "EmailAddress": address, "EmailPreferences": preferences})
}

/// Filters and types of a list of preferences.
pub fn said(list: &Value) -> Vec<(String, u64)> {
    let all = list.as_array().unwrap().iter();
    all.map(|p| (p["FilterId"].as_str().unwrap().to_owned(), p["PreferenceType"].as_u64().unwrap())).collect()
}

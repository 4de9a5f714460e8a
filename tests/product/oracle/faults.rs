//! What callers get wrong: each a 400 or a 404 that the model foresees.

use serde_json::{Value, json};

use super::bodies::Bodies;

impl Bodies<'_> {
    /// Makes something wrong with a body.
    pub fn spoil(&mut self, body: &mut Value) {
        let contact = json!({"EmailAddressType": "Home", "EmailAddress": "zoe@example.com"});
        let with = |name: &str, value: Value| {
            let mut contact = contact.clone();
            contact[name] = value;
            json!([contact])
        };
        let wrong = [
            ("Nickname", json!("A")),
            ("CustomerType", json!("VIP")),
            ("CustomerName", json!({"FirstName": 5})),
            ("AlternateIds", json!([{"AlternateIdType": "SSN", "AlternateId": "1"}])),
            ("AlternateIds", json!([{"AlternateIdType": "CRM", "AlternateId": " "}])),
            ("Groups", json!([{"GroupType": "Club", "GroupName": "x"}])),
            ("Groups", json!([{"GroupType": "Company"}])),
            ("ProfileTags", json!([{"Name": "a"}, {"Name": "A"}])),
            ("ProfileTags", json!([{"Nam": "a"}])),
            ("CustomFields", json!([{"Name": "Height", "Value": "1"}])),
            ("CustomFields", json!([{"Name": "Note", "Value": "x"}])),
            ("CustomFields", json!([{"Name": "Note", "Value": "much too long"}])),
            ("CustomFields", json!([{"Name": "Age", "Value": "old"}])),
            ("CustomFields", json!([{"Name": "Age", "Value": "1.25"}])),
            ("CustomFields", json!([{"Name": "Colour", "Value": "Red::Green"}])),
            ("CustomFields", json!([{"Name": "Colours", "Value": "Red::red"}])),
            ("CustomFields", json!([{"Name": "Born", "Value": "29.02.1980"}])),
            ("CustomFields", json!([{"Name": "Off", "Value": "x"}])),
            ("Emails", with("EmailAddress", json!("ann"))),
            ("Emails", with("EmailAddress", json!(null))),
            ("Emails", with("EmailAddressType", json!("Fax"))),
            ("Emails", with("EmailAddressType", json!("Old"))),
            ("Emails", with("Colour", json!(1))),
            ("Emails", with("EmailPreferences", json!([{"FilterId": "NEWS-ASK", "PreferenceType": 2}]))),
            ("Emails", with("EmailPreferences", json!([{"FilterId": "NOTHING", "PreferenceType": 2}]))),
            ("Emails", with("EmailPreferences", json!([{"FilterId": "NEWS-EMAIL"}]))),
            (
                "Emails",
                with(
                    "EmailPreferences",
                    json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1, "FrequencyId": "Daily"}]),
                ),
            ),
            (
                "Emails",
                with(
                    "EmailPreferences",
                    json!([{"FilterId": "NEWS-EMAIL", "PreferenceType": 1, "CustomerDate": "2026-02-30"}]),
                ),
            ),
            (
                "Emails",
                with(
                    "Consents",
                    json!([{"ConsentType": "Texting", "ConsentVersion": "v1", "Locale": "en_US", "ConsentStatus": 1}]),
                ),
            ),
            (
                "Consents",
                json!([{"ConsentType": "Marketing", "ConsentVersion": "v9", "Locale": "en_US", "ConsentStatus": 1}]),
            ),
            (
                "Consents",
                json!([{"ConsentType": "Marketing", "ConsentVersion": "v2", "Locale": "es_US", "ConsentStatus": 1}]),
            ),
            (
                "Consents",
                json!([{"ConsentType": "Marketing", "ConsentVersion": "v2", "Locale": "en_US", "ConsentStatus": 1, "ConsentDate": "soon"}]),
            ),
            ("PhoneNumbers", json!([{"PhoneType": "Home", "PhoneNumber": "none"}])),
            (
                "Addresses",
                json!([{"AddressType": "Home", "Address1": "1", "City": "2", "StateProvince": "G", "PostalCode": "3"}]),
            ),
        ];
        let (name, value) = self.pick(&wrong);
        body[name] = value;
    }
}

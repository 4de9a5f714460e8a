//! Segment definitions made at random, all of them well formed.

use proptest::{collection::vec, option::of, prelude::*, sample::select};
use serde_json::{Map, Value, json};

pub(super) fn criteria() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|parts| json!({"All": parts})),
            vec(inner.clone(), 0..4).prop_map(|parts| json!({"Any": parts})),
            inner.prop_map(|part| json!({"Not": part})),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => field(),
        2 => custom_field(),
        3 => bound(),
        4 => preference(),
        3 => consent(),
        1 => (select(vec!["vip", "new", "a\u{1f}b"]), exists()).prop_map(|(tag, more)| with(json!({"Tag": tag}), more)),
        1 => (select(vec!["Household", "Company"]), of(select(vec!["Smith", "jones"])), exists()).prop_map(|(kind, name, more)| {
            let group = with(json!({"Type": kind}), optional("Name", name.map(Value::from)));
            with(json!({"Group": group}), more)
        }),
        1 => (select(vec!["CRM", "Loyalty"]), exists()).prop_map(|(kind, more)| with(json!({"AlternateIdType": kind}), more)),
    ]
}

fn field() -> impl Strategy<Value = Value> {
    let text = select(vec![
        "CustomerName.LastName",
        "CustomerName.Prefix",
        "DefaultLocale",
        "Address.City",
        "Address.StateProvince",
        "Address.CountryCode_Alpha2",
        "Email.EmailAddress",
        "Phone.PhoneNumber",
        "Tag.Name",
        "Group.GroupName",
        "LastModifiedSourceId",
    ]);
    let flags = select(vec!["IsActive", "PreserveConsents", "Phone.IsMobile", "Address.IsDefault", "Email.IsActive"]);
    let dates = select(vec!["CreateDate", "Edited.LastModifiedDate", "Address.CreateDate", "Email.LastModifiedDate"]);
    prop_oneof![
        (text, operators(words())).prop_map(|(field, more)| with(json!({"Field": field}), more)),
        (flags, any::<bool>(), select(vec!["Is", "IsNot", "Exists"]))
            .prop_map(|(f, yes, op)| json!({"Field": f, op: yes})),
        (dates, ordered(date())).prop_map(|(field, more)| with(json!({"Field": field}), more)),
        ordered((0u64..2000).prop_map(Value::from).boxed()).prop_map(|more| with(json!({"Field": "ProfileId"}), more)),
        (select(vec!["Is", "IsNot"]), select(vec!["Consumer", "business"]))
            .prop_map(|(op, kind)| json!({"Field": "CustomerType", op: kind})),
    ]
}

fn custom_field() -> impl Strategy<Value = Value> {
    let choices = || vec(select(vec!["Books", "music", "Travel"]), 1..3);
    prop_oneof![
        operators(words()).prop_map(|more| with(json!({"CustomField": "Store"}), more)),
        ordered(select(vec![20.0, 21.0, 34.5, 50.0]).prop_map(Value::from).boxed())
            .prop_map(|more| with(json!({"CustomField": "age"}), more)),
        ordered(date()).prop_map(|more| with(json!({"CustomField": "Since"}), more)),
        (select(vec!["AllOf", "AnyOf", "In"]), choices())
            .prop_map(|(op, c)| json!({"CustomField": "Interests", op: c})),
        (select(vec!["Is", "IsNot"]), choices()).prop_map(|(op, c)| json!({"CustomField": "Interests", op: c[0]})),
        any::<bool>().prop_map(|yes| json!({"CustomField": "Interests", "Exists": yes, "Contains": "o"})),
    ]
}

fn bound() -> impl Strategy<Value = Value> {
    let city = || select(vec![json!("Macon"), json!({"IsNot": "Miami"}), json!({"StartsWith": "m", "Contains": "i"})]);
    let state = select(vec![json!("GA"), json!(["FL", "Georgia"]), json!({"IsNot": "GA"}), json!({"Exists": true})]);
    let line = select(vec![json!({"Exists": false}), json!({"Exists": true}), json!({"AtLeast": "m"})]);
    let address =
        (of(city()), of(state), of(line), of(select(vec!["Home", "billing"])), of(any::<bool>())).prop_map(|a| {
            let address = with(optional("City", a.0), optional("StateProvince", a.1));
            let address = with(with(address, optional("Address2", a.2)), optional("AddressType", a.3.map(Value::from)));
            json!({"Address": with(address, optional("IsDefault", a.4.map(Value::from)))})
        });
    let phone = (of(any::<bool>()), of(select(vec!["1", "12", "9"]))).prop_map(|(mobile, start)| {
        let start = start.map(|s| json!({"StartsWith": s}));
        json!({"Phone": with(optional("IsMobile", mobile.map(Value::from)), optional("PhoneNumberNumeric", start))})
    });
    (prop_oneof![3 => address, 1 => phone], exists()).prop_map(|(row, more)| with(row, more))
}

fn preference() -> impl Strategy<Value = Value> {
    let subject = prop_oneof![
        select(vec!["NEWS-EMAIL", "NEWS-MAIL", "OFFERS-ASK"]).prop_map(|f| json!({"Preference": f})),
        select(vec!["NEWS", "OFFERS"]).prop_map(|p| json!({"Program": p})),
        select(vec!["Email", "Text"]).prop_map(|c| json!({"Channel": c})),
    ];
    let status = select(vec![json!("Active"), json!("Expired"), json!("Archived"), json!(["Active", "Archived"])]);
    let attribute = select(vec![json!({"Key": "Topic"}), json!({"Key": "topic", "Value": "GARDENS"})]);
    let matched = select(vec![json!({}), json!({"Implied": true}), json!({"Expressed": true, "Implied": true})]);
    (subject, of(select(vec!["OptIn", "OptOut"])), of(status), of(attribute), of(range()), matched, exists()).prop_map(
        |p| {
            let row = with(p.0, optional("Type", p.1.map(Value::from)));
            let row = with(with(row, optional("Status", p.2)), optional("Attribute", p.3));
            with(with(with(row, optional("CustomerDate", p.4)), p.5), p.6)
        },
    )
}

fn consent() -> impl Strategy<Value = Value> {
    let status = select(vec![json!("Granted"), json!(["Denied", "Revoked"])]);
    let version = of(select(vec!["1"]));
    let locale = of(select(vec!["en_US"]));
    (select(vec!["Marketing", "SmsTerms"]), of(status), version, locale, of(any::<bool>()), of(range()), exists())
        .prop_map(|c| {
            let row = with(json!({"Consent": c.0}), optional("Status", c.1));
            let row = with(row, optional("Version", c.2.map(Value::from)));
            let row = with(row, optional("Locale", c.3.map(Value::from)));
            with(with(with(row, optional("NotExpired", c.4.map(Value::from))), optional("ConsentDate", c.5)), c.6)
        })
}

fn words() -> BoxedStrategy<Value> {
    select(vec!["ga", "FL", "Macon", "smith", "Ångström", "en_US", "US", "a", "Macon Mall", "vip", "Georgia"])
        .prop_map(Value::from)
        .boxed()
}

/// Dates around those of the profiles.
fn date() -> BoxedStrategy<Value> {
    prop_oneof![
        (0..20).prop_map(|ms| json!(format!("2023-11-14T22:13:20.{ms:03}Z"))),
        select(vec![json!({"Ago": "0s"}), json!({"Ago": "30d"}), json!("2020-05-01")]),
    ]
    .boxed()
}

fn range() -> impl Strategy<Value = Value> {
    (select(vec!["AtLeast", "AtMost"]), date()).prop_map(|(op, date)| json!({op: date}))
}

fn operators(value: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let op = select(vec!["Is", "IsNot", "StartsWith", "Contains", "AtLeast", "AtMost"]);
    prop_oneof![
        4 => (op, value.clone()).prop_map(|(op, value)| json!({op: value})),
        1 => vec(value, 1..3).prop_map(|values| json!({"In": values})),
        1 => any::<bool>().prop_map(|yes| json!({"Exists": yes})),
    ]
}

fn ordered(value: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let op = select(vec!["Is", "IsNot", "AtLeast", "AtMost"]);
    prop_oneof![
        4 => (op, value.clone()).prop_map(|(op, value)| json!({op: value})),
        1 => (value.clone(), value).prop_map(|(a, b)| json!({"AtLeast": a, "AtMost": b})),
    ]
}

fn exists() -> impl Strategy<Value = Value> {
    prop_oneof![3 => Just(json!({})), 1 => any::<bool>().prop_map(|yes| json!({"Exists": yes}))]
}

fn optional(key: &str, value: Option<Value>) -> Value {
    Value::Object(value.map(|value| (key.to_owned(), value)).into_iter().collect())
}

fn with(row: Value, more: Value) -> Value {
    let members = |value: Value| value.as_object().cloned().unwrap_or_default();
    Value::Object(members(row).into_iter().chain(members(more)).collect::<Map<_, _>>())
}

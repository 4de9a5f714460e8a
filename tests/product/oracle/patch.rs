//! JSON Patch (RFC 6902) with its four operations: a random one for a document, and what it makes of it.

use serde_json::{Value, json};

use super::{bodies::Bodies, json::list};

/// One to three operations on a profile; now and then one that can't be.
pub fn random(bodies: &mut Bodies<'_>, document: &Value) -> Value {
    let n = 1 + bodies.random.below(3);
    let mut operations: Vec<Value> = Vec::new();
    // Of one list one operation only: the places of the second would depend on the first.
    let mut used: Vec<String> = Vec::new();
    for _ in 0..n {
        let operation = one(bodies, document);
        let first = operation["path"].as_str().unwrap_or_default().split('/').nth(1).unwrap_or_default().to_owned();
        if !used.contains(&first) {
            used.push(first);
            operations.push(operation);
        }
    }
    json!(operations)
}

fn one(bodies: &mut Bodies<'_>, document: &Value) -> Value {
    let element = |bodies: &mut Bodies<'_>, name: &str| {
        let n = list(document, name).len() as u64;
        (n > 0).then(|| format!("/{name}/{}", bodies.random.below(n)))
    };
    let contacts = ["Emails", "PhoneNumbers", "Addresses"];
    let lists = [
        "Emails",
        "PhoneNumbers",
        "Addresses",
        "Consents",
        "ProfilePreferences",
        "CustomFields",
        "AlternateIds",
        "ProfileTags",
        "Groups",
    ];
    let otherwise = json!({"op": "replace", "path": "/CustomerName/FirstName", "value": "Eve"});
    match bodies.random.below(14) {
        0 | 1 => {
            let name = bodies.pick(&lists);
            element(bodies, name).map_or(otherwise, |path| json!({"op": "remove", "path": path}))
        }
        2 => {
            let name = bodies.pick(&contacts);
            let Some(path) = element(bodies, name) else { return otherwise };
            let hangs = bodies.pick(&["EmailPreferences", "PhoneNumberPreferences", "AddressPreferences", "Consents"]);
            match document.pointer(&format!("{path}/{hangs}/0")) {
                Some(_) => json!({"op": "remove", "path": format!("{path}/{hangs}/0")}),
                None => json!({"op": "replace", "path": format!("{path}/IsDefault"), "value": false}),
            }
        }
        3 => {
            let body = bodies.profile(60);
            let name = bodies.pick(&lists);
            match list(&body, name).first() {
                Some(item) => json!({"op": "add", "path": format!("/{name}/-"), "value": item}),
                None => otherwise,
            }
        }
        4 => match element(bodies, "Consents") {
            Some(path) => {
                json!({"op": "replace", "path": format!("{path}/ConsentStatus"), "value": bodies.pick(&[1, 2, 3])})
            }
            None => otherwise,
        },
        5 => match element(bodies, "PhoneNumbers") {
            Some(path) => json!({"op": "replace", "path": format!("{path}/IsMobile"), "value": bodies.chance(50)}),
            None => otherwise,
        },
        6 => match element(bodies, "CustomFields") {
            Some(path) => json!({"op": "replace", "path": format!("{path}/Value"), "value": null}),
            None => otherwise,
        },
        7 => json!({"op": "test", "path": "/CustomerName/LastName", "value": document["CustomerName"]["LastName"]}),
        8 => json!({"op": "test", "path": "/CustomerName/LastName", "value": bodies.pick(&["Lee", "Nobody"])}),
        9 => {
            json!({"op": "remove", "path": bodies.pick(&["/Emails/9", "/Nickname", "/CustomerName/LastName", "/DefaultLocale"])})
        }
        10 => {
            json!({"op": "add", "path": bodies.pick(&["/Nickname", "/ProfileTags/0", "/RegistrationConfirmed"]), "value": true})
        }
        11 if bodies.chance(20) => {
            json!({"op": "move", "from": "/CustomerName/LastName", "path": "/CustomerName/FirstName"})
        }
        12 => json!({"op": "add", "path": "/PreservePreferences", "value": bodies.chance(50)}),
        _ => otherwise,
    }
}

/// The document that a patch makes, or the status of the refusal.
pub fn apply(mut document: Value, operations: &Value) -> Result<Value, u16> {
    for operation in operations.as_array().unwrap() {
        let path = operation["path"].as_str().unwrap();
        let (holder, name) = path.rsplit_once('/').unwrap();
        let there = document.pointer(path).cloned();
        let value = operation["value"].clone();
        match operation["op"].as_str().unwrap() {
            "test" => {
                if there.ok_or(400_u16)? != value {
                    return Err(409);
                }
            }
            "replace" => *document.pointer_mut(path).ok_or(400_u16)? = value,
            "remove" => {
                there.ok_or(400_u16)?;
                match document.pointer_mut(holder).unwrap() {
                    Value::Array(items) => _ = items.remove(name.parse().unwrap()),
                    object => _ = object.as_object_mut().unwrap().shift_remove(name),
                }
            }
            "add" => match document.pointer_mut(holder).ok_or(400_u16)? {
                Value::Array(items) if name == "-" => items.push(value),
                Value::Array(items) => {
                    let at: usize = name.parse().map_err(|_| 400_u16)?;
                    if at > items.len() {
                        return Err(400);
                    }
                    items.insert(at, value);
                }
                object => _ = object.as_object_mut().ok_or(400_u16)?.insert(name.to_owned(), value),
            },
            _ => return Err(400),
        }
    }
    Ok(document)
}

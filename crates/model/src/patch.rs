//! JSON Patch (RFC 6902) as the API takes it: add, replace, remove and test; move and copy are refused (profile.md, Data API).
//!
//! The operations themselves are the library's. Ours are what a caller is told (which operation, which path), that numbers are
//! compared by their value (RFC 6902, 4.6: 1 and 1.0 are equal), and a bound on their number.

use json_patch::{
    AddOperation, PatchErrorKind, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation, jsonptr::PointerBuf,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    input::{object::Object, once::Once, trailing, unreadable},
    refusal::{Refusal, shown},
};

/// The most operations of one patch.
pub const MAX_OPERATIONS: usize = 1000;

/// Operations that can be read; whether their paths lead anywhere is seen when they are applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch(Vec<PatchOperation>);

/// One operation as it was sent; members that it doesn't need are passed over (RFC 6902, 4).
#[derive(Deserialize)]
struct Sent {
    op: String,
    path: String,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
}

/// `null` is a value.
fn present<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Value>, D::Error> {
    Once::deserialize(d).map(|Once(value)| Some(value))
}

/// Reads a patch. Malformed JSON, an operation that is not offered, a missing or malformed member: [`crate::refusal::Why::Invalid`]
/// with the place in the patch, `[3].op`.
pub fn parse_patch(json: &[u8]) -> Result<Patch, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let sent: Vec<Object<Sent>> = serde_path_to_error::deserialize(&mut reader).map_err(unreadable)?;
    reader.end().map_err(trailing)?;
    if sent.len() > MAX_OPERATIONS {
        let message = format!("the patch has {} operations; at most {MAX_OPERATIONS} are accepted", sent.len());
        return Err(Refusal::invalid("", message));
    }
    sent.into_iter().enumerate().map(|(i, Object(sent))| operation(i, sent)).collect::<Result<_, _>>().map(Patch)
}

fn operation(i: usize, sent: Sent) -> Result<PatchOperation, Refusal> {
    let path = PointerBuf::parse(&*sent.path).map_err(|_| {
        let message = format!(
            "{} is no JSON pointer: empty, or a / before each part, in which ~0 stands for ~ and ~1 for /",
            shown(&sent.path)
        );
        Refusal::invalid(format!("[{i}].path"), message)
    })?;
    let value = || {
        let missing = || Refusal::invalid(format!("[{i}].value"), format!("is required by {}", sent.op));
        sent.value.clone().ok_or_else(missing)
    };
    match sent.op.as_str() {
        "add" => Ok(PatchOperation::Add(AddOperation { path, value: value()? })),
        "replace" => Ok(PatchOperation::Replace(ReplaceOperation { path, value: value()? })),
        "test" => Ok(PatchOperation::Test(TestOperation { path, value: value()? })),
        "remove" => Ok(PatchOperation::Remove(RemoveOperation { path })),
        other => {
            let message = format!("{} is not offered: add, replace, remove and test are accepted", shown(other));
            Err(Refusal::invalid(format!("[{i}].op"), message))
        }
    }
}

impl Patch {
    /// How many operations there are, and objects and lists in what they bring: a measure of the work that it makes.
    pub fn things(&self) -> usize {
        fn within(value: &Value) -> usize {
            match value {
                Value::Object(members) => 1 + members.values().map(within).sum::<usize>(),
                Value::Array(items) => 1 + items.iter().map(within).sum::<usize>(),
                _ => 0,
            }
        }
        let brings = |operation: &PatchOperation| match operation {
            PatchOperation::Add(AddOperation { value, .. })
            | PatchOperation::Replace(ReplaceOperation { value, .. })
            | PatchOperation::Test(TestOperation { value, .. }) => 1 + within(value),
            PatchOperation::Remove(_) | PatchOperation::Move(_) | PatchOperation::Copy(_) => 1,
        };
        self.0.iter().map(brings).sum()
    }

    /// Applies the operations in their order. A path that isn't there: [`crate::refusal::Why::Invalid`]; a test that doesn't hold:
    /// [`crate::refusal::Why::Conflict`]. Refused, the document is of no more use: some operations may be done.
    pub fn apply(&self, document: &mut Value) -> Result<(), Refusal> {
        for (i, operation) in self.0.iter().enumerate() {
            let path = operation.path().as_str();
            let not_there = || {
                let message = format!("{} leads to nothing that {} could be done to", shown(path), name(operation));
                Refusal::invalid(format!("[{i}].path"), message)
            };
            if let PatchOperation::Test(test) = operation {
                let found = document.pointer(path).ok_or_else(not_there)?;
                if !equal(found, &test.value) {
                    let (found, wanted) = (found.to_string(), test.value.to_string());
                    let message =
                        format!("the test failed: at {} stands {}, not {}", shown(path), shown(&found), shown(&wanted));
                    return Err(Refusal::conflict(format!("[{i}]"), message));
                }
                continue;
            }
            json_patch::patch_unsafe(document, std::slice::from_ref(operation)).map_err(|error| match error.kind {
                PatchErrorKind::InvalidPointer => not_there(),
                kind => Refusal::invalid(format!("[{i}]"), kind.to_string()),
            })?;
        }
        Ok(())
    }
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Test(_) => "test",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
    }
}

/// Equality of RFC 6902, 4.6: members in any order, numbers by their value.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64()),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::refusal::Why;

    fn patched(mut document: Value, patch: Value) -> Result<Value, Refusal> {
        parse_patch(patch.to_string().as_bytes())?.apply(&mut document)?;
        Ok(document)
    }

    fn refused(patch: Value, why: Why, path: &str) -> String {
        let refusal = patched(json!({ "a": [1], "b": "x" }), patch.clone()).expect_err(&patch.to_string());
        assert_eq!((refusal.why, &*refusal.path), (why, path), "{refusal}");
        refusal.message
    }

    #[test]
    fn move_copy_and_unknown_operations_are_refused_naming_their_place() {
        for op in ["move", "copy", "Add", ""] {
            let patch = json!([{ "op": "remove", "path": "/b" }, { "op": op, "path": "/a", "from": "/b" }]);
            assert!(refused(patch, Why::Invalid, "[1].op").contains("add, replace, remove and test"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_naming_its_place() {
        refused(json!({ "op": "remove", "path": "/b" }), Why::Invalid, "");
        refused(json!([["remove", "/b"]]), Why::Invalid, "[0]");
        refused(json!([{ "path": "/b" }]), Why::Invalid, "[0]");
        refused(json!([{ "op": "remove", "path": 5 }]), Why::Invalid, "[0].path");
        refused(json!([{ "op": "remove", "path": "b" }]), Why::Invalid, "[0].path");
        refused(json!([{ "op": "remove", "path": "/b~2" }]), Why::Invalid, "[0].path");
        refused(json!([{ "op": "add", "path": "/c" }]), Why::Invalid, "[0].value");
        assert!(parse_patch(b"[] []").is_err());
        assert!(parse_patch(br#"[{"op":"test","path":"/b","value":"x","op":"remove"}]"#).is_err(), "one op twice");
        let twice = parse_patch(br#"[{"op":"add","path":"/c","value":[{"d":1,"d":2}]}]"#).unwrap_err();
        assert!(twice.path.starts_with("[0].value") && twice.message.contains("duplicate field `d`"), "{twice}");
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused_naming_operation_and_path() {
        for (op, path) in [
            ("remove", "/c"),
            ("replace", "/c"),
            ("replace", "/a/1"),
            ("remove", "/a/-"),
            ("remove", ""),
            ("add", "/a/2"),
            ("add", "/c/d"),
            ("add", "/b/0"),
            ("test", "/a/01"),
        ] {
            let patch = json!([{ "op": "test", "path": "/b", "value": "x" }, { "op": op, "path": path, "value": 1 }]);
            assert!(refused(patch, Why::Invalid, "[1].path").contains(&format!("{path:?}")), "{op} {path}");
        }
    }

    #[test]
    fn a_test_that_does_not_hold_is_a_conflict() {
        let message = refused(json!([{ "op": "test", "path": "/b", "value": "y" }]), Why::Conflict, "[0]");
        assert!(message.contains("/b") && message.contains('x') && message.contains('y'), "{message}");
    }

    #[test]
    fn numbers_are_compared_by_their_value() {
        let holds = |a: Value, b: Value| {
            patched(json!({ "a": a }), json!([{ "op": "test", "path": "/a", "value": b }])).is_ok()
        };
        assert!(holds(json!(1), json!(1.0)) && holds(json!([{ "b": -0.0 }]), json!([{ "b": 0 }])));
        assert!(!holds(json!(1), json!(1.5)) && !holds(json!(u64::MAX), json!(u64::MAX - 1)));
    }

    #[test]
    fn a_patch_has_at_most_a_thousand_operations() {
        let of =
            |n: usize| patched(json!({ "a": 1 }), vec![json!({ "op": "test", "path": "/a", "value": 1 }); n].into());
        assert!(of(MAX_OPERATIONS).is_ok());
        assert!(of(MAX_OPERATIONS + 1).is_err());
    }
}

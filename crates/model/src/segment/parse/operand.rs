//! Operators and what they compare with, typed by the member they stand with.

use serde_json::{Map, Value};

use super::{Parser, flag, object, only, text, wrong};
use crate::{
    config::{Picklist, TypeKind},
    id::{fold, fold_case},
    moment::{Choice, Moment, parse_customer_date, parse_date_time},
    refusal::{Refusal, shown},
    segment::{DateTest, Kind, NumberTest, Test, TextTest, When},
};

/// What is compared, and with what it may be.
#[derive(Clone, Copy)]
pub(super) enum Holds<'c> {
    Text,
    Type(TypeKind),
    Flag,
    Number,
    Date,
    Choices(&'c Picklist),
}

impl From<Kind> for Holds<'_> {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Holds::Text,
            Kind::Type(kind) => Holds::Type(kind),
            Kind::Flag => Holds::Flag,
            Kind::Number => Holds::Number,
            Kind::Date => Holds::Date,
        }
    }
}

/// The operators on a range, which dates take within preferences and consents.
pub(super) const RANGE: [&str; 3] = ["AtLeast", "AtMost", "Between"];

impl Holds<'_> {
    /// The operators that it takes.
    pub(super) fn operators(self) -> &'static [&'static str] {
        match self {
            Holds::Text | Holds::Type(_) => {
                &["Is", "IsNot", "In", "StartsWith", "Contains", "AtLeast", "AtMost", "Between", "Exists"]
            }
            Holds::Flag => &["Is", "IsNot", "In", "Exists"],
            Holds::Number | Holds::Date => &["Is", "IsNot", "In", "AtLeast", "AtMost", "Between", "Exists"],
            Holds::Choices(_) => &["Is", "IsNot", "In", "AllOf", "AnyOf", "StartsWith", "Contains", "Exists"],
        }
    }
}

impl Parser<'_> {
    /// The tests of an object of operators, beside members that are read elsewhere (`beside`).
    pub(super) fn operators(
        &mut self,
        row: &Map<String, Value>,
        beside: &[&str],
        holds: Holds<'_>,
        path: &str,
    ) -> Result<Vec<Test>, Refusal> {
        let accepted = holds.operators();
        only(row, &[beside, accepted].concat(), path)?;
        let mut tests = Vec::new();
        for (operator, value) in row.iter().filter(|(k, _)| !beside.contains(&k.as_str())) {
            self.operator(operator, value, holds, &format!("{path}.{operator}"), &mut tests)?;
        }
        if tests.is_empty() {
            return Err(Refusal::invalid(path, format!("no operator is given; accepted: {}", accepted.join(", "))));
        }
        Ok(tests)
    }

    /// A range of dates within a preference or consent.
    pub(super) fn date_range(&mut self, value: &Value, path: &str) -> Result<Vec<Test>, Refusal> {
        let range = object(value, path)?;
        only(range, &RANGE, path)?;
        self.operators(range, &[], Holds::Date, path)
    }

    /// A plain value (`Is`), an array of them (`In`) or an object of operators.
    pub(super) fn value_or_operators(
        &mut self,
        value: &Value,
        holds: Holds<'_>,
        path: &str,
    ) -> Result<Vec<Test>, Refusal> {
        match value {
            Value::Object(row) => self.operators(row, &[], holds, path),
            Value::Array(_) => Ok(vec![self.one_of(value, holds, path)?]),
            _ => Ok(vec![self.is(value, holds, path)?]),
        }
    }

    fn operator(
        &mut self,
        operator: &str,
        value: &Value,
        holds: Holds<'_>,
        path: &str,
        tests: &mut Vec<Test>,
    ) -> Result<(), Refusal> {
        match operator {
            "Is" => tests.push(self.is(value, holds, path)?),
            "IsNot" => tests.push(not(self.is(value, holds, path)?)),
            "In" | "AnyOf" => tests.push(self.one_of(value, holds, path)?),
            "AllOf" => {
                for (i, value) in self.values(value, path)?.iter().enumerate() {
                    tests.push(self.is(value, holds, &format!("{path}[{i}]"))?);
                }
            }
            "StartsWith" => {
                self.count(path)?;
                tests.push(Test::Text(TextTest::StartsWith(fold_case(text(value, path, "text")?))));
            }
            "Contains" => {
                self.count(path)?;
                tests.push(Test::Text(TextTest::Contains(fold_case(text(value, path, "text")?))));
            }
            "AtLeast" => tests.push(self.bound_of(value, holds, path, false)?),
            "AtMost" => tests.push(self.bound_of(value, holds, path, true)?),
            "Between" => {
                let Some([low, high]) = value.as_array().map(Vec::as_slice) else {
                    return Err(wrong(path, "an array of the least and the greatest value", value));
                };
                let low = self.bound_of(low, holds, &format!("{path}[0]"), false)?;
                let high = self.bound_of(high, holds, &format!("{path}[1]"), true)?;
                if crosses(&low, &high) {
                    return Err(Refusal::invalid(
                        path,
                        "the first value is greater than the second: nothing is between",
                    ));
                }
                tests.extend([low, high]);
            }
            _ => {
                self.count(path)?;
                tests.push(if flag(value, path)? { Test::Exists } else { not(Test::Exists) });
            }
        }
        Ok(())
    }

    fn is(&mut self, value: &Value, holds: Holds<'_>, path: &str) -> Result<Test, Refusal> {
        self.count(path)?;
        Ok(match holds {
            Holds::Text | Holds::Type(_) | Holds::Choices(_) => {
                Test::Text(TextTest::In(vec![self.compared_text(value, holds, path)?]))
            }
            Holds::Flag => Test::Flag(flag(value, path)?),
            Holds::Number => Test::Number(NumberTest::In(vec![number(value, path)?])),
            Holds::Date => Test::Date(DateTest::In(vec![when(value, path, false)?])),
        })
    }

    fn one_of(&mut self, value: &Value, holds: Holds<'_>, path: &str) -> Result<Test, Refusal> {
        let values = self.values(value, path)?;
        let at = |i: usize| format!("{path}[{i}]");
        let values = values.iter().enumerate();
        Ok(match holds {
            Holds::Text | Holds::Type(_) | Holds::Choices(_) => {
                let mut texts =
                    values.map(|(i, v)| self.compared_text(v, holds, &at(i))).collect::<Result<Vec<_>, _>>()?;
                texts.sort();
                texts.dedup();
                Test::Text(TextTest::In(texts))
            }
            Holds::Flag => {
                let flags = values.map(|(i, v)| flag(v, &at(i))).collect::<Result<Vec<_>, _>>()?;
                match (flags.contains(&true), flags.contains(&false)) {
                    (true, true) => Test::Exists,
                    (yes, _) => Test::Flag(yes),
                }
            }
            Holds::Number => {
                Test::Number(NumberTest::In(values.map(|(i, v)| number(v, &at(i))).collect::<Result<_, _>>()?))
            }
            Holds::Date => {
                Test::Date(DateTest::In(values.map(|(i, v)| when(v, &at(i), false)).collect::<Result<_, _>>()?))
            }
        })
    }

    /// The values of a list, counted; at least one.
    fn values<'v>(&mut self, value: &'v Value, path: &str) -> Result<&'v [Value], Refusal> {
        let values = value.as_array().ok_or_else(|| wrong(path, "an array of values", value))?;
        if values.is_empty() {
            return Err(Refusal::invalid(path, "the array is empty; give at least one value"));
        }
        values.iter().try_for_each(|_| self.count(path))?;
        Ok(values)
    }

    fn bound_of(&mut self, value: &Value, holds: Holds<'_>, path: &str, upper: bool) -> Result<Test, Refusal> {
        self.count(path)?;
        Ok(match holds {
            Holds::Number => {
                let number = number(value, path)?;
                Test::Number(if upper { NumberTest::AtMost(number) } else { NumberTest::AtLeast(number) })
            }
            Holds::Date => {
                let when = when(value, path, upper)?;
                Test::Date(if upper { DateTest::AtMost(when) } else { DateTest::AtLeast(when) })
            }
            _ => {
                let text = fold(text(value, path, "text")?);
                Test::Text(if upper { TextTest::AtMost(text) } else { TextTest::AtLeast(text) })
            }
        })
    }

    /// Folded text that a member may be: where it names a type or a choice, a configured one.
    fn compared_text(&self, value: &Value, holds: Holds<'_>, path: &str) -> Result<String, Refusal> {
        let name = text(value, path, "text")?;
        match holds {
            Holds::Type(kind) if self.config.type_def(kind, name).is_none() => Err(self.unknown_type(kind, name, path)),
            Holds::Choices(list) if self.config.choice(&list.name, name).is_none() => Err(Refusal::invalid(
                path,
                format!("{} isn't in the picklist {}; accepted: {}", shown(name), list.name, list.values.join(", ")),
            )),
            _ => Ok(fold(name)),
        }
    }

    pub(super) fn unknown_type(&self, kind: TypeKind, name: &str, path: &str) -> Refusal {
        let (what, types) = self.config.types(kind);
        let names: Vec<&str> = types.iter().map(|t| t.type_name.as_str()).collect();
        not_configured(path, what, name, &names)
    }
}

/// A refusal of a name that the account doesn't have, with those it has.
pub(super) fn not_configured(path: &str, what: &str, name: &str, configured: &[&str]) -> Refusal {
    let names = match configured {
        [] => "the account has none".to_owned(),
        names if names.len() > 50 => format!("accepted: {} and {} more", names[..50].join(", "), names.len() - 50),
        names => format!("accepted: {}", names.join(", ")),
    };
    Refusal::invalid(path, format!("{} is no configured {what}; {names}", shown(name)))
}

fn not(test: Test) -> Test {
    Test::Not(Box::new(test))
}

fn number(value: &Value, path: &str) -> Result<f64, Refusal> {
    value.as_f64().ok_or_else(|| wrong(path, "a number", value))
}

/// A date: absolute, or `{"Ago": "30d"}`. A day alone begins at 00:00:00 US Eastern time; as an upper bound it is meant whole.
fn when(value: &Value, path: &str, upper: bool) -> Result<When, Refusal> {
    const ACCEPTED: &str = "a date in quotes (YYYY-MM-DD, or YYYY-MM-DDTHH:mm:ss with Z, an offset or, without a zone, US Eastern time) or {\"Ago\": \"30d\"}";
    match value {
        Value::String(text) => {
            let day_alone = text.trim().len() == "YYYY-MM-DD".len();
            let read = match (day_alone, upper) {
                (false, _) => parse_date_time(text.trim()),
                (true, false) => parse_customer_date(text.trim(), Choice::In),
                (true, true) => parse_customer_date(text.trim(), Choice::Out).map(|m| Moment(m.0 + 999)),
            };
            read.map(When::At).map_err(|e| Refusal::invalid(path, e.to_string()))
        }
        Value::Object(row) => {
            let at = format!("{path}.Ago");
            // a date without quotes in a TOML file comes as an object too
            let Some(ago) = row.get("Ago") else {
                return Err(wrong(path, ACCEPTED, value));
            };
            only(row, &["Ago"], path)?;
            span(ago).map(When::Ago).ok_or_else(|| {
                wrong(&at, "a whole number and its unit w, d, h, m or s (\"30d\", \"12h\", \"15m\")", ago)
            })
        }
        _ => Err(wrong(path, ACCEPTED, value)),
    }
}

/// Milliseconds of `30d`, `12h`, `15m`, `2w`, `45s`.
fn span(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let unit = match unit {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 7 * 86_400_000,
        _ => return None,
    };
    Some(i64::from(number.parse::<u32>().ok()?) * unit)
}

/// Whether nothing can lie between two bounds; with a relative date among them nobody can tell.
fn crosses(low: &Test, high: &Test) -> bool {
    match (low, high) {
        (Test::Text(TextTest::AtLeast(low)), Test::Text(TextTest::AtMost(high))) => low > high,
        (Test::Number(NumberTest::AtLeast(low)), Test::Number(NumberTest::AtMost(high))) => low > high,
        (Test::Date(DateTest::AtLeast(When::At(low))), Test::Date(DateTest::AtMost(When::At(high)))) => low > high,
        _ => false,
    }
}

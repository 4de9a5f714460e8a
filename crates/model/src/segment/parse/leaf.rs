//! The leaves: one for each subject of configuration.md's table.

use serde_json::{Map, Value};

use super::{
    Parser, flag, object, only,
    operand::{Holds, not_configured},
    text, wrong,
};
use crate::{
    config::{Config, CustomFieldKind, Filter, TypeKind},
    id::fold,
    profile::{Channel, ConsentStatus, MatchType, PreferenceStatus, PreferenceType},
    refusal::{Refusal, shown},
    segment::{Condition, Criterion, Element, FieldKind, FieldLeaf, Member, Test, TextTest},
};

type Row = Map<String, Value>;

impl Parser<'_> {
    pub(super) fn field(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        let at = format!("{path}.Field");
        let name = text(&row["Field"], &at, "the path of a member")?;
        let member = Member::by_path(name, self.deleted).ok_or_else(|| {
            let why = match Member::by_path(name, !self.deleted) {
                Some(_) if self.deleted => "isn't kept of deleted profiles",
                Some(_) => "is there over deleted profiles only",
                None => "is no member of a profile",
            };
            Refusal::invalid(&at, format!("{} {why}; accepted: {}", shown(name), Member::paths(self.deleted)))
        })?;
        let tests = self.operators(row, &["Field"], member.kind.into(), path)?;
        Ok(lifted(tests, |tests| {
            let conditions = tests.into_iter().map(|t| Condition::Member(member, t)).collect();
            Criterion::Element(member.element, conditions)
        }))
    }

    pub(super) fn custom_field(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        let at = format!("{path}.CustomField");
        let name = text(&row["CustomField"], &at, "the name of a custom field")?;
        let Some(field) = self.config.custom_field(name) else {
            let names: Vec<&str> = self.config.source.custom_fields.iter().map(|f| f.name.as_str()).collect();
            return Err(not_configured(&at, "custom field", name, &names));
        };
        let holds = match &field.kind {
            CustomFieldKind::Text { .. } => Holds::Text,
            CustomFieldKind::Numeric { .. } => Holds::Number,
            CustomFieldKind::DateTime {} => Holds::Date,
            CustomFieldKind::SelectList { picklist, .. } => match self.config.picklist(picklist) {
                Some(list) => Holds::Choices(list),
                None => {
                    let why = format!("the picklist {} of {} isn't configured", shown(picklist), field.name);
                    return Err(Refusal::invalid(at, why));
                }
            },
        };
        let tests = self.operators(row, &["CustomField"], holds, path)?;
        let (name, kind) = (fold(name), FieldKind::of(&field.kind));
        // each comparison by itself: several of a list may be met by several of its choices
        let leaf = |test| Criterion::CustomField(FieldLeaf { name: name.clone(), kind, test });
        Ok(all(tests.into_iter().map(|test| match test {
            Test::Not(test) => Criterion::Not(Box::new(leaf(*test))),
            test => leaf(test),
        })))
    }

    /// `{"Address": {"City": "Macon", "StateProvince": "GA"}}`: all of one element.
    pub(super) fn bound(&mut self, subject: &str, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        only(row, &[subject, "Exists"], path)?;
        let element = match subject {
            "Address" => Element::Address,
            "Email" => Element::Email,
            "Phone" => Element::Phone,
            _ => Element::AlternateId,
        };
        let at = format!("{path}.{subject}");
        let mut conditions = Vec::new();
        for (name, value) in object(&row[subject], &at)? {
            let at = format!("{at}.{name}");
            let Some(member) = element.member(name) else {
                let names: Vec<&str> = element.members().map(|m| m.name).collect();
                return Err(Refusal::invalid(
                    at,
                    format!("{} is no member of {subject}; accepted: {}", shown(name), names.join(", ")),
                ));
            };
            let tests = self.value_or_operators(value, member.kind.into(), &at)?;
            conditions.extend(tests.into_iter().map(|t| Condition::Member(member, t)));
        }
        present(row, path, Criterion::Element(element, conditions))
    }

    pub(super) fn preference(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        const ACCEPTED: [&str; 11] = [
            "Preference",
            "Program",
            "Channel",
            "Type",
            "Status",
            "Frequency",
            "Attribute",
            "CustomerDate",
            "Expressed",
            "Implied",
            "Exists",
        ];
        only(row, &ACCEPTED, path)?;
        let at = |key: &str| format!("{path}.{key}");
        let mut conditions = Vec::new();

        if let Some(value) = row.get("Preference") {
            let id = text(value, &at("Preference"), "the id of a filter")?;
            if self.config.filter(id).is_none() {
                let ids: Vec<&str> = filters(self.config).map(|(_, f)| f.id.as_str()).collect();
                return Err(not_configured(&at("Preference"), "filter", id, &ids));
            }
            conditions.push(said(Element::Preference, "FilterId", vec![fold(id)]));
        }
        if let Some(value) = row.get("Program") {
            let id = text(value, &at("Program"), "the id of a program")?;
            if self.config.program(id).is_none() {
                let ids: Vec<&str> = self.config.source.programs.iter().map(|p| p.id.as_str()).collect();
                return Err(not_configured(&at("Program"), "program", id, &ids));
            }
            conditions.push(said(Element::Preference, "ProgramId", vec![fold(id)]));
        }
        if let Some(value) = row.get("Channel") {
            let words = self.words(value, &at("Channel"), Channel::ALL, Channel::word)?;
            conditions.push(said(Element::Preference, "ChannelId", words));
        }
        if let Some(value) = row.get("Type") {
            let words = self.words(value, &at("Type"), PreferenceType::ALL, PreferenceType::word)?;
            conditions.push(said(Element::Preference, "PreferenceType", words));
        }
        let status = match row.get("Status") {
            Some(value) => self.words(value, &at("Status"), PreferenceStatus::ALL, PreferenceStatus::word)?,
            // archived preferences count only where they are asked for
            None => [PreferenceStatus::Active, PreferenceStatus::Expired].map(|s| fold(s.word())).to_vec(),
        };
        conditions.push(said(Element::Preference, "PreferenceStatus", status));
        if let Some(value) = row.get("Frequency") {
            let frequencies = self.frequencies(row, value, &at("Frequency"))?;
            conditions.push(said(Element::Preference, "FrequencyId", frequencies));
        }
        conditions.push(said(Element::Preference, "MatchType", match_types(row, path)?));
        if let Some(value) = row.get("CustomerDate") {
            let range = self.date_range(value, &at("CustomerDate"))?;
            conditions.extend(range.into_iter().map(|t| on(Element::Preference, "CustomerDate", t)));
        }
        if let Some(value) = row.get("Attribute") {
            let path = at("Attribute");
            let pair = object(value, &path)?;
            only(pair, &["Key", "Value"], &path)?;
            self.count(&path)?;
            let key = pair.get("Key").unwrap_or(&Value::Null);
            let key = fold(text(key, &format!("{path}.Key"), "the key of an attribute")?);
            let value = match pair.get("Value") {
                None => None,
                Some(value) => Some(fold(text(value, &format!("{path}.Value"), "text")?)),
            };
            conditions.push(Condition::Attribute { key, value });
        }
        present(row, path, Criterion::Element(Element::Preference, conditions))
    }

    pub(super) fn consent(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        const ACCEPTED: [&str; 7] = ["Consent", "Status", "Version", "Locale", "NotExpired", "ConsentDate", "Exists"];
        only(row, &ACCEPTED, path)?;
        let at = |key: &str| format!("{path}.{key}");
        let name = text(&row["Consent"], &at("Consent"), "the name of a consent type")?;
        let Some(kind) = self.config.consent_type(name) else {
            let names: Vec<&str> = self.config.source.consent_types.iter().map(|c| c.type_name.as_str()).collect();
            return Err(not_configured(&at("Consent"), "consent type", name, &names));
        };
        let mut conditions = vec![said(Element::Consent, "ConsentType", vec![fold(name)])];
        if let Some(value) = row.get("Status") {
            let words = self.words(value, &at("Status"), ConsentStatus::ALL, ConsentStatus::word)?;
            conditions.push(said(Element::Consent, "ConsentStatus", words));
        }
        if let Some(value) = row.get("Version") {
            let versions: Vec<&str> = kind.versions.iter().map(|v| v.consent_version.as_str()).collect();
            let chosen = self.names(value, &at("Version"), "version of this consent type", &versions)?;
            conditions.push(said(Element::Consent, "ConsentVersion", chosen));
        }
        if let Some(value) = row.get("Locale") {
            let mut locales: Vec<&str> =
                kind.versions.iter().flat_map(|v| &v.localized_fields).map(|l| l.locale.as_str()).collect();
            locales.sort_unstable();
            locales.dedup();
            let chosen = self.names(value, &at("Locale"), "locale of this consent type", &locales)?;
            conditions.push(said(Element::Consent, "Locale", chosen));
        }
        if let Some(value) = row.get("NotExpired") {
            conditions.push(on(Element::Consent, "Expired", Test::Flag(!flag(value, &at("NotExpired"))?)));
        }
        if let Some(value) = row.get("ConsentDate") {
            let range = self.date_range(value, &at("ConsentDate"))?;
            conditions.extend(range.into_iter().map(|t| on(Element::Consent, "ConsentDate", t)));
        }
        present(row, path, Criterion::Element(Element::Consent, conditions))
    }

    pub(super) fn tag(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        only(row, &["Tag", "Exists"], path)?;
        let name = text(&row["Tag"], &format!("{path}.Tag"), "the name of a tag")?;
        present(row, path, Criterion::Element(Element::Tag, vec![said(Element::Tag, "Name", vec![fold(name)])]))
    }

    pub(super) fn group(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        only(row, &["Group", "Exists"], path)?;
        let at = format!("{path}.Group");
        let group = object(&row["Group"], &at)?;
        only(group, &["Type", "Name"], &at)?;
        let (at_type, at_name) = (format!("{at}.Type"), format!("{at}.Name"));
        let kind = group.get("Type").unwrap_or(&Value::Null);
        let kind = self.configured_type(TypeKind::Group, kind, &at_type)?;
        let mut conditions = vec![said(Element::Group, "GroupType", vec![kind])];
        if let Some(name) = group.get("Name") {
            let name = fold(text(name, &at_name, "the name of a group")?);
            conditions.push(said(Element::Group, "GroupName", vec![name]));
        }
        present(row, path, Criterion::Element(Element::Group, conditions))
    }

    pub(super) fn alternate_id_type(&mut self, row: &Row, path: &str) -> Result<Criterion, Refusal> {
        only(row, &["AlternateIdType", "Exists"], path)?;
        let at = format!("{path}.AlternateIdType");
        let kind = self.configured_type(TypeKind::AlternateId, &row["AlternateIdType"], &at)?;
        let conditions = vec![said(Element::AlternateId, "AlternateIdType", vec![kind])];
        present(row, path, Criterion::Element(Element::AlternateId, conditions))
    }

    fn configured_type(&self, kind: TypeKind, value: &Value, path: &str) -> Result<String, Refusal> {
        let name = text(value, path, "the name of a type")?;
        match self.config.type_def(kind, name) {
            Some(_) => Ok(fold(name)),
            None => Err(self.unknown_type(kind, name, path)),
        }
    }

    /// One frequency or several, each of a filter that the row may be about.
    fn frequencies(&mut self, row: &Row, value: &Value, path: &str) -> Result<Vec<String>, Refusal> {
        let named =
            |key: &str, id: &str| row.get(key).and_then(Value::as_str).is_none_or(|name| fold(name) == fold(id));
        let mut ids: Vec<&str> = filters(self.config)
            .filter(|(program, f)| named("Preference", &f.id) && named("Program", program))
            .flat_map(|(_, f)| f.frequencies.iter().map(|x| x.id.as_str()))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        self.names(value, path, "frequency of these filters", &ids)
    }

    /// One word of a closed set or several, by name without regard to case; folded.
    fn words<T: Copy>(
        &mut self,
        value: &Value,
        path: &str,
        all: &[T],
        word: fn(T) -> &'static str,
    ) -> Result<Vec<String>, Refusal> {
        let words: Vec<&str> = all.iter().map(|w| word(*w)).collect();
        self.each(value, path, &mut |value, path| {
            let expected = format!("one of {} or an array of them", words.join(", "));
            let name = value.as_str().ok_or_else(|| wrong(path, &expected, value))?;
            match words.iter().find(|w| fold(w) == fold(name)) {
                Some(word) => Ok(fold(word)),
                None => {
                    Err(Refusal::invalid(path, format!("{} isn't known; accepted: {}", shown(name), words.join(", "))))
                }
            }
        })
    }

    /// One configured name or several; folded.
    fn names(&mut self, value: &Value, path: &str, what: &str, configured: &[&str]) -> Result<Vec<String>, Refusal> {
        self.each(value, path, &mut |value, path| {
            let name = text(value, path, "a name or an array of names")?;
            match configured.iter().any(|c| fold(c) == fold(name)) {
                true => Ok(fold(name)),
                false => Err(not_configured(path, what, name, configured)),
            }
        })
    }

    fn each(
        &mut self,
        value: &Value,
        path: &str,
        read: &mut dyn FnMut(&Value, &str) -> Result<String, Refusal>,
    ) -> Result<Vec<String>, Refusal> {
        let Value::Array(values) = value else {
            self.count(path)?;
            return Ok(vec![read(value, path)?]);
        };
        if values.is_empty() {
            return Err(Refusal::invalid(path, "the array is empty; give at least one value"));
        }
        let mut texts = Vec::with_capacity(values.len());
        for (i, value) in values.iter().enumerate() {
            self.count(path)?;
            texts.push(read(value, &format!("{path}[{i}]"))?);
        }
        texts.sort();
        texts.dedup();
        Ok(texts)
    }
}

/// Every filter with the id of its program.
fn filters(config: &Config) -> impl Iterator<Item = (&str, &Filter)> {
    config.source.programs.iter().flat_map(|p| p.filters.iter().map(|f| (p.id.as_str(), f)))
}

/// The match types that a preference row is about: expressed ones unless it says otherwise. Naming one of the two decides the
/// other: `"Implied": true` alone is about implied ones.
fn match_types(row: &Row, path: &str) -> Result<Vec<String>, Refusal> {
    let given = |key: &str| row.get(key).map(|v| flag(v, &format!("{path}.{key}"))).transpose();
    let (expressed, implied) = match (given("Expressed")?, given("Implied")?) {
        (None, None) => (true, false),
        (Some(expressed), None) => (expressed, !expressed),
        (None, Some(implied)) => (!implied, implied),
        (Some(expressed), Some(implied)) => (expressed, implied),
    };
    let mut words = Vec::new();
    if expressed {
        words.push(fold(MatchType::Expressed.word()));
    }
    if implied {
        words.push(fold(MatchType::Implied.word()));
    }
    if words.is_empty() {
        let why = "a preference is expressed or implied: with both false there is none";
        return Err(Refusal::invalid(format!("{path}.Implied"), why));
    }
    Ok(words)
}

/// `Exists` of a row that is present or not: false turns it round.
fn present(row: &Row, path: &str, leaf: Criterion) -> Result<Criterion, Refusal> {
    match row.get("Exists").map(|v| flag(v, &format!("{path}.Exists"))).transpose()? {
        Some(false) => Ok(Criterion::Not(Box::new(leaf))),
        _ => Ok(leaf),
    }
}

fn on(element: Element, member: &str, test: Test) -> Condition {
    let member = element.member(member).expect("the table has every member that rows of this element ask");
    Condition::Member(member, test)
}

fn said(element: Element, member: &str, mut texts: Vec<String>) -> Condition {
    texts.sort();
    on(element, member, Test::Text(TextTest::In(texts)))
}

/// `IsNot` is not `Is`, and absent is not `Exists`: of the leaf as a whole, since nobody who asks for people whose city isn't
/// Macon wants those with a second address elsewhere.
fn lifted(tests: Vec<Test>, leaf: impl Fn(Vec<Test>) -> Criterion) -> Criterion {
    let (negative, positive): (Vec<Test>, Vec<Test>) = tests.into_iter().partition(|t| matches!(t, Test::Not(_)));
    let positive = (!positive.is_empty()).then(|| leaf(positive));
    let negative = negative.into_iter().filter_map(|t| match t {
        Test::Not(test) => Some(Criterion::Not(Box::new(leaf(vec![*test])))),
        _ => None,
    });
    all(positive.into_iter().chain(negative))
}

fn all(parts: impl Iterator<Item = Criterion>) -> Criterion {
    let mut parts: Vec<Criterion> = parts.collect();
    if parts.len() == 1 { parts.remove(0) } else { Criterion::All(parts) }
}

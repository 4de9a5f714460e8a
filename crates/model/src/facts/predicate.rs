//! The predicate: a criterion compiled against one account's dictionary and one moment.
//!
//! A profile's term ids are walked once, whatever the number of leaves: a table over the dictionary says which leaves a term
//! answers, as bits. Then the tree is folded over the bits with three values.

use super::{Facts, Terms, terms};
use crate::{
    config::{Config, Population},
    id::ProfileId,
    moment::Moment,
    segment::{
        Condition, Criterion, Element, Fact, FieldKind, FieldLeaf, Member, Seen, Test, TextTest, asks_archived,
        asks_implied,
    },
};

/// What a predicate can say of facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Answer {
    Yes,
    No,
    /// The row has to be opened.
    Unknown,
}

use Answer::{No, Unknown, Yes};

impl Answer {
    fn of(yes: bool) -> Self {
        if yes { Yes } else { No }
    }
    fn not(self) -> Self {
        match self {
            Yes => No,
            No => Yes,
            Unknown => Unknown,
        }
    }
    /// All of them: one No decides.
    fn all(answers: impl Iterator<Item = Answer>) -> Self {
        let mut all = Yes;
        for answer in answers {
            match answer {
                No => return No,
                Unknown => all = Unknown,
                Yes => {}
            }
        }
        all
    }
}

/// Leaves that can be answered from terms; further ones answer Unknown.
const MAX_LEAVES: usize = 256;

/// A bit for each leaf.
type Bits = [u64; MAX_LEAVES / 64];

/// Which leaves a term answers with yes, and which perhaps.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    yes: Bits,
    perhaps: Bits,
}

/// A criterion compiled against one account's dictionary and one moment.
#[derive(Debug)]
pub struct Predicate {
    at: Moment,
    root: Node,
    leaves: usize,
    /// By term id: 0, or the place in `marks` of what the term answers.
    slots: Vec<u32>,
    marks: Vec<Marks>,
}

#[derive(Debug)]
enum Node {
    Always(Answer),
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    IsActive(bool),
    /// A member in the fixed part of the facts.
    Fixed(&'static Member, Test),
    /// An element leaf, by its bit.
    Bit(usize, Otherwise),
    /// The number or date of a custom field, by the id of its term.
    Number(u32, FieldKind, Test),
    /// The text of a custom field, by the id of its term: one that has one of these hashes has to be looked at.
    Text(u32, Vec<u64>),
    /// No, unless the preferences may have these attributes. `archived`: so may those that are kept beside the row.
    Attributes {
        hashes: Vec<u32>,
        archived: bool,
    },
}

/// What an element leaf answers when no term does.
#[derive(Debug, Clone, Copy)]
enum Otherwise {
    No,
    Unknown,
    /// Unknown where something is kept beside the row.
    Extras,
}

impl Predicate {
    /// Compiles; never fails: what facts can't tell answers [`Answer::Unknown`].
    pub fn compile(criterion: &Criterion, config: &Config, terms: &Terms, at: Moment) -> Self {
        let size = terms.values().max().map_or(0, |max| *max as usize + 1);
        let mut predicate = Predicate {
            at,
            root: Node::Always(Unknown),
            leaves: 0,
            slots: vec![0; size],
            marks: vec![Marks::default()],
        };
        let implied = config.source.implied_preferences;
        predicate.root = Compiler { predicate: &mut predicate, terms, implied }.node(criterion);
        predicate
    }

    /// Answers for one profile. Unknown for every profile whose next expiry has come by the moment it was compiled for.
    pub fn answer(&self, id: ProfileId, facts: Facts<'_>) -> Answer {
        if facts.next_expiry().is_some_and(|expiry| expiry <= self.at) {
            return Unknown;
        }
        self.root.answer(&mut Asked { predicate: self, id, facts, marks: None })
    }

    /// What the profile's terms answer together.
    fn walk(&self, facts: Facts<'_>) -> Marks {
        let mut found = Marks::default();
        for id in facts.term_ids() {
            match self.slots.get(id as usize) {
                Some(0) => {}
                Some(&slot) => {
                    let marks = &self.marks[slot as usize];
                    for i in 0..found.yes.len() {
                        found.yes[i] |= marks.yes[i];
                        found.perhaps[i] |= marks.perhaps[i];
                    }
                }
                // a term that the dictionary hasn't: nobody knows what it says
                None => found.perhaps = [u64::MAX; MAX_LEAVES / 64],
            }
        }
        found
    }
}

/// The facts of one profile, and what its terms answer once somebody asked.
struct Asked<'a> {
    predicate: &'a Predicate,
    id: ProfileId,
    facts: Facts<'a>,
    marks: Option<Marks>,
}

impl Node {
    fn answer(&self, asked: &mut Asked<'_>) -> Answer {
        match self {
            Node::Always(answer) => *answer,
            Node::All(parts) => Answer::all(parts.iter().map(|p| p.answer(asked))),
            Node::Any(parts) => Answer::all(parts.iter().map(|p| p.answer(asked).not())).not(),
            Node::Not(part) => part.answer(asked).not(),
            Node::IsActive(active) => Answer::of(asked.facts.is_active() == *active),
            Node::Fixed(member, test) => {
                Answer::of(test.holds(&fixed(member, asked.id, asked.facts), asked.predicate.at))
            }
            Node::Bit(leaf, otherwise) => {
                let marks = *asked.marks.get_or_insert_with(|| asked.predicate.walk(asked.facts));
                let (word, bit) = (leaf / 64, 1 << (leaf % 64));
                if marks.yes[word] & bit != 0 {
                    return Yes;
                }
                let unknown = match otherwise {
                    Otherwise::No => false,
                    Otherwise::Unknown => true,
                    Otherwise::Extras => asked.facts.has_extras(),
                };
                if unknown || marks.perhaps[word] & bit != 0 { Unknown } else { No }
            }
            Node::Number(term, kind, test) => {
                let Some(number) = asked.facts.number(*term) else { return No };
                let seen = match kind {
                    FieldKind::Date => Seen::Date(Moment(number as i64)),
                    _ => Seen::Number(number),
                };
                Answer::of(test.holds(&seen, asked.predicate.at))
            }
            Node::Text(term, hashes) => match asked.facts.bits(*term) {
                Some(hash) if hashes.contains(&hash) => Unknown,
                _ => No,
            },
            Node::Attributes { hashes, archived } => {
                Answer::of((*archived && asked.facts.has_extras()) || asked.facts.may_have(hashes))
            }
        }
    }
}

/// What the fixed part says of a member.
fn fixed(member: &Member, id: ProfileId, facts: Facts<'_>) -> Seen<'static> {
    match member.name {
        "ProfileId" => Seen::Number(id.0 as f64),
        "IsActive" => Seen::Flag(facts.is_active()),
        "RegistrationConfirmed" => Seen::Flag(facts.flag(super::REGISTRATION_CONFIRMED)),
        "PreserveConsents" => Seen::Flag(facts.flag(super::PRESERVE_CONSENTS)),
        "PreservePreferences" => Seen::Flag(facts.flag(super::PRESERVE_PREFERENCES)),
        "CreateDate" => Seen::Date(facts.created()),
        "LastModifiedDate" => Seen::Date(facts.modified()),
        _ => Seen::Unreadable,
    }
}

struct Compiler<'a> {
    predicate: &'a mut Predicate,
    terms: &'a Terms,
    /// Whether the account's profiles read with implied preferences.
    implied: bool,
}

impl Compiler<'_> {
    fn node(&mut self, criterion: &Criterion) -> Node {
        match criterion {
            Criterion::All(parts) => Node::All(parts.iter().map(|p| self.node(p)).collect()),
            Criterion::Any(parts) => Node::Any(parts.iter().map(|p| self.node(p)).collect()),
            Criterion::Not(part) => Node::Not(Box::new(self.node(part))),
            Criterion::Population(population) => match population {
                Population::Active => Node::IsActive(true),
                Population::Inactive => Node::IsActive(false),
                Population::All => Node::Always(Yes),
                Population::Deleted => Node::Always(No),
            },
            Criterion::Element(Element::Deleted, _) => Node::Always(No),
            // there is one profile: its conditions can be asked one by one
            Criterion::Element(Element::Profile, conditions) => {
                Node::All(conditions.iter().map(|condition| self.of_profile(condition)).collect())
            }
            Criterion::Element(element, conditions) => self.of_element(*element, conditions),
            Criterion::CustomField(leaf) => self.of_field(leaf),
        }
    }

    fn of_profile(&mut self, condition: &Condition) -> Node {
        match condition {
            Condition::Member(member, test) if member.fact == Fact::Fixed => Node::Fixed(member, test.clone()),
            _ => self.of_element(Element::Profile, std::slice::from_ref(condition)),
        }
    }

    fn of_element(&mut self, element: Element, conditions: &[Condition]) -> Node {
        let Some(leaf) = self.new_leaf() else { return Node::Always(Unknown) };
        let members = terms::told(element);
        for (told, id) in terms::about(self.terms, element) {
            let answer = if told.len() == members.len() {
                Answer::all(conditions.iter().map(|c| self.of_condition(c, members, &told)))
            } else {
                Unknown
            };
            self.mark(leaf, id, answer);
        }
        let otherwise = if element != Element::Preference {
            Otherwise::No
        } else if self.implied && asks_implied(conditions) {
            Otherwise::Unknown
        } else if asks_archived(conditions) {
            Otherwise::Extras
        } else {
            Otherwise::No
        };
        let leaf = Node::Bit(leaf, otherwise);
        let attributes = conditions.iter().filter_map(|condition| match condition {
            Condition::Attribute { key, value } => Some(terms::attribute_hash(key, value.as_deref())),
            Condition::Member(..) => None,
        });
        let hashes: Vec<u32> = attributes.collect();
        if hashes.is_empty() {
            return leaf;
        }
        Node::All(vec![Node::Attributes { hashes, archived: asks_archived(conditions) }, leaf])
    }

    fn of_condition(&self, condition: &Condition, members: &[&'static Member], told: &[&str]) -> Answer {
        let Condition::Member(member, test) = condition else { return Unknown };
        match members.iter().position(|m| m == member) {
            Some(i) => match terms::read(told[i]) {
                Some(seen) => Answer::of(test.holds(&seen, self.predicate.at)),
                None => test.of_presence().map_or(Unknown, Answer::of),
            },
            None => Unknown,
        }
    }

    fn of_field(&mut self, field: &FieldLeaf) -> Node {
        let Some(leaf) = self.new_leaf() else { return Node::Always(Unknown) };
        let mut parts = vec![Node::Bit(leaf, Otherwise::No)];
        let number = match field.kind {
            FieldKind::Number => terms::NUMBER,
            FieldKind::Date => terms::DATE,
            FieldKind::Text | FieldKind::Choices => "",
        };
        for (told, id) in terms::about_field(self.terms, &field.name) {
            if told == number {
                parts.push(Node::Number(id, field.kind, field.test.clone()));
                continue;
            }
            if told == terms::HASH
                && field.kind == FieldKind::Text
                && let Test::Text(TextTest::In(texts)) = &field.test
            {
                parts.push(Node::Text(id, texts.iter().map(|text| terms::hash(&[text])).collect()));
                continue;
            }
            let answer = match terms::read(told) {
                Some(seen) if field.kind == FieldKind::Choices => {
                    Answer::of(field.test.holds(&seen, self.predicate.at))
                }
                _ => field.test.of_presence().map_or(Unknown, Answer::of),
            };
            self.mark(leaf, id, answer);
        }
        Node::Any(parts)
    }

    fn new_leaf(&mut self) -> Option<usize> {
        let leaf = self.predicate.leaves;
        (leaf < MAX_LEAVES).then(|| self.predicate.leaves += 1)?;
        Some(leaf)
    }

    /// Notes what a term answers to a leaf.
    fn mark(&mut self, leaf: usize, term: u32, answer: Answer) {
        if answer == No {
            return;
        }
        let Predicate { slots, marks, .. } = &mut *self.predicate;
        let slot = &mut slots[term as usize];
        if *slot == 0 {
            *slot = u32::try_from(marks.len()).expect("there are no more marks than terms, whose ids are u32");
            marks.push(Marks::default());
        }
        let marks = &mut marks[*slot as usize];
        let bits = if answer == Yes { &mut marks.yes } else { &mut marks.perhaps };
        bits[leaf / 64] |= 1 << (leaf % 64);
    }
}

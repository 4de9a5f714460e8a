use serde_json::json;

use crate::{
    change::Kept,
    config::{Configuration, Member, Operator, Output, Population, check},
    profile::Extras,
    refusal::{Refusal, Why},
    testing::account::{ACCOUNT, configuration},
};

/// What is said of the account once it is changed so, against itself as it was where `replaces`.
fn refusals(replaces: bool, change: impl FnOnce(&mut Configuration)) -> Vec<Refusal> {
    let current = configuration();
    let mut new = current.clone();
    change(&mut new);
    check(&new, replaces.then_some(&current)).err().unwrap_or_default()
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Configuration), path: &str, words: &str) {
    one(refusals(false, change), Why::Invalid, path, words);
}

#[track_caller]
fn conflict(change: impl FnOnce(&mut Configuration), path: &str, words: &str) {
    one(refusals(true, change), Why::Conflict, path, words);
}

#[track_caller]
fn one(refusals: Vec<Refusal>, why: Why, path: &str, words: &str) {
    let [refusal] = refusals.as_slice() else { panic!("{refusals:#?}") };
    assert_eq!((refusal.why, refusal.path.as_str()), (why, path), "{refusal}");
    assert!(refusal.message.contains(words), "{words:?} isn't in {refusal}");
}

#[test]
fn an_account_as_a_file_is_an_account_as_it_was() {
    let account = configuration();
    assert_eq!(check(&account, None), Ok(()));
    let shown = toml::to_string(&account).unwrap();
    assert_eq!(toml::from_str::<Configuration>(&shown).unwrap(), account, "{shown}");
    assert_eq!(check(&account, Some(&account)), Ok(()));
    assert_eq!(check(&Configuration::default(), None), Ok(()));
    let empty = toml::to_string(&Configuration::default()).unwrap();
    assert_eq!(toml::from_str::<Configuration>(&empty).unwrap(), Configuration::default());
}

#[test]
fn the_store_s_form_of_an_account_is_the_same_account() {
    let account = configuration();
    let kept = serde_json::to_vec(&account).unwrap();
    assert_eq!(serde_json::from_slice::<Configuration>(&kept).unwrap(), account);
}

#[test]
fn numbers_of_an_account_are_kept_to_the_last_digit() {
    // numbers of 17 digits: a reader that takes the fast way reads some of them as their neighbours
    for number in (2..60).map(|n| f64::from(n).sqrt()) {
        let mut account = configuration();
        account.custom_fields[1].kind =
            crate::config::CustomFieldKind::Numeric { min: Some(number), max: None, decimal_places: None };
        account.segments[0].criteria = Some(json!({"CustomField": "Age", "AtLeast": number}));
        let kept = serde_json::to_vec(&account).unwrap();
        assert_eq!(serde_json::from_slice::<Configuration>(&kept).unwrap(), account, "{number:?}");
    }
}

#[test]
fn a_key_that_is_not_known_is_refused() {
    let error = toml::from_str::<Configuration>(&format!("Colour = \"red\"\n{ACCOUNT}")).unwrap_err();
    assert!(error.to_string().contains("Colour"), "{error}");
}

#[test]
fn names_are_unique_without_regard_to_case_and_not_too_long() {
    refused(|c| c.email_types[1].type_name = "HOME".into(), "EmailTypes[1].TypeName", "EmailTypes[0].TypeName");
    refused(|c| c.group_types[1].type_name = " ".into(), "GroupTypes[1].TypeName", "1 to 100");
    refused(|c| c.address_types[1].type_name = "x".repeat(101), "AddressTypes[1].TypeName", "101 characters");
    refused(|c| c.custom_fields[0].name = "é".repeat(95), "CustomFields[0].Name", "at most 94");
    refused(|c| c.alternate_id_types[1].type_name = "a\tb".into(), "AlternateIdTypes[1].TypeName", "control");
    refused(|c| c.phone_types[1].type_name = "Home ".into(), "PhoneTypes[1].TypeName", "space");
    refused(|c| c.picklists[0].values.push("MUSIC".into()), "Picklists[0].Values[3]", "Values[1]");
    refused(
        |c| c.programs[1].filters[1].id = "news-mail".into(),
        "Programs[1].Filters[1].ID",
        "Programs[0].Filters[1].ID",
    );
    refused(|c| c.segment_groups.push(c.segment_groups[0].clone()), "SegmentGroups[1].Name", "unique");
    refused(|c| c.users[1].user_id = "admin".into(), "Users[1].UserId", "unique");
    refused(|c| c.default_locale = Some("x".repeat(16)), "DefaultLocale", "at most 15");
    refused(|c| c.signed_header_minutes = Some(0), "SignedHeaderMinutes", "1 to 60");
    refused(|c| c.signed_header_minutes = Some(61), "SignedHeaderMinutes", "is 61");
    // exactly as long as they may be, and the same name for two kinds
    assert_eq!(refusals(false, |c| c.email_types[1].type_name = "é".repeat(100)), []);
}

#[test]
fn there_is_at_most_one_default() {
    refused(|c| c.email_types[1].is_default = true, "EmailTypes[1].IsDefault", "at most one");
    let daily = "Programs[0].Filters[0].Frequencies[1].IsDefault";
    refused(|c| c.programs[0].filters[0].frequencies[0].is_default = true, daily, "at most one");
}

#[test]
fn every_reference_names_something_configured() {
    let consent = "Programs[1].Filters[0].RequiredConsents[0]";
    refused(|c| c.programs[1].filters[0].required_consents[0] = "Cookies".into(), consent, "Marketing, SmsTerms");
    refused(|c| c.programs[0].program_group_id = Some("x".into()), "Programs[0].ProgramGroupID", "ALL, LETTERS");
    refused(|c| c.program_groups[1].parent_id = Some("x".into()), "ProgramGroups[1].ParentID", "ALL, LETTERS");
    refused(|c| c.users[1].user_groups[0] = "Readers".into(), "Users[1].UserGroups[0]", "Exporters");
    refused(|c| c.users[1].source_group = Some("Shop".into()), "Users[1].SourceGroup", "Website");
    let permission = "Segments[0].Permissions[0].UserGroup";
    refused(|c| c.segments[0].permissions[0].user_group = "Readers".into(), permission, "Exporters");
    refused(|c| c.segment_groups[0].members[1].segment = "x".into(), "SegmentGroups[0].Members[1].Segment", "Everyone");
    let list = crate::config::CustomFieldKind::SelectList { picklist: "Colours".into(), multiple: false };
    refused(|c| c.custom_fields[0].kind = list, "CustomFields[0].Kind.SelectList.Picklist", "Interests");
    // Administrators is always there
    assert_eq!(refusals(false, |c| drop(c.user_groups.remove(0))), []);
}

#[test]
fn program_groups_nest_without_circles() {
    let circle = refusals(false, |c| c.program_groups[0].parent_id = Some("letters".into()));
    let paths: Vec<_> = circle.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(paths, ["ProgramGroups[0].ParentID", "ProgramGroups[1].ParentID"]);
    refused(|c| c.program_groups[0].parent_id = Some("ALL".into()), "ProgramGroups[0].ParentID", "within itself");
}

#[test]
fn custom_fields_can_hold_something() {
    use crate::config::CustomFieldKind::{Numeric, Text};
    let text = |min_length, max_length, regex: Option<&str>| Text {
        min_length,
        max_length,
        regular_expression: regex.map(str::to_owned),
    };
    for (kind, path, words) in [
        (text(Some(5), Some(4), None), "Text.MinLength", "greater"),
        (text(None, Some(4001), None), "Text.MaxLength", "4000"),
        (text(None, None, Some("[a")), "Text.RegularExpression", "no regular expression"),
        (Numeric { min: Some(2.0), max: Some(1.0), decimal_places: None }, "Numeric.Min", "greater"),
        (Numeric { min: None, max: None, decimal_places: Some(16) }, "Numeric.DecimalPlaces", "0 to 15"),
    ] {
        refused(|c| c.custom_fields[0].kind = kind, &format!("CustomFields[0].Kind.{path}"), words);
    }
    refused(|c| c.picklists[0].values[0] = "a::b".into(), "Picklists[0].Values[0]", "joins");
}

#[test]
fn a_consent_version_has_a_locale() {
    let path = "ConsentTypes[0].Versions[1].LocalizedFields";
    let without = |c: &mut Configuration| {
        c.consent_types[0].versions[1].localized_fields.clear();
    };
    refused(without, path, "at least one locale");
    let twice = "ConsentTypes[0].Versions[0].LocalizedFields[1].Locale";
    refused(|c| c.consent_types[0].versions[0].localized_fields[1].locale = "EN_us".into(), twice, "unique");
    refused(
        |c| c.consent_types[0].versions[1].consent_version = "1".into(),
        "ConsentTypes[0].Versions[1].ConsentVersion",
        "unique",
    );
}

#[test]
fn a_user_id_fits_in_a_scope_and_in_what_is_signed() {
    for id in ["a/b", "a:b", "a b"] {
        refused(|c| c.users[0].user_id = id.into(), "Users[0].UserId", "are accepted");
    }
}

#[test]
fn a_segment_s_definition_is_checked_in_its_place() {
    let wrong = json!({"All": [{"Feild": "IsActive"}]});
    refused(|c| c.segments[1].criteria = Some(wrong), "Segments[1].Criteria.All[0].Feild", "CustomField");
    let live = json!({"Tag": "vip"});
    refused(|c| c.segments[2].criteria = Some(live), "Segments[2].Criteria.Tag", "deleted");
}

#[test]
fn a_group_is_over_live_profiles_or_over_deleted_ones() {
    let path = "SegmentGroups[0].Members[2].Segment";
    let add = |c: &mut Configuration| {
        c.segment_groups[0].members.push(Member { segment: "Gone".into(), operator: Operator::Or });
    };
    refused(add, path, "Everyone and Gone");
    refused(|c| c.segment_groups[0].members.clear(), "SegmentGroups[0].Members", "at least one");
    // a member that is changed later collides with the group
    let change = |c: &mut Configuration| {
        c.segments[1].profiles = Population::Deleted;
    };
    conflict(change, "SegmentGroups[0].Members[1].Segment", "Georgia and more");
}

#[test]
fn the_longest_group_is_evaluated_on_an_ordinary_stack() {
    let more = |c: &mut Configuration, n: usize| {
        c.segment_groups[0].members.resize(n, Member { segment: "Everyone".into(), operator: Operator::Or });
    };
    refused(|c| more(c, 257), "SegmentGroups[0].Members", "at most 256");
    let mut longest = configuration();
    more(&mut longest, 256);
    assert_eq!(check(&longest, None), Ok(()));

    use crate::{config::Config, facts, segment, selection::Selection, testing::account};
    let config = Config::new(longest);
    let criterion = Selection::of_group(&config, "Georgia and more").unwrap().criterion(&config).unwrap();
    facts::Predicate::compile(&criterion, &config, &facts::Terms::new(), account::NOW);
    assert!(segment::matches(&criterion, &account::person(), account::NOW));
}

#[test]
fn what_a_segment_uses_cannot_go() {
    let path = |rest: &str| format!("Segments[0].Criteria.All{rest}");
    let field = path("[2].Any[0].CustomField");
    conflict(|c| drop(c.custom_fields.remove(1)), &field, "the segment Georgia newsletter uses");
    conflict(|c| drop(c.programs[0].filters.remove(0)), &path("[1].Preference"), "Georgia newsletter");
    conflict(|c| drop(c.consent_types.remove(0)), &path("[3].Consent"), "Georgia newsletter");
    conflict(|c| drop(c.group_types.remove(0)), &path("[2].Any[2].Not.Group.Type"), "Georgia newsletter");
    conflict(|c| drop(c.segments.remove(1)), "SegmentGroups[0].Members[0].Segment", "Georgia and more");
    // a definition that is new is wrong, not in the way
    let both = refusals(true, |c| {
        c.custom_fields.remove(1);
        c.segments[0].criteria = Some(json!({"CustomField": "Age", "Is": 1}));
    });
    one(both, Why::Invalid, "Segments[0].Criteria.CustomField", "Age");
    // what nothing uses may go
    assert_eq!(refusals(true, |c| drop(c.address_types.remove(1))), []);
    assert_eq!(refusals(true, |c| drop(c.segment_groups.remove(0))), []);
}

/// What is refused of a change since the account's one person carries it.
fn carried(change: impl FnOnce(&mut Configuration)) -> Vec<Refusal> {
    use crate::{
        config::check_use,
        facts,
        testing::account::{config, person},
    };
    let kept = Kept { profile: person(), extras: Extras::default() };
    let terms = facts::terms(&kept, &config()).iter().map(str::to_owned).zip(1..).collect();
    let (mut new, current) = (configuration(), configuration());
    change(&mut new);
    check_use(&new, &current, &terms).err().unwrap_or_default()
}

#[track_caller]
fn stays(change: impl FnOnce(&mut Configuration), path: &str, words: &str) {
    one(carried(change), Why::Conflict, path, words);
}

#[test]
fn what_rendered_rows_carry_does_not_change() {
    use crate::{config::CustomFieldKind::DateTime, profile::Channel};
    stays(|c| c.programs[0].filters[0].channel_id = Channel::Fax, "Programs[0].Filters[0].ChannelID", "Email");
    let moved = |c: &mut Configuration| {
        let filter = c.programs[0].filters.remove(0);
        c.programs[1].filters.push(filter);
    };
    stays(moved, "Programs[1].Filters[2].ProgramID", "NEWS");
    stays(|c| c.email_types[0].type_name = "HOME".into(), "EmailTypes[0].TypeName", "Home");
    stays(|c| c.consent_types[1].type_name = "SMSTERMS".into(), "ConsentTypes[1].TypeName", "SmsTerms");
    stays(|c| c.picklists[0].values[0] = "books".into(), "Picklists[0].Values[0]", "Books");
    stays(|c| c.custom_fields[0].kind = DateTime {}, "CustomFields[0].Kind", "another kind");
}

#[test]
fn what_no_row_carries_may_change() {
    use crate::profile::Channel;
    let changes = carried(|c| {
        c.email_types[1].type_name = "WORK".into();
        c.programs[0].filters[1].channel_id = Channel::Fax;
        let filter = c.programs[0].filters.remove(1);
        c.programs[1].filters.push(filter);
        c.picklists[0].values[1] = "MUSIC".into();
        c.programs[0].filters[0].frequencies.remove(0);
        c.consent_types[0].versions.remove(1);
    });
    assert_eq!(changes, []);
}

#[test]
fn what_profiles_carry_cannot_go() {
    use crate::config::CustomFieldKind;
    let gone =
        |change: &dyn Fn(&mut Configuration)| carried(change).into_iter().map(|r| (r.why, r.path)).collect::<Vec<_>>();
    let conflict = |path: &str| vec![(Why::Conflict, path.to_owned())];
    assert_eq!(gone(&|c| drop(c.email_types.remove(0))), conflict("EmailTypes"));
    assert_eq!(gone(&|c| c.customer_types[0].type_name = "Person".into()), conflict("CustomerTypes"));
    assert_eq!(gone(&|c| drop(c.consent_types.remove(1))), conflict("ConsentTypes"));
    assert_eq!(gone(&|c| drop(c.consent_types[0].versions.remove(0))), conflict("Versions"));
    assert_eq!(gone(&|c| drop(c.consent_types[0].versions[0].localized_fields.remove(1))), conflict("Locales"));
    assert_eq!(gone(&|c| drop(c.programs[1].filters.remove(1))), conflict("Filters"));
    assert_eq!(gone(&|c| drop(c.programs[0].filters[0].frequencies.remove(1))), conflict("Frequencies"));
    assert_eq!(gone(&|c| drop(c.custom_fields.remove(0))), conflict("CustomFields"));
    assert_eq!(gone(&|c| drop(c.picklists[0].values.remove(0))), conflict("Picklists"));
    // nobody has these
    assert_eq!(gone(&|c| drop(c.email_types.remove(1))), []);
    assert_eq!(gone(&|c| drop(c.programs[0].filters.remove(1))), []);
    assert_eq!(gone(&|c| drop(c.picklists[0].values.remove(1))), []);
    assert_eq!(gone(&|c| drop(c.consent_types[0].versions[0].localized_fields.remove(0))), []);
    // a list that another field has too
    let other = CustomFieldKind::SelectList { picklist: "interests".into(), multiple: false };
    assert_eq!(gone(&|c| c.custom_fields[1].kind = other.clone()), conflict("CustomFields[1].Kind"));
    let all = carried(|c| c.email_types.clear());
    assert!(all[0].message.contains("Home") && all[0].message.contains("IsActive"), "{all:?}");
}

#[test]
fn what_another_thing_uses_cannot_go() {
    conflict(
        |c| drop(c.picklists.remove(0)),
        "CustomFields[3].Kind.SelectList.Picklist",
        "the custom field Interests uses the picklist Interests",
    );
    conflict(
        |c| drop(c.consent_types.remove(1)),
        "Programs[1].Filters[0].RequiredConsents[0]",
        "the filter OFFERS-TEXT uses the consent type SmsTerms",
    );
    conflict(
        |c| drop(c.program_groups.remove(1)),
        "Programs[0].ProgramGroupID",
        "the program NEWS uses the program group LETTERS",
    );
    conflict(
        |c| drop(c.program_groups.remove(0)),
        "ProgramGroups[0].ParentID",
        "the program group LETTERS uses the program group ALL",
    );
}

#[test]
fn a_type_s_texts_are_names_and_descriptions() {
    let language = |c: &mut Configuration| {
        c.customer_types[0].localized_fields[0].consent_language = Some("I agree.".into());
    };
    refused(language, "CustomerTypes[0].LocalizedFields[0].ConsentLanguage", "a consent version's");
}

#[test]
fn a_long_name_that_profiles_carry_cannot_go() {
    use crate::{config::Config, config::check_use, facts, testing::account::person};
    let (wide, unused) = ("𝔗".repeat(100), "𝔘".repeat(30));
    let (mut current, mut person) = (configuration(), person());
    current.email_types[0].type_name = wide.clone();
    current.phone_types[1].type_name = unused;
    person.emails[0].email_address_type = wide;
    let kept = Kept { profile: person, extras: Extras::default() };
    let terms = facts::terms(&kept, &Config::new(current.clone())).iter().map(str::to_owned).zip(1..).collect();
    let gone = |change: &dyn Fn(&mut Configuration)| {
        let mut new = current.clone();
        change(&mut new);
        check_use(&new, &current, &terms)
    };
    assert_eq!(gone(&|c| drop(c.email_types.remove(0))).unwrap_err()[0].path, "EmailTypes");
    assert_eq!(gone(&|c| drop(c.phone_types.remove(1))), Ok(()));
}

#[test]
fn what_may_change_does() {
    let changes = refusals(true, |c| {
        c.default_locale = Some("es_US".into());
        c.email_types[1].is_active = false;
        c.programs[0].filters[0].opt_in_expiration_in_days = None;
        c.programs[0].filters[0].frequencies.reverse();
        c.picklists[0].values.push("Chess".into());
        c.segments[0].output = Output::default();
        c.segments[0].name = "Georgia letters".into();
        c.segment_groups[0].members[1].segment = "Georgia letters".into();
        c.consent_types[0].versions[0].expiration_in_days = Some(9);
    });
    assert_eq!(changes, []);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let all = refusals(false, |c| {
        c.email_types[1].type_name = "home".into();
        c.users[0].user_id = "a/b".into();
        c.segments[0].criteria = Some(json!({"Tag": 1}));
    });
    let paths: Vec<_> = all.iter().map(|r| r.path.as_str()).collect();
    assert_eq!(paths, ["EmailTypes[1].TypeName", "Users[0].UserId", "Segments[0].Criteria.Tag"]);
}

#[test]
fn the_last_active_administrator_stays() {
    use crate::config::{ADMINISTRATORS, User};
    let administrator = |id: &str, is_active: bool| User {
        user_id: id.into(),
        name: None,
        is_active,
        user_groups: vec![ADMINISTRATORS.to_lowercase()],
        source_group: None,
    };
    let with = |users: Vec<User>| Configuration { users, ..Configuration::default() };
    let present = with(vec![administrator("A", true), administrator("B", false)]);
    let taken = |users| check(&with(users), Some(&present)).is_ok();
    assert!(taken(vec![administrator("B", true)]));
    assert!(!taken(vec![administrator("B", false)]));
    assert!(!taken(vec![administrator("A", false)]));
    assert!(!taken(vec![]));
    // an account that has none can be given one later
    assert!(check(&with(vec![]), Some(&with(vec![]))).is_ok());
}

#[test]
fn so_many_filters_may_imply_a_preference_on_one_contact_and_no_more() {
    use crate::{config::DefaultPreference, profile::Channel};
    let add = |c: &mut Configuration, count: usize, channel: Channel| {
        let mut filter = c.programs[0].filters[0].clone();
        (filter.channel_id, filter.default_preference) = (channel, Some(DefaultPreference::OptOut));
        (filter.is_active, filter.required_consents) = (true, Vec::new());
        for i in 0..count {
            filter.id = format!("{channel:?}{i}");
            c.programs[0].filters.push(filter.clone());
        }
    };
    let mut account = configuration();
    account.implied_preferences = true;
    for filter in account.programs.iter_mut().flat_map(|p| &mut p.filters) {
        filter.default_preference = None;
    }
    let filled = |counts: &[(usize, Channel)]| {
        let mut filled = account.clone();
        counts.iter().for_each(|(count, channel)| add(&mut filled, *count, *channel));
        filled
    };
    for fine in [[(500, Channel::Email), (500, Channel::Mail)], [(250, Channel::Phone), (250, Channel::Text)]] {
        assert_eq!(check(&filled(&fine), None), Ok(()));
    }
    let filters = account.programs[0].filters.len();
    let path = format!("Programs[0].Filters[{}].DefaultPreference", filters + 500);
    for (much, what) in [
        (vec![(501, Channel::Email)], "an email"),
        (vec![(400, Channel::Phone), (101, Channel::Text), (101, Channel::Fax)], "a mobile phone"),
    ] {
        one(check(&filled(&much), None).unwrap_err(), Why::Invalid, &path, &format!("on {what}; at most 500 may"));
        let mut silent = filled(&much);
        silent.implied_preferences = false;
        assert_eq!(check(&silent, None), Ok(()), "nothing is implied there");
        let mut inactive = filled(&much);
        inactive.programs[0].filters.last_mut().unwrap().is_active = false;
        inactive.programs[0].filters[filters].is_active = false;
        assert_eq!(check(&inactive, None), Ok(()));
    }
    let (former, more) = (filled(&[(501, Channel::Email)]), filled(&[(502, Channel::Email)]));
    assert_eq!(check(&former, Some(&former)), Ok(()), "an account that has more stays as it is");
    let added = format!("Programs[0].Filters[{}].DefaultPreference", filters + 501);
    one(check(&more, Some(&former)).unwrap_err(), Why::Invalid, &added, "502 active filters");
}

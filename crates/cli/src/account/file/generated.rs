//! Whatever an account has configured, what `show` prints reads as the same configuration, and applies as no change.

use proptest::{collection::vec, option, prelude::*, sample::select};
use sayso_model::{
    config::{
        Area, Configuration, ConsentType, ConsentTypeVersion, CustomField, CustomFieldKind, DefaultPreference, Filter,
        Frequency, Level, Localized, Member, Operator, Output, Picklist, Population, Program, ProgramGroup, Property,
        Segment, SegmentGroup, SegmentPermission, SourceGroup, TypeDef, UpdateRule, User, UserGroup,
    },
    profile::Channel,
};
use serde_json::{Value, json};

use super::{parse, write};
use crate::account::diff;

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z][a-zA-Z0-9 _.#'\"=\\\\-]{0,12}", "\\PC{1,8}", "[\\[\\]{}\n\t,]{1,4}"]
}

fn maybe() -> impl Strategy<Value = Option<String>> {
    option::of(text())
}

fn localized(language: bool) -> impl Strategy<Value = Vec<Localized>> {
    let one = (text(), maybe(), maybe(), maybe()).prop_map(move |(locale, name, description, consent)| Localized {
        locale,
        name,
        description,
        consent_language: consent.filter(|_| language),
    });
    vec(one, 0..3)
}

fn types() -> impl Strategy<Value = Vec<TypeDef>> {
    let one = (text(), localized(false), any::<bool>(), any::<bool>()).prop_map(
        |(type_name, localized_fields, is_default, is_active)| TypeDef {
            type_name,
            localized_fields,
            is_default,
            is_active,
        },
    );
    vec(one, 0..3)
}

fn properties() -> impl Strategy<Value = Vec<Property>> {
    vec((text(), text()).prop_map(|(name, value)| Property { name, value }), 0..3)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<i32>().prop_map(f64::from),
        any::<f64>().prop_filter("the check takes no others", |n| n.is_finite())
    ]
}

fn field() -> impl Strategy<Value = CustomField> {
    let kind = prop_oneof![
        (option::of(0..9u32), option::of(9..99u32), maybe()).prop_map(
            |(min_length, max_length, regular_expression)| {
                CustomFieldKind::Text { min_length, max_length, regular_expression }
            }
        ),
        (option::of(number()), option::of(number()), option::of(0..15u32))
            .prop_map(|(min, max, decimal_places)| CustomFieldKind::Numeric { min, max, decimal_places }),
        Just(CustomFieldKind::DateTime {}),
        (text(), any::<bool>()).prop_map(|(picklist, multiple)| CustomFieldKind::SelectList { picklist, multiple }),
    ];
    let rules = [UpdateRule::Always, UpdateRule::IfCurrentBlank, UpdateRule::IfNewNotBlank, UpdateRule::Never];
    (text(), kind, select(rules.to_vec()), any::<bool>()).prop_map(|(name, kind, update_rule, is_active)| CustomField {
        name,
        kind,
        update_rule,
        is_active,
    })
}

fn channel() -> impl Strategy<Value = Channel> {
    select(vec![Channel::Phone, Channel::Text, Channel::Email, Channel::Mail, Channel::Fax, Channel::Solicit])
}

fn consent() -> impl Strategy<Value = ConsentType> {
    let version = (text(), option::of(any::<u32>()), any::<bool>(), any::<bool>(), localized(true)).prop_map(
        |(consent_version, expiration_in_days, is_active, is_associated_with_profiles, localized_fields)| {
            ConsentTypeVersion {
                consent_version,
                expiration_in_days,
                is_active,
                is_associated_with_profiles,
                localized_fields,
            }
        },
    );
    (text(), any::<bool>(), option::of(channel()), vec(version, 0..3))
        .prop_map(|(type_name, is_active, channel, versions)| ConsentType { type_name, is_active, channel, versions })
}

fn filter() -> impl Strategy<Value = Filter> {
    let frequency =
        (text(), maybe(), any::<bool>()).prop_map(|(id, name, is_default)| Frequency { id, name, is_default });
    let days = || option::of(any::<u32>());
    let default = option::of(select(vec![DefaultPreference::OptIn, DefaultPreference::OptOut]));
    (
        (text(), maybe(), channel(), default, days(), days()),
        (vec(frequency, 0..3), vec(text(), 0..2), properties(), any::<bool>()),
    )
        .prop_map(
            |(
                (id, name, channel_id, default_preference, opt_in, opt_out),
                (frequencies, required_consents, custom_properties, is_active),
            )| {
                Filter {
                    id,
                    name,
                    channel_id,
                    default_preference,
                    opt_in_expiration_in_days: opt_in,
                    opt_out_expiration_in_days: opt_out,
                    frequencies,
                    required_consents,
                    custom_properties,
                    is_active,
                }
            },
        )
}

fn group() -> impl Strategy<Value = ProgramGroup> {
    (text(), maybe(), maybe(), maybe(), properties()).prop_map(
        |(id, name, group_type, parent_id, custom_properties)| ProgramGroup {
            id,
            name,
            group_type,
            parent_id,
            custom_properties,
        },
    )
}

fn program() -> impl Strategy<Value = Program> {
    (text(), maybe(), maybe(), properties(), vec(filter(), 0..3)).prop_map(
        |(id, name, program_group_id, custom_properties, filters)| Program {
            id,
            name,
            program_group_id,
            custom_properties,
            filters,
        },
    )
}

fn criteria() -> impl Strategy<Value = Value> {
    let operand = prop_oneof![
        text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        number().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        vec(text(), 0..3).prop_map(Value::from),
        Just(json!({"Ago": "30d"})),
        Just(json!("2026-01-01T00:00:00Z")),
    ];
    let leaf = (text(), operand).prop_map(|(field, operand)| json!({"Field": field, "Is": operand}));
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(|rows| json!({ "All": rows })),
            vec(inner.clone(), 0..3).prop_map(|rows| json!({ "Any": rows })),
            inner.prop_map(|row| json!({ "Not": row })),
        ]
    })
}

fn output() -> impl Strategy<Value = Output> {
    any::<[bool; 5]>().prop_map(|[preferences, consents, custom_fields, archived, implied]| Output {
        preferences,
        consents,
        custom_fields,
        archived,
        implied,
    })
}

fn permissions() -> impl Strategy<Value = Vec<SegmentPermission>> {
    let one = (text(), any::<[bool; 3]>()).prop_map(|(user_group, [can_view, can_edit, can_execute])| {
        SegmentPermission { user_group, can_view, can_edit, can_execute }
    });
    vec(one, 0..3)
}

fn segment() -> impl Strategy<Value = Segment> {
    let populations = vec![Population::Active, Population::Inactive, Population::Deleted, Population::All];
    (text(), maybe(), select(populations), option::of(criteria()), output(), permissions()).prop_map(
        |(name, description, profiles, criteria, output, permissions)| Segment {
            name,
            description,
            profiles,
            criteria,
            output,
            permissions,
        },
    )
}

fn segment_group() -> impl Strategy<Value = SegmentGroup> {
    let member = (text(), select(vec![Operator::And, Operator::Or, Operator::Except]))
        .prop_map(|(segment, operator)| Member { segment, operator });
    (text(), maybe(), vec(member, 0..3), output(), permissions()).prop_map(
        |(name, description, members, output, permissions)| SegmentGroup {
            name,
            description,
            members,
            output,
            permissions,
        },
    )
}

fn people() -> impl Strategy<Value = (Vec<SourceGroup>, Vec<UserGroup>, Vec<User>)> {
    let source = (text(), maybe()).prop_map(|(name, description)| SourceGroup { name, description });
    let areas = select(vec![Area::Profiles, Area::Configuration, Area::Segments, Area::Exports, Area::Users]);
    let levels = select(vec![Level::None, Level::View, Level::Edit]);
    let groups = (text(), maybe(), proptest::collection::btree_map(areas, levels, 0..4))
        .prop_map(|(name, description, permissions)| UserGroup { name, description, permissions });
    let user = (text(), maybe(), any::<bool>(), vec(text(), 0..3), maybe()).prop_map(
        |(user_id, name, is_active, user_groups, source_group)| User {
            user_id,
            name,
            is_active,
            user_groups,
            source_group,
        },
    );
    (vec(source, 0..3), vec(groups, 0..3), vec(user, 0..3))
}

fn configuration() -> impl Strategy<Value = Configuration> {
    let picklist = (text(), vec(text(), 0..3)).prop_map(|(name, values)| Picklist { name, values });
    (
        (maybe(), any::<bool>(), option::of(any::<u32>())),
        (types(), types(), types(), types(), types(), types()),
        (vec(picklist, 0..3), vec(field(), 0..4), vec(consent(), 0..3)),
        (vec(group(), 0..3), vec(program(), 0..3)),
        people(),
        (vec(segment(), 0..3), vec(segment_group(), 0..3)),
    )
        .prop_map(|(account, types, values, programs, people, segments)| Configuration {
            default_locale: account.0,
            implied_preferences: account.1,
            signed_header_minutes: account.2,
            email_types: types.0,
            phone_types: types.1,
            address_types: types.2,
            customer_types: types.3,
            alternate_id_types: types.4,
            group_types: types.5,
            picklists: values.0,
            custom_fields: values.1,
            consent_types: values.2,
            program_groups: programs.0,
            programs: programs.1,
            source_groups: people.0,
            user_groups: people.1,
            users: people.2,
            segments: segments.0,
            segment_groups: segments.1,
        })
}

proptest! {
    #[test]
    fn what_show_prints_applies_as_no_change(configuration in configuration()) {
        let shown = write("A", &configuration).unwrap();
        let read = parse(&shown).map_err(|e| TestCaseError::fail(format!("{e:#}\n{shown}")))?;
        prop_assert_eq!(&read, &configuration, "{}", shown);
        prop_assert_eq!(diff::changes(&configuration, &read).unwrap(), vec![]);
    }
}

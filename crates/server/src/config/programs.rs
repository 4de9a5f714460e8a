//! Program groups, programs and filters: each with its own calls, and each shown with what stands in it.

use sayso_model::{
    config::{self as model, Configuration, Kind},
    id::fold,
    input::object::objects,
    profile::{Channel, EditInfo},
    refusal::{Refusal, shown},
};
use sayso_store::account::Account;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::{
    describe::Calls,
    resource::{InList, Resource, Words},
    wire::{CustomProperty, ReadOnly, edited, kept_properties, properties, whole, word_or_null, yes},
};
use crate::access::{App, EditConfiguration, ViewConfiguration};

/// A folder of programs; may stand in another.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"ID": "LETTERS", "Name": "Letters", "Type": "Brand", "CustomProperties": [{"Name": "Owner", "Value": "Press"}]}))]
pub(crate) struct ConfiguredProgramGroup {
    /// Unique without regard to case.
    #[serde(rename = "ID")]
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    id: String,
    name: Option<String>,
    /// Free for the account's use; groups are listed by it.
    #[serde(rename = "Type")]
    #[schema(min_length = 1, max_length = 100, pattern = "{name}")]
    group_type: Option<String>,
    /// The group that it stands in.
    #[serde(rename = "ParentID")]
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    parent_id: Option<String>,
    #[serde(default, deserialize_with = "objects")]
    custom_properties: Vec<CustomProperty>,
    #[serde(default)]
    #[schema(read_only, value_type = Vec<ConfiguredProgramGroup>, no_recursion)]
    pub program_groups: ReadOnly<Vec<ConfiguredProgramGroup>>,
    #[serde(default)]
    #[schema(read_only, value_type = Vec<ConfiguredProgram>)]
    pub programs: ReadOnly<Vec<ConfiguredProgram>>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// What a person may want to hear of, by one or more filters.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({"ID": "NEWS", "Name": "Newsletter", "ProgramGroupID": "LETTERS", "Filters": [{"ID": "NEWS-EMAIL", "ChannelID": "Email"}]}))]
pub(crate) struct ConfiguredProgram {
    /// Unique without regard to case. Once profiles carry it, it stays.
    #[serde(rename = "ID")]
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    id: String,
    name: Option<String>,
    #[serde(rename = "ProgramGroupID")]
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    program_group_id: Option<String>,
    #[serde(default, deserialize_with = "objects")]
    custom_properties: Vec<CustomProperty>,
    /// Its filters; their ProgramID is this program's, whatever it says.
    #[serde(default, deserialize_with = "objects")]
    pub filters: Vec<ConfiguredFilter>,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// One channel of a program: what a preference is said of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[schema(example = json!({
    "ID": "NEWS-EMAIL", "Name": "Newsletter by email", "ChannelID": "Email", "ProgramID": "NEWS", "OptInExpirationInDays": 365,
    "Frequencies": [{"ID": "Weekly", "IsDefault": true}],
}))]
pub(crate) struct ConfiguredFilter {
    /// Unique among all filters of the account, without regard to case. Once profiles carry it, it stays.
    #[serde(rename = "ID")]
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    id: String,
    name: Option<String>,
    /// Phone, Text, Email, Mail, Fax or Solicit. Once profiles carry the filter, it stays.
    #[serde(rename = "ChannelID")]
    #[schema(value_type = String, pattern = "^(?:Phone|Text|Email|Mail|Fax|Solicit)$", example = "Email")]
    channel_id: Channel,
    /// The program that it belongs to. Once profiles carry the filter, it stays.
    #[serde(rename = "ProgramID")]
    #[schema(min_length = 1, max_length = 50, pattern = "{name}")]
    program_id: Option<String>,
    /// What a person who said nothing is taken to have said, where implied preferences are on: OptIn or OptOut.
    #[serde(default, deserialize_with = "word_or_null")]
    #[schema(value_type = Option<String>, pattern = "^Opt(?:In|Out)$", example = "OptIn")]
    default_preference: Option<model::DefaultPreference>,
    /// Days of 24 h from CustomerDate; null: never. A change is for preferences that are written later.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 4294967295_u32, example = 365)]
    opt_in_expiration_in_days: Option<u32>,
    /// The same for an opt-out.
    #[serde(default, deserialize_with = "whole")]
    #[schema(maximum = 4294967295_u32, example = 365)]
    opt_out_expiration_in_days: Option<u32>,
    #[serde(default, deserialize_with = "objects")]
    frequencies: Vec<ConfiguredFrequency>,
    /// Consent types that an opt-in carries.
    #[serde(default)]
    required_consents: Vec<String>,
    #[serde(default, deserialize_with = "objects")]
    custom_properties: Vec<CustomProperty>,
    /// false: no longer taken in what is written.
    #[serde(default = "yes")]
    is_active: bool,
    #[serde(default)]
    #[schema(read_only, value_type = crate::openapi::profile::EditInfo)]
    edited: ReadOnly<EditInfo>,
}

/// How often somebody wants to hear.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ConfiguredFrequency {
    /// Unique within its filter, without regard to case.
    #[serde(rename = "ID")]
    #[schema(min_length = 1, max_length = 20, pattern = "{name}", example = "Weekly")]
    id: String,
    name: Option<String>,
    /// At most one: what a preference has that names none.
    #[serde(default)]
    is_default: bool,
}

fn show_group(group: &model::ProgramGroup, account: &Account) -> ConfiguredProgramGroup {
    let c = &account.config.source;
    let within = |id: &Option<String>| id.as_deref().is_some_and(|id| fold(id) == fold(&group.id));
    ConfiguredProgramGroup {
        id: group.id.clone(),
        name: group.name.clone(),
        group_type: group.group_type.clone(),
        parent_id: group.parent_id.clone(),
        custom_properties: properties(&group.custom_properties),
        program_groups: ReadOnly(Some(
            c.program_groups.iter().filter(|g| within(&g.parent_id)).map(|g| show_group(g, account)).collect(),
        )),
        programs: ReadOnly(Some(
            c.programs.iter().filter(|p| within(&p.program_group_id)).map(|p| show_program(p, account)).collect(),
        )),
        edited: edited(account.ledger.entry(Kind::ProgramGroups, &group.id)),
    }
}

fn show_program(program: &model::Program, account: &Account) -> ConfiguredProgram {
    ConfiguredProgram {
        id: program.id.clone(),
        name: program.name.clone(),
        program_group_id: program.program_group_id.clone(),
        custom_properties: properties(&program.custom_properties),
        filters: program.filters.iter().map(|f| show_filter(program, f, account)).collect(),
        edited: edited(account.ledger.entry(Kind::Programs, &program.id)),
    }
}

fn show_filter(program: &model::Program, filter: &model::Filter, account: &Account) -> ConfiguredFilter {
    let frequency =
        |f: &model::Frequency| ConfiguredFrequency { id: f.id.clone(), name: f.name.clone(), is_default: f.is_default };
    ConfiguredFilter {
        id: filter.id.clone(),
        name: filter.name.clone(),
        channel_id: filter.channel_id,
        program_id: Some(program.id.clone()),
        default_preference: filter.default_preference,
        opt_in_expiration_in_days: filter.opt_in_expiration_in_days,
        opt_out_expiration_in_days: filter.opt_out_expiration_in_days,
        frequencies: filter.frequencies.iter().map(frequency).collect(),
        required_consents: filter.required_consents.clone(),
        custom_properties: properties(&filter.custom_properties),
        is_active: filter.is_active,
        edited: edited(account.ledger.entry(Kind::Filters, &filter.id)),
    }
}

fn kept_filter(wire: ConfiguredFilter) -> model::Filter {
    let frequency = |f: ConfiguredFrequency| model::Frequency { id: f.id, name: f.name, is_default: f.is_default };
    model::Filter {
        id: wire.id,
        name: wire.name,
        channel_id: wire.channel_id,
        default_preference: wire.default_preference,
        opt_in_expiration_in_days: wire.opt_in_expiration_in_days,
        opt_out_expiration_in_days: wire.opt_out_expiration_in_days,
        frequencies: wire.frequencies.into_iter().map(frequency).collect(),
        required_consents: wire.required_consents,
        custom_properties: kept_properties(wire.custom_properties),
        is_active: wire.is_active,
    }
}

/// The account's program groups.
pub(crate) enum ProgramGroups {}

impl InList for ProgramGroups {
    const WORDS: Words = Words {
        kind: Kind::ProgramGroups,
        one: "program group",
        a: "a program group",
        many: "program groups",
        operation: ("ProgramGroup", "ProgramGroups"),
        list: "ProgramGroups",
        name: "ID",
        number: None,
        example: "LETTERS",
        parameter: "id",
        all: "/ProgramGroups",
        make: "/Config/ProgramGroups",
        at: "/ProgramGroups",
        change: "/Config/ProgramGroups",
    };
    type View = ViewConfiguration;
    type Edit = EditConfiguration;
    type Wire = ConfiguredProgramGroup;
    type Item = model::ProgramGroup;

    fn list(c: &Configuration) -> &Vec<model::ProgramGroup> {
        &c.program_groups
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<model::ProgramGroup> {
        &mut c.program_groups
    }
    fn item_name(item: &model::ProgramGroup) -> &str {
        &item.id
    }
    /// Those that stand in another are shown there.
    fn is_listed(item: &model::ProgramGroup) -> bool {
        item.parent_id.is_none()
    }
    fn show_item(item: &model::ProgramGroup, account: &Account) -> ConfiguredProgramGroup {
        show_group(item, account)
    }
    fn wire_name(wire: &ConfiguredProgramGroup) -> &str {
        &wire.id
    }
    fn take(wire: ConfiguredProgramGroup, _: Option<&model::ProgramGroup>) -> model::ProgramGroup {
        model::ProgramGroup {
            id: wire.id,
            name: wire.name,
            group_type: wire.group_type,
            parent_id: wire.parent_id,
            custom_properties: kept_properties(wire.custom_properties),
        }
    }
}

/// The account's programs.
pub(crate) enum Programs {}

impl InList for Programs {
    const WORDS: Words = Words {
        kind: Kind::Programs,
        one: "program",
        a: "a program",
        many: "programs",
        operation: ("Program", "Programs"),
        list: "Programs",
        name: "ID",
        number: None,
        example: "NEWS",
        parameter: "id",
        all: "/Programs",
        make: "/Config/Programs",
        at: "/Programs",
        change: "/Config/Programs",
    };
    type View = ViewConfiguration;
    type Edit = EditConfiguration;
    type Wire = ConfiguredProgram;
    type Item = model::Program;

    fn list(c: &Configuration) -> &Vec<model::Program> {
        &c.programs
    }
    fn list_mut(c: &mut Configuration) -> &mut Vec<model::Program> {
        &mut c.programs
    }
    fn item_name(item: &model::Program) -> &str {
        &item.id
    }
    fn show_item(item: &model::Program, account: &Account) -> ConfiguredProgram {
        show_program(item, account)
    }
    fn wire_name(wire: &ConfiguredProgram) -> &str {
        &wire.id
    }
    fn take(wire: ConfiguredProgram, _: Option<&model::Program>) -> model::Program {
        model::Program {
            id: wire.id,
            name: wire.name,
            program_group_id: wire.program_group_id,
            custom_properties: kept_properties(wire.custom_properties),
            filters: wire.filters.into_iter().map(kept_filter).collect(),
        }
    }
}

/// The account's filters, of all programs.
pub(crate) enum Filters {}

/// Where a filter stands: the program's index and its own.
fn place(c: &Configuration, id: &str) -> Option<(usize, usize)> {
    c.programs
        .iter()
        .enumerate()
        .find_map(|(p, program)| program.filters.iter().position(|f| fold(&f.id) == fold(id)).map(|f| (p, f)))
}

impl Resource for Filters {
    const WORDS: Words = Words {
        kind: Kind::Filters,
        one: "filter",
        a: "a filter",
        many: "filters",
        operation: ("Filter", "Filters"),
        list: "Filters",
        name: "ID",
        number: None,
        example: "NEWS-EMAIL",
        parameter: "id",
        all: "/Filters",
        make: "/Config/Filters",
        at: "/Filters",
        change: "/Config/Filters",
    };
    type View = ViewConfiguration;
    type Edit = EditConfiguration;
    type Wire = ConfiguredFilter;

    fn names(c: &Configuration) -> Vec<&str> {
        c.programs.iter().flat_map(|p| p.filters.iter().map(|f| f.id.as_str())).collect()
    }
    fn show(account: &Account, name: &str) -> Option<ConfiguredFilter> {
        let c = &account.config.source;
        place(c, name).map(|(p, f)| show_filter(&c.programs[p], &c.programs[p].filters[f], account))
    }
    fn name(wire: &ConfiguredFilter) -> &str {
        &wire.id
    }
    fn put(c: &mut Configuration, former: Option<&str>, wire: ConfiguredFilter) -> Result<Vec<String>, Refusal> {
        let Some(program) = &wire.program_id else {
            return Err(Refusal::invalid("ProgramID", "is missing; a filter belongs to a program"));
        };
        let Some(to) = c.programs.iter().position(|p| fold(&p.id) == fold(program)) else {
            let there: Vec<_> = c.programs.iter().map(|p| p.id.as_str()).collect();
            let why = format!("{} is no configured program; there are: {}", shown(program), there.join(", "));
            return Err(Refusal::invalid("ProgramID", why));
        };
        let filter = kept_filter(wire);
        let at = match former.and_then(|name| place(c, name)) {
            Some((p, f)) if p == to => {
                c.programs[p].filters[f] = filter;
                f
            }
            elsewhere => {
                if let Some((p, f)) = elsewhere {
                    c.programs[p].filters.remove(f);
                }
                c.programs[to].filters.push(filter);
                c.programs[to].filters.len() - 1
            }
        };
        Ok(vec![format!("Programs[{to}].Filters[{at}].")])
    }
    fn remove(c: &mut Configuration, name: &str) {
        if let Some((p, f)) = place(c, name) {
            c.programs[p].filters.remove(f);
        }
    }
}

/// Their calls.
pub(crate) fn add(router: OpenApiRouter<App>) -> OpenApiRouter<App> {
    let router = Calls::<ProgramGroups>::read(router).create().patch().done();
    let router = Calls::<Programs>::read(router).create().patch().done();
    Calls::<Filters>::read(router).create().patch().done()
}

impl ConfiguredProgramGroup {
    /// Whether the group itself has a property.
    pub fn has(&self, wanted: &dyn Fn(&CustomProperty) -> bool) -> bool {
        self.custom_properties.iter().any(wanted)
    }
}

impl ConfiguredProgram {
    /// Whether the program itself has a property.
    pub fn has(&self, wanted: &dyn Fn(&CustomProperty) -> bool) -> bool {
        self.custom_properties.iter().any(wanted)
    }
}

impl ConfiguredFilter {
    /// Whether the filter itself has a property.
    pub fn has(&self, wanted: &dyn Fn(&CustomProperty) -> bool) -> bool {
        self.custom_properties.iter().any(wanted)
    }
}

//! Initiate: starts an import and answers its token at once.

use axum::extract::Request;
use sayso_import::job::{Action, Terms};
use sayso_model::{
    change::{Manner, Refresh},
    config::{Config, TypeKind},
    id::AccessToken,
    input::once::Once,
    moment::Moment,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    access::{EditImports, Permit},
    error::{ApiError, shortened},
    http::{answer::Json, content},
};

/// Largest body, bytes.
const LARGEST: u64 = 1 << 20;
/// The longest name, characters.
const LONGEST_NAME: usize = 100;
/// Days for which an import can be read after its end, unless it is told, and at most.
const RETENTION_DAYS: u8 = 3;
const MOST_RETENTION_DAYS: u64 = 10;

/// The token of a new import.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InitiatedImport {
    /// Names the import in the other calls; 1 … 2^53−1.
    #[schema(value_type = u64, minimum = 1, maximum = 9007199254740991_u64, example = 5121984601220483_u64)]
    access_token: AccessToken,
    /// `Initiated`.
    #[schema(example = "Initiated")]
    status: &'static str,
    /// When the token ends unless the import is executed before: 12 h from now.
    #[schema(value_type = String, format = DateTime, example = "2026-11-24T22:00:00.000Z")]
    expiration_date: Moment,
    /// What it was called.
    #[schema(example = "Nightly")]
    name: Option<String>,
}

/// How to import. Every field is optional and nullable; unknown ones are ignored.
// for the document: `terms` reads it; which fields go together is told by `openapi::exact`
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "PascalCase", example = json!({"Name": "Nightly", "MatchCriteria": "AlternateIdType", "MatchValue": "CRM"}))]
#[allow(dead_code)]
pub(crate) struct ImportForm {
    /// For people.
    #[schema(max_length = 100, example = "Nightly")]
    name: Option<String>,
    /// For how many days the import can be read after its end.
    #[schema(minimum = 0, maximum = 10, default = 3, example = 3)]
    retention_days: Option<u8>,
    /// `Add` or `Delete`, in any letter case; blank is as absent.
    #[schema(pattern = "^(?:[Aa][Dd][Dd]|[Dd][Ee][Ll][Ee][Tt][Ee]|\\s*)$", example = "Add")]
    import_action: Option<String>,
    /// `AlternateIdType`: records are matched by their alternate id of the type in MatchValue; else by ProfileId.
    #[schema(example = "AlternateIdType")]
    match_criteria: Option<String>,
    /// The alternate id type; required with MatchCriteria, refused without it.
    #[schema(example = "CRM")]
    match_value: Option<String>,
    /// Alternate ids that a record doesn't have are removed.
    refresh_alternate_ids: Option<bool>,
    /// Emails, phones and addresses that a record doesn't have are removed.
    refresh_contacts: Option<bool>,
    /// Custom fields that a record doesn't have are cleared, where their update rule lets them be.
    refresh_custom_fields: Option<bool>,
    /// Groups that a record doesn't have are removed.
    refresh_groups: Option<bool>,
    /// Tags that a record doesn't have are removed.
    refresh_tags: Option<bool>,
    /// Preferences may be tied to older consent versions than the profile has.
    allow_prior_consents: Option<bool>,
}

/// Start an import
///
/// Records are staged under its token, then executed.
#[utoipa::path(
    post, path = "/Async/{clientId}/Import", tag = "Import", operation_id = "importInitiate",
    params(("clientId" = String, Path)),
    request_body(content = Option<ImportForm>, description = "At most 1 MiB; may be left out"),
    responses((status = 200, description = "The import is there", body = InitiatedImport)),
)]
pub(crate) async fn import_initiate(
    permit: Permit<EditImports>,
    request: Request,
) -> Result<Json<InitiatedImport>, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = content::read(&parts.headers, body, content::Kind::Json, LARGEST, permit.options()).await?;
    let status = permit.initiate(terms(&bytes, permit.config())?).await?;
    Ok(Json(InitiatedImport {
        access_token: status.token,
        status: status.state.word(),
        expiration_date: status.expires,
        name: status.name,
    }))
}

/// What the body asks for.
fn terms(body: &[u8], config: &Config) -> Result<Terms, ApiError> {
    let sent = Sent::parse(body)?;
    let name = sent.text("Name")?;
    if let Some(name) = name
        && name.chars().count() > LONGEST_NAME
    {
        let seen = name.chars().count();
        return Err(ApiError::Body(format!("Name has {seen} characters; accepted: at most {LONGEST_NAME}")));
    }
    let retention_days = match sent.get("RetentionDays") {
        None => RETENTION_DAYS,
        Some(days) => match days.as_u64().filter(|days| *days <= MOST_RETENTION_DAYS) {
            Some(days) => u8::try_from(days).unwrap_or(RETENTION_DAYS),
            None => return Err(refused("RetentionDays", days, "a whole number from 0 to 10")),
        },
    };
    let action = match sent.text("ImportAction")? {
        None => Action::Add,
        Some(word) if word.eq_ignore_ascii_case("Add") => Action::Add,
        Some(word) if word.eq_ignore_ascii_case("Delete") => Action::Delete,
        Some(word) => return Err(refused("ImportAction", &word.into(), "Add or Delete")),
    };
    let match_type = match (sent.text("MatchCriteria")?, sent.text("MatchValue")?) {
        (None, None) => None,
        (None, Some(_)) => {
            let why = "MatchValue needs MatchCriteria: \"AlternateIdType\"; leave both out to match by ProfileId";
            return Err(ApiError::Body(why.to_owned()));
        }
        (Some(criteria), _) if !criteria.eq_ignore_ascii_case("AlternateIdType") => {
            return Err(refused("MatchCriteria", &criteria.into(), "AlternateIdType, or null to match by ProfileId"));
        }
        (Some(_), None) => {
            let why = "MatchValue is required with MatchCriteria: the alternate id type that records are matched by";
            return Err(ApiError::Body(why.to_owned()));
        }
        (Some(_), Some(kind)) => {
            let kind = config
                .type_def(TypeKind::AlternateId, kind)
                .ok_or_else(|| ApiError::unknown("alternate id type", kind))?;
            Some(kind.type_name.clone())
        }
    };
    let refresh = Refresh {
        alternate_ids: sent.flag("RefreshAlternateIds")?,
        contacts: sent.flag("RefreshContacts")?,
        custom_fields: sent.flag("RefreshCustomFields")?,
        groups: sent.flag("RefreshGroups")?,
        tags: sent.flag("RefreshTags")?,
    };
    if action == Action::Delete && refresh.is_any() {
        return Err(ApiError::Body(
            "the Refresh flags say nothing where ImportAction is Delete; leave them out".to_owned(),
        ));
    }
    let manner = Manner { refresh, allow_prior_consents: sent.flag("AllowPriorConsents")? };
    Ok(Terms { name: name.map(str::to_owned), retention_days, action, match_type, manner })
}

fn refused(name: &str, seen: &Value, accepted: &str) -> ApiError {
    let seen = match seen {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => shortened(&other.to_string()),
    };
    ApiError::Body(format!("{name} is {seen}; accepted: {accepted}"))
}

/// The body's members; names in any letter case, `null` as good as absent.
struct Sent(Map<String, Value>);

impl Sent {
    fn parse(body: &[u8]) -> Result<Self, ApiError> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self(Map::new()));
        }
        // An action given twice, Add and Delete, would be a guess.
        match serde_json::from_slice(body) {
            Ok(Once(Value::Object(members))) => Ok(Self(members)),
            Ok(Once(Value::Null)) => Ok(Self(Map::new())),
            Ok(_) => {
                Err(ApiError::Body("the body is no object; accepted: an object, null or an empty body".to_owned()))
            }
            Err(error) => Err(ApiError::unreadable(&error)),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next_back();
        found.filter(|value| !value.is_null())
    }

    /// A text; a blank one is as good as absent.
    fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.trim().is_empty())),
            Some(other) => Err(refused(name, other, "a string or null")),
        }
    }

    fn flag(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(refused(name, other, "true, false or null")),
        }
    }
}

#[cfg(test)]
mod tests {
    use sayso_model::config::Configuration;

    use super::*;

    fn read(body: &str) -> Result<Terms, String> {
        let configuration: Configuration =
            serde_json::from_str(r#"{"AlternateIdTypes": [{"TypeName": "CRM"}]}"#).unwrap();
        terms(body.as_bytes(), &Config::new(configuration)).map_err(|e| format!("{} {e}", e.status().as_u16()))
    }

    #[test]
    fn without_a_word_the_defaults_count() {
        let default = Terms { retention_days: 3, ..Terms::default() };
        for body in ["", "null", "{}", r#"{"name": null, "RETENTIONDAYS": null, "MatchValue": "", "Other": [1]}"#] {
            assert_eq!(read(body), Ok(default.clone()), "{body}");
        }
    }

    #[test]
    fn names_match_in_any_letter_case() {
        let body = r#"{"NAME": "Nightly", "retentiondays": 0, "ImportAction": "add", "matchcriteria": "alternateidtype",
                       "MatchValue": "crm", "refreshTags": true, "allowpriorconsents": true}"#;
        let refresh = Refresh { tags: true, ..Refresh::default() };
        let manner = Manner { refresh, allow_prior_consents: true };
        let expected = Terms {
            name: Some("Nightly".into()),
            retention_days: 0,
            action: Action::Add,
            match_type: Some("CRM".into()),
            manner,
        };
        assert_eq!(read(body), Ok(expected));
    }

    #[test]
    fn what_can_t_be_taken_is_refused_by_name() {
        for (body, named) in [
            ("[]", "400 the body is no object"),
            ("{", "400 the body can't be read as JSON: EOF"),
            (r#"{"RetentionDays": 11}"#, "400 RetentionDays is 11"),
            (r#"{"RetentionDays": -1}"#, "400 RetentionDays"),
            (r#"{"RetentionDays": "3"}"#, "400 RetentionDays"),
            (r#"{"ImportAction": "Add", "ImportAction": "Delete"}"#, "400 duplicate field `ImportAction`"),
            (r#"{"ImportAction": "Merge"}"#, "400 ImportAction is \"Merge\"; accepted: Add or Delete"),
            (r#"{"MatchCriteria": "Email", "MatchValue": "CRM"}"#, "400 MatchCriteria"),
            (r#"{"MatchCriteria": "AlternateIdType"}"#, "400 MatchValue is required"),
            (r#"{"MatchValue": "CRM"}"#, "400 MatchValue needs"),
            (
                r#"{"MatchCriteria": "AlternateIdType", "MatchValue": "ERP"}"#,
                "404 there is no alternate id type \"ERP\"",
            ),
            (r#"{"RefreshTags": "yes"}"#, "400 RefreshTags"),
            (r#"{"ImportAction": "Delete", "RefreshTags": true}"#, "400 the Refresh flags"),
        ] {
            let refused = read(body).unwrap_err();
            assert!(refused.starts_with(named), "{body} gave {refused}");
        }
        assert!(read(&format!("{{\"Name\": \"{}\"}}", "x".repeat(101))).is_err());
    }
}

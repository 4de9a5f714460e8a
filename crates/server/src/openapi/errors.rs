//! Which errors a call can give, each with an example from the table in [`crate::error`].

use sayso_export::ExportError;
use sayso_model::refusal::{Refusal, Why};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::{error::ApiError, http::stack::ErrorBody};

/// An error that several calls give: its name among the document's components, an example of it, what it means.
struct Shared {
    name: &'static str,
    error: ApiError,
    description: &'static str,
}

fn table() -> Vec<Shared> {
    let refused = |why, path: &str, message: &str| ApiError::from(Refusal::new(why, path, message));
    let row = |name, error, description| Shared { name, error, description };
    vec![
        row(
            "Malformed",
            ApiError::parameter("implied", "maybe", "true or false"),
            "The address, a parameter or the body is malformed",
        ),
        row("WhoAreYou", ApiError::AuthorizationMissing, "Who are you: WWW-Authenticate says how to tell"),
        row(
            "MayNot",
            ApiError::MayNotExecute("the segment \"Georgia newsletter\"".into()),
            "The permission that the Message names is missing",
        ),
        row("NotThere", ApiError::UnknownAccount, "The account, or what the call names in it, is not there"),
        row("NotAcceptable", ApiError::NotAcceptable, "Accept excludes application/json"),
        row(
            "Conflict",
            refused(Why::Conflict, "AlternateIds[0].AlternateId", "\"C-1001\" is another profile's"),
            "What is there is in the way: a name or an alternate id is taken, a thing is in use, a `test` of a JSON Patch fails",
        ),
        row(
            "Stale",
            refused(Why::Stale, "If-Match", "the profile was changed since it was read; read it again"),
            "What is there isn't what If-Match or If-None-Match asks for; nothing was changed",
        ),
        row("TooLarge", ApiError::BodyTooLarge(1 << 20), "The body is too large"),
        row(
            "ContentType",
            ApiError::ContentType("application/json, text/json, */*+json"),
            "The content type is not acceptable, or the body is compressed",
        ),
        row(
            "TooMany",
            ApiError::TooManyRequests { per_minute: 600_000, retry_after_s: 1 },
            "The account has made too many requests: Retry-After says when there is room again, RateLimit-Policy how many it may make",
        ),
        row("KeyReused", ExportError::KeyReused.into(), "The Idempotency-Key was used with another body"),
        row(
            "Internal",
            ApiError::Internal(String::new()),
            "An internal error; the log tells more under the correlation id",
        ),
        row("TryLater", ApiError::Store(sayso_store::StoreError::Closing), "Try again later"),
        row(
            "NotComplete",
            ExportError::Processing { retry_after_s: 2 }.into(),
            "Not complete yet, or the server can't answer at the moment: Retry-After says when to try again",
        ),
    ]
}

/// The shared errors as `components/responses`.
pub(super) fn shared() -> Value {
    table()
        .into_iter()
        .map(|row| (row.name.to_owned(), response(&row.error, row.description)))
        .collect::<Map<_, _>>()
        .into()
}

/// Adds to an operation the errors that it can give and doesn't tell itself; one that it tells without a body gets the body.
pub(super) fn add(operation: &mut Value, path: &str, method: &str) {
    let of_account = path.starts_with("/Profiles");
    let export = path.contains("/Export/");
    let takes_body = operation.get("requestBody").is_some();
    let import = path.contains("/Import");
    let initiates = export && takes_body;
    let writes = !export && !import && of_account && (takes_body || method == "delete" && !path.contains("/Profile/"));
    let conditional =
        header_parameters(operation).any(|name| name == "If-Match" || name == "If-None-Match" && method != "get");
    let pages = export && !initiates && !path.ends_with("/Status");
    let gives = |name: &str| match name {
        "WhoAreYou" | "MayNot" | "NotThere" | "TooMany" => of_account,
        "Conflict" => writes || path.ends_with("/Import/{accessToken}"),
        "Stale" => conditional,
        // of an OAuth call they are an invalid_request
        "TooLarge" | "ContentType" => of_account && takes_body,
        "KeyReused" => initiates,
        "NotComplete" => pages,
        "TryLater" => !pages,
        _ => true,
    };
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    for row in table().into_iter().filter(|row| gives(row.name)) {
        let status = row.error.status().as_str().to_owned();
        match responses.get_mut(&status) {
            None => {
                responses.insert(status, json!({"$ref": format!("#/components/responses/{}", row.name)}));
            }
            // an error of another form has this one beside it: what is wrong with the address is told before the call is reached
            Some(told) if row.name == "Malformed" && told["content"].is_object() => {
                let schema = &mut told["content"]["application/json"]["schema"];
                if *schema != reference() {
                    *schema = json!({"oneOf": [schema.take(), reference()]});
                }
            }
            Some(_) => {}
        }
    }
    for (status, told) in
        responses.iter_mut().filter(|(status, told)| status.starts_with(['4', '5']) && told.get("$ref").is_none())
    {
        if let Some(row) =
            table().iter().find(|row| row.error.status().as_str() == status && told.get("content").is_none())
        {
            let description = told["description"].as_str().unwrap_or_default().to_owned();
            *told = response(&row.error, &description);
        }
    }
    responses.sort_keys();
}

fn header_parameters(operation: &Value) -> impl Iterator<Item = &str> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.filter(|p| p["in"] == "header").filter_map(|p| p["name"].as_str())
}

fn reference() -> Value {
    json!({"$ref": format!("#/components/schemas/{}", ErrorBody::name())})
}

/// An error's answer.
fn response(error: &ApiError, description: &str) -> Value {
    let example = ErrorBody { message: error.message("5c0ffee5c0ffee5c0ffee5c0ffee5c0f") };
    let mut names = vec!["X-Correlation-Id"];
    if let Some((name, _)) = error.headers().first() {
        names.push(if *name == hyper::header::RETRY_AFTER { "Retry-After" } else { "WWW-Authenticate" });
    }
    let headers: Map<_, _> = names
        .into_iter()
        .map(|name| (name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")})))
        .collect();
    json!({
        "description": description,
        "headers": headers,
        "content": {"application/json": {"schema": reference(), "example": example}},
    })
}

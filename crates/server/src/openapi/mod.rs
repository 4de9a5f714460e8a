//! The OpenAPI document. Paths, parameters, bodies and answers stand beside the handlers; here is what all calls share.
//!
//! A new call needs few lines, since [`complete`] fills in what is always the same:
//!
//! - **Parameters** that several calls have are described once, in [`parameters`]: `("profileId" = u64, Path)` or
//!   `("If-Match" = Option<String>, Header)` is enough, and those of the path may be left out altogether. What a call says itself stays.
//! - **Errors** come from the table in [`crate::error`], by rules in [`errors`]: 400, 401, 403, 404, 406, 413, 415, 500, 503 for whom they
//!   concern, 409 for what writes, 412 where `If-Match` is a parameter. One that is particular to a call is `(status = 409, description = "…")`
//!   without a body. Name the statuses that can come beyond those: schemathesis finds one that isn't told.
//! - **Headers**: every answer has X-Correlation-Id; 401 has WWW-Authenticate, 503 Retry-After, 201 Location, and a 304 the ETag.
//! - **Texts**: `#[schema(min_length = 1, max_length = 100, pattern = "{text}")]`; the names of patterns are those of [`patterns`].
//! - **Bodies**: `#[serde(deny_unknown_fields)]` on a struct (also on a merely described one) says that unknown members are refused. A
//!   struct that stands in bodies and in answers gets a twin for bodies, `…Input`, since readers must expect new members; see [`input`].
//!   JSON Patch is [`patch::JsonPatch`].
//! - **Examples**: on members (`#[schema(example = …)]`) or on the whole struct.
//!
//! A copy is committed as `docs/openapi.json` and a test holds the two together. After a change of the API:
//! `SAYSO_UPDATE=1 cargo test -p sayso-server openapi`, then look at the difference. `cargo xtask schemathesis` holds the document against
//! the server; docs/compatibility.md wants a row for each call.

pub(crate) mod calls;
mod errors;
mod exact;
mod input;
mod links;
mod parameters;
pub(crate) mod patch;
mod patterns;
pub(crate) mod profile;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Info, OpenApi,
        security::{
            ApiKey, ApiKeyValue, ClientCredentials, Flow, Http, HttpAuthScheme, OAuth2, Scopes, SecurityScheme,
        },
    },
};

use crate::http::stack::ErrorBody;

/// The document without its paths.
pub(crate) fn preface() -> OpenApi {
    let mut info = Info::new("Sayso", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Consents and communication preferences, with bulk export.\n\nThe calls of an account answer under `/Profiles/v4` and, the same, under \
         `/Profiles`. Query names match in any letter case; unknown parameters are ignored. Every answer has `X-Correlation-Id`, taken from the \
         request when it has one. Errors are `{\"Message\": …}`."
            .to_owned(),
    );
    info.license =
        Some(utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    let mut document = OpenApi::new(info, utoipa::openapi::Paths::new());
    let mut components = Components::new();
    let scopes = Scopes::from_iter([("ClientId/UserId", "The account and user that the client was issued for")]);
    let flow = Flow::ClientCredentials(ClientCredentials::new("/oauth/token", scopes));
    components.add_security_scheme(
        "oauth",
        SecurityScheme::OAuth2(OAuth2::with_description([flow], "A bearer token from /oauth/token")),
    );
    let signed = ApiKeyValue::with_description(
        "Authorization",
        "`PNAUTHINFO3-HMAC-SHA256 Credential=<UserId>/<issued> Signature=<base64>`, or SHA384 or SHA512: the signature is the HMAC of \
         `ClientId:UserId:issued` with the user's shared key, `issued` an ISO 8601 date of the last minutes",
    );
    components.add_security_scheme("signed", SecurityScheme::ApiKey(ApiKey::Header(signed)));
    let basic = Http::builder().scheme(HttpAuthScheme::Basic).description(Some("client_id and client_secret")).build();
    components.add_security_scheme("client", SecurityScheme::Http(basic));
    components.schemas.insert(ErrorBody::name().into_owned(), ErrorBody::schema());
    document.components = Some(components);
    document
}

/// Gives every call what all calls share. The whole is JSON from here on: utoipa's types lack some words of JSON Schema.
pub(crate) fn complete(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).expect("a document is JSON");
    exact::complete(&mut document["components"]["schemas"]);
    patterns::expand(&mut document);
    if let Some(components) = document["components"].as_object_mut() {
        components.insert("headers".to_owned(), headers());
        components.insert("responses".to_owned(), errors::shared());
    }
    for (path, method, operation) in operations(&mut document) {
        if path.starts_with("/Profiles") {
            operation["security"] = json!([{"oauth": ["ClientId/UserId"]}, {"signed": []}]);
        }
        parameters::describe(operation, &path, &method);
        errors::add(operation, &path, &method);
        add_headers(operation);
    }
    input::separate(&mut document);
    links::add(&mut document);
    document
}

/// Every operation with its path and method.
fn operations(document: &mut Value) -> impl Iterator<Item = (String, String, &mut Value)> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let items = paths.filter_map(|(path, item)| Some((path, item.as_object_mut()?)));
    items.flat_map(|(path, item)| {
        item.iter_mut().map(move |(method, operation)| (path.clone(), method.clone(), operation))
    })
}

/// The headers that answers of several calls have.
fn headers() -> Value {
    let header =
        |description: &str, schema: Value| json!({"description": description, "required": true, "schema": schema});
    json!({
        "X-Correlation-Id": header("Taken from the request, or random: by it the log tells of this call", json!({"type": "string"})),
        "ETag": header("Strong: changes with what is read", json!({"type": "string", "pattern": "^\"[!#-~]+\"$"})),
        "Location": header("Where it can be read", json!({"type": "string", "format": "uri-reference"})),
        "WWW-Authenticate": header("How to authenticate", json!({"type": "string"})),
        "Retry-After": header("Seconds to wait before the next try", json!({"type": "integer", "minimum": 1})),
    })
}

/// The headers that belong to a status.
fn add_headers(operation: &mut Value) {
    let statuses = operation["responses"].as_object_mut().into_iter().flatten();
    for (status, response) in statuses.filter(|(_, response)| response.get("$ref").is_none()) {
        let told = response.as_object().and_then(|r| r.get("headers")).and_then(Value::as_object).cloned();
        let mut headers = told.unwrap_or_default();
        let belonging = match status.as_str() {
            "201" => Some("Location"),
            "304" => Some("ETag"),
            "401" => Some("WWW-Authenticate"),
            "429" | "503" => Some("Retry-After"),
            _ => None,
        };
        let named: Vec<_> = ["ETag", "Location"].into_iter().filter(|name| headers.contains_key(*name)).collect();
        for name in belonging.into_iter().chain(named).chain(["X-Correlation-Id"]) {
            headers.insert(name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
        }
        response["headers"] = headers.into();
    }
}

#[cfg(test)]
mod tests;

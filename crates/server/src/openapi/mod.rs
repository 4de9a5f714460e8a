//! The OpenAPI document. Paths, parameters, bodies and answers stand beside the handlers; here is what all calls share: the preface, the
//! ways to authenticate, and the errors, which come from the table in [`crate::error`].
//!
//! A copy is committed as `docs/openapi.json` and a test holds the two together. After a change of the API:
//! `SAYSO_UPDATE=1 cargo test -p sayso-server openapi`, then look at the difference.

pub(crate) mod profile;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, Content, ContentBuilder, Info, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        header::HeaderBuilder,
        path::Operation,
        security::{
            ClientCredentials, Flow, Http, HttpAuthScheme, OAuth2, Scopes, SecurityRequirement, SecurityScheme,
        },
    },
};

use crate::{error::ApiError, http::stack::ErrorBody};

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
    let basic = Http::builder().scheme(HttpAuthScheme::Basic).description(Some("client_id and client_secret")).build();
    components.add_security_scheme("client", SecurityScheme::Http(basic));
    components.schemas.insert(ErrorBody::name().into_owned(), ErrorBody::schema());
    document.components = Some(components);
    document
}

/// Gives every call what all calls share.
pub(crate) fn complete(mut document: OpenApi) -> OpenApi {
    for (path, item) in &mut document.paths.paths {
        let of_account = path.starts_with("/Profiles");
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            if of_account {
                operation.security = Some(vec![SecurityRequirement::new("oauth", ["ClientId/UserId"])]);
            }
            add_errors(operation, path, of_account);
        }
    }
    document
}

/// The errors that a call can give, each with an example from the table.
fn add_errors(operation: &mut Operation, path: &str, of_account: bool) {
    let takes_body = operation.request_body.is_some();
    let export = path.contains("/Export/");
    let initiates = export && takes_body;
    let writes_profile = !export && of_account && takes_body;
    let status_call = path.ends_with("/Status");
    let examples = [
        (true, ApiError::MalformedUrl, "The address, a parameter or the body is malformed"),
        (of_account, ApiError::AuthorizationMissing, "Who are you: WWW-Authenticate says how to tell"),
        (
            of_account,
            ApiError::MayNotExecute("the segment \"Georgia newsletter\"".into()),
            "The permission that the Message names is missing",
        ),
        (of_account, ApiError::UnknownAccount, "The account, or what the call names in it, is not there"),
        (true, ApiError::NotAcceptable, "Accept excludes application/json"),
        (
            writes_profile,
            sayso_model::refusal::Refusal::conflict("AlternateIds[0].AlternateId", "\"C-1001\" is another profile's")
                .into(),
            "Another profile has this alternate id",
        ),
        (takes_body, ApiError::BodyTooLarge(1 << 20), "The body is too large"),
        (
            takes_body,
            ApiError::ContentType("application/json, text/json, */*+json"),
            "The content type is not acceptable",
        ),
        (initiates, sayso_export::ExportError::KeyReused.into(), "The Idempotency-Key was used with another body"),
        (true, ApiError::Internal(String::new()), "An internal error; the log tells more under the correlation id"),
        (true, ApiError::Store(sayso_store::StoreError::Closing), "Try again later"),
        (
            export && !initiates && !status_call,
            sayso_export::ExportError::Processing { retry_after_s: 2 }.into(),
            "Not complete yet, or the server can't answer at the moment: Retry-After says when to try again",
        ),
    ];
    for (gives, error, description) in examples {
        let status = error.status().as_str().to_owned();
        let described = operation.responses.responses.contains_key(&status);
        let replaces = matches!(error, ApiError::Export(sayso_export::ExportError::Processing { .. }));
        if gives && (!described || replaces) {
            operation.responses.responses.insert(status, RefOr::T(response(&error, description)));
        }
    }
}

/// An error's answer.
fn response(error: &ApiError, description: &str) -> Response {
    let example = ErrorBody { message: error.message("5c0ffee5c0ffee5c0ffee5c0ffee5c0f") };
    let content: Content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ErrorBody::name())))
        .example(Some(serde_json::to_value(example).expect("a string is JSON")))
        .build();
    let mut response = ResponseBuilder::new().description(description).content("application/json", content);
    if let Some((name, _)) = error.headers() {
        let name = match name.as_str() {
            "www-authenticate" => "WWW-Authenticate",
            _ => "Retry-After",
        };
        response = response.header(name, HeaderBuilder::new().schema(Some(String::schema())).build());
    }
    response.build()
}

#[cfg(test)]
mod tests;

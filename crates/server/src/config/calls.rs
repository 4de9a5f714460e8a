//! The calls of a kind, written once for all kinds.

use std::marker::PhantomData;

use axum::{
    extract::{FromRequestParts, OriginalUri, Request},
    response::{IntoResponse, Response},
};
use hyper::{
    HeaderMap, StatusCode, Uri,
    header::{ETAG, LOCATION},
    http::request::Parts,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sayso_model::{
    config::Renamed,
    id::fold,
    input::{object::Object, once::Once, trailing, unreadable},
    patch::parse_patch,
    refusal::{Refusal, shown},
};
use sayso_store::account::{Account, Edit};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{resource::Resource, wire::localise};
use crate::{
    access::{Caller, Configures, Permit},
    error::ApiError,
    http::{
        answer::{has_already, json_bytes, meets, not_modified, own_header},
        content,
        path::path_value,
        query::Query,
    },
};

/// What an address names one by: its number or its name.
pub(crate) struct Named<R> {
    pub text: String,
    of: PhantomData<R>,
}

impl<R: Resource, S: Sync> FromRequestParts<S> for Named<R> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let text = match path_value(parts, R::WORDS.parameter).await? {
            Some(text) => text,
            // one that is named as a word of another call's address, which has no such parameter
            None => parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned(),
        };
        Ok(Self { text, of: PhantomData })
    }
}

/// The name of the one that an address names, as it is configured; one that isn't there, or isn't the caller's to see, is a 404.
pub(crate) fn find<R: Resource>(caller: &Caller, text: &str) -> Result<String, ApiError> {
    let account = &caller.account;
    let is = |name: &str| match R::WORDS.number {
        Some(_) => {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let number = text.parse::<u64>().ok().filter(|_| digits);
            number.is_some() && account.ledger.entry(R::WORDS.kind, name).map(|e| e.id) == number
        }
        None => fold(name) == fold(text),
    };
    let found = R::names(&account.config.source).into_iter().find(|name| is(name));
    match found {
        Some(name) if R::may_view(caller, name) => Ok(name.to_owned()),
        Some(name) => Err(ApiError::hidden(R::WORDS.one, text, name)),
        None => Err(ApiError::unknown(R::WORDS.one, text)),
    }
}

fn value_of<R: Resource>(account: &Account, name: &str) -> Value {
    R::show(account, name).map(|wire| to_value(&wire)).unwrap_or_default()
}

pub(crate) fn to_value(wire: &impl Serialize) -> Value {
    serde_json::to_value(wire).expect("our own forms have no maps with keys that aren't strings")
}

/// The tag of what a caller sees.
pub(crate) fn etag(json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    let digest = u64::from_be_bytes(digest[..8].try_into().expect("SHA-256 has 32 bytes"));
    format!("\"{digest:016x}\"")
}

pub(crate) fn bytes_of(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value is JSON")
}

/// 200 with an ETag, or 304 when the caller has it already.
pub(crate) fn answer(headers: &HeaderMap, value: &Value) -> Response {
    let json = bytes_of(value);
    let etag = etag(&json);
    if has_already(headers, &etag) {
        return not_modified(own_header(&etag));
    }
    ([(ETAG, own_header(&etag))], json_bytes(json)).into_response()
}

/// A list, with the fields of one locale where the caller names one.
pub(crate) fn answer_list(
    account: &Account,
    query: &Query,
    headers: &HeaderMap,
    list: &str,
    items: Vec<Value>,
) -> Response {
    let mut answered = json!({ list: items });
    if let Some(locale) = query.get("locale").filter(|l| !l.is_empty()) {
        localise(&mut answered, locale, account.config.source.default_locale.as_deref());
    }
    answer(headers, &answered)
}

/// GET of all.
pub(crate) async fn list<R: Resource>(
    permit: Permit<R::View>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let caller = permit.caller();
    let names = match query.get("Id") {
        Some(id) => vec![find::<R>(caller, id)?],
        None => {
            let listed = R::listed(&caller.account.config.source).into_iter();
            listed.filter(|name| R::may_view(caller, name)).map(str::to_owned).collect()
        }
    };
    let items = names.iter().map(|name| value_of::<R>(&caller.account, name)).collect();
    Ok(answer_list(&caller.account, &query, &headers, R::WORDS.list, items))
}

/// GET of one.
pub(crate) async fn read<R: Resource>(
    permit: Permit<R::View>,
    named: Named<R>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = find::<R>(permit.caller(), &named.text)?;
    Ok(answer(&headers, &value_of::<R>(permit.account(), &name)))
}

/// The body of a call: JSON of at most as many bytes as a profile may have.
pub(crate) async fn body<P>(
    permit: &Permit<P>,
    headers: &HeaderMap,
    body: axum::body::Body,
) -> Result<bytes::Bytes, ApiError> {
    content::read(headers, body, content::Kind::Json, permit.options().profile_body, permit.options()).await
}

/// What a body says, with the path of what is wrong in it.
pub(crate) fn read_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(unreadable)?;
    reader.end().map_err(trailing)?;
    Ok(read)
}

/// The present configuration with one thing made or changed.
fn edit<R: Resource>(caller: &Caller, former: Option<&str>, wire: R::Wire) -> Result<(Edit, String), ApiError> {
    let present = &caller.account.config.source;
    let name = R::name(&wire).to_owned();
    let renamed = former.filter(|former| fold(former) != fold(&name));
    if (former.is_none() || renamed.is_some()) && R::is_taken(present, &name) {
        let why = format!(
            "{} is the name of another {}; names are unique without regard to case",
            shown(&name),
            R::WORDS.one
        );
        return Err(Refusal::conflict(R::WORDS.name, why).into());
    }
    R::may_save(caller, former, &wire)?;
    let mut configuration = present.clone();
    let within = R::put(&mut configuration, former, wire)?;
    if former.is_none() {
        R::made(caller, &mut configuration, &name);
    }
    let renamed = renamed.map(|from| Renamed { kind: R::WORDS.kind, from: from.to_owned(), to: name.clone() });
    Ok((Edit { configuration, renamed, within }, name))
}

/// POST: makes one.
pub(crate) async fn create<R: Resource<Edit: Configures>>(
    permit: Permit<R::Edit>,
    request: Request,
) -> Result<Response, ApiError> {
    let base = account_path(&request);
    let (parts, sent) = request.into_parts();
    let Object(wire) = read_json::<Object<R::Wire>>(&body(&permit, &parts.headers, sent).await?)?;
    let (account, name) = permit.configure(move |caller| edit::<R>(caller, None, wire)).await?;
    Ok(made::<R>(&account, &name, &base))
}

/// PATCH: changes one by a JSON Patch of what GET shows.
pub(crate) async fn patch<R: Resource<Edit: Configures>>(
    permit: Permit<R::Edit>,
    named: Named<R>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, sent) = request.into_parts();
    let patch = parse_patch(&body(&permit, &parts.headers, sent).await?)?;
    let change = move |caller: &Caller| {
        let former = find::<R>(caller, &named.text)?;
        R::may_edit(caller, &former)?;
        let mut document = value_of::<R>(&caller.account, &former);
        meets(&parts.headers, Some(&etag(&bytes_of(&document))))?;
        patch.apply(&mut document)?;
        let Object(wire) = serde_path_to_error::deserialize::<_, Object<R::Wire>>(document).map_err(unreadable)?;
        edit::<R>(caller, Some(&former), wire)
    };
    let (account, name) = permit.configure(change).await?;
    Ok(saved(&value_of::<R>(&account, &name)))
}

/// PUT: makes one (201) or puts it in the place of the one there is (200). The name in the address counts where the body has none.
pub(crate) async fn replace<R: Resource<Edit: Configures>>(
    permit: Permit<R::Edit>,
    named: Named<R>,
    request: Request,
) -> Result<Response, ApiError> {
    let base = account_path(&request);
    let (parts, sent) = request.into_parts();
    let Once(mut sent) = read_json(&body(&permit, &parts.headers, sent).await?)?;
    if let Some(members) = sent.as_object_mut()
        && members.get(R::WORDS.name).is_none_or(Value::is_null)
    {
        members.insert(R::WORDS.name.to_owned(), named.text.clone().into());
    }
    let Object(wire) = serde_path_to_error::deserialize::<_, Object<R::Wire>>(sent).map_err(unreadable)?;
    let change = move |caller: &Caller| {
        if !R::is_taken(&caller.account.config.source, &named.text) {
            meets(&parts.headers, None)?;
            if fold(R::name(&wire)) != fold(&named.text) {
                let why = format!("{} isn't {}, which the address names", shown(R::name(&wire)), shown(&named.text));
                return Err(Refusal::invalid(R::WORDS.name, why).into());
            }
            let (edit, name) = edit::<R>(caller, None, wire)?;
            return Ok((edit, (name, true)));
        }
        let former = find::<R>(caller, &named.text)?;
        R::may_edit(caller, &former)?;
        meets(&parts.headers, Some(&etag(&bytes_of(&value_of::<R>(&caller.account, &former)))))?;
        let (edit, name) = edit::<R>(caller, Some(&former), wire)?;
        Ok((edit, (name, false)))
    };
    let (account, (name, is_new)) = permit.configure(change).await?;
    Ok(if is_new { made::<R>(&account, &name, &base) } else { saved(&value_of::<R>(&account, &name)) })
}

/// DELETE: takes one out.
pub(crate) async fn remove<R: Resource<Edit: Configures>>(
    permit: Permit<R::Edit>,
    named: Named<R>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let change = move |caller: &Caller| {
        let name = find::<R>(caller, &named.text)?;
        R::may_edit(caller, &name)?;
        meets(&headers, Some(&etag(&bytes_of(&value_of::<R>(&caller.account, &name)))))?;
        let mut configuration = caller.account.config.source.clone();
        R::remove(&mut configuration, &name);
        Ok((Edit { configuration, renamed: None, within: Vec::new() }, ()))
    };
    permit.configure(change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) fn saved(value: &Value) -> Response {
    let json = bytes_of(value);
    ([(ETAG, own_header(&etag(&json)))], json_bytes(json)).into_response()
}

fn made<R: Resource>(account: &Account, name: &str, base: &str) -> Response {
    let value = value_of::<R>(account, name);
    let key = match R::WORDS.number {
        Some(number) => value[number].to_string(),
        None => utf8_percent_encode(name, NON_ALPHANUMERIC).to_string(),
    };
    let location = own_header(&format!("{base}{}/{key}", R::WORDS.at));
    let json = bytes_of(&value);
    let headers = [(LOCATION, location), (ETAG, own_header(&etag(&json)))];
    (StatusCode::CREATED, headers, json_bytes(json)).into_response()
}

/// The address as far as the account, in the form in which the caller wrote it, with or without version.
pub(crate) fn account_path(request: &Request) -> String {
    // a nested router takes its base off the address
    let uri: &Uri = request.extensions().get::<OriginalUri>().map_or(request.uri(), |original| &original.0);
    let parts: Vec<&str> = uri.path().split('/').skip(1).collect();
    let length = if parts.get(1) == Some(&"v4") { 3 } else { 2 };
    format!("/{}", parts[..length.min(parts.len())].join("/"))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn the_location_has_the_form_of_the_address_that_was_called() {
        let of = |uri: &str| account_path(&Request::builder().uri(uri).body(Body::empty()).unwrap());
        assert_eq!(of("/Profiles/v4/ACME_CORP/EmailTypes"), "/Profiles/v4/ACME_CORP");
        assert_eq!(of("/Profiles/acme/Config/Programs"), "/Profiles/acme");
    }
}

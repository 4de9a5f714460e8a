//! The alternate id of a call, in the query form or the older path form (profile.md, Data API).

use axum::extract::FromRequestParts;
use hyper::http::request::Parts;
use sayso_model::config::{Config, TypeKind};
use sayso_store::profiles::Target;

use crate::{
    error::ApiError,
    http::{path::path_value, query::Query},
};

/// A type and an id as the caller wrote them.
pub(crate) struct AlternateId {
    pub(super) kind: String,
    pub(super) id: String,
}

impl<S: Sync> FromRequestParts<S> for AlternateId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let in_path = (path_value(parts, "alternateIdType").await?, path_value(parts, "alternateId").await?);
        let (kind, id) = match in_path {
            (Some(kind), Some(id)) => (kind, id),
            _ => {
                let query = Query::parse(parts.uri.query().unwrap_or_default());
                (query.required("alternateIdType")?.to_owned(), query.required("alternateId")?.to_owned())
            }
        };
        Ok(Self { kind, id })
    }
}

impl AlternateId {
    /// The type by the name it is configured under; one that the account hasn't is a 404 that names it.
    pub(super) fn configured(self, config: &Config) -> Result<Self, ApiError> {
        match config.type_def(TypeKind::AlternateId, &self.kind) {
            Some(found) => Ok(Self { kind: found.type_name.clone(), id: self.id }),
            None => Err(ApiError::unknown("alternate id type", &self.kind)),
        }
    }

    /// What a write is about.
    pub(super) fn target(self) -> Target {
        Target::AlternateId { kind: self.kind, id: self.id }
    }
}

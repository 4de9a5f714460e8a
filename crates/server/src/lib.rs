//! The HTTP face of Sayso: routes, access, errors, OpenAPI.

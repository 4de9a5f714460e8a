//! The configuration API (configuration.md): what an account sets up, each kind with the same few calls.
//!
//! | room | what is in it |
//! |---|---|
//! | `resource` | what a kind is: its name, its paths, its form on the wire, its place in the configuration |
//! | `calls` | the calls, written once for all kinds |
//! | `describe` | the same for the OpenAPI document |
//! | `types`, `fields`, `consents`, `programs`, `segments` | the kinds |
//! | `people` | users, user groups, source groups |
//! | `oauth_clients` | what programs sign in with: no part of the configuration, but beside the users |
//! | `shared_keys` | what a user's callers sign with |
//! | `tree` | programs as a tree, chosen by type or by custom property |
//! | `permissions`, `preview` | who may do what with a segment; how many a definition finds before it is saved |
//! | `tags` | what needs no configuration: counted, and taken off |
//! | `fixed` | what no account can change |
//!
//! A change is a function of the present configuration, run in the store's write transaction and checked as an applied account file is.

mod calls;
mod certificates;
mod consents;
mod describe;
mod fields;
mod fixed;
mod oauth_clients;
mod people;
mod permissions;
mod preview;
mod programs;
mod resource;
mod segments;
mod shared_keys;
mod tags;
mod tree;
mod types;
mod wire;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::access::App;

/// All routes of the configuration.
pub(crate) fn routes() -> OpenApiRouter<App> {
    let router = OpenApiRouter::default();
    let router = types::add(router);
    let router = fields::add(router);
    let router = consents::add(router);
    let router = programs::add(router);
    let router = segments::add(router);
    let router = people::add(router);
    router
        .routes(routes!(tree::list_program_groups_by_type))
        .routes(routes!(tree::list_programs_by_type))
        .routes(routes!(tree::list_filters_by_type))
        .routes(routes!(tree::list_program_groups_with_matching))
        .routes(routes!(tree::list_program_groups_with_all))
        .routes(routes!(fields::list_custom_fields))
        .routes(routes!(fixed::list_update_rules))
        .routes(routes!(fixed::list_consent_status))
        .routes(routes!(oauth_clients::list_oauth_clients, oauth_clients::create_oauth_client))
        .routes(routes!(
            oauth_clients::read_oauth_client,
            oauth_clients::patch_oauth_client,
            oauth_clients::delete_oauth_client
        ))
        .routes(routes!(oauth_clients::rotate_oauth_client))
        .routes(routes!(oauth_clients::delete_oauth_client_tokens))
        .routes(routes!(shared_keys::list_shared_keys, shared_keys::rotate_shared_key, shared_keys::delete_shared_keys))
        .routes(routes!(certificates::add_certificate))
        .routes(routes!(certificates::remove_certificate))
        .routes(routes!(preview::preview_segment))
        .routes(routes!(tags::list_tags))
        .routes(routes!(tags::delete_tag))
}

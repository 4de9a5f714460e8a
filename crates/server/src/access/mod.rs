//! Who calls, and what they may do (access.md). A handler names what it needs as a parameter: [`Permit`] for an area, [`Executing`]
//! to start an export, [`Holding`] for a token. The store and the engine are private to this room, and only those parameters
//! (and [`app::App`]'s few calls that are about no account) lead to them: a handler without one can't reach an account's data.
//!
//! The order of the checks is the order of the specification: who are you (401) → the account (404) → the thing (404) → the
//! permission (403).

pub(crate) mod app;
mod auditing;
mod caller;
mod clients;
mod configure;
mod execute;
mod import;
pub(crate) mod limit;
mod permit;
mod rise;
pub(crate) mod scheme;
mod sign_in;
mod signed;
mod telling;
mod throttle;
mod visit;

pub(crate) use app::App;
pub(crate) use auditing::Auditing;
pub(crate) use caller::Caller;
pub(crate) use configure::{
    Configures, EditConfiguration, EditSegments, EditUsers, ViewConfiguration, ViewSegments, ViewUsers,
};
pub use execute::permission_check;
pub(crate) use execute::{Executing, Holding, OfGroup, OfSegment};
pub use import::import_permission_check;
pub(crate) use import::{EditImports, Importing, ViewImports, aside as import_aside};
pub(crate) use permit::{EditConsents, EditPreferences, EditProfiles, Permission, Permit, ViewConsents, ViewProfiles};
pub(crate) use telling::may_view_segment;
pub(crate) use visit::Visit;

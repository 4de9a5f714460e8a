//! Activating and deactivating a profile, with a reason.

use super::{Changed, HistoryKind, Kept, Mode, Path, Write, archive::MAX_REASON, check::within};
use crate::{config::Config, id::Author, input::ActivationInput, moment::Moment, reading, refusal::Refusal};

/// Sets `IsActive`; the history keeps what it was, with the reason of the change. `None` when it is so already: nothing is written.
pub fn activate(
    current: Kept,
    is_active: bool,
    input: &ActivationInput,
    config: &Config,
    author: &Author,
    now: Moment,
) -> Result<Option<Changed>, Refusal> {
    if let Some(reason) = &input.reason {
        within(&Path::Root.member("Reason"), reason, MAX_REASON)?;
    }
    if current.profile.is_active == is_active {
        return Ok(None);
    }
    let mut w = Write::new(Mode::Update, config, author, now);
    let mut kept = current;
    let former = std::mem::replace(&mut kept.profile.is_active, is_active);
    w.remember(HistoryKind::StandardFields, || serde_json::json!({ "IsActive": former, "Reason": input.reason }));
    w.touch(&mut kept.profile.edited);
    reading::expire(&mut kept.profile, now);
    Ok(Some(Changed { kept, former: w.former, declined: 0 }))
}

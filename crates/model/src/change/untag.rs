//! Taking a tag off a profile.

use super::{Changed, HistoryKind, Kept, Mode, Write};
use crate::{
    config::Config,
    id::{Author, fold},
    moment::Moment,
    reading,
};

/// Takes a tag off, in whatever letter case it is written. `None` when the profile hasn't got it: nothing is written.
pub fn untag(current: Kept, tag: &str, config: &Config, author: &Author, now: Moment) -> Option<Changed> {
    let mut kept = current;
    let is = |name: &str| fold(name) == fold(tag);
    let at = kept.profile.profile_tags.iter().position(|t| is(&t.name))?;
    let mut w = Write::new(Mode::Update, config, author, now);
    let former = kept.profile.profile_tags.remove(at);
    w.remember(HistoryKind::StandardFields, || serde_json::json!({ "ProfileTags": [former] }));
    w.touch(&mut kept.profile.edited);
    reading::expire(&mut kept.profile, now);
    Some(Changed { kept, former: w.former, declined: 0 })
}

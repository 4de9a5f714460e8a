//! What is kept for the return of a removed contact can be archived and withdrawn as what hangs on one that is there.

use super::*;
use crate::{input::ArchiveInput, profile::ConsentStatus};

/// Somebody whose email was removed with an opt-in to NEWS and, standing on its own consent, one to PROMO.
fn removed() -> Kept {
    let said =
        json!({ "Consents": [consent("Marketing", 1)], "EmailPreferences": [says("NEWS", 1), says("PROMO", 1)] });
    let kept = made(json!({ "Emails": [email(said)] }));
    let input = parse_profile(b"{}").unwrap();
    let kept = replace(kept, &input, &config(), &author("ben"), LATER).unwrap().kept;
    assert_eq!((kept.profile.emails.len(), kept.extras.preserved_preferences.len()), (0, 2));
    kept
}

fn back(kept: &Kept) -> Kept {
    changed(kept, json!({ "Emails": [email(json!({}))] })).kept
}

#[test]
fn an_archived_preference_does_not_come_back_live_with_its_contact() {
    let selectors: ArchiveInput =
        serde_json::from_value(json!({ "Preferences": [{ "FilterId": "NEWS" }], "ReasonCode": "ended" })).unwrap();
    let done = archive(removed(), &selectors, &config(), &author("ben"), LATER).unwrap();
    let (Changed { kept, former, .. }, count) = done.expect("something was archived");
    assert_eq!((count, archived(&kept), former), (1, vec!["NEWS"], vec![]));
    let kept = back(&kept);
    assert_eq!(filters(&kept.profile.emails[0].preferences), [("PROMO", 1)]);
    assert_eq!(kept.extras.archived[0].1.reason_code.as_deref(), Some("ended"));
}

#[test]
fn a_consent_withdrawn_by_its_filter_does_not_come_back_granted_with_its_contact() {
    let withdraw = |kept| withdraw_consent(kept, "PROMO", "Marketing", &config(), &author("ben"), LATER).unwrap();
    let kept = withdraw(removed()).expect("there was a consent").kept;
    assert_eq!(archived(&kept), ["PROMO"]);
    assert!(withdraw(kept.clone()).is_none(), "it is withdrawn already");
    let kept = back(&kept);
    let consent = &kept.profile.emails[0].consents[0];
    assert_eq!((consent.consent_status, consent.consent_date), (ConsentStatus::Revoked, LATER));
    assert_eq!(filters(&kept.profile.emails[0].preferences), [("NEWS", 1)]);
}

#[test]
fn a_consent_of_the_person_that_is_revoked_archives_the_opt_ins_of_removed_contacts_that_stand_on_it() {
    let said = json!({ "EmailPreferences": [says("PROMO", 1)] });
    let kept = made(json!({ "Consents": [consent("Marketing", 1)], "Emails": [email(said)] }));
    let input = parse_profile(json!({ "Consents": [consent("Marketing", 1)] }).to_string().as_bytes()).unwrap();
    let kept = replace(kept, &input, &config(), &author("ben"), LATER).unwrap().kept;
    let kept = changed(&kept, json!({ "Consents": [consent("Marketing", 3)] })).kept;
    assert_eq!((archived(&kept), kept.extras.preserved_preferences.len()), (vec!["PROMO"], 0));
    let kept = changed(&kept, json!({ "Consents": [consent("Marketing", 1)] })).kept;
    assert_eq!(back(&kept).profile.emails[0].preferences, [], "granted anew, it makes no new opt-in");
}

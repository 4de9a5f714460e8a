//! What is compared after each step.

use serde_json::{Value, json};

use super::{
    json::{difference, fold, list},
    reading::{Shown, cut},
    run::{Run, is},
    searches,
};

const PREFERENCES: [&str; 4] =
    ["ProfilePreferences", "EmailPreferences", "PhoneNumberPreferences", "AddressPreferences"];

/// Everything that can be read, of everybody or of those whom the step was about.
pub async fn everything(run: &mut Run, touched: Option<u64>) -> Result<(), String> {
    if run.taken.is_multiple_of(run.export_every) {
        exports(run).await?;
    }
    let n = run.taken as usize;
    let others: Vec<u64> = run.model.people.keys().copied().collect();
    let other = (!others.is_empty()).then(|| others[n % others.len()]);
    for id in touched.into_iter().chain(other) {
        by_id(run, id).await.map_err(|e| format!("profile {id}: {e}"))?;
        by_alternate_ids(run, id).await.map_err(|e| format!("profile {id}: {e}"))?;
    }
    if let Some(id) = touched.filter(|id| run.model.people.contains_key(id)) {
        searches::histories(run, id).await.map_err(|e| format!("profile {id}: {e}"))?;
        let path = format!("/Profiles/v4/{}/Consents/{id}/Filters", run.api.account);
        let answer = run.api.get(&path).await;
        is(&answer, 200)?;
        if let Some(difference) = difference(&run.model.consent_filters(&run.model.people[&id]), &answer.json()) {
            return Err(format!("{path}: {difference}"));
        }
    }
    if run.taken.is_multiple_of(6) {
        tags(run).await?;
        preview(run).await?;
    }
    searches::ask(run, run.taken).await
}

/// The tags with their counts.
async fn tags(run: &Run) -> Result<(), String> {
    let answer = run.api.get(&format!("/Profiles/v4/{}/Tags", run.api.account)).await;
    is(&answer, 200)?;
    let answer = answer.json();
    let counts = list(&answer, "TagCounts")
        .iter()
        .map(|t| (fold(t["Tag"]["Name"].as_str().unwrap()), t["Count"].as_u64().unwrap()));
    let (want, got) = (run.model.tag_counts(), counts.collect());
    if want == got { Ok(()) } else { Err(format!("the model counts the tags {want:?}, the product {got:?}")) }
}

/// Count and first rows of a segment that isn't saved.
async fn preview(run: &Run) -> Result<(), String> {
    let body = json!({"Profiles": "Inactive", "Criteria": {"Not": {"Field": "CustomerType", "Is": "business"}}});
    let answer = run.api.post(&format!("/Profiles/v4/{}/Segments/Preview", run.api.account), &body).await;
    is(&answer, 200)?;
    let plain = Shown { implied: false, archived: false };
    let rows = run.model.rows(plain, |row| row["IsActive"] == false && row["CustomerType"] != "Business");
    let want = json!({"Count": rows.len(), "UserProfilePreferences": rows.iter().take(10).collect::<Vec<_>>()});
    difference(&want, &answer.json()).map_or(Ok(()), |difference| Err(format!("preview{difference}")))
}

/// A full export of everybody with everything, and one of the others in turn.
pub async fn exports(run: &Run) -> Result<(), String> {
    let whole = run.model.rows(Shown { implied: true, archived: true }, |_| true);
    export(run, "Whole", &whole).await?;
    let plain = Shown { implied: false, archived: false };
    match run.taken / run.export_every % 5 {
        0 => export(run, "Active", &run.model.rows(plain, |row| row["IsActive"] == true)).await,
        1 => {
            let rows = run.model.rows(plain, |row| row["IsActive"] == false);
            export(run, "Inactive", &rows.iter().map(|row| cut(row, &PREFERENCES)).collect::<Vec<_>>()).await
        }
        2 => {
            let is_news = |p: &Value| {
                p["FilterId"] == "NEWS-EMAIL" && p["PreferenceType"] == 1 && p["PreferenceStatus"] == "Active"
            };
            let has_news =
                |row: &Value| list(row, "Emails").iter().any(|e| list(e, "EmailPreferences").iter().any(is_news));
            let rows = run.model.rows(plain, has_news);
            export(run, "News", &rows.iter().map(|row| cut(row, &["Consents"])).collect::<Vec<_>>()).await
        }
        3 => {
            let granted =
                |c: &Value| c["ConsentType"] == "Marketing" && c["ConsentStatus"] == 1 && c["Expired"] == false;
            let has = |row: &Value| {
                let contacts = ["Emails", "PhoneNumbers", "Addresses"].into_iter().flat_map(|name| list(row, name));
                std::iter::once(row).chain(contacts).any(|holder| list(holder, "Consents").iter().any(granted))
            };
            let rows = run.model.rows(Shown { implied: false, archived: true }, has);
            export(run, "Consented", &rows.iter().map(|row| cut(row, &["CustomFields"])).collect::<Vec<_>>()).await
        }
        _ => export(run, "Deleted", &run.model.tombstones.values().cloned().collect::<Vec<_>>()).await,
    }
}

/// Initiate, Status, Retrieve in pages, the last of which ends it.
async fn export(run: &Run, segment: &str, want: &[Value]) -> Result<(), String> {
    let context = |e: String| format!("export of {segment}: {e}");
    let api = &run.api;
    let answer = api.post(&api.segment_path(segment), &json!({})).await;
    is(&answer, 200).map_err(context)?;
    let token = answer.json()["AccessToken"].as_u64().unwrap();
    let status = api.settled(token).await.json();
    if status["Status"] != "Complete" || status["RowCount"] != want.len() {
        return Err(context(format!("{status}, the model has {} rows: {}", want.len(), json!(ids(want)))));
    }
    let (mut rows, mut has_more) = (Vec::new(), true);
    while has_more {
        let answer = api.page(token, &format!("limit=7&offset={}", rows.len() + 1)).await;
        is(&answer, 200).map_err(context)?;
        let page = answer.json();
        has_more = page["HasMore"] == true;
        rows.extend(list(&page, "UserProfilePreferences").iter().cloned());
    }
    if ids(&rows) != ids(want) {
        return Err(context(format!("the model has the rows {}, the product {}", json!(ids(want)), json!(ids(&rows)))));
    }
    for (want, row) in want.iter().zip(&rows) {
        if let Some(difference) = difference(want, row) {
            return Err(context(format!("profile {}{difference}", want["ProfileId"])));
        }
    }
    Ok(())
}

fn ids(rows: &[Value]) -> Vec<&Value> {
    rows.iter().map(|row| &row["ProfileId"]).collect()
}

/// With and without what is implied; and the ETag changes when the profile was written, and only with what it reads like.
async fn by_id(run: &mut Run, id: u64) -> Result<(), String> {
    let path = run.api.profile_path(&format!("/{id}"));
    let implied = !run.taken.is_multiple_of(3);
    let answer = run.api.get(&format!("{path}?implied={implied}&includeConsentHistory=false")).await;
    let Some(person) = run.model.people.get(&id) else { return is(&answer, 404) };
    is(&answer, 200)?;
    let want = run.model.read(person, Shown { implied, archived: false });
    if let Some(difference) = difference(&want, &answer.json()) {
        return Err(format!("read with implied={implied}{difference}"));
    }
    let want = run.model.read_with_history(person, true);
    let answer = run.api.get(&path).await;
    is(&answer, 200)?;
    let etag = answer.header("etag").ok_or("no ETag")?.to_owned();
    let now = answer.json();
    if let Some(difference) = difference(&history_without_expired(&want), &history_without_expired(&now)) {
        return Err(format!("read{difference}"));
    }
    if let Some((former, read)) = run.etags.insert(id, (etag.clone(), now.clone()))
        && former == etag
        && read != now
    {
        return Err(format!("the ETag was {former} and is {etag}, for {read} and now {now}"));
    }
    Ok(())
}

/// Each alternate id of the profile, in either form of the address: an active profile is found, another isn't.
async fn by_alternate_ids(run: &Run, id: u64) -> Result<(), String> {
    let Some(person) = run.model.people.get(&id) else { return Ok(()) };
    for alternate in list(&person.row, "AlternateIds") {
        let text = |name: &str| alternate[name].as_str().unwrap();
        let (kind, name) = (text("AlternateIdType").to_uppercase(), text("AlternateId").to_lowercase());
        let path = run.alternate_path("Profile", &kind, &name, run.taken.is_multiple_of(2), "");
        let answer = run.api.get(&path).await;
        if person.row["IsActive"] == false {
            is(&answer, 404)?;
            continue;
        }
        is(&answer, 200)?;
        if answer.json()["ProfileId"] != id {
            return Err(format!("{path} finds profile {}", answer.json()["ProfileId"]));
        }
    }
    Ok(())
}

/// Whether a former consent had expired when it was replaced is no matter of the rules.
pub fn history_without_expired(row: &Value) -> Value {
    let mut row = row.clone();
    if let Some(entries) = row["ConsentHistory"].as_array_mut() {
        entries.iter_mut().for_each(|entry| _ = entry["Consent"].as_object_mut().unwrap().shift_remove("Expired"));
    }
    row
}

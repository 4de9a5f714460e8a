//! Links: where a value of an answer goes next. They tell a reader the order of calls, and a tester how to go on.

use serde_json::{Value, json};

/// Operations whose answer names a thing: the status, the member of the answer, the parameter that takes it.
const GIVERS: [(&str, &str, &str, &str); 4] = [
    ("createProfile", "201", "ProfileId", "profileId"),
    ("exportSegment", "200", "AccessToken", "accessToken"),
    ("exportSegmentGroup", "200", "AccessToken", "accessToken"),
    ("importInitiate", "200", "AccessToken", "accessToken"),
];

/// Adds links from each giver to all operations that take what it gives in their path.
pub(super) fn add(document: &mut Value) {
    for (giver, status, member, parameter) in GIVERS {
        // a token of an import is none of an export
        let kind = if giver.starts_with("import") { "/Import/" } else { "/Export/" };
        let place = format!("{{{parameter}}}");
        let takes = |path: &str| path.contains(&place) && (parameter != "accessToken" || path.contains(kind));
        let takers: Vec<String> = super::operations(document)
            .filter(|(path, _, _)| takes(path))
            .filter_map(|(_, _, operation)| operation["operationId"].as_str().map(str::to_owned))
            .collect();
        let links: serde_json::Map<_, _> = takers
            .into_iter()
            .map(|taker| {
                let parameters = json!({
                    (format!("path.{parameter}")): format!("$response.body#/{member}"),
                    "path.clientId": "$request.path.clientId",
                });
                (taker.clone(), json!({"operationId": taker, "parameters": parameters}))
            })
            .collect();
        for (_, _, operation) in
            super::operations(document).filter(|(_, _, operation)| operation["operationId"] == giver)
        {
            operation["responses"][status]["links"] = links.clone().into();
        }
    }
}

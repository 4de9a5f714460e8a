//! The demo's export as curl lines that can be pasted into a shell.

use std::fmt;

use crate::credentials::Credentials;

/// What the lines name.
pub(super) struct ByHand<'a> {
    pub(super) url: &'a str,
    pub(super) account: &'a str,
    pub(super) segment: &'a str,
    pub(super) scope: &'a str,
    /// While the server goes on running.
    pub(super) credentials: Option<&'a Credentials>,
}

impl fmt::Display for ByHand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, account, segment, scope, credentials } = self;
        match credentials {
            Some(c) => {
                writeln!(f, "The server goes on running until Ctrl-C. The same by hand:\n")?;
                writeln!(f, "CLIENT_ID={}\nCLIENT_SECRET={}", c.client_id, c.client_secret.reveal())?;
            }
            None => {
                writeln!(
                    f,
                    "The same by hand (the server has ended; sayso demo --serve leaves one running and prints credentials):\n"
                )?;
                writeln!(f, "CLIENT_ID=… CLIENT_SECRET=…")?;
            }
        }
        let api = format!("{url}/Profiles/v4/Async/{account}/Export");
        let segment = path_part(segment);
        let users = format!("{url}/Profiles/v4/{account}/Users");
        let user = scope.split_once('/').map_or(*scope, |(_, user)| user);
        write!(
            f,
            r#"BEARER=$(curl -s -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials --data-urlencode 'scope={scope}' \
  {url}/oauth/token | sed -E 's/.*"access_token" *: *"([^"]+)".*/\1/')
TOKEN=$(curl -s -X POST -H "Authorization: Bearer $BEARER" '{api}/Segment/{segment}' | tr -dc 0-9)
while curl -s -H "Authorization: Bearer $BEARER" "{api}/$TOKEN/Status" | grep Processing; do sleep 1; done
curl -s -H "Authorization: Bearer $BEARER" "{api}/$TOKEN?limit=1000&offset=1&keepAlive=true"
curl -s -X POST -H "Authorization: Bearer $BEARER" "{api}/$TOKEN/Commit"

A caller that can't do OAuth signs with a key of its user:

KEY=$(curl -s -X POST -H "Authorization: Bearer $BEARER" '{users}/{user}/SharedKey' | sed -E 's/.*"SharedKey" *: *"([^"]+)".*/\1/')
AT=$(date -u +%Y-%m-%dT%H:%M:%SZ)
SIGNATURE=$(printf %s "{account}:{user}:$AT" | openssl dgst -sha256 -hmac "$KEY" -binary | openssl base64 -A)
curl -s -H "Authorization: PNAUTHINFO3-HMAC-SHA256 Credential={user}/$AT Signature=$SIGNATURE" '{users}'"#
        )
    }
}

/// A name as one part of a path.
fn path_part(name: &str) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if unreserved(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_name_real_addresses_and_show_the_secret_only_while_it_is_of_use() {
        let credentials = Credentials {
            client_id: "ID".to_owned(),
            client_secret: "SECRET".to_owned().into(),
            scope: "A/u".to_owned(),
        };
        let mut by_hand =
            ByHand { url: "http://127.0.0.1:9", account: "A", segment: "Zürich 1/2", scope: "A/u", credentials: None };
        let text = by_hand.to_string();
        assert!(text.contains("http://127.0.0.1:9/Profiles/v4/Async/A/Export/Segment/Z%C3%BCrich%201%2F2'"), "{text}");
        assert!(text.contains("CLIENT_SECRET=…\n"), "{text}");
        assert!(
            text.contains("\"A:u:$AT\"") && text.contains("'http://127.0.0.1:9/Profiles/v4/A/Users/u/SharedKey'"),
            "{text}"
        );
        by_hand.credentials = Some(&credentials);
        assert!(by_hand.to_string().contains("CLIENT_SECRET=SECRET\n"));
    }
}

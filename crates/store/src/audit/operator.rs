//! Who runs a command beside the data directory, as the system knows them: such a command acts for no user of the account.

use std::{env, fs, sync::LazyLock};

/// The longest name that is told, characters: one that the environment gives may be anything.
const LONGEST: usize = 100;

/// The owner of a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Operator {
    /// The name of its real user id, or `uid 1000` where `/etc/passwd` has none.
    pub name: String,
    /// Who became that user by `sudo`. It is what `SUDO_USER` says, which whoever has become the user can change.
    pub sudo: Option<String>,
}

impl Operator {
    /// Of this process.
    pub fn here() -> &'static Self {
        static HERE: LazyLock<Operator> = LazyLock::new(|| {
            let uid = rustix::process::getuid().as_raw();
            let users = fs::read("/etc/passwd").unwrap_or_default();
            let name = name_of(uid, &String::from_utf8_lossy(&users)).unwrap_or_else(|| format!("uid {uid}"));
            let sudo = env::var_os("SUDO_USER").map(|name| shortened(&name.to_string_lossy()));
            Operator { name: shortened(&name), sudo: sudo.filter(|name| !name.is_empty()) }
        });
        &HERE
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(LONGEST).collect()
}

/// The name that belongs to a user id: lines of `name:password:uid:…` (passwd(5)).
fn name_of(uid: u32, users: &str) -> Option<String> {
    users.lines().find_map(|line| {
        let mut members = line.split(':');
        let name = members.next().filter(|name| !name.is_empty())?;
        (members.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_called_as_the_system_calls_them() {
        let users = "root:x:0:0:root:/root:/bin/bash\n+::::::\nsayso:x:998:998::/var/lib/sayso:/usr/sbin/nologin\n";
        assert_eq!(name_of(998, users).as_deref(), Some("sayso"));
        assert_eq!(name_of(0, users).as_deref(), Some("root"));
        assert_eq!((name_of(99, users), name_of(0, "")), (None, None));
    }
}

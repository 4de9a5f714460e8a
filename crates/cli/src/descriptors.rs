//! Files that the server may have open at once. Each connection is one, and whoever connects says nothing of who they are: connections mustn't
//! take what exports, pages and the store need.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is left to all that is no connection: files of the store, of exports and imports, callbacks on their way, what is read of the kernel.
const OTHERS: u64 = 256;

/// Raises the limit to the most that the system allows, and gives the one in force; there may be none. What a shell or systemd gives when nobody
/// asks for more is 1,024, for the sake of programs that use `select`.
pub fn raise_limit() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the limit on open files stays as it was");
    }
    getrlimit(Resource::Nofile).current
}

/// Connections that there may be at once under this limit: `most` of them, unless that leaves too little to everything else.
pub fn connections(limit: Option<u64>, most: usize) -> usize {
    let Some(limit) = limit else { return most };
    // Of few files half: a server that lets nobody in is none.
    let room = limit.saturating_sub(OTHERS).max(limit / 2);
    let connections = usize::try_from(room).unwrap_or(most).min(most);
    if connections < most {
        tracing::warn!(
            limit,
            connections,
            "the limit on open files (ulimit -n, LimitNOFILE) allows fewer connections than {most}"
        );
    }
    connections
}

#[cfg(test)]
mod tests {
    #[test]
    fn connections_leave_files_to_everything_else() {
        for (limit, connections) in [
            (None, 4096),
            (Some(u64::MAX), 4096),
            (Some(4352), 4096),
            (Some(4351), 4095),
            (Some(1024), 768),
            (Some(100), 50),
        ] {
            assert_eq!(super::connections(limit, 4096), connections, "{limit:?}");
        }
    }
}

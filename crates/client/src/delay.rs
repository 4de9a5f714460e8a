//! How long to wait between two looks at a job.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The first wait, before anybody has been asked.
pub(crate) const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// What the server asks for, or else a wait that doubles from 100 ms up to 5 s.
pub(crate) fn before_try(attempt: u32, asked: Option<Duration>) -> Duration {
    asked.unwrap_or_else(|| FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST))
}

/// `Retry-After` in seconds; a date there (RFC 9110 allows one) counts as absent.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_five_seconds() {
        let waits: Vec<u128> = (0..8).map(|n| before_try(n, None).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(before_try(u32::MAX, None), LONGEST);
    }

    #[test]
    fn what_the_server_asks_for_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        assert_eq!(before_try(0, retry_after(&headers)), Duration::from_secs(7));
        headers.insert(RETRY_AFTER, "Fri, 31 Dec 2027 23:59:59 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }
}

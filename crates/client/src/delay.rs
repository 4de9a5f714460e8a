//! How long to wait: between two looks at a job, and before a call that failed is tried again.

use std::time::{Duration, SystemTime};

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The first wait, before anybody has been asked, and the shortest one.
pub(crate) const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);
/// The longest wait that a server may ask for between two looks at a job that goes on.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// What the server asks for, or else a wait that doubles from 100 ms up to 5 s. A server that asks for none at all, or until a moment that is
/// over, isn't called in a tight loop either.
pub(crate) fn before_look(attempt: u32, asked: Option<Duration>) -> Duration {
    asked.map_or_else(|| doubled(attempt), |asked| asked.clamp(FIRST, LONGEST_ASKED))
}

/// Before the same call is sent again: what the server asks for, or else the doubled wait, a quarter more or less, so that the
/// clients of a server that comes back don't all come at once.
pub(crate) fn before_retry(attempt: u32, asked: Option<Duration>) -> Duration {
    if let Some(asked) = asked {
        return asked.max(FIRST);
    }
    let mut byte = [128_u8];
    // Without random bytes everybody waits alike, which is no reason to fail.
    let _ = getrandom::fill(&mut byte);
    doubled(attempt).mul_f64(0.75 + f64::from(byte[0]) / 512.0)
}

fn doubled(attempt: u32) -> Duration {
    FIRST.saturating_mul(1 << attempt.min(10)).min(LONGEST)
}

/// `Retry-After` in either form of RFC 9110, 10.2.3: seconds, or a date, which is compared with the answer's own `Date` so that
/// a wrong clock on either side doesn't count.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let asked = text(RETRY_AFTER)?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(asked)?;
    let now = text(DATE).and_then(http_date).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

/// How far this machine's clock is ahead of the server's, by an answer's `Date` (RFC 9110, 6.6.1); nothing where it is behind, or the server
/// doesn't tell.
pub(crate) fn ahead(headers: &HeaderMap, now: SystemTime) -> Duration {
    let told = headers.get(DATE).and_then(|date| http_date(date.to_str().ok()?.trim()));
    told.and_then(|told| now.duration_since(told).ok()).unwrap_or_default()
}

/// `Fri, 31 Dec 2027 23:59:59 GMT` (RFC 9110, 5.6.7); its two obsolete forms, which no server has sent for decades, count as absent.
fn http_date(text: &str) -> Option<SystemTime> {
    SystemTime::try_from(rfc2822::parse(text).ok()?.timestamp()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_five_seconds() {
        let waits: Vec<u128> = (0..8).map(|n| before_look(n, None).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(before_look(u32::MAX, None), LONGEST);
    }

    #[test]
    fn retries_are_spread_by_a_quarter() {
        let waits: Vec<u128> = (0..200).map(|_| before_retry(3, None).as_millis()).collect();
        assert!(waits.iter().all(|ms| (600..=1000).contains(ms)), "{waits:?}");
        assert!(waits.iter().any(|ms| *ms != waits[0]), "clients don't wait in step");
        assert_eq!(before_retry(3, Some(Duration::from_secs(7))), Duration::from_secs(7));
    }

    #[test]
    fn a_clock_is_ahead_of_the_servers_by_what_its_date_says() {
        let mut headers = HeaderMap::new();
        let now = http_date("Fri, 31 Dec 2027 23:59:59 GMT").unwrap();
        assert_eq!(ahead(&headers, now), Duration::ZERO);
        for (date, seconds) in
            [("Fri, 31 Dec 2027 22:59:59 GMT", 3600), ("Sat, 01 Jan 2028 00:00:09 GMT", 0), ("soon", 0)]
        {
            headers.insert(DATE, date.parse().unwrap());
            assert_eq!(ahead(&headers, now), Duration::from_secs(seconds), "{date}");
        }
    }

    #[test]
    fn what_the_server_asks_for_counts_in_seconds_or_as_a_date() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(RETRY_AFTER, "7".parse().unwrap());
        assert_eq!(before_look(0, retry_after(&headers)), Duration::from_secs(7));

        headers.insert(RETRY_AFTER, "Fri, 31 Dec 2027 23:59:59 GMT".parse().unwrap());
        headers.insert(DATE, "Fri, 31 Dec 2027 23:59:49 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(10)), "by the server's own clock");
        headers.insert(DATE, "Sat, 01 Jan 2028 00:00:00 GMT".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::ZERO), "a date that is over");
        headers.insert(RETRY_AFTER, "soon".parse().unwrap());
        assert_eq!(retry_after(&headers), None);
    }

    #[test]
    fn a_server_that_asks_for_no_wait_is_not_hammered() {
        assert_eq!(before_look(3, Some(Duration::ZERO)), FIRST);
        assert_eq!(before_retry(3, Some(Duration::ZERO)), FIRST);
    }

    #[test]
    fn a_job_is_looked_at_every_five_minutes_at_least() {
        assert_eq!(before_look(0, Some(Duration::from_secs(86_400))), LONGEST_ASKED);
    }
}

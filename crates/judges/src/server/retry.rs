//! What is tried again, after how long, and what a server says about it.

use emotome_stats::random::{CounterRng, Seed};
use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime};

/// How often and how fast a request is tried again.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `tries` | 5 | times that a request is sent before its trial is left open |
/// | `base` | 0.5 s | bound of the first pause; it doubles with every try |
/// | `longest` | 30 s | bound of every pause |
/// | `heed` | 120 s | the longest pause asked for by a server that a request waits for; for longer ones the endpoint rests |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryParams {
    /// Times that a request is sent.
    pub tries: u32,
    /// Bound of the first pause.
    pub base: Duration,
    /// Bound of every pause.
    pub longest: Duration,
    /// The longest pause asked for by a server that a request waits for.
    pub heed: Duration,
}

impl Default for RetryParams {
    fn default() -> Self {
        Self {
            tries: 5,
            base: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            heed: Duration::from_secs(120),
        }
    }
}

impl RetryParams {
    /// The pause after a request was sent `sent` times: uniform between 0 and
    /// min(`longest`, `base` · 2^(`sent` − 1)), drawn from `seed` and the request.
    ///
    /// Full jitter spreads requests that failed together
    /// (Brooker, *Exponential backoff and jitter*, AWS Architecture Blog, 2015).
    #[must_use]
    pub fn pause(&self, seed: Seed, request: u64, sent: u32) -> Duration {
        let doublings = sent.saturating_sub(1).min(20);
        let bound = self.base.saturating_mul(1 << doublings).min(self.longest);
        bound.mul_f64(CounterRng::new(seed, request ^ u64::from(sent) << 48).uniform())
    }
}

/// Whether the same request may well succeed later.
#[must_use]
pub(super) const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599)
}

/// Whether a reply says that more requests are under way than the server can serve.
#[must_use]
pub(super) const fn is_overload(status: u16) -> bool {
    matches!(status, 408 | 429 | 503 | 504 | 529)
}

/// How long a server asks to be left alone: `retry-after-ms`, `Retry-After` in seconds or as a date,
/// or the reset of the limit of which nothing remains (`x-ratelimit-reset-requests`, `-tokens`).
#[must_use]
pub(super) fn asked_pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|x| x.is_finite() && *x >= 0.0)
    };
    let seconds = |x: f64| Duration::from_secs_f64(x.min(1e9));
    if let Some(ms) = text("retry-after-ms").and_then(number) {
        return Some(seconds(ms / 1e3));
    }
    if let Some(after) = text("retry-after") {
        if let Some(after) = number(after) {
            return Some(seconds(after));
        }
        if let Some(date) = http_date(after) {
            return Some(date.duration_since(now).unwrap_or_default());
        }
    }
    let reset = |what: &str| {
        let remaining = text(&format!("x-ratelimit-remaining-{what}")).and_then(number)?;
        let reset = text(&format!("x-ratelimit-reset-{what}"))?;
        (remaining <= 0.0).then(|| span(reset)).flatten()
    };
    reset("requests").max(reset("tokens"))
}

/// A span such as `1h2m3.5s` or `20ms`.
fn span(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .map_or(rest.len(), |end| digits + end);
        let value: f64 = rest[..digits].parse().ok()?;
        let unit = match &rest[digits..unit_end] {
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += Duration::from_secs_f64((value * unit).clamp(0.0, 1e9));
        rest = &rest[unit_end..];
    }
    (!text.is_empty()).then_some(total)
}

/// The time of an HTTP date in its only current form, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words
        .next()?
        .parse()
        .ok()
        .filter(|day| (1..=31).contains(day))?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| *name == month)? as i64 + 1;
    let year: i64 = words
        .next()?
        .parse()
        .ok()
        .filter(|year| (1970..=9999).contains(year))?;
    let mut clock = words
        .next()?
        .split(':')
        .map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if words.next()? != "GMT"
        || !(0..24).contains(&hour)
        || !(0..60).contains(&minute)
        || !(0..=60).contains(&second)
    {
        return None;
    }
    // Days since 1970 of a civil date, with years that begin in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let line = |&(name, value): &(&'static str, &str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap(),
            )
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn pauses_that_servers_ask_for_are_understood() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        let asked = |lines: &[(&'static str, &str)]| {
            asked_pause(&headers(lines), now).map(|pause| pause.as_secs_f64())
        };
        assert_eq!(asked(&[("retry-after", "7")]), Some(7.0));
        assert_eq!(asked(&[("retry-after", "0.25")]), Some(0.25));
        assert_eq!(
            asked(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]),
            Some(7.0)
        );
        assert_eq!(
            asked(&[("retry-after", "Sun, 06 Nov 1993 08:49:37 GMT")]),
            Some(0.0)
        );
        assert_eq!(
            asked(&[("retry-after", "7"), ("retry-after-ms", "1500")]),
            Some(1.5)
        );
        let limits = [
            ("x-ratelimit-remaining-requests", "12"),
            ("x-ratelimit-reset-requests", "9s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m2.5s"),
        ];
        assert_eq!(asked(&limits), Some(62.5));
        for nonsense in [
            "-3",
            "soon",
            "inf",
            "Sun, 99 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49",
            "",
        ] {
            assert_eq!(asked(&[("retry-after", nonsense)]), None, "{nonsense}");
        }
        assert_eq!(span("20ms").unwrap(), Duration::from_millis(20));
        assert_eq!((span("5"), span("5x"), span("")), (None, None, None));
    }

    #[test]
    fn dates_count_the_days_since_1970() {
        let seconds = |text| {
            http_date(text)
                .unwrap()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        };
        assert_eq!(seconds("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
        assert_eq!(seconds("Tue, 29 Feb 2000 00:00:00 GMT"), 951_782_400);
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:37 GMT"), 784_111_777);
    }

    #[test]
    fn pauses_grow_stay_below_their_bound_and_are_the_same_again() {
        let params = RetryParams::default();
        for sent in 1..12 {
            let bound = params
                .base
                .saturating_mul(1 << (sent - 1))
                .min(params.longest);
            let pauses: Vec<Duration> = (0..200).map(|r| params.pause(Seed(1), r, sent)).collect();
            assert!(pauses.iter().all(|pause| *pause <= bound));
            let mean = pauses.iter().sum::<Duration>().as_secs_f64() / 200.0;
            assert!((mean / bound.as_secs_f64() - 0.5).abs() < 0.1, "{mean}");
            assert_eq!(params.pause(Seed(1), 7, sent), pauses[7]);
        }
    }

    #[test]
    fn only_what_may_succeed_later_is_transient() {
        for status in [408, 425, 429, 500, 502, 503, 504, 529] {
            assert!(is_transient(status), "{status}");
        }
        for status in [200, 301, 400, 401, 403, 404, 413, 422, 501, 505] {
            assert!(!is_transient(status), "{status}");
        }
    }
}

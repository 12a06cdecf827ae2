//! How many requests at once, and how many a minute: two small state machines without a clock.
//!
//! Time is given as the span since an arbitrary start, so that both can be tested on a made-up clock.

use std::time::Duration;

/// How many requests may be under way at an endpoint.
///
/// | parameter | default | meaning |
/// |---|---|---|
/// | `start` | 8 | requests under way in the beginning |
/// | `least` | 1 | never fewer |
/// | `most` | 256 | never more |
/// | `decrease` | 0.7 | factor after an overload |
/// | `collapse` | 4 | how many times slower than its best the server may become before it counts as overloaded |
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaceParams {
    /// Requests under way in the beginning.
    pub start: u32,
    /// Never fewer.
    pub least: u32,
    /// Never more.
    pub most: u32,
    /// Factor after an overload.
    pub decrease: f64,
    /// How many times slower than its best a server may become.
    pub collapse: f64,
}

impl Default for PaceParams {
    fn default() -> Self {
        Self {
            start: 8,
            least: 1,
            most: 256,
            decrease: 0.7,
            collapse: 4.0,
        }
    }
}

/// Latencies below this are noise of this machine, whatever the best was.
const NOISE: Duration = Duration::from_millis(50);

/// Additive increase, multiplicative decrease of the number of requests under way
/// (Chiu & Jain 1989, doi:10.1016/0169-7552(89)90019-6).
///
/// Until the first overload the limit doubles in each round (slow start), then it grows by one. An
/// overload multiplies it by `decrease`, once for all requests sent before the last decrease.
/// Latency is compared round by round: a round is as many replies as the limit.
#[derive(Debug, Clone)]
pub struct Pace {
    params: PaceParams,
    limit: f64,
    /// Counts decreases; a request remembers the count at its start.
    epoch: u64,
    slow_start: bool,
    best: Option<Duration>,
    round: Round,
}

/// Replies that are compared as one: as many as the limit was at its start.
#[derive(Debug, Clone, Default)]
struct Round {
    length: u32,
    replies: u32,
    sum: Duration,
}

impl Pace {
    /// A pace at its start.
    #[must_use]
    pub fn new(params: PaceParams) -> Self {
        Self {
            params,
            limit: f64::from(params.start),
            epoch: 0,
            slow_start: true,
            best: None,
            round: Round::default(),
        }
    }

    /// How many requests may be under way.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// What a request must remember from its start to its end.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A reply came; `under_way` counts the requests that were, this one included.
    pub fn succeeded(&mut self, epoch: u64, latency: Duration, under_way: usize) {
        if self.round.replies == 0 {
            self.round.length = self.limit as u32;
        }
        self.round.replies += 1;
        self.round.sum += latency;
        if self.round.replies >= self.round.length {
            let mean = self.round.sum / self.round.replies;
            self.round = Round::default();
            let best = self.best.map_or(mean, |best| best.min(mean));
            self.best = Some(best);
            if mean > best.mul_f64(self.params.collapse).max(NOISE) {
                self.overloaded(epoch);
                return;
            }
        }
        // A limit that is not used says nothing about what the server can do.
        let used = if self.slow_start {
            2 * under_way > self.limit()
        } else {
            under_way + 1 >= self.limit()
        };
        if epoch == self.epoch && used {
            self.limit += if self.slow_start {
                1.0
            } else {
                1.0 / self.limit
            };
            self.limit = self.limit.min(f64::from(self.params.most));
        }
    }

    /// The server asked for less, gave no reply in time, or became slow.
    pub fn overloaded(&mut self, epoch: u64) {
        if epoch == self.epoch {
            self.epoch += 1;
            self.slow_start = false;
            self.round = Round::default();
            self.limit = (self.limit * self.params.decrease).max(f64::from(self.params.least));
        }
    }
}

/// A limit per minute: a bucket that fills evenly and holds what one second brings.
///
/// Taking more than there is leaves a debt, and nothing more may be taken until it is paid: large
/// requests are waited for, and none is starved by smaller ones.
#[derive(Debug, Clone)]
pub struct Bucket {
    per_second: f64,
    filled: f64,
    at: Duration,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn per_minute(n: u32) -> Self {
        let per_second = f64::from(n.max(1)) / 60.0;
        Self {
            per_second,
            filled: per_second.max(1.0),
            at: Duration::ZERO,
        }
    }

    /// When something may be taken: now, or when the debt will be paid.
    #[must_use]
    pub fn ready(&self, now: Duration) -> Duration {
        let debt = (1.0_f64.min(self.per_second) - self.filled).max(0.0);
        let paid = self.at + Duration::from_secs_f64((debt / self.per_second).min(1e9));
        paid.max(now)
    }

    /// Takes an amount.
    pub fn take(&mut self, amount: f64, now: Duration) {
        let brought = now.saturating_sub(self.at).as_secs_f64() * self.per_second;
        self.filled = (self.filled + brought).min(self.per_second.max(1.0)) - amount;
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    /// A server that serves `capacity` at once and answers 429 beyond, asked in rounds.
    fn rounds(pace: &mut Pace, capacity: usize, rounds: usize) -> Vec<usize> {
        let mut limits = Vec::new();
        for _ in 0..rounds {
            let (n, epoch) = (pace.limit(), pace.epoch());
            for k in 0..n {
                if k < capacity {
                    pace.succeeded(epoch, 80 * MS, n);
                } else {
                    pace.overloaded(epoch);
                }
            }
            limits.push(pace.limit());
        }
        limits
    }

    #[test]
    fn the_limit_doubles_at_first_and_then_stays_near_the_capacity() {
        let mut pace = Pace::new(PaceParams::default());
        assert_eq!(rounds(&mut pace, 1_000, 3), [16, 32, 64]);
        let later = rounds(&mut pace, 100, 200);
        let settled = &later[20..];
        assert!(
            settled.iter().all(|&limit| (65..=102).contains(&limit)),
            "{settled:?}"
        );
        // One sawtooth after the other, not a slow fall.
        let mean = settled.iter().sum::<usize>() / settled.len();
        assert!(mean > 80, "{mean}");
    }

    #[test]
    fn one_overload_of_many_requests_is_one_decrease() {
        let mut pace = Pace::new(PaceParams {
            start: 100,
            ..PaceParams::default()
        });
        let epoch = pace.epoch();
        for _ in 0..100 {
            pace.overloaded(epoch);
        }
        assert_eq!(pace.limit(), 70);
        for _ in 0..100 {
            let epoch = pace.epoch();
            pace.overloaded(epoch);
        }
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn a_limit_that_is_not_used_does_not_grow() {
        let mut pace = Pace::new(PaceParams::default());
        for _ in 0..1_000 {
            pace.succeeded(0, 10 * MS, 2);
        }
        assert_eq!(pace.limit(), 8);
    }

    #[test]
    fn a_collapse_of_latency_lowers_the_limit_and_noise_does_not() {
        let mut pace = Pace::new(PaceParams {
            start: 64,
            ..PaceParams::default()
        });
        let round = |pace: &mut Pace, latency| {
            let (n, epoch) = (pace.limit(), pace.epoch());
            (0..n).for_each(|_| pace.succeeded(epoch, latency, n));
        };
        round(&mut pace, MS);
        round(&mut pace, 40 * MS);
        assert!(pace.limit() > 64, "below the noise floor");
        round(&mut pace, 300 * MS);
        assert!(pace.limit() < 200 && pace.epoch() == 1, "{}", pace.limit());
    }

    proptest! {
        #[test]
        fn the_limit_keeps_its_bounds(events in prop::collection::vec((0_u8..3, 0_u64..900), 0..2_000)) {
            let params = PaceParams { start: 8, least: 2, most: 20, ..PaceParams::default() };
            let mut pace = Pace::new(params);
            for (event, latency) in events {
                let epoch = pace.epoch();
                match event {
                    0 => pace.overloaded(epoch),
                    _ => pace.succeeded(epoch, Duration::from_millis(latency), pace.limit()),
                }
                prop_assert!((2..=20).contains(&pace.limit()));
            }
        }

        #[test]
        fn no_minute_brings_more_than_its_limit(amounts in prop::collection::vec(1_u32..400, 1..300)) {
            let per_minute = 6_000;
            let mut bucket = Bucket::per_minute(per_minute);
            let mut now = Duration::ZERO;
            let mut used: Vec<(Duration, u32)> = Vec::new();
            for amount in amounts {
                now = bucket.ready(now);
                bucket.take(f64::from(amount), now);
                used.push((now, amount));
            }
            for (k, &(from, _)) in used.iter().enumerate() {
                let minute = used[k..].iter().take_while(|(at, _)| *at < from + 60_000 * MS);
                let sum: u32 = minute.map(|(_, amount)| amount).sum();
                // One second's worth may have been saved up, and the last one may be large.
                prop_assert!(sum <= per_minute + 100 + 2 * 400, "{sum}");
            }
        }
    }

    #[test]
    fn a_debt_is_waited_for_and_a_pause_does_not_save_up() {
        let s = Duration::from_secs;
        let mut bucket = Bucket::per_minute(60);
        assert_eq!(bucket.ready(s(0)), s(0));
        bucket.take(1.0, s(0));
        assert_eq!(bucket.ready(s(0)), s(1));
        bucket.take(3.0, s(1));
        assert_eq!(bucket.ready(s(1)), s(4));
        assert_eq!(bucket.ready(s(3_600)), s(3_600));
        bucket.take(2.0, s(3_600));
        assert_eq!(bucket.ready(s(3_600)), s(3_602));
        // Less than one a second.
        let mut slow = Bucket::per_minute(30);
        slow.take(1.0, s(0));
        assert_eq!(slow.ready(s(0)), s(1));
        slow.take(1.0, s(1));
        assert_eq!(slow.ready(s(1)), s(3));
    }
}

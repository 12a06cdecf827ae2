//! Several endpoints: which one takes the next request, which ones rest, and when none is left.

use super::pace::{Bucket, Pace, PaceParams};
use serde::Serialize;
use std::time::Duration;

/// Limits of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EndpointLimits {
    /// Requests under way.
    pub pace: PaceParams,
    /// Requests a minute.
    pub requests_per_minute: Option<u32>,
    /// Tokens a minute, read and written together.
    pub tokens_per_minute: Option<u32>,
}

/// How a request ended, as far as it concerns its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a reply that says nothing against the pace.
    Served,
    /// With a sign of overload: 429, 503, a time-out.
    Overloaded,
    /// With a fault that says nothing about the pace.
    Faulty,
    /// Without a connection.
    Unreachable,
}

/// What an endpoint is doing. Field names are stable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EndpointState {
    /// Its address.
    pub address: String,
    /// Requests under way.
    pub under_way: usize,
    /// Requests that may be under way.
    pub limit: usize,
    /// Replies it gave.
    pub served: u64,
    /// Seconds that it still rests, 0 if it does not.
    pub rests_s: f64,
    /// Whether it cannot be reached, or fails at everything while others do not.
    pub down: bool,
}

/// A place for one request at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) endpoint: usize,
    epoch: u64,
}

/// What a request that wants a place is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Take {
    Place(Place),
    /// No place now; look again when one is freed, or at this time if it is sooner.
    Later(Option<Duration>),
}

/// Pauses of an endpoint that cannot be reached: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// So many faults in a row, and an endpoint is left to itself for a while where there are others: one that
/// fails at once always has room, and would draw all requests.
const AILING: u32 = 8;

#[derive(Debug)]
struct Berth {
    pace: Pace,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    under_way: usize,
    served: u64,
    rests_until: Duration,
    /// Since when it cannot be reached or only fails, and how often in a row it did since.
    down: Option<(Duration, u32)>,
    /// Faults since its last reply.
    faults: u32,
}

impl Berth {
    /// When it may take a request, as far as rests and limits per minute go.
    fn ready(&self, now: Duration) -> Duration {
        let buckets = [&self.requests, &self.tokens].into_iter().flatten();
        buckets
            .map(|bucket| bucket.ready(now))
            .fold(self.rests_until.max(now), Duration::max)
    }
}

/// All endpoints of a run. Time is the span since the start of the run.
#[derive(Debug)]
pub(super) struct Fleet {
    berths: Vec<Berth>,
}

impl Fleet {
    pub(super) fn new(limits: impl IntoIterator<Item = EndpointLimits>) -> Self {
        let berth = |limits: EndpointLimits| Berth {
            pace: Pace::new(limits.pace),
            requests: limits.requests_per_minute.map(Bucket::per_minute),
            tokens: limits.tokens_per_minute.map(Bucket::per_minute),
            under_way: 0,
            served: 0,
            rests_until: Duration::ZERO,
            down: None,
            faults: 0,
        };
        Self {
            berths: limits.into_iter().map(berth).collect(),
        }
    }

    /// A place for a request of so many tokens, at the endpoint with the most room and if possible not
    /// at `avoid`, where it failed before.
    pub(super) fn take(&mut self, now: Duration, avoid: Option<usize>, tokens: u32) -> Take {
        let room = |berth: &Berth| {
            // One request finds out whether an endpoint can be reached again.
            let limit = match berth.down {
                Some(_) => 1,
                None => berth.pace.limit(),
            };
            (berth.ready(now) <= now && berth.under_way < limit)
                .then(|| berth.under_way as f64 / limit as f64)
        };
        let best = (self.berths.iter().enumerate())
            .filter_map(|(k, berth)| {
                Some((Some(k) == avoid, berth.down.is_some(), room(berth)?, k))
            })
            .min_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2)));
        match best {
            Some((.., k)) => {
                let berth = &mut self.berths[k];
                berth.under_way += 1;
                for (bucket, amount) in [(&mut berth.requests, 1), (&mut berth.tokens, tokens)] {
                    if let Some(bucket) = bucket {
                        bucket.take(f64::from(amount), now);
                    }
                }
                Take::Place(Place {
                    endpoint: k,
                    epoch: berth.pace.epoch(),
                })
            }
            None => Take::Later(
                (self.berths.iter().map(|berth| berth.ready(now)))
                    .filter(|&ready| ready > now)
                    .min(),
            ),
        }
    }

    /// A request ended; its endpoint rests for `rest` if it asked to.
    pub(super) fn end(
        &mut self,
        place: Place,
        end: End,
        latency: Duration,
        rest: Option<Duration>,
        now: Duration,
    ) {
        let others = self.berths.len() > 1;
        let berth = &mut self.berths[place.endpoint];
        let under_way = berth.under_way;
        berth.under_way -= 1;
        match end {
            End::Served => {
                berth.served += 1;
                berth.faults = 0;
                berth.pace.succeeded(place.epoch, latency, under_way);
            }
            End::Overloaded => berth.pace.overloaded(place.epoch),
            End::Faulty if !others || berth.faults + 1 < AILING => berth.faults += 1,
            End::Faulty | End::Unreachable => {
                // Many requests may find out at once; they count once for each pause.
                if berth.down.is_none() || berth.rests_until <= now {
                    let (since, times) = berth.down.unwrap_or((now, 0));
                    berth.down = Some((since, times + 1));
                    let pause = FIRST_PAUSE
                        .saturating_mul(1 << times.min(10))
                        .min(LONGEST_PAUSE);
                    berth.rests_until = now + pause;
                }
                return;
            }
        }
        berth.down = None;
        if let Some(rest) = rest {
            berth.rests_until = berth.rests_until.max(now + rest);
        }
    }

    /// A place that was not used.
    pub(super) fn give_back(&mut self, place: Place) {
        self.berths[place.endpoint].under_way -= 1;
    }

    /// Whether no endpoint will be usable within `patience`: each asked for a longer rest, or has
    /// been unreachable for that long.
    pub(super) fn is_lost(&self, patience: Duration, now: Duration) -> bool {
        self.berths.iter().all(|berth| {
            let unreachable = berth.down.is_some_and(|(since, _)| now > since + patience);
            unreachable || berth.rests_until > now + patience
        })
    }

    /// What each endpoint is doing.
    pub(super) fn states<'a>(
        &'a self,
        addresses: &'a [String],
        now: Duration,
    ) -> impl Iterator<Item = EndpointState> + 'a {
        self.berths
            .iter()
            .zip(addresses)
            .map(move |(berth, address)| EndpointState {
                address: address.clone(),
                under_way: berth.under_way,
                limit: berth.pace.limit(),
                served: berth.served,
                rests_s: berth.rests_until.saturating_sub(now).as_secs_f64(),
                down: berth.down.is_some(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn fleet(n: usize) -> Fleet {
        let pace = PaceParams {
            start: 4,
            ..PaceParams::default()
        };
        Fleet::new(vec![
            EndpointLimits {
                pace,
                ..EndpointLimits::default()
            };
            n
        ])
    }

    fn place(fleet: &mut Fleet, now: Duration) -> Place {
        match fleet.take(now, None, 1) {
            Take::Place(place) => place,
            later => panic!("{later:?}"),
        }
    }

    #[test]
    fn requests_go_where_there_is_room_and_not_where_they_failed() {
        let mut fleet = fleet(2);
        let places: Vec<Place> = (0..8).map(|_| place(&mut fleet, S)).collect();
        let at = |k| places.iter().filter(|place| place.endpoint == k).count();
        assert_eq!((at(0), at(1)), (4, 4));
        assert_eq!(fleet.take(S, None, 1), Take::Later(None));
        fleet.end(places[0], End::Faulty, S, None, S);
        fleet.end(places[1], End::Served, S, None, S);
        let failed = places[0].endpoint;
        let Take::Place(next) = fleet.take(S, Some(failed), 1) else {
            panic!()
        };
        assert_ne!(next.endpoint, failed);
        // Rather there than nowhere.
        let Take::Place(next) = fleet.take(S, Some(1 - failed), 1) else {
            panic!()
        };
        assert_eq!(next.endpoint, failed);
    }

    #[test]
    fn an_endpoint_that_asked_for_rest_gets_it() {
        let mut fleet = fleet(1);
        let first = place(&mut fleet, S);
        fleet.end(first, End::Overloaded, S, Some(7 * S), S);
        assert_eq!(fleet.take(2 * S, None, 1), Take::Later(Some(8 * S)));
        assert!(!fleet.is_lost(10 * S, 2 * S) && fleet.is_lost(5 * S, 2 * S));
        place(&mut fleet, 8 * S);
        assert!(!fleet.is_lost(5 * S, 8 * S));
    }

    #[test]
    fn an_unreachable_endpoint_is_tried_by_one_request_at_a_time_and_comes_back() {
        let mut fleet = fleet(2);
        let places: Vec<Place> = (0..8).map(|_| place(&mut fleet, S)).collect();
        for place in places.iter().filter(|place| place.endpoint == 0) {
            fleet.end(*place, End::Unreachable, S, None, S);
        }
        let pause = FIRST_PAUSE;
        assert_eq!(fleet.take(S, None, 1), Take::Later(Some(S + pause)));
        // Others go on elsewhere; one finds out that it is still down, and waits longer.
        let probe = place(&mut fleet, S + pause);
        assert_eq!(
            (probe.endpoint, fleet.take(S + pause, None, 1)),
            (0, Take::Later(None))
        );
        fleet.end(probe, End::Unreachable, S, None, S + pause);
        assert_eq!(
            fleet.take(S + pause, None, 1),
            Take::Later(Some(S + 3 * pause))
        );
        let probe = place(&mut fleet, S + 3 * pause);
        fleet.end(probe, End::Served, S, None, S + 3 * pause);
        assert_eq!(fleet.berths[0].down, None);
        assert_eq!(
            (0..4).map(|_| place(&mut fleet, 4 * S).endpoint).max(),
            Some(0)
        );
    }

    #[test]
    fn an_endpoint_that_fails_at_everything_draws_no_requests_from_others() {
        let mut fleet = fleet(2);
        let (mut failed, mut now) = (0, S);
        for _ in 0..1_000 {
            now += Duration::from_millis(10);
            let first = place(&mut fleet, now);
            if first.endpoint == 0 {
                failed += 1;
                fleet.end(first, End::Faulty, S, None, now);
            } else {
                fleet.end(first, End::Served, S, None, now);
            }
        }
        assert_eq!(failed, AILING);
        // Alone it is asked on: its trials end, and the run with them.
        let mut alone = self::fleet(1);
        for _ in 0..20 {
            let first = place(&mut alone, S);
            alone.end(first, End::Faulty, S, None, S);
        }
        // Once the other is full, one request finds out that it serves again.
        let probe = loop {
            now += S;
            let held = place(&mut fleet, now);
            if held.endpoint == 0 {
                break held;
            }
        };
        fleet.end(probe, End::Served, S, None, now);
        assert!(fleet.berths[0].down.is_none());
    }

    #[test]
    fn a_fleet_is_lost_when_its_last_endpoint_has_been_down_for_long() {
        let mut fleet = fleet(1);
        let mut now = S;
        while !fleet.is_lost(30 * S, now) {
            assert!(now < 60 * S, "never lost");
            if let Take::Place(probe) = fleet.take(now, None, 1) {
                fleet.end(probe, End::Unreachable, S, None, now);
            }
            now += FIRST_PAUSE;
        }
        assert!(now > 30 * S, "{now:?}");
    }

    #[test]
    fn limits_per_minute_make_requests_wait() {
        let limits = EndpointLimits {
            requests_per_minute: Some(60),
            tokens_per_minute: Some(60_000),
            ..EndpointLimits::default()
        };
        let mut fleet = Fleet::new([limits]);
        let zero = Duration::ZERO;
        assert!(matches!(fleet.take(zero, None, 1_000), Take::Place(_)));
        assert_eq!(fleet.take(zero, None, 1_000), Take::Later(Some(S)));
        assert!(matches!(fleet.take(S, None, 5_000), Take::Place(_)));
        let Take::Later(Some(paid)) = fleet.take(S, None, 1) else {
            panic!()
        };
        assert!((5 * S..6 * S).contains(&paid), "{paid:?}");
        // What was waited for is no reason to give up.
        assert!(!fleet.is_lost(S, S));
    }
}

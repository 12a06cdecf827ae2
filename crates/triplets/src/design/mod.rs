//! Designs: which triplet is shown in which order as trial t, computed and never stored.

pub mod coverage;
mod cyclic;
pub mod params;
pub mod rank;
pub mod subset;

pub use params::{Balance, CeilingParams, DesignError, DesignParams, FullSetParams};

use crate::trial::{Split, Trial, UnorderedTriplet};
use cyclic::Cyclic;
use emotome_stats::permutation::KeyedPermutation;
use emotome_stats::random::{CounterRng, Seed};
use emotome_stimuli::StimulusId;
use rank::{rank, triplet_count, unrank};
use std::collections::HashSet;
use std::iter::StepBy;
use std::ops::Range;

/// A checked design: trial t is a pure function of t, the seed and the parameters.
///
/// Trials are numbered through four arms, in this order:
///
/// | arm | trials | shows |
/// |---|---|---|
/// | [`CeilingSameOrder`](Arm::CeilingSameOrder) | K · m₁ | K random triplets, each m₁ times in one order |
/// | [`CeilingAllOrders`](Arm::CeilingAllOrders) | K · m₂ | the same K, m₂ times going through all six orders |
/// | [`FullSet`](Arm::FullSet) | C(k,3) · passes | every triplet of the k stimuli of the full set |
/// | [`Main`](Arm::Main) | `trials` | all C(n,3) triplets without replacement, balanced |
///
/// The open-ended arm is last, so that a longer run of the same design keeps every earlier trial;
/// repeats of a triplet are a whole pass apart.
///
/// The split belongs to the unordered triplet and to nothing else ([`Design::split`]), so that no
/// triplet is in two splits whatever was collected. Where the main arm meets a triplet of the
/// ceiling or of the full set, it shows it once more under that split. The order of a triplet's
/// first showing is a keyed hash of the triplet, uniform over the six orders; each further showing
/// moves on by one, so that six showings are all six orders. The key (triplet, order, replicate)
/// never comes twice.
///
/// [`Design::trial`] takes O(1) (about 0.2 µs) and the design O(n + K) memory.
///
/// ```
/// use emotome_triplets::design::DesignParams;
/// let design = DesignParams { trials: 1_000, ..DesignParams::new(2_180, 42) }.check()?;
/// let shard: Vec<_> = design.shard(3, 8).map(|t| design.trial(t).unwrap()).collect();
/// assert_eq!(shard.len(), 125);
/// assert_eq!(shard[0].number, 3);
/// # Ok::<(), emotome_triplets::design::DesignError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Design {
    params: DesignParams,
    order_seed: Seed,
    split_seed: Seed,
    class_seed: Seed,
    full_set_seed: Seed,
    cyclic: Cyclic,
    /// The stimulus at each place of the circle.
    labels: Vec<u32>,
    /// What the main arm steps through first: classes, orbits or all triplets.
    outer: KeyedPermutation,
    ceiling: Vec<UnorderedTriplet>,
    ceiling_ranks: HashSet<u64>,
    /// The stimuli of the full set, then the others.
    members: Vec<u32>,
    full_set_triplets: u64,
    in_full_set: Vec<bool>,
}

/// A part of a design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arm {
    /// Repeats in one order: sampling noise alone.
    CeilingSameOrder,
    /// Repeats through all six orders: sampling noise and order noise.
    CeilingAllOrders,
    /// Every triplet of the full set.
    FullSet,
    /// The random sample of all triplets.
    Main,
}

impl Design {
    fn new(params: DesignParams) -> Self {
        let n = params.n_stimuli as u64;
        let seed = Seed(params.seed);
        let total = triplet_count(n);
        let cyclic = Cyclic::new(n);
        let mut labels: Vec<u32> = (0..n as u32).collect();
        CounterRng::new(seed.derive("design places"), 0).shuffle(&mut labels);
        // In the order "full set, then the others" the triplets of the full set have the first ranks.
        let mut members = params
            .full_set
            .as_ref()
            .map_or_else(Vec::new, |f| f.stimuli.clone());
        members.sort_unstable();
        let full_set_triplets = triplet_count(members.len() as u64);
        let mut in_full_set = vec![false; params.n_stimuli];
        for &id in &members {
            in_full_set[id as usize] = true;
        }
        members.extend((0..n as u32).filter(|&id| !in_full_set[id as usize]));
        let outside = shuffled(total - full_set_triplets, seed.derive("design ceiling"));
        let ceiling: Vec<UnorderedTriplet> =
            (0..params.ceiling.map_or(0, |c| u64::from(c.triplets)))
                .map(|i| relabelled(&members, full_set_triplets + outside.at(i)))
                .collect();
        let outer = match params.balance {
            Balance::None => total,
            Balance::Items => cyclic.orbits(),
            Balance::Pairs => n,
        };
        Self {
            order_seed: seed.derive("design order"),
            split_seed: seed.derive("design split"),
            class_seed: seed.derive("design class"),
            full_set_seed: seed.derive("design full set"),
            outer: shuffled(outer, seed.derive("design main")),
            cyclic,
            labels,
            ceiling_ranks: ceiling.iter().map(|&triplet| rank(triplet)).collect(),
            ceiling,
            members,
            full_set_triplets,
            in_full_set,
            params,
        }
    }

    /// The parameters.
    #[must_use]
    pub const fn params(&self) -> &DesignParams {
        &self.params
    }

    /// The number of stimuli.
    #[must_use]
    pub const fn n_stimuli(&self) -> usize {
        self.params.n_stimuli
    }

    /// The number of trials in all arms.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.arms()[3].1.end
    }

    /// Whether no trial was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The arms and their trial numbers.
    #[must_use]
    pub fn arms(&self) -> [(Arm, Range<u64>); 4] {
        let k = self.ceiling.len() as u64;
        let repeats = self.params.ceiling.unwrap_or_default();
        let passes = self
            .params
            .full_set
            .as_ref()
            .map_or(0, |f| u64::from(f.passes));
        let mut start = 0;
        let mut arm = |arm, len| {
            let range = start..start + len;
            start = range.end;
            (arm, range)
        };
        [
            arm(Arm::CeilingSameOrder, k * u64::from(repeats.same_order)),
            arm(Arm::CeilingAllOrders, k * u64::from(repeats.all_orders)),
            arm(Arm::FullSet, self.full_set_triplets * passes),
            arm(Arm::Main, self.params.trials),
        ]
    }

    /// Trial `number`, or `None` past the end. O(1).
    #[must_use]
    pub fn trial(&self, number: u64) -> Option<Trial> {
        let (arm, range) = self
            .arms()
            .into_iter()
            .find(|(_, range)| range.contains(&number))?;
        let offset = number - range.start;
        let total = match arm {
            Arm::CeilingSameOrder | Arm::CeilingAllOrders => self.ceiling.len() as u64,
            Arm::FullSet => self.full_set_triplets,
            Arm::Main => triplet_count(self.n_stimuli() as u64),
        };
        let (pass, i) = (offset / total, offset % total);
        let triplet = match arm {
            Arm::CeilingSameOrder | Arm::CeilingAllOrders => self.ceiling[i as usize],
            Arm::FullSet => {
                let order = shuffled(total, self.full_set_seed.child(pass));
                relabelled(&self.members, order.at(i))
            }
            Arm::Main => self.main_triplet(i),
        };
        let split = self.split(triplet);
        let first_order = self.order_seed.child(rank(triplet)).0;
        let first_order = ((u128::from(first_order) * 6) >> 64) as u64;
        let (order, replicate) = if arm == Arm::CeilingSameOrder {
            (first_order, pass)
        } else {
            // Showings of the arms before come first, so that no key comes twice.
            let ceiling = self.params.ceiling.filter(|_| split == Split::Ceiling);
            let full_set = self
                .params
                .full_set
                .as_ref()
                .filter(|_| split == Split::FullSet);
            let before = match arm {
                Arm::Main => ceiling.map_or(0, |c| c.all_orders) + full_set.map_or(0, |f| f.passes),
                _ => 0,
            };
            let showing = u64::from(before) + pass;
            let in_same_order = ceiling.filter(|_| showing.is_multiple_of(6));
            let earlier = in_same_order.map_or(0, |c| c.same_order);
            (
                (first_order + showing) % 6,
                showing / 6 + u64::from(earlier),
            )
        };
        Some(Trial {
            number,
            triplet: triplet.ordered(order as u8),
            replicate: replicate as u16,
            split,
        })
    }

    /// What trials of this triplet may be used for, whether or not any was collected.
    ///
    /// Full set if all three stimuli are in it; ceiling if it is among the K; else train,
    /// validation or test by a keyed hash of its rank.
    #[must_use]
    pub fn split(&self, triplet: UnorderedTriplet) -> Split {
        if triplet
            .items()
            .iter()
            .all(|id| self.in_full_set[id.index()])
        {
            return Split::FullSet;
        }
        let rank = rank(triplet);
        if self.ceiling_ranks.contains(&rank) {
            return Split::Ceiling;
        }
        let u = (self.split_seed.child(rank).0 >> 11) as f64 / (1_u64 << 53) as f64;
        if u < self.params.test {
            Split::Test
        } else if u < self.params.test + self.params.validation {
            Split::Validation
        } else {
            Split::Train
        }
    }

    /// The trial numbers of shard `index` of `count`: every `count`-th, from `index` on.
    ///
    /// # Panics
    /// If `index` is not below `count`.
    pub fn shard(&self, index: u64, count: u64) -> StepBy<Range<u64>> {
        assert!(
            index < count,
            "shard {index} of {count}: shards count from 0"
        );
        (index..self.len()).step_by(count as usize)
    }

    /// All trials in order.
    pub fn trials(&self) -> impl Iterator<Item = Trial> + '_ {
        (0..self.len()).map_while(|t| self.trial(t))
    }

    /// A number that differs between designs whose trials differ, but not by their length.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let params = DesignParams {
            trials: 0,
            ..self.params.clone()
        };
        let json = serde_json::to_string(&params).expect("checked parameters are finite numbers");
        Seed(FORMAT).derive(&json).0
    }

    /// The triplet at a position of the main arm.
    fn main_triplet(&self, position: u64) -> UnorderedTriplet {
        let n = self.n_stimuli() as u64;
        let orbits = self.cyclic.orbits();
        let places = match self.params.balance {
            Balance::None => return unrank(self.outer.at(position)),
            _ if position >= orbits * n => self.cyclic.equilateral(position - orbits * n),
            Balance::Items => {
                let orbit = self.outer.at(position / n);
                let x = shuffled(n, self.class_seed.child(orbit)).at(position % n);
                self.cyclic.in_orbit(orbit, x)
            }
            Balance::Pairs => {
                let class = self.outer.at(position / orbits);
                let index = shuffled(orbits, self.class_seed.child(class)).at(position % orbits);
                self.cyclic.in_class(index, class)
            }
        };
        ascending(places.map(|place| StimulusId(self.labels[place as usize])))
    }
}

/// The version of the mapping from numbers to trials; a new one makes new fingerprints.
const FORMAT: u64 = 1;

/// The triplet of a rank among stimuli numbered in another order.
fn relabelled(labels: &[u32], rank: u64) -> UnorderedTriplet {
    ascending(
        unrank(rank)
            .items()
            .map(|id| StimulusId(labels[id.index()])),
    )
}

fn ascending(mut ids: [StimulusId; 3]) -> UnorderedTriplet {
    ids.sort_unstable();
    UnorderedTriplet::from_ascending(ids)
}

fn shuffled(len: u64, seed: Seed) -> KeyedPermutation {
    KeyedPermutation::new(len, seed)
        .expect("C(n,3) is below 2^63 for every checked number of stimuli")
}

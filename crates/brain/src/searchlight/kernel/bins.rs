//! Similarities in equal bins.

#![allow(unsafe_code)]

use emotome_lanes::{InstructionSet, LANES, Lanes, Task};

/// Equal bins of similarities, the first and last open.
pub(in crate::searchlight) struct Bins {
    factor: f32,
    offset: f32,
    last: f32,
}

/// The lower bits of an `f32` in 2²³ … 2²⁴ are its integer part.
const WHOLE: f32 = (1 << 23) as f32;

impl Bins {
    /// `count` bins over four standard deviations to either side.
    pub(in crate::searchlight) fn around(mean: f64, deviation: f64, count: usize) -> Self {
        let factor = (count as f64 - 1.0) / (8.0 * deviation);
        Self {
            factor: factor as f32,
            offset: (f64::from(WHOLE) + 0.5 * (count as f64 - 1.0) - mean * factor)
                .clamp(0.0, 2.0 * f64::from(WHOLE)) as f32,
            last: WHOLE + (count - 1) as f32,
        }
    }

    /// The bins of a row of similarities, which are overwritten, and how many each bin has.
    pub(in crate::searchlight) fn place(
        &self,
        set: InstructionSet,
        values: &mut [f32],
        places: &mut [u16],
        counts: &mut [u32],
    ) {
        let task = Quantise {
            bins: self,
            values,
            places,
            counts,
        };
        // SAFETY: the set is one this CPU has, and the task checks its indices.
        unsafe { set.run(task) }
    }
}

struct Quantise<'a> {
    bins: &'a Bins,
    values: &'a mut [f32],
    places: &'a mut [u16],
    counts: &'a mut [u32],
}

impl Task for Quantise<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Lanes>(self) {
        let (chunks, rest) = self.values.as_chunks_mut::<LANES>();
        unsafe {
            for chunk in chunks {
                place::<V>(chunk, self.bins);
            }
            let mut last = [0.0; LANES];
            last[..rest.len()].copy_from_slice(rest);
            place::<V>(&mut last, self.bins);
            rest.copy_from_slice(&last[..rest.len()]);
        }
        for (place, value) in self.places.iter_mut().zip(self.values.iter()) {
            *place = value.to_bits() as u16;
        }
        for &place in self.places.iter() {
            self.counts[usize::from(place)] += 1;
        }
    }
}

#[inline(always)]
unsafe fn place<V: Lanes>(values: &mut [f32; LANES], bins: &Bins) {
    unsafe {
        V::load(values.as_ptr())
            .mul_add(V::splat(bins.factor), V::splat(bins.offset))
            .max(V::splat(WHOLE))
            .min(V::splat(bins.last))
            .store(values.as_mut_ptr());
    }
}

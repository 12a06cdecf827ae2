//! Which frames are taken, and at what size.

use proptest::prelude::*;

use super::*;
use crate::policy::Timeline;

#[test]
fn frames_at_a_rate_are_those_of_the_fps_filter() {
    let reader = reader(DecoderChoice::Auto);
    let mut compared = 0;
    for (name, known) in known() {
        let Ok(source) = reader.open(&clip(&name), &never()) else {
            continue;
        };
        for (rate, expected) in known.fps {
            let at = policy(At::Fps(rate.parse().unwrap()), Size::Original);
            let mut taken = at.select(source.timeline()).frames;
            if name == "changing_rate.mp4" {
                // ffmpeg guesses how long the last frame lasts.
                taken.truncate(expected.len());
            }
            assert_eq!(taken, expected, "{name} at {rate}");
            compared += 1;
        }
    }
    assert!(compared >= 60, "{compared} were compared");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn selections_ascend_and_keep_their_promises(
        gaps in prop::collection::vec(0_i64..200, 0..300),
        ticks in 1_u64..1_000,
        last in 0_i64..100,
        k in 1_usize..60,
        (frames, seconds) in (1_u32..60, 1_u32..20),
        most in 1_usize..50,
    ) {
        let mut starts = vec![0];
        for gap in gaps {
            starts.push(starts.last().unwrap() + gap);
        }
        let clip = Timeline::new(ticks, starts.clone(), last).unwrap();
        let rate = crate::policy::Rate::new(frames, seconds).unwrap();
        for at in [At::Uniform(k), At::Fps(rate), At::Every] {
            let taken = policy(at, Size::Original).select(&clip);
            prop_assert!(!taken.frames.is_empty());
            prop_assert!(taken.frames.is_sorted_by(|a, b| a < b));
            prop_assert!(*taken.frames.last().unwrap() < clip.frames());
            prop_assert_eq!(taken.frames.len(), taken.chosen);
            match at {
                At::Uniform(k) => prop_assert!(taken.chosen <= k.min(clip.frames())),
                At::Every => prop_assert_eq!(taken.chosen, clip.frames()),
                At::Fps(_) => {
                    let slots = clip.duration() * f64::from(frames) / f64::from(seconds);
                    prop_assert!(taken.chosen as f64 <= slots + 1.5);
                }
            }
            let thinned = FramePolicy { at, max_frames: most, ..FramePolicy::default() };
            let thinned = thinned.check().unwrap().select(&clip);
            prop_assert_eq!(thinned.frames.len(), taken.chosen.min(most));
            prop_assert!(thinned.frames.iter().all(|frame| taken.frames.contains(frame)));
            prop_assert_eq!(thinned.chosen, taken.chosen);
        }
    }

    #[test]
    fn evenly_spaced_frames_are_taken_as_often_as_asked(n in 1_usize..500, k in 1_usize..100) {
        let clip = Timeline::new(25, (0..n as i64).collect(), 1).unwrap();
        prop_assert_eq!(policy(At::Uniform(k), Size::Original).select(&clip).frames.len(), k.min(n));
    }

    #[test]
    fn sizes_keep_their_proportions_and_never_grow(width in 1_u32..9_000, height in 1_u32..9_000, longest in 1_u32..8_192) {
        let (w, h) = Size::Longest(longest).of(width, height);
        prop_assert!(w.max(h) <= longest.min(width.max(height)) && w >= 1 && h >= 1);
        let exact = f64::from(width.min(height)) * f64::from(w.max(h)) / f64::from(width.max(height));
        prop_assert!((f64::from(w.min(h)) - exact).abs() <= 1.0);
    }
}

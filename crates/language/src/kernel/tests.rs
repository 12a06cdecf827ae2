//! Kernels against their definitions, bit for bit.

use super::*;
use crate::page::{PAGE, Page, PagePool, PageShape};
use crate::quant::Quant;
use emotome_lanes::{InstructionSet, LANES, Lanes, Portable};
use emotome_stats::random::{CounterRng, Seed};
use proptest::prelude::*;

fn numbers(stream: u64, count: usize) -> Vec<f32> {
    let mut rng = CounterRng::new(Seed(3), stream);
    (0..count).map(|_| rng.normal() as f32).collect()
}

fn matrix(stream: u64, rows: usize, width: usize) -> Matrix {
    let mut matrix = Matrix::zeros(rows, width);
    for (row, values) in numbers(stream, rows * width).chunks(width).enumerate() {
        matrix.row_mut(row).copy_from_slice(values);
    }
    matrix
}

/// The bits of numbers; what is no number has many, all alike.
fn bits(values: &[f32]) -> Vec<u32> {
    let one = |x: &f32| if x.is_nan() { u32::MAX } else { x.to_bits() };
    values.iter().map(one).collect()
}

/// One chain of fused multiply-adds.
fn chain(x: &[f32], y: impl IntoIterator<Item = f32>) -> f32 {
    x.iter().zip(y).fold(0.0, |sum, (x, y)| x.mul_add(y, sum))
}

#[allow(unsafe_code)]
fn exp(x: f32) -> f32 {
    let mut lanes = [0.0; LANES];
    // SAFETY: `Portable` runs everywhere, and the array holds sixteen values.
    unsafe { Portable::splat(x).exp().store(lanes.as_mut_ptr()) };
    lanes[0]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_product_is_a_chain_for_each_number(
        rows in 1_usize..150,
        outputs in 1_usize..110,
        blocks in 1_usize..60,
        with_bias: bool,
    ) {
        let inputs = 32 * blocks;
        // Eight-bit blocks: a scale of 2^-6, and any integers.
        let mut rng = CounterRng::new(Seed(4), inputs as u64);
        let mut bytes = Vec::new();
        for _ in 0..outputs * blocks {
            bytes.extend([0x00, 0x24]);
            bytes.extend((0..32).map(|_| rng.next_word() as u8));
        }
        let bias = with_bias.then(|| numbers(1, outputs));
        let x = matrix(0, rows, inputs);
        let weights = Weights::new(Quant::Q8_0, bytes, inputs, outputs, bias.clone());
        let mut unpacked = vec![0.0; inputs];
        let mut expected = Matrix::zeros(rows, outputs);
        for output in 0..outputs {
            weights.unpack(output, &mut unpacked);
            for row in 0..rows {
                let sum = chain(x.row(row), unpacked.iter().copied());
                expected.row_mut(row)[output] = sum + bias.as_ref().map_or(0.0, |b| b[output]);
            }
        }
        for set in InstructionSet::available() {
            let mut found = Matrix::zeros(rows, outputs);
            products(set, &x, &mut [(&weights, &mut found)]);
            prop_assert_eq!(bits(found.values()), bits(expected.values()), "{:?}", set);
        }
    }

    #[test]
    #[allow(unsafe_code)]
    fn every_quantisation_is_unpacked_as_where_it_is_defined(
        (kind, bytes) in (0..Quant::ALL.len()).prop_flat_map(|kind| {
            let len = 3 * Quant::ALL[kind].block_bytes();
            (Just(kind), prop::collection::vec(any::<u8>(), len))
        })
    ) {
        let quant = Quant::ALL[kind];
        let (mut here, mut there) = (vec![0.0; 3 * quant.block_len()], vec![0.0; 3 * quant.block_len()]);
        // SAFETY: `Portable` runs everywhere; both hold three blocks.
        unsafe { unpack::unpack::<Portable>(quant, &bytes, &mut here) };
        quant.dequantize(&bytes, &mut there);
        prop_assert_eq!(bits(&here), bits(&there));
    }

    #[test]
    fn attention_is_its_definition(
        starts in prop::collection::vec((0_usize..70, 1_usize..25), 1..4),
        heads in 1_usize..3,
        group in 1_usize..4,
        vectors in 1_usize..5,
    ) {
        let shape = PageShape { layers: 2, heads, width: 16 * vectors };
        let pool = PagePool::new(shape);
        let width = heads * shape.width;
        let mut texts = Vec::new();
        let mut rows = Vec::new();
        for (text, &(start, count)) in starts.iter().enumerate() {
            let (keys, values) = (matrix(10 + text as u64, start + count, width), matrix(20 + text as u64, start + count, width));
            let mut pages: Vec<Page> = (0..(start + count).div_ceil(PAGE))
                .map(|_| pool.page().expect("a small page"))
                .collect();
            for position in 0..start + count {
                pages[position / PAGE].write(1, position % PAGE, keys.row(position), values.row(position));
            }
            rows.extend((start..start + count).map(|position| KeyedRow { text, position }));
            texts.push((keys, values, pages));
        }
        let queries = matrix(0, rows.len(), group * width);
        let scale = 1.0 / (shape.width as f32).sqrt();
        let mut expected = Matrix::zeros(rows.len(), group * width);
        for (row, place) in rows.iter().enumerate() {
            let (keys, values, _) = &texts[place.text];
            for head in 0..heads * group {
                let of_head = head / group * shape.width..(head / group + 1) * shape.width;
                let query = &queries.row(row)[head * shape.width..][..shape.width];
                let mut e: Vec<f32> = (0..=place.position)
                    .map(|i| chain(query, keys.row(i)[of_head.clone()].iter().copied()) * scale)
                    .collect();
                let max = e.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
                let mut lanes = [0.0; LANES];
                for (i, e) in e.iter_mut().enumerate() {
                    *e = exp(*e - max);
                    lanes[i % LANES] += *e;
                }
                for half in [8, 4, 2, 1] {
                    for i in 0..half {
                        lanes[i] += lanes[i + half];
                    }
                }
                for number in 0..shape.width {
                    let column = (0..e.len()).map(|i| values.row(i)[of_head.clone()][number]);
                    expected.row_mut(row)[head * shape.width + number] = chain(&e, column) / lanes[0];
                }
            }
        }
        let pages: Vec<Vec<&Page>> = texts.iter().map(|(_, _, pages)| pages.iter().collect()).collect();
        let attention = Attention { layer: 1, heads: heads * group, shape, scale };
        for set in InstructionSet::available() {
            let mut found = Matrix::zeros(rows.len(), group * width);
            attend(set, attention, &queries, &rows, &pages, &mut found);
            prop_assert_eq!(bits(found.values()), bits(expected.values()), "{:?}", set);
        }
    }

    #[test]
    fn rows_are_their_definitions(rows in 1_usize..40, width in 1_usize..90) {
        let (x, up, weight) = (matrix(0, rows, width), matrix(1, rows, width), numbers(2, width));
        for set in InstructionSet::available() {
            let mut normed = Matrix::zeros(rows, width);
            normalise(set, &x, &weight, 1e-5, &mut normed);
            let mut gate = x.clone();
            swiglu(set, &mut gate, &up);
            let softmax = log_softmax(set, &x);
            for row in 0..rows {
                let squares: f64 = x.row(row).iter().map(|&x| f64::from(x) * f64::from(x)).sum();
                let root = (squares / width as f64 + 1e-5).sqrt();
                let sum: f64 = x.row(row).iter().map(|&z| f64::from(z - softmax[row].max).exp()).sum();
                prop_assert!((softmax[row].sum / sum - 1.0).abs() < 1e-6);
                for i in 0..width {
                    let (z, expected) = (f64::from(x.row(row)[i]), f64::from(weight[i]));
                    let expected = z / root * expected;
                    prop_assert!((f64::from(normed.row(row)[i]) - expected).abs() <= 1e-6 * expected.abs());
                    let expected = z / (1.0 + (-z).exp()) * f64::from(up.row(row)[i]);
                    prop_assert!((f64::from(gate.row(row)[i]) - expected).abs() <= 1e-6 * expected.abs());
                }
            }
            let whole = |m: &Matrix| m.values().chunks(m.stride()).all(|row| row[width..].iter().all(|&x| x == 0.0));
            prop_assert!(whole(&normed) && whole(&gate), "padding is not zero");
        }
    }
}

#[test]
fn logits_that_are_not_finite_are_noticed() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut logits = matrix(0, 2, 40);
        logits.row_mut(1)[17] = bad;
        let found = log_softmax(InstructionSet::detect(), &logits);
        assert!(found[0].sum.is_finite() && found[1].sum.is_nan(), "{bad}");
    }
}

//! Quantised blocks against the reference implementation; see `fixtures/generate_quants.py`.

use std::collections::BTreeMap;

use emotome_language::quant::Quant;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    bytes: String,
    values: String,
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

#[test]
fn blocks_have_the_values_of_the_reference_bit_for_bit() {
    let fixture = include_str!("fixtures/quants.json");
    let cases: BTreeMap<String, Case> = serde_json::from_str(fixture).unwrap();
    assert_eq!(cases.len(), Quant::ALL.len());
    for quant in Quant::ALL {
        let case = &cases[&quant.to_string()];
        let bytes = unhex(&case.bytes);
        let expected: Vec<u32> = unhex(&case.values)
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| u32::from_le_bytes(bytes))
            .collect();
        let mut values = vec![0.0; expected.len()];
        quant.dequantize(&bytes, &mut values);
        let values: Vec<u32> = values.into_iter().map(f32::to_bits).collect();
        assert_eq!(values, expected, "{quant}");
        assert!(values.len() >= 48, "{quant}");
    }
}

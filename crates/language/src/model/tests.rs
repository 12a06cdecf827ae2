//! What files are refused, and why.

use super::*;
use crate::gguf::Value;
use crate::gguf::build::Build;

/// A model of one layer with 16 numbers and one head, all weights 0.
fn file() -> Build {
    let mut file = Build::default().value("general.architecture", Value::Text("llama".into()));
    for (key, value) in [
        ("context_length", 64),
        ("embedding_length", 16),
        ("block_count", 1),
        ("feed_forward_length", 32),
        ("attention.head_count", 1),
    ] {
        file = file.value(&format!("llama.{key}"), Value::Unsigned(value));
    }
    file = file.value("llama.attention.layer_norm_rms_epsilon", Value::Float(1e-5));
    for (name, shape) in [
        ("token_embd.weight", &[16, 20][..]),
        ("output_norm.weight", &[16]),
        ("blk.0.attn_norm.weight", &[16]),
        ("blk.0.attn_q.weight", &[16, 16]),
        ("blk.0.attn_k.weight", &[16, 16]),
        ("blk.0.attn_v.weight", &[16, 16]),
        ("blk.0.attn_output.weight", &[16, 16]),
        ("blk.0.ffn_norm.weight", &[16]),
        ("blk.0.ffn_gate.weight", &[16, 32]),
        ("blk.0.ffn_up.weight", &[16, 32]),
        ("blk.0.ffn_down.weight", &[32, 16]),
    ] {
        let bytes = vec![0; 4 * shape.iter().product::<u64>() as usize];
        file = file.tensor(name, shape, 0, bytes);
    }
    file
}

/// The file with one key set to a value.
fn with(key: &str, value: Value) -> Build {
    let mut file = file();
    file.values.retain(|(held, _)| held != key);
    file.value(key, value)
}

fn refusal(file: &Build) -> String {
    match Model::load(&file.open().expect("the header is sound")) {
        Ok(_) => panic!("the file is not refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_plain_file_is_taken() {
    let model = Model::load(&file().open().expect("a sound file")).expect("a whole model");
    assert_eq!((model.vocabulary(), model.context_length()), (20, 64));
    // One layer, one head, 16 keys and 16 values of 16 numbers a page.
    assert_eq!(
        (model.key_value_bytes(1), model.key_value_bytes(17)),
        (2048, 4096)
    );
}

#[test]
fn other_arithmetic_is_refused_by_name() {
    for (key, value, expected) in [
        (
            "general.architecture",
            Value::Text("gemma3".into()),
            "\"gemma3\"; computed in the process are llama, qwen2, qwen3",
        ),
        (
            "llama.rope.scaling.type",
            Value::Text("yarn".into()),
            "rope.scaling.type\" is yarn",
        ),
        (
            "llama.attention.sliding_window",
            Value::Unsigned(32),
            "sliding_window\" is 32",
        ),
        (
            "llama.expert_count",
            Value::Unsigned(8),
            "expert_count\" is 8",
        ),
        (
            "llama.attention.causal",
            Value::Bool(false),
            "causal\" is false",
        ),
        ("llama.logit_scale", Value::Float(0.5), "logit_scale"),
        (
            "llama.attention.key_length",
            Value::Unsigned(24),
            "multiple of 16",
        ),
        (
            "llama.attention.value_length",
            Value::Unsigned(32),
            "values as wide as keys",
        ),
    ] {
        let found = refusal(&with(key, value));
        assert!(found.contains(expected), "{key}: {found}");
    }
}

#[test]
fn a_window_as_long_as_the_context_changes_nothing() {
    let file = with("llama.attention.sliding_window", Value::Unsigned(64));
    assert!(Model::load(&file.open().expect("a sound file")).is_ok());
}

#[test]
fn sizes_out_of_range_are_refused_before_memory_is_taken() {
    for (key, value) in [
        ("llama.block_count", u64::MAX >> 1),
        ("llama.block_count", 0),
        ("llama.embedding_length", 1 << 40),
        ("llama.attention.head_count", 0),
        ("llama.attention.head_count_kv", 3),
        ("llama.rope.dimension_count", 15),
        ("llama.context_length", 1 << 60),
    ] {
        let found = refusal(&with(key, Value::Unsigned(value)));
        assert!(
            found.contains(key) && found.contains(&value.to_string()),
            "{found}"
        );
    }
    for (key, value) in [
        ("llama.attention.layer_norm_rms_epsilon", f64::NAN),
        ("llama.rope.freq_base", -1.0),
    ] {
        let found = refusal(&with(key, Value::Float(value)));
        assert!(
            found.contains(key) && found.contains("a positive number"),
            "{found}"
        );
    }
}

#[test]
fn angles_that_cannot_be_computed_are_refused() {
    let factors = |bytes: Vec<u8>| file().tensor("rope_freqs.weight", &[8], 0, bytes);
    let of = |last: f32| {
        let numbers = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, last];
        factors(numbers.into_iter().flat_map(f32::to_le_bytes).collect())
    };
    for last in [f32::NAN, 0.0, -1.0, f32::INFINITY, 1e-30] {
        let found = refusal(&of(last));
        assert!(found.contains("radians a position"), "{last}: {found}");
    }
    let fast = with("llama.rope.scale_linear", Value::Float(1e-9));
    assert!(refusal(&fast).contains("radians a position"));
    assert!(Model::load(&of(8.0).open().expect("a sound file")).is_ok());
}

/// As llama.cpp reads it: a factor without a type is linear.
#[test]
fn a_linear_factor_counts_with_and_without_its_type() {
    let turn = |file: &Build| {
        let model = Model::load(&file.open().expect("a sound file")).expect("a whole model");
        model.rope.turn(3)
    };
    let halved = with("llama.rope.scaling.factor", Value::Float(2.0));
    let linear = || Value::Text("linear".into());
    assert_eq!(
        turn(&halved),
        turn(&with("llama.rope.scale_linear", Value::Float(2.0)))
    );
    assert_eq!(
        turn(&halved),
        turn(&halved.clone().value("llama.rope.scaling.type", linear()))
    );
    assert_ne!(turn(&halved), turn(&file()));
    let none = halved.value("llama.rope.scaling.type", Value::Text("none".into()));
    assert_eq!(turn(&none), turn(&file()));
}

#[test]
fn every_tensor_must_have_its_shape_and_its_place() {
    let whole = file();
    for i in 0..whole.tensors.len() {
        let name = whole.tensors[i].0.clone();
        let mut missing = whole.clone();
        missing.tensors.remove(i);
        assert!(refusal(&missing).contains(&name));
        let mut reshaped = whole.clone();
        // The same bytes along one axis more or less.
        let shape = &mut reshaped.tensors[i].1;
        match shape[..] {
            [n] => *shape = vec![n / 2, 2],
            _ => *shape = vec![shape.iter().product()],
        }
        let found = refusal(&reshaped);
        assert!(
            found.contains(&name) && found.contains("has shape"),
            "{found}"
        );
    }
    let more = whole.tensor("blk.0.attn_sinks.weight", &[1], 0, vec![0; 4]);
    let found = refusal(&more);
    assert!(
        found.contains("attn_sinks") && found.contains("no place in architecture llama"),
        "{found}"
    );
}

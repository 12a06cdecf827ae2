//! What the reader accepts, and what it says of the rest.

use super::build::{Build, open};
use super::*;
use proptest::prelude::*;

fn small() -> Build {
    let texts = ["a", "b\n", ""].map(str::to_owned).to_vec();
    let nested = vec![Array::I32(vec![1, -2]), Array::Text(vec!["x".into()])];
    Build::default()
        .value("general.architecture", Value::Text("llama".into()))
        .value("llama.block_count", Value::Unsigned(30))
        .value("llama.big", Value::Unsigned(1 << 40))
        .value("llama.below", Value::Signed(-1))
        .value("llama.theta", Value::Float(0.5))
        .value("add_bos", Value::Bool(true))
        .value("tokens", Value::Array(Array::Text(texts)))
        .value("types", Value::Array(Array::I32(vec![1, 2, 3])))
        .value("scores", Value::Array(Array::F32(vec![0.5, -1.0])))
        .value("nested", Value::Array(Array::Arrays(nested)))
        .value("flags", Value::Array(Array::Bool(vec![true, false])))
        .tensor(
            "norm",
            &[3],
            0,
            [1f32, 2.0, 3.0].map(f32::to_le_bytes).concat(),
        )
        .tensor("weight", &[32, 2], 8, (0..68).collect())
}

fn message(result: Result<Gguf, GgufError>) -> String {
    let message = result.unwrap_err().to_string();
    // The path is a temporary one.
    let at = message.find([',', ':']).unwrap();
    message[at..].to_owned()
}

#[test]
fn a_file_is_read_as_it_was_written() {
    for version in [2, 3] {
        let build = Build { version, ..small() };
        let model = build.open().unwrap();
        let metadata = model.metadata();
        assert_eq!(
            metadata.get::<&str>("general.architecture").unwrap(),
            "llama"
        );
        assert_eq!(metadata.get::<usize>("llama.block_count").unwrap(), 30);
        assert_eq!(metadata.get::<u64>("llama.big").unwrap(), 1 << 40);
        assert_eq!(metadata.get::<f32>("llama.theta").unwrap(), 0.5);
        assert!(metadata.get::<bool>("add_bos").unwrap());
        assert_eq!(
            metadata.get::<&[String]>("tokens").unwrap(),
            ["a", "b\n", ""]
        );
        assert_eq!(metadata.get::<&[i32]>("types").unwrap(), [1, 2, 3]);
        assert_eq!(metadata.get::<&[f32]>("scores").unwrap(), [0.5, -1.0]);
        assert_eq!(metadata.optional::<bool>("absent").unwrap(), None);
        let mut expected = build.values.clone();
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        let found: Vec<_> = metadata
            .iter()
            .map(|(k, v)| (k.to_owned(), v.clone()))
            .collect();
        assert_eq!(found, expected);

        let norm = model.tensor("norm").unwrap();
        assert_eq!((norm.quant, &norm.shape[..]), (Quant::F32, &[3][..]));
        assert_eq!(norm.to_f32(), [1.0, 2.0, 3.0]);
        let weight = model.tensor("weight").unwrap();
        assert_eq!(
            (weight.quant, &weight.shape[..]),
            (Quant::Q8_0, &[32, 2][..])
        );
        assert_eq!(weight.bytes, (0..68).collect::<Vec<u8>>());
    }
}

#[test]
fn tensors_begin_where_the_alignment_says() {
    for alignment in [8, 64, 4096] {
        let key = Value::Unsigned(alignment as u64);
        let build = Build {
            alignment,
            ..small()
        }
        .value("general.alignment", key);
        let model = build.open().unwrap();
        assert!(
            model
                .tensors()
                .iter()
                .all(|t| t.at.is_multiple_of(alignment as u64))
        );
        assert_eq!(model.tensor("weight").unwrap().bytes[67], 67);
    }
}

#[test]
fn getters_name_the_key_and_what_was_found() {
    let model = small().open().unwrap();
    let metadata = model.metadata();
    for (error, says) in [
        (
            metadata.get::<usize>("llama.rows").map(drop),
            ": has no metadata \"llama.rows\"; expected an unsigned integer",
        ),
        (
            metadata.get::<u32>("llama.big").map(drop),
            ": metadata \"llama.big\" is the integer 1099511627776; expected an unsigned 32-bit integer",
        ),
        (
            metadata.get::<usize>("llama.below").map(drop),
            ": metadata \"llama.below\" is the integer -1; expected an unsigned integer",
        ),
        (
            metadata.get::<&str>("tokens").map(drop),
            ": metadata \"tokens\" is an array of 3 texts; expected a text",
        ),
        (
            metadata.optional::<f32>("general.architecture").map(drop),
            ": metadata \"general.architecture\" is the text \"llama\"; expected a float",
        ),
        (
            model.tensor("output").map(drop),
            ": has no tensor \"output\" among its 2; is this a vocabulary without weights, or a model of \
             another architecture than its metadata says?",
        ),
    ] {
        let message = error.unwrap_err().to_string();
        assert!(message.ends_with(says), "{message}");
    }
}

#[test]
fn other_formats_and_versions_are_refused_with_advice() {
    assert!(message(open(b"")).contains("begins with \"\" instead of \"GGUF\""));
    assert!(message(open(b"\x08\0\0\0\0\0\0\0{")).contains("begins with \"\\x08\\x00\\x00\\x00\""));
    let version = |version| Build { version, ..small() }.open();
    assert!(message(version(1)).contains("is GGUF version 1; expected version 2 or 3"));
    assert!(message(version(4)).contains("is GGUF version 4"));
    assert!(message(version(3_u32.swap_bytes())).contains("is big-endian GGUF"));
    let split = small().value("split.count", Value::Unsigned(4)).open();
    assert!(message(split).contains("is one of 4 parts of a model"));
    assert!(matches!(
        Gguf::open("/no/such/file"),
        Err(GgufError::Io { .. })
    ));
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Gguf::open(folder.path()).unwrap_err().to_string();
    assert!(error.ends_with("it is no ordinary file"), "{error}");
}

#[test]
fn quantisations_that_are_not_read_are_refused_by_name() {
    let says = message(small().tensor("mixture", &[32], 39, vec![0; 17]).open());
    assert!(
        says.contains("tensor \"mixture\" is of type MXFP4 (number 39)"),
        "{says}"
    );
    assert!(says.contains("Q4_K, Q5_K, Q6_K"), "{says}");
}

#[test]
fn headers_that_contradict_themselves_are_refused() {
    let none = || Build::default();
    let deep = (0..4).fold(Array::U8(vec![]), |inner, _| Array::Arrays(vec![inner]));
    for (build, says) in [
        (
            small().value("tokens", Value::Bool(true)),
            "metadata \"tokens\" stands here again",
        ),
        (
            small().tensor("norm", &[1], 0, vec![0; 4]),
            "tensor \"norm\" stands here again",
        ),
        (
            none().value("deep", Value::Array(deep)),
            "nests arrays more than 4 deep",
        ),
        (
            none().value("general.alignment", Value::Unsigned(48)),
            "general.alignment is 48; expected a power of two",
        ),
        (
            none().value("general.alignment", Value::Unsigned(0)),
            "expected a power of two",
        ),
        (
            none().tensor("t", &[], 0, vec![]),
            "has 0 axes; expected 1 to 4",
        ),
        (none().tensor("t", &[1; 5], 0, vec![0; 4]), "has 5 axes"),
        (none().tensor("t", &[3, 0], 0, vec![]), "has shape [3, 0]"),
        (
            none().tensor("t", &[33], 8, vec![0; 68]),
            "the first a multiple of 32",
        ),
        (
            none().tensor("t", &[1 << 32, 1 << 32], 0, vec![0; 4]),
            "a product that a file can hold",
        ),
        (
            none().tensor("t", &[1 << 63], 0, vec![0; 4]),
            "a product that a file can hold",
        ),
        (
            none().tensor("t", &[(1 << 62) - 1], 0, vec![0; 4]),
            "the tensors claim more than 2^64 bytes",
        ),
        (
            none().tensor("t", &[1 << 40], 0, vec![0; 4]),
            "bytes from here on, where 11 are left",
        ),
        (
            none()
                .tensor("t", &[9], 0, vec![0; 32])
                .tensor("u", &[1], 0, vec![0; 4]),
            "tensor \"u\" has its data at offset 32 where 64 is next",
        ),
        (
            none()
                .tensor("t", &[(1 << 62) - 1], 0, vec![0; 4])
                .tensor("u", &[1], 0, vec![0; 4]),
            "tensor \"u\" begins past any file",
        ),
        (
            none().value(&"k".repeat(65_536), Value::Bool(true)),
            "key claims 65536 bytes; expected at most 65535",
        ),
    ] {
        let found = message(build.open());
        assert!(found.contains(says), "{found}\nlacks\n{says}");
    }
    // Padding after the last tensor is no damage.
    let mut bytes = small().bytes();
    bytes.extend([0; 31]);
    assert!(open(&bytes).is_ok());
}

#[test]
fn counts_beyond_the_file_are_refused_before_memory_is_taken() {
    let header = |tensors: u64, keys: u64, rest: &[u8]| {
        let counts = [tensors.to_le_bytes(), keys.to_le_bytes()].concat();
        [b"GGUF\x03\0\0\0", &counts[..], rest].concat()
    };
    let huge = u64::MAX.to_le_bytes();
    let key = |kind: u32| [&1_u64.to_le_bytes()[..], b"k", &kind.to_le_bytes()].concat();
    let array = |inner: u32| [&key(9)[..], &inner.to_le_bytes(), &huge].concat();
    for (bytes, says) in [
        (
            header(0, u64::MAX, &[]),
            "metadata keys claims 18446744073709551615 times 13 bytes",
        ),
        (header(u64::MAX, 0, &[]), "tensors claims"),
        (
            header(0, 1, &[huge, huge].concat()),
            "key claims 18446744073709551615 bytes",
        ),
        (
            header(0, 1, &[&key(8)[..], &huge].concat()),
            "k claims 18446744073709551615 bytes",
        ),
        (
            header(0, 1, &array(12)),
            "k claims 18446744073709551615 times 8 bytes, where 0 are left",
        ),
        (header(0, 1, &array(8)), "k claims"),
        (header(0, 1, &array(9)), "k claims"),
        (header(0, 1, &array(13)), "metadata \"k\" is of kind 13"),
        (
            header(0, 1, &key(99)),
            "metadata \"k\" is of kind 99; expected 0 to 12",
        ),
        (
            header(0, 1, &[&key(7)[..], &[2]].concat()),
            "has the truth value 2",
        ),
        (
            header(0, 1, &[&8_u64.to_le_bytes()[..], &[0xff; 20]].concat()),
            "key is not UTF-8",
        ),
    ] {
        let found = message(open(&bytes));
        assert!(found.contains(says), "{found}\nlacks\n{says}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = small().bytes();
    for end in 0..bytes.len() {
        assert!(open(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn a_file_cut_after_it_was_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let bytes = small().bytes();
    std::fs::write(&path, &bytes).unwrap();
    let model = Gguf::open(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    assert!(matches!(model.tensor("weight"), Err(GgufError::Io { .. })));
}

/// Makes the seeds of `fuzz/corpus/gguf`.
#[test]
#[ignore = "writes into fuzz/corpus"]
fn binary_seeds_are_made_anew() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/gguf");
    std::fs::create_dir_all(&folder).unwrap();
    let seed =
        |name: &str, build: &Build| std::fs::write(folder.join(name), build.bytes()).unwrap();
    seed("tensors.gguf", &small());

    let texts = |texts: &[&str]| {
        Value::Array(Array::Text(
            texts.iter().map(|&text| text.to_owned()).collect(),
        ))
    };
    let numbers = |numbers: &[i32]| Value::Array(Array::I32(numbers.to_vec()));
    let template =
        "{% for m in messages %}{{ '<s>' + m.content | trim + '</s>' }}{% endfor %}{{ bos_token }}";
    let vocabulary = |model: &str, pre: &str, tokens: &[&str], types: &[i32]| {
        Build::default()
            .value("tokenizer.ggml.model", Value::Text(model.into()))
            .value("tokenizer.ggml.pre", Value::Text(pre.into()))
            .value("tokenizer.ggml.tokens", texts(tokens))
            .value("tokenizer.ggml.token_type", numbers(types))
            .value("tokenizer.ggml.bos_token_id", Value::Unsigned(0))
            .value("tokenizer.ggml.eos_token_id", Value::Unsigned(1))
            .value("tokenizer.chat_template", Value::Text(template.into()))
    };
    let bpe = vocabulary(
        "gpt2",
        "smollm",
        &["<s>", "</s>", "I", "t", "'", "s", "It", "\u{120}", "'s"],
        &[3, 3, 1, 1, 1, 1, 1, 1, 4],
    );
    seed(
        "bpe.gguf",
        &bpe.value("tokenizer.ggml.merges", texts(&["I t"])),
    );
    let bytes: Vec<String> = (0..=255).map(|byte| format!("<0x{byte:02X}>")).collect();
    let mut tokens = vec![
        "<s>",
        "</s>",
        "\u{2581}",
        "I",
        "t",
        "It",
        "\u{2581}It",
        "<unk>",
    ];
    let mut types = vec![3, 3, 1, 1, 1, 1, 5, 2];
    tokens.extend(bytes.iter().map(String::as_str));
    types.extend([6; 256]);
    let scores = (0..tokens.len()).map(|i| -(i as f32)).collect();
    let spm = vocabulary("llama", "default", &tokens, &types);
    seed(
        "spm.gguf",
        &spm.value("tokenizer.ggml.scores", Value::Array(Array::F32(scores))),
    );
}

proptest! {
    #[test]
    fn flipped_bytes_give_an_error_or_a_file_whose_tensors_can_be_read(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = small().bytes();
        for (at, byte) in flips {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(model) = open(&bytes) {
            for info in model.tensors() {
                let tensor = model.tensor(&info.name).unwrap();
                prop_assert_eq!(tensor.to_f32().len(), tensor.elements());
            }
        }
    }
}

//! What cannot be fitted is refused by name.

use crate::support::{choices, data, planted, with_options};
use emotome_embedding::train::spose::{SposeParams, fit_spose};
use emotome_embedding::train::vice::ViceParams;
use emotome_embedding::train::{FitError, TrainingData};
use emotome_stats::random::Seed;
use emotome_triplets::ChoiceSet;

#[test]
fn impossible_parameters_and_data_are_refused_by_name() {
    let message = |p: SposeParams| p.check().unwrap_err().to_string();
    let base = SposeParams::default();
    assert!(
        message(SposeParams {
            dims: 0,
            ..base.clone()
        })
        .contains("--dims is 0; expected 1 to 4096")
    );
    assert!(
        message(SposeParams {
            lambda: f64::NAN,
            ..base.clone()
        })
        .contains("--lambda is NaN")
    );
    assert!(
        message(SposeParams {
            rate: Some(-1.0),
            ..base.clone()
        })
        .contains("--rate is -1")
    );
    let vice = ViceParams {
        spike: 2.0,
        ..ViceParams::default()
    }
    .check()
    .unwrap_err()
    .to_string();
    assert!(
        vice.contains("--spike is 2; expected a number > 0 below --slab"),
        "{vice}"
    );
    let empty = ChoiceSet::new(5, Vec::new()).unwrap();
    let data = data(&empty, None);
    let params = base.check().unwrap();
    let error = with_options(|o| fit_spose(data, &params, Seed(1), o)).unwrap_err();
    assert!(matches!(error, FitError::Empty));
    let train = choices(&planted(), 10, 0.0, 1);
    let data = TrainingData {
        train: &train,
        validation: None,
        targets: Some(&[[0.5; 3]; 10]),
    };
    let error = with_options(|o| fit_spose(data, &params, Seed(1), o))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("soft label 1 (counted from 1) of 10 is [0.5, 0.5, 0.5]"),
        "{error}"
    );
}

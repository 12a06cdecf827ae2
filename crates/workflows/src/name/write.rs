//! The files of names.

use super::{NameRequest, SuggestedName, SuggestedNames};
use crate::WorkflowError;
use emotome_judges::printable::one_line;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::provenance::Provenance;
use serde_json::json;
use std::path::PathBuf;

/// What is written at the end.
pub(super) const FILES: [&str; 3] = ["names.json", "names.tsv", "provenance.json"];

/// Writes the names, and returns where.
pub(super) fn write(
    request: &NameRequest,
    names: &SuggestedNames,
    overwrite: Overwrite,
) -> Result<PathBuf, WorkflowError> {
    let [json, tsv, provenance] = FILES.map(|name| request.out.join(name));
    let parameters = json!({
        "naming": names.params,
        "judge": names.judge.settings,
        "test_judge": names.test_judge.settings,
        "templates": [names.judge.template, names.test_judge.template],
        "sensitive": request.sensitive,
    });
    let mut record = Provenance::new(request.command.clone(), Some(names.params.seed), parameters);
    record.add_input(&request.embedding)?;
    for table in request.captions.iter() {
        record.add_input(table)?;
    }
    if let Some(study) = &request.study {
        for file in ["study.toml", "stimuli.tsv", "captions.tsv"] {
            let file = study.join(file);
            if file.exists() {
                record.add_input(file)?;
            }
        }
    }
    let mut table = String::from(
        "dimension\tname\tsentence\tnames\tdistinct\texact\tjaccard\tsimilarity\tsimilarity_low\tsimilarity_high\tchance\t\
         pairs\tunanswered\taccuracy\taccuracy_low\taccuracy_high\tfirst\tnot_asked\n",
    );
    names
        .dimensions
        .iter()
        .for_each(|name| table += &line(name));
    output::write_json(&json, overwrite, names)?;
    output::write(tsv, overwrite, table.as_bytes())?;
    record.write_beside(provenance.with_extension(""), overwrite)?;
    Ok(json)
}

fn line(of: &SuggestedName) -> String {
    let none = || "n/a".to_owned();
    let text =
        |text: Option<&str>| text.map_or_else(none, |text| one_line(text).replace('\t', " "));
    let number = |value: Option<f64>| value.map_or_else(none, |value| format!("{value:.4}"));
    let count = |value: Option<usize>| value.map_or_else(none, |value| value.to_string());
    let (agreement, test) = (of.agreement.as_ref(), of.discrimination.as_ref());
    let similar = agreement.and_then(|found| found.interval);
    let accurate = test.and_then(|found| found.interval);
    let cells = [
        of.dimension.to_string(),
        text(of.name.as_deref()),
        text(of.sentence.as_deref()),
        of.repeats
            .iter()
            .filter(|repeat| repeat.name.is_some())
            .count()
            .to_string(),
        count(agreement.map(|found| found.distinct)),
        number(agreement.map(|found| found.exact)),
        number(agreement.map(|found| found.jaccard)),
        number(agreement.map(|found| found.similarity)),
        number(similar.map(|interval| interval.low)),
        number(similar.map(|interval| interval.high)),
        number(agreement.and_then(|found| found.chance)),
        count(test.map(|found| found.pairs)),
        count(test.map(|found| found.unanswered)),
        number(test.and_then(|found| found.accuracy)),
        number(accurate.map(|interval| interval.low)),
        number(accurate.map(|interval| interval.high)),
        number(test.and_then(|found| found.first)),
        text(of.not_asked.as_deref()),
    ];
    cells.join("\t") + "\n"
}

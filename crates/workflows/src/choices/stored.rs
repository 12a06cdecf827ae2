//! Choices from a journal.

use crate::WorkflowError;
use emotome_stimuli::run::Run;
use emotome_triplets::formats::{ChoiceTable, Extras, Labels, PresentedOrder};
use emotome_triplets::journal::{AgentId, Journal};
use emotome_triplets::{ChoiceSet, Split};

/// For each choice, of each place to be odd.
pub(crate) type Probabilities = Vec<[f32; 3]>;

/// The agent of a name, or the only one there is.
///
/// # Errors
/// [`WorkflowError::WhichAgent`] where several are there and none is named.
pub(crate) fn one_agent(
    journal: &Journal,
    name: Option<&str>,
) -> Result<(AgentId, String), WorkflowError> {
    if let Some(name) = name {
        return Ok((journal.agent(name)?, name.to_owned()));
    }
    match &all_agents(journal)?[..] {
        [agent] => Ok(agent.clone()),
        agents => Err(WorkflowError::WhichAgent {
            path: journal.path().into(),
            known: agents.iter().map(|(_, name)| name.clone()).collect(),
        }),
    }
}

/// Every agent and its name, in the order of their arrival.
pub(crate) fn all_agents(journal: &Journal) -> Result<Vec<(AgentId, String)>, WorkflowError> {
    let agents = journal.agents()?.into_iter();
    Ok(agents.map(|(id, agent)| (id, agent.name)).collect())
}

/// The choices of agents, one agent after the other, of some splits or, if none is given, of all; with their
/// probabilities if every choice has them.
///
/// # Errors
/// Those of reading the journal, and [`WorkflowError::Stopped`].
pub(crate) fn table(
    journal: &Journal,
    agents: &[(AgentId, String)],
    splits: &[Split],
    run: Run<'_>,
) -> Result<(ChoiceTable, Option<Probabilities>), WorkflowError> {
    let (mut choices, mut numbers, mut replicates, mut kept, mut codes) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut probabilities = Some(Vec::new());
    for (code, (agent, _)) in (0_u32..).zip(agents) {
        let mut read = 0_u64;
        run.progress.begin(
            "reading the journal",
            Some(journal.standing(*agent)?.choices()),
        );
        journal.for_each_choice(*agent, |stored| {
            read += 1;
            if read.is_multiple_of(65_536) {
                run.progress.advance(65_536);
                if run.interrupt.requested() {
                    return Err(WorkflowError::Stopped);
                }
            }
            let split = stored.trial.split;
            if splits.is_empty() || splits.contains(&split) {
                choices.extend(stored.choice());
                numbers.push(stored.trial.number);
                replicates.push(stored.trial.replicate);
                kept.push(split);
                codes.push(code);
                match (&mut probabilities, stored.probabilities) {
                    (Some(kept), Some(p)) => kept.push(p),
                    // One choice without them, and there are none for all.
                    _ => probabilities = None,
                }
            }
            Ok(())
        })?;
        run.progress.end();
    }
    let agents = Labels {
        names: agents.iter().map(|(_, name)| name.clone()).collect(),
        codes,
    };
    let table = ChoiceTable {
        choices: ChoiceSet::new(journal.design().n_stimuli(), choices)?,
        presented_order: PresentedOrder::Known,
        extras: Extras {
            number: Some(numbers),
            agent: Some(agents),
            replicate: Some(replicates),
            split: Some(kept),
            ..Extras::default()
        },
    };
    Ok((table, probabilities))
}

//! What becomes of a trial in each answer mode, reply by reply.

use bytes::Bytes;
use emotome_judges::answer::{AskParams, Mode, Orders, audit_of, orders_of};
use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::{Answer, Dialogue, Exchange, Fault, Reply, Request, Step};
use emotome_judges::prompt::{CaptionDeck, CaptionPolicy, Shown, presets};
use emotome_stimuli::StimulusId;
use emotome_triplets::{Cause, Outcome, Position, Split, Trial, Triplet};
use serde_json::{Value, json};
use std::time::Duration;

const FREE: Mode = Mode::Free {
    max_tokens: 100,
    reasks: 1,
    reask_tokens: 8,
};
const CHOICE: Mode = Mode::Choice {
    max_tokens: 32,
    audit: 0.0,
};
const LOGPROB: Mode = Mode::Logprob {
    orders: Orders::Cyclic,
    top: 20,
    constrain: false,
    audit: 0.0,
};

fn dialogue(mode: Mode, dialect: Dialect) -> Box<dyn Dialogue> {
    let texts = (0..9).map(|s| vec![format!("scene {s}")]).collect();
    let shown = Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Number(1)).unwrap());
    let preset = if mode.name() == "free" {
        "describe-captions"
    } else {
        "choose-captions"
    };
    AskParams::new("m", dialect, mode, presets::get(preset).unwrap())
        .check(shown)
        .unwrap()
}

fn trial(items: [u32; 3]) -> Trial {
    Trial {
        number: 0,
        triplet: Triplet::new(items.map(StimulusId)).unwrap(),
        replicate: 0,
        split: Split::Train,
    }
}

fn exchange(request: Request, result: Result<Reply, Fault>) -> Exchange {
    Exchange {
        request,
        result,
        latency: Duration::from_millis(10),
        sent: 1,
    }
}

/// Carries a dialogue to its end; `server` is given the turn, the number within it, and the body.
fn carry(
    dialogue: &dyn Dialogue,
    trial: &Trial,
    mut server: impl FnMut(usize, usize, &Value) -> (u16, Value),
) -> (Answer, usize) {
    let mut exchanges = Vec::new();
    let mut step = dialogue.begin(trial);
    for turn in 0..20 {
        match step {
            Step::Done(answer) => return (answer, exchanges.len()),
            Step::Ask(requests) => {
                for (k, request) in requests.into_iter().enumerate() {
                    let (status, body) =
                        server(turn, k, &serde_json::from_slice(&request.body).unwrap());
                    let body = body
                        .as_str()
                        .map_or_else(|| body.to_string(), str::to_owned);
                    exchanges.push(exchange(
                        request,
                        Ok(Reply {
                            status,
                            body: Bytes::from(body),
                        }),
                    ));
                }
                step = dialogue.proceed(trial, &exchanges);
            }
        }
    }
    panic!("the dialogue does not end");
}

fn said(text: &str) -> (u16, Value) {
    (
        200,
        json!({
            "model": "m",
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}},
        }),
    )
}

fn with(content: Value, finish: &str, more: Value) -> (u16, Value) {
    let mut message = json!({"content": content});
    message
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    (
        200,
        json!({"model": "m", "choices": [{"message": message, "finish_reason": finish}]}),
    )
}

#[test]
fn free_text_is_asked_again_once_in_the_same_conversation() {
    let free = dialogue(FREE, Dialect::Vllm);
    let trial = trial([4, 2, 7]);
    let (answer, n) = carry(&*free, &trial, |turn, _, body| {
        let messages = body["messages"].as_array().unwrap();
        match turn {
            0 => {
                assert_eq!(messages.len(), 2);
                said("<think>Video 1 is noticeably different</think>They are alike.")
            }
            _ => {
                assert_eq!(
                    (messages.len(), &messages[2]["content"]),
                    (4, &json!("They are alike."))
                );
                assert_eq!(
                    body["structured_outputs"],
                    json!({"choice": ["1", "2", "3"]})
                );
                assert_eq!(body["max_tokens"], 8);
                said("2")
            }
        }
    });
    assert_eq!((answer.outcome, n), (Outcome::Chosen(Position::Second), 2));
    let kept: Value = serde_json::from_str(answer.reply.as_ref().unwrap()).unwrap();
    assert_eq!(kept.as_array().unwrap().len(), 2);
    assert_eq!(
        (
            answer.usage.prompt_tokens,
            answer.usage.cached_tokens,
            answer.usage.cost
        ),
        (Some(20), Some(8), None)
    );
    assert_eq!(answer.latency, Some(Duration::from_millis(20)));

    let (answer, n) = carry(&*free, &trial, |turn, _, _| {
        said(if turn == 0 {
            "Video 1 is odd. Video 2 is odd."
        } else {
            "1 or 2"
        })
    });
    assert_eq!((answer.cause, n), (Some(Cause::NoAnswer), 2));
    let (answer, n) = carry(&*free, &trial, |_, _, _| {
        said("Video 3 is noticeably different.")
    });
    assert_eq!((answer.outcome, n), (Outcome::Chosen(Position::Third), 1));
}

#[test]
fn each_shape_of_refusal_and_failure_has_its_cause() {
    let filtered = (400, json!({"error": {"code": "content_filter"}}));
    let declined = "I'm sorry, but I can't help with that.";
    let mut stopped = with(json!("half"), "stop", json!({}));
    stopped.1["choices"][0]["stop_reason"] = json!("refusal");
    let mut other = said("1");
    other.1["model"] = json!("another");
    let cases = [
        (
            with(Value::Null, "content_filter", json!({})),
            Cause::ContentFilter,
        ),
        (filtered, Cause::RequestFiltered),
        (
            with(Value::Null, "stop", json!({"refusal": "no"})),
            Cause::RefusalField,
        ),
        (stopped, Cause::StopReason),
        (with(json!(" "), "stop", json!({})), Cause::EmptyReply),
        (said(declined), Cause::RefusalText),
        (
            with(json!(""), "length", json!({"reasoning": "hm"})),
            Cause::CutShort,
        ),
        (
            with(json!("<think>on and on"), "length", json!({})),
            Cause::CutShort,
        ),
        (other, Cause::WrongReply),
        ((200, json!("<html>busy</html>")), Cause::Malformed),
        ((429, json!({})), Cause::RateLimited),
        ((503, json!("<html>")), Cause::ServerError),
        ((408, json!({})), Cause::ServerTimeout),
        ((422, json!({})), Cause::MediaRejected),
        ((307, json!({})), Cause::Redirected),
        ((404, json!({})), Cause::Rejected),
    ];
    for mode in [FREE, CHOICE] {
        let dialogue = dialogue(mode, Dialect::Vllm);
        for (reply, cause) in &cases {
            let (answer, n) = carry(&*dialogue, &trial([0, 1, 2]), |_, _, _| reply.clone());
            assert_eq!(
                (answer.cause, answer.outcome, n),
                (Some(*cause), cause.outcome(), 1),
                "{reply:?}"
            );
            assert!(answer.reply.is_some());
        }
    }
}

/// An answer in the asked form is one, however it apologises; one that a filter cut is none.
#[test]
fn an_apologetic_choice_is_a_choice() {
    let free = dialogue(FREE, Dialect::Vllm);
    let text =
        "I'm sorry, I can't see the videos, but from the texts Video 2 is noticeably different.";
    let (answer, _) = carry(&*free, &trial([0, 1, 2]), |_, _, _| said(text));
    assert_eq!(answer.outcome, Outcome::Chosen(Position::Second));
    let (answer, _) = carry(&*free, &trial([0, 1, 2]), |_, _, _| {
        with(json!(text), "content_filter", json!({}))
    });
    assert_eq!(answer.cause, Some(Cause::ContentFilter));
}

/// A published collector wrote the previous answer again where parsing failed.
#[test]
fn an_unreadable_reply_never_takes_over_an_earlier_answer() {
    let free = dialogue(FREE, Dialect::Vllm);
    for items in [[0, 1, 2], [3, 4, 5]] {
        let (clear, _) = carry(&*free, &trial(items), |_, _, _| {
            said("Video 2 is noticeably different.")
        });
        assert_eq!(clear.outcome, Outcome::Chosen(Position::Second));
        let (unclear, _) = carry(&*free, &trial([6, 7, 8]), |_, _, _| {
            said("Unlike the scene 6, hm.")
        });
        assert_eq!(unclear.cause, Some(Cause::NoAnswer));
    }
}

#[test]
fn a_choice_is_one_of_the_labels_or_off_the_list() {
    for dialect in Dialect::ALL {
        let choice = dialogue(CHOICE, dialect);
        let ok = if dialect.answers_in_json() {
            "{\"answer\": \"3\"}"
        } else {
            "3"
        };
        let (answer, _) = carry(&*choice, &trial([0, 1, 2]), |_, _, _| said(ok));
        assert_eq!(answer.outcome, Outcome::Chosen(Position::Third));
        let (answer, n) = carry(&*choice, &trial([0, 1, 2]), |_, _, _| said("Video 3"));
        assert_eq!((answer.cause, n), (Some(Cause::OffList), 1));
    }
}

/// A reply whose first token has these probabilities.
fn token(listed: &[(&str, f64)]) -> (u16, Value) {
    let top: Vec<Value> = listed
        .iter()
        .map(|(token, p)| json!({"token": token, "logprob": p.ln()}))
        .collect();
    let mut reply = said(listed[0].0);
    reply.1["choices"][0]["logprobs"] = json!({"content": [{"token": listed[0].0, "logprob": listed[0].1.ln(), "top_logprobs": top}]});
    reply
}

#[test]
fn probabilities_are_averaged_over_orders_by_place_in_the_trial() {
    let logprob = dialogue(LOGPROB, Dialect::Vllm);
    // The stimulus at the second place of the trial is presented second, first and third.
    let (answer, n) = carry(&*logprob, &trial([0, 1, 2]), |_, order, _| match order {
        0 => token(&[("2", 0.6), ("1", 0.2), ("3", 0.1), ("x", 0.1)]),
        1 => token(&[("1", 0.6), (" 1", 0.2), ("2", 0.1), ("3", 0.1)]),
        _ => token(&[("1", 0.5), ("3", 0.3), ("2", 0.2)]),
    });
    assert_eq!((answer.outcome, n), (Outcome::Chosen(Position::Second), 3));
    // Places by hand: order (0,1,2), then (1,2,0), then (2,0,1).
    let expected = [
        (0.2 / 0.9 + 0.1 + 0.2) / 3.0,
        (0.6 / 0.9 + 0.8 + 0.3) / 3.0,
        (0.1 / 0.9 + 0.1 + 0.5) / 3.0,
    ];
    for (p, expected) in answer.probabilities.unwrap().into_iter().zip(expected) {
        assert!((p - expected).abs() < 1e-6, "{p} {expected}");
    }
    let reads = orders_of(answer.reply.as_ref().unwrap()).unwrap();
    assert_eq!(
        reads.iter().map(|read| read.order).collect::<Vec<_>>(),
        [[0, 1, 2], [1, 2, 0], [2, 0, 1]]
    );
    assert!((reads[0].off_choice() - 0.1).abs() < 1e-6);
}

/// Any label for position alone: every place ties, and none may be favoured.
#[test]
fn a_model_that_looks_at_positions_alone_is_drawn_evenly() {
    let logprob = dialogue(LOGPROB, Dialect::Vllm);
    let mut counts = [0; 3];
    for (i, j, k) in (0..9).flat_map(|i| (0..9).flat_map(move |j| (0..9).map(move |k| (i, j, k)))) {
        if i != j && j != k && i != k {
            let (answer, _) = carry(&*logprob, &trial([i, j, k]), |_, _, _| {
                token(&[("1", 0.61), ("2", 0.27), ("3", 0.12)])
            });
            counts[answer.outcome.chosen().unwrap().index()] += 1;
        }
    }
    assert!(
        counts.iter().all(|n| (130..206).contains(n)),
        "{counts:?} of 504"
    );
}

#[test]
fn missing_labels_are_bounded_and_not_invented() {
    let logprob = dialogue(LOGPROB, Dialect::Vllm);
    let (answer, _) = carry(&*logprob, &trial([0, 1, 2]), |_, order, _| match order {
        0 => token(&[("1", 0.6), ("2", 0.2), ("x", 0.1)]),
        1 => token(&[("3", 0.6), ("1", 0.2), ("x", 0.1)]),
        _ => token(&[("2", 0.6), ("3", 0.2), ("x", 0.1)]),
    });
    assert_eq!(
        (answer.outcome, answer.probabilities),
        (Outcome::Chosen(Position::First), None)
    );
    let read = &orders_of(answer.reply.as_ref().unwrap()).unwrap()[0];
    assert_eq!(read.logprobs[2], None);
    assert!((f64::from(read.bound).exp() - 0.1).abs() < 1e-6);
    let (answer, _) = carry(&*logprob, &trial([0, 1, 2]), |_, _, _| {
        token(&[("one", 0.9), ("two", 0.1)])
    });
    assert_eq!(answer.cause, Some(Cause::NoProbability));
    let (answer, _) = carry(&*logprob, &trial([0, 1, 2]), |_, _, _| said("1"));
    assert_eq!(answer.cause, Some(Cause::Malformed));
}

#[test]
fn one_lost_order_leaves_the_trial_open() {
    let logprob = dialogue(LOGPROB, Dialect::Vllm);
    let (answer, _) = carry(&*logprob, &trial([0, 1, 2]), |_, order, _| match order {
        0 => (400, json!({})),
        1 => token(&[("1", 0.9), ("2", 0.05), ("3", 0.05)]),
        _ => (500, json!({})),
    });
    assert_eq!(answer.cause, Some(Cause::ServerError));
    assert!(!answer.settles());
    let Step::Ask(requests) = logprob.begin(&trial([0, 1, 2])) else {
        panic!("asks")
    };
    let late = |request| {
        exchange(
            request,
            Err(Fault {
                cause: Cause::NoReply,
                what: "no reply in 60 s".into(),
            }),
        )
    };
    let exchanges: Vec<Exchange> = requests.into_iter().map(late).collect();
    let Step::Done(answer) = logprob.proceed(&trial([0, 1, 2]), &exchanges) else {
        panic!("ends")
    };
    assert_eq!(
        (answer.cause, answer.settles()),
        (Some(Cause::NoReply), false)
    );
    assert!(answer.reply.unwrap().contains("no reply in 60 s"));
}

#[test]
fn an_audit_measures_what_is_off_the_labels_and_changes_nothing() {
    let audited = |share| {
        dialogue(
            Mode::Choice {
                max_tokens: 32,
                audit: share,
            },
            Dialect::Vllm,
        )
    };
    let all = audited(1.0);
    let (answer, n) = carry(&*all, &trial([0, 1, 2]), |_, k, body| {
        assert_eq!(body.get("structured_outputs").is_some(), k == 0);
        if k == 0 {
            said("2")
        } else {
            token(&[("The", 0.7), ("1", 0.3)])
        }
    });
    assert_eq!((answer.outcome, n), (Outcome::Chosen(Position::Second), 2));
    let audit = audit_of(answer.reply.as_ref().unwrap()).unwrap();
    assert!((audit.off_choice().unwrap() - 0.7).abs() < 1e-6);
    let (answer, _) = carry(&*all, &trial([0, 1, 2]), |_, k, _| {
        if k == 0 { said("2") } else { (500, json!({})) }
    });
    assert_eq!(
        (answer.outcome, answer.settles()),
        (Outcome::Chosen(Position::Second), true)
    );
    assert_eq!(
        audit_of(answer.reply.as_ref().unwrap())
            .unwrap()
            .error
            .as_deref(),
        Some("server-error")
    );

    let some = audited(0.1);
    let count = (0..9)
        .flat_map(|i| (0..9).map(move |j| (i, j)))
        .flat_map(|(i, j)| (0..9).map(move |k| [i, j, k]));
    let drawn: Vec<bool> = count
        .filter(|[i, j, k]| i != j && j != k && i != k)
        .map(
            |items| matches!(some.begin(&trial(items)), Step::Ask(requests) if requests.len() == 2),
        )
        .collect();
    let n = drawn.iter().filter(|&&drawn| drawn).count();
    assert!((25..80).contains(&n), "{n} of {}", drawn.len());
}

#[test]
fn names_under_which_a_model_is_served() {
    let served = |model: &str| {
        let (answer, _) = carry(
            &*dialogue(CHOICE, Dialect::Openai),
            &trial([0, 1, 2]),
            |_, _, _| {
                let mut reply = said("1");
                reply.1["model"] = json!(model);
                reply
            },
        );
        answer.outcome.chosen().is_some()
    };
    assert!(served("m") && served("m-2026-08-06"));
    assert!(!served("m-mini") && !served("other") && !served("m2"));
}

#[test]
fn repeats_bear_other_seeds_and_the_same_prompt() {
    let free = dialogue(FREE, Dialect::Vllm);
    let first = |trial: Trial| match free.begin(&trial) {
        Step::Ask(mut requests) => requests.remove(0),
        Step::Done(answer) => panic!("{answer:?}"),
    };
    let (one, again) = (
        first(trial([0, 1, 2])),
        first(Trial {
            replicate: 1,
            ..trial([0, 1, 2])
        }),
    );
    assert_eq!(one.prompt, again.prompt);
    assert_ne!(one.seed, again.seed);
    assert_ne!(one.prompt, first(trial([0, 2, 1])).prompt);
    assert!(one.seed.unwrap() < 1 << 31);
}

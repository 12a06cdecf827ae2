//! Agreement of names against scikit-learn and SciPy, and what a server is sent for a name.

use emotome_judges::chat::Dialect;
use emotome_judges::dialogue::Fault;
use emotome_judges::naming::agreement::agreements;
use emotome_judges::naming::{
    Ask, Examples, Found, Heard, Interview, Namer, NamingTemplate, Next, Question, Said,
    ServedParams, Talk, Turn,
};
use emotome_judges::prompt::{
    CaptionDeck, CaptionPolicy, Carrier, Content, MediaError, MediaKind, MediaSource, Medium, Shown,
};
use emotome_judges::server::Stop;
use emotome_stats::random::Seed;
use emotome_stimuli::StimulusId;
use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::run::{Interrupt, Run, Silent};
use emotome_triplets::{Cause, Nanos, Usage};
use serde_json::{Value, json};
use std::sync::Arc;

/// Made by `generate_naming.py`: cosines of trigram counts by scikit-learn's `char_wb`, Jaccard indices by its
/// `jaccard_score`, quantiles by SciPy.
#[test]
fn agreement_equals_that_of_other_software() {
    let expected: Vec<Value> = serde_json::from_str(include_str!("fixtures/naming.json")).unwrap();
    let names: Vec<Vec<String>> = expected
        .iter()
        .map(|of| serde_json::from_value(of["names"].clone()).unwrap())
        .collect();
    for (found, expected) in agreements(&names).iter().zip(&expected) {
        let found = serde_json::to_value(found.as_ref().unwrap()).unwrap();
        for measure in ["exact", "jaccard", "similarity", "chance"] {
            let (a, b) = (
                found[measure].as_f64().unwrap(),
                expected[measure].as_f64().unwrap(),
            );
            assert!(
                (a - b).abs() < 1e-12,
                "{measure}: {a} and {b} of {}",
                expected["names"]
            );
        }
        assert_eq!(found["interval"].is_null(), expected["interval"].is_null());
        for end in [0, 1] {
            let of = |value: &Value| value["interval"][end].as_f64().unwrap_or(0.0);
            assert!(
                (of(&found) - of(expected)).abs() < 1e-9,
                "{found} {expected}"
            );
        }
    }
}

fn shown() -> Shown {
    let texts = (0..30).map(|i| vec![format!("caption {i}")]).collect();
    Shown::Captions(CaptionDeck::new(texts, CaptionPolicy::Number(1)).unwrap())
}

const ASK: Ask = Ask::Name { dim: 3, repeat: 0 };

fn talk<'a>(shown: &'a Shown, template: &NamingTemplate) -> Talk<'a> {
    let ids = |of: [u32; 3]| of.map(StimulusId).to_vec();
    let examples = Examples {
        high: ids([1, 2, 3]),
        low: ids([11, 12, 13]),
    };
    Talk::name(template, true, shown, &examples).unwrap()
}

/// Each kind of server makes sure of JSON in its own way; the rest of a request is the same.
#[test]
fn each_kind_of_server_is_asked_for_json_in_its_own_way() {
    let (shown, template) = (shown(), NamingTemplate::preset(Question::Name).unwrap());
    for (dialect, field, path) in [
        (Dialect::Vllm, "structured_outputs", "/json"),
        (Dialect::VllmGuided, "guided_json", ""),
        (Dialect::LlamaCpp, "response_format", "/json_schema/schema"),
        (Dialect::Ollama, "response_format", "/json_schema/schema"),
        (Dialect::Openai, "response_format", "/json_schema/schema"),
        (Dialect::Hosted, "response_format", "/json_schema/schema"),
    ] {
        let requests = ServedParams::new("m", dialect).check(&shown).unwrap();
        let turn = Turn {
            ask: ASK,
            turn: 0,
            seed: 7,
            talk: talk(&shown, &template),
        };
        let body: Value = serde_json::from_slice(&requests.request(&turn).unwrap().body).unwrap();
        let schema = body[field].pointer(path).unwrap();
        assert_eq!(schema["required"], json!(["name", "sentence"]), "{dialect}");
        assert_eq!(
            (&body["seed"], &body["temperature"]),
            (&json!(7), &json!(0.0))
        );
        let user = body["messages"][1]["content"].as_str().unwrap();
        assert!(
            user.contains("1. caption 1\n2. caption 2\n3. caption 3\n\nSecond group, 3 stimuli"),
            "{user}"
        );
        let plain = ServedParams {
            json: false,
            ..ServedParams::new("m", dialect)
        };
        let plain = plain.check(&shown).unwrap().request(&turn).unwrap();
        let body: Value = serde_json::from_slice(&plain.body).unwrap();
        assert!(body.get(field).is_none());
    }
}

/// A picture of each stimulus, on the server's disk.
struct Pictures;

impl MediaSource for Pictures {
    fn n_stimuli(&self) -> usize {
        30
    }

    fn carriage(&self) -> (MediaKind, Carrier) {
        (MediaKind::Image, Carrier::File)
    }

    fn media(&self, stimulus: StimulusId) -> Result<Vec<Medium>, MediaError> {
        let url = format!("file:///clips/{stimulus}.png");
        let sha256 = Sha256Sum::of(url.as_bytes());
        Ok(vec![Medium {
            mime: "image/png".into(),
            content: Content::Url(url),
            sha256,
        }])
    }

    fn describe(&self) -> Value {
        json!({})
    }
}

#[test]
fn pictures_stand_where_captions_would() {
    let shown = Shown::Media(Arc::new(Pictures));
    let template = NamingTemplate::preset(Question::Name).unwrap();
    let requests = ServedParams::new("m", Dialect::Vllm).check(&shown).unwrap();
    let turn = Turn {
        ask: ASK,
        turn: 0,
        seed: 7,
        talk: talk(&shown, &template),
    };
    let body: Value = serde_json::from_slice(&requests.request(&turn).unwrap().body).unwrap();
    let parts = body["messages"][1]["content"].as_array().unwrap();
    let pictures: Vec<&Value> = parts
        .iter()
        .filter(|part| part["type"] == "image_url")
        .collect();
    assert_eq!(pictures.len(), 6);
    assert_eq!(pictures[3]["image_url"]["url"], "file:///clips/11.png");
    let before = parts[0]["text"].as_str().unwrap();
    assert!(before.ends_with("much of it:\n1. "), "{before}");
    // A hosted service does not see this machine's disk: said before anything is sent.
    assert!(
        ServedParams::new("m", Dialect::Openai)
            .check(&shown)
            .is_err()
    );
}

/// Says what it is told to say, in turn.
struct Script(Vec<Result<&'static str, Cause>>, usize);

impl Namer for Script {
    type Error = std::convert::Infallible;

    fn ask<'t>(
        &mut self,
        turns: &mut dyn Iterator<Item = Turn<'t>>,
        _spent: Nanos,
        _run: Run<'_>,
        hear: &mut dyn FnMut(Ask, Result<Heard, Fault>) -> bool,
    ) -> Result<Option<Stop>, Self::Error> {
        for turn in turns {
            let said = self.0.get(self.1).copied().unwrap_or(Err(Cause::Broken));
            self.1 += 1;
            let heard = said.map(|text| Heard {
                ask: turn.ask,
                turn: turn.turn,
                prompt: turn.talk.prompt(),
                seed: Some(turn.seed),
                at: 0,
                requests: 1,
                latency_ms: 1,
                usage: Usage::unknown(),
                said: Said::Text {
                    text: text.to_owned(),
                    cut: false,
                },
            });
            let fault = |cause| Fault {
                cause,
                what: "lost".to_owned(),
            };
            if !hear(turn.ask, heard.map_err(fault)) {
                return Ok(None);
            }
        }
        Ok(None)
    }
}

fn ask_all(
    interview: &mut Interview,
    asks: &[Ask],
    script: &mut Script,
) -> (Vec<Heard>, Option<Stop>) {
    let (shown, template) = (shown(), NamingTemplate::preset(Question::Name).unwrap());
    let first = |_: Ask| Ok::<_, MediaError>(talk(&shown, &template));
    let interrupt = Interrupt::default();
    let run = Run {
        progress: &Silent,
        interrupt: &interrupt,
    };
    let mut kept = Vec::new();
    let mut keep = |heard: &Heard| {
        kept.push(heard.clone());
        Ok(())
    };
    let stop = interview.ask(asks, &first, script, &mut keep, run).unwrap();
    (kept, stop)
}

fn stand(interview: &Interview) -> Result<Found, Cause> {
    let (shown, template) = (shown(), NamingTemplate::preset(Question::Name).unwrap());
    match interview.next(ASK, talk(&shown, &template)) {
        Next::Done(found) => found,
        Next::Ask(turn, _) => panic!("open at turn {turn}"),
    }
}

#[test]
fn a_reply_is_asked_again_as_often_as_set_and_read_alone() {
    // The first reply holds no name in the form; the second must not be completed by it.
    for (replies, reasks, asked, expected) in [
        (vec![Ok("water?"), Ok("NAME: water")], 1, 2, None),
        (
            vec![Ok("water?"), Ok("As I said."), Ok("NAME: water")],
            1,
            2,
            Some(Cause::NoAnswer),
        ),
        (
            vec![Ok("NAME: a\nNAME: b"), Ok("NAME: a")],
            0,
            1,
            Some(Cause::SeveralAnswers),
        ),
        (
            vec![Ok("I can't help with that."), Ok("NAME: a")],
            3,
            1,
            Some(Cause::RefusalText),
        ),
        (
            vec![Ok("   "), Ok("NAME: a")],
            3,
            1,
            Some(Cause::EmptyReply),
        ),
    ] {
        let mut interview = Interview::new(reasks, Seed(1), []);
        let mut script = Script(replies, 0);
        let (kept, stop) = ask_all(&mut interview, &[ASK], &mut script);
        assert!(stop.is_none());
        assert_eq!((kept.len(), stand(&interview).err()), (asked, expected));
        // What was kept says the same, in any order, and nothing more is asked.
        let mut later = Interview::new(reasks, Seed(1), kept.into_iter().rev());
        assert_eq!(
            ask_all(&mut later, &[ASK], &mut Script(Vec::new(), 0))
                .0
                .len(),
            0
        );
        assert_eq!(stand(&later).err(), expected);
    }
}

#[test]
fn faults_are_told_and_end_an_interview_when_there_are_many() {
    let mut interview = Interview::new(1, Seed(1), []);
    let (kept, stop) = ask_all(
        &mut interview,
        &[ASK],
        &mut Script(vec![Err(Cause::NoReply)], 0),
    );
    assert!(kept.is_empty() && stop.is_none());
    assert_eq!(interview.lost(ASK).unwrap().cause, Cause::NoReply);
    // Asked again by the next call.
    let (kept, _) = ask_all(
        &mut interview,
        &[ASK],
        &mut Script(vec![Ok("NAME: water")], 0),
    );
    assert_eq!((kept.len(), interview.lost(ASK).is_none()), (1, true));
    let many: Vec<Ask> = (0..40).map(|repeat| Ask::Name { dim: 0, repeat }).collect();
    let mut script = Script(Vec::new(), 0);
    let (_, stop) = ask_all(&mut Interview::new(1, Seed(1), []), &many, &mut script);
    assert!(
        matches!(
            stop,
            Some(Stop::Failing {
                trials: 16,
                cause: Cause::Broken,
                ..
            })
        ),
        "{stop:?}"
    );
    assert_eq!(script.1, 16);
}

#[test]
fn what_is_kept_survives_as_json() {
    let heard = Heard {
        ask: Ask::Fit {
            dim: 1,
            pair: 2,
            swapped: true,
        },
        turn: 1,
        prompt: u64::MAX - 1,
        seed: None,
        at: 1,
        requests: 2,
        latency_ms: 3,
        usage: Usage::unknown(),
        said: Said::Odds([-0.25, -1.5]),
    };
    let text = serde_json::to_string(&heard).unwrap();
    assert_eq!(serde_json::from_str::<Heard>(&text).unwrap(), heard);
    assert!(text.contains("fffffffffffffffe"), "{text}");
}

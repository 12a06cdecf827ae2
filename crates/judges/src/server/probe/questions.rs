//! The questions of a probe.

use super::report::{Exhibits, FramesSeen, Prefix, ProbeReport, Repeats};
use super::{ProbeParams, Send};
use crate::chat::{ChatReply, Conversation, Dialect, Tail};
use crate::dialogue::Reply;
use crate::printable::one_line;
use crate::prompt::{Carrier, Exhibit, Labels, MediaKind, Medium};
use serde_json::Value;
use std::collections::BTreeSet;

/// Asks one server.
pub(super) struct Asker<'a, 'b> {
    params: &'a ProbeParams,
    dialect: Dialect,
    model: String,
    send: &'a mut Send<'b>,
}

/// What a question asks for besides its text.
#[derive(Clone, Copy)]
struct Want<'a> {
    tokens: u32,
    listed: Option<u32>,
    among: Option<&'a Labels>,
}

const PLAIN: Want<'static> = Want {
    tokens: 24,
    listed: None,
    among: None,
};

/// A text that no request of a study begins with, long enough to fill several blocks of a cache.
fn long_text() -> String {
    (0..60)
        .map(|n| format!("Line {n} of a text that is the same in both requests. "))
        .collect()
}

impl<'a, 'b> Asker<'a, 'b> {
    pub(super) fn new(
        params: &'a ProbeParams,
        dialect: Dialect,
        model: String,
        send: &'a mut Send<'b>,
    ) -> Self {
        Self {
            params,
            dialect,
            model,
            send,
        }
    }

    /// Asks a question; `Err` holds what the server said instead, or why it could not be asked.
    fn ask(
        &mut self,
        dialect: Dialect,
        parts: &[Exhibit<'_>],
        want: Want<'_>,
    ) -> Result<(ChatReply, f64), String> {
        let tail = Tail {
            max_tokens: want.tokens,
            temperature: Some(0.0),
            top_p: None,
            top_logprobs: want.listed,
            among: want.among,
            begun: false,
        };
        let fields = dialect
            .tail(&tail, &self.params.pass)
            .map_err(|error| error.to_string())?;
        let mut conversation = Conversation::new(dialect, &self.model, 0);
        conversation
            .show("user", parts)
            .map_err(|error| error.to_string())?;
        let request = conversation.finish(
            &serde_json::to_vec(&fields).unwrap_or_default(),
            Some(1),
            want.tokens,
            0,
        );
        let (reply, latency) =
            (self.send)(request.path, Some(request.body)).map_err(|fault| fault.what)?;
        match ChatReply::read(&reply) {
            Ok(read) => Ok((read, latency.as_secs_f64())),
            Err(_) => Err(format!("HTTP {}: {}", reply.status, message(&reply))),
        }
    }

    fn say(&mut self, text: &str, want: Want<'_>) -> Result<(ChatReply, f64), String> {
        self.ask(self.dialect, &[Exhibit::Text(text.into())], want)
    }

    /// Whether a reply keeps to labels that nobody would say otherwise.
    pub(super) fn constraint(&mut self, report: &mut ProbeReport) {
        let Ok(labels) = Labels::new(["7", "8", "9"]) else {
            return;
        };
        let want = Want {
            tokens: 32,
            among: Some(&labels),
            ..PLAIN
        };
        let other = match self.dialect {
            Dialect::Vllm => Some(Dialect::VllmGuided),
            Dialect::VllmGuided => Some(Dialect::Vllm),
            _ => None,
        };
        for dialect in [Some(self.dialect), other].into_iter().flatten() {
            let text = Exhibit::Text("Reply with the word hello and nothing else.".into());
            match self.ask(dialect, &[text], want) {
                Ok((reply, _)) => {
                    let digit = reply
                        .content
                        .trim()
                        .chars()
                        .filter(char::is_ascii_digit)
                        .collect::<String>();
                    let kept = !reply.content.to_lowercase().contains("hello")
                        && labels.all().contains(&digit);
                    report.constrained = Some(kept);
                    if kept {
                        self.dialect = dialect;
                        report.dialect = report.dialect.map(|_| dialect);
                        return;
                    }
                }
                Err(said) => {
                    report.constrained = report.constrained.or(Some(false));
                    report.refusals.push(said);
                }
            }
        }
    }

    /// How many log-probabilities are listed, and whether a constraint masks them.
    pub(super) fn logprobs(&mut self, report: &mut ProbeReport) {
        let count = |first: &ChatReply| first.first.len() as u32;
        let want = |listed| Want {
            tokens: 1,
            listed: Some(listed),
            among: None,
        };
        let text = "Name one of the numbers 7, 8 and 9. Answer with the number alone.";
        match self.say(text, want(20)) {
            Ok((reply, _)) => report.logprobs = Some(count(&reply)),
            Err(said) => {
                report.logprobs = Some(0);
                report.refusals.push(said);
                return;
            }
        }
        match self.say(text, want(1000)) {
            Ok((reply, _)) => report.many_logprobs = Some(count(&reply)),
            Err(said) => {
                report.many_logprobs = report.logprobs;
                report.refusals.push(said);
            }
        }
        if report.constrained == Some(true)
            && !self.dialect.answers_in_json()
            && let Ok(labels) = Labels::new(["7", "8", "9"])
        {
            let want = Want {
                among: Some(&labels),
                ..want(20)
            };
            if let Ok((reply, _)) = self.say("Reply with the word hello and nothing else.", want) {
                let own = reply
                    .first
                    .iter()
                    .filter(|listed| labels.all().contains(&listed.token));
                let mass: f64 = own.map(|listed| listed.logprob.exp()).sum();
                report.masked = (!reply.first.is_empty()).then_some(mass > 0.999);
            }
        }
    }

    /// Whether the same question gets the same reply.
    pub(super) fn repeats(&mut self, report: &mut ProbeReport) {
        let listed = report.logprobs.filter(|&n| n > 0).map(|_| 20);
        let mut replies = BTreeSet::new();
        let mut tops: Vec<f64> = Vec::new();
        for _ in 0..self.params.repeats {
            match self.say(
                "Describe in one sentence how a sunset over the sea feels.",
                Want { listed, ..PLAIN },
            ) {
                Ok((reply, _)) => {
                    tops.extend(reply.first.first().map(|top| top.logprob));
                    replies.insert(reply.content);
                }
                Err(said) => {
                    report.refusals.push(said);
                    return;
                }
            }
        }
        let (low, high) = tops
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &p| {
                (low.min(p), high.max(p))
            });
        report.repeats = (self.params.repeats > 0).then_some(Repeats {
            n: self.params.repeats,
            different: replies.len() as u32,
            spread: (!tops.is_empty()).then_some(high - low),
        });
    }

    /// Whether a common beginning is computed once.
    pub(super) fn prefix(&mut self, report: &mut ProbeReport) {
        let begin = long_text();
        let want = Want { tokens: 1, ..PLAIN };
        let both =
            ["one", "two"].map(|end| self.say(&format!("{begin}Reply with the word {end}."), want));
        match both {
            [Ok((_, first)), Ok((reply, second))] => {
                report.prefix = Some(Prefix {
                    prompt_tokens: reply.usage.prompt_tokens,
                    cached_tokens: reply.usage.cached_tokens,
                    first,
                    second,
                });
            }
            [Err(said), _] | [_, Err(said)] => report.refusals.push(said),
        }
    }

    /// Whether the exhibits of three stimuli are taken in one request.
    pub(super) fn exhibits(&mut self, report: &mut ProbeReport) {
        let Some(exhibits) = &self.params.exhibits else {
            return;
        };
        let sent = exhibits.iter().map(Vec::len).sum::<usize>() as u32;
        let mut parts = vec![Exhibit::Text("What do you see?".into())];
        parts.extend(exhibits.iter().map(|media| Exhibit::Media(media.clone())));
        let found = self.ask(self.dialect, &parts, PLAIN);
        report.exhibits = Some(match found {
            Ok((reply, _)) => Exhibits {
                sent,
                taken: true,
                prompt_tokens: reply.usage.prompt_tokens,
                allowed: None,
                said: None,
            },
            Err(said) => Exhibits {
                sent,
                taken: false,
                prompt_tokens: None,
                allowed: allowed(&said),
                said: Some(said),
            },
        });
    }

    /// How many frames of a clip are seen, by the tokens they cost and by the numbers they bear.
    pub(super) fn frames(&mut self, report: &mut ProbeReport) {
        let numbered: &[(u32, Medium)] = &self.params.numbered;
        // What is known to take no clip is not asked about one.
        if self
            .dialect
            .media_part(MediaKind::Video, Carrier::Data)
            .is_err()
        {
            return;
        }
        for (frames, clip) in numbered {
            let text = "Each frame of this clip shows a number. Which is the highest that you see? Answer with the number alone.";
            let parts = [
                Exhibit::Text(text.into()),
                Exhibit::Media(vec![clip.clone()]),
            ];
            match self.ask(self.dialect, &parts, PLAIN) {
                Ok((reply, _)) => {
                    let digits: String = reply
                        .content
                        .chars()
                        .skip_while(|c| !c.is_ascii_digit())
                        .take_while(char::is_ascii_digit)
                        .collect();
                    report.frames.push(FramesSeen {
                        frames: *frames,
                        prompt_tokens: reply.usage.prompt_tokens,
                        estimate: None,
                        said: digits.parse().ok(),
                    });
                }
                Err(said) => {
                    report.refusals.push(said);
                    return;
                }
            }
        }
        estimate(&mut report.frames);
    }
}

/// Turns tokens into frames by the tokens per frame of the two shortest clips.
fn estimate(seen: &mut [FramesSeen]) {
    let [first, second, ..] = &*seen else {
        return;
    };
    let (Some(low), Some(high)) = (first.prompt_tokens, second.prompt_tokens) else {
        return;
    };
    let frames = f64::from(first.frames);
    let each = (f64::from(high) - f64::from(low)) / (f64::from(second.frames) - frames);
    for clip in seen {
        // No token more for more frames: the shortest clip is seen at most.
        clip.estimate = clip.prompt_tokens.map(|tokens| match each > 0.0 {
            true => frames + (f64::from(tokens) - f64::from(low)) / each,
            false => frames,
        });
    }
}

/// The number in "At most 1 image(s) may be provided in one request."
fn allowed(said: &str) -> Option<u32> {
    let after = said.split_once("At most ")?.1;
    after.split_whitespace().next()?.parse().ok()
}

/// What an error says, on one line.
pub(super) fn message(reply: &Reply) -> String {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let stated = [
        &body["error"]["message"],
        &body["message"],
        &body["error"],
        &body["detail"],
    ];
    let text = stated
        .into_iter()
        .find_map(Value::as_str)
        .map(str::to_owned);
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(&reply.body).into_owned());
    one_line(&text.chars().take(300).collect::<String>())
}

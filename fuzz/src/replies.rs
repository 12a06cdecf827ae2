//! What is fuzzed of models' replies. Apart from the other targets, which need fewer crates.

use bytes::Bytes;
use emotome_judges::answer::reading::{Form, only_thinks};
use emotome_judges::answer::refusal::declines;
use emotome_judges::answer::{audit_of, orders_of};
use emotome_judges::batch::Outputs;
use emotome_judges::chat::ChatReply;
use emotome_judges::dialogue::Reply;
use emotome_judges::printable::visible;
use emotome_judges::prompt::affect::Lexicon;
use emotome_judges::prompt::{Template, presets};
use std::fs;

/// The body of a reply, its text, what is kept of it, a batch's output, and a template.
pub fn reply(bytes: &[u8]) {
    for status in [200, 400] {
        let body = Bytes::copy_from_slice(bytes);
        if let Ok(reply) = ChatReply::read(&Reply { status, body }) {
            text(&reply.content);
            assert!(
                reply
                    .first
                    .windows(2)
                    .all(|pair| pair[0].logprob >= pair[1].logprob)
            );
        }
    }
    let lossy = String::from_utf8_lossy(bytes);
    text(&lossy);
    let _ = Template::parse("fuzz", &lossy);
    for read in orders_of(&lossy).into_iter().flatten() {
        let _ = (read.places(), read.off_choice(), read.uncertainty());
    }
    let _ = audit_of(&lossy).map(|audit| audit.off_choice());
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    let path = folder.path().join("out.jsonl");
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("no room to fuzz in: {error}"));
    if let Ok(outputs) = Outputs::read(&[path], 1, 10) {
        assert!(outputs.numbers().all(|number| number < 10));
    }
}

/// The text of a reply.
fn text(text: &str) {
    for preset in ["describe-captions", "describe-captions-abc"] {
        let Ok(template) = presets::get(preset) else {
            return;
        };
        let form = Form::of(&template);
        let _ = (form.read(text), form.read_short(text), form.exact(text));
    }
    let _ = (declines(text), only_thinks(text));
    assert!(!visible(text).contains('\u{1b}'));
    let _ = Lexicon::new(["Sexual Desire"]).find(text);
}

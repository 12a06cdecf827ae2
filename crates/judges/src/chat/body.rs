//! The body of a request, written in one pass with media encoded in place.

use super::dialect::{Dialect, Unsupported};
use crate::dialogue::Request;
use crate::prompt::{Carrier, Content, Exhibit, MediaKind, Medium};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use emotome_stimuli::digest::Sha256Sum;

/// The messages of a request while they are written.
///
/// A message without media is plain text; one with media is a list of parts. Keys stand in a fixed
/// order, so the same conversation is the same bytes. The bytes of media are encoded straight into
/// the body: a request of n bytes of media takes about 4/3 n bytes of memory and no copy.
#[derive(Debug)]
pub struct Conversation {
    dialect: Dialect,
    body: Vec<u8>,
    /// What the model is shown: texts with their roles, and the checksums of media.
    shown: Vec<u8>,
    characters: usize,
    media: usize,
}

impl Conversation {
    /// The beginning of a request to a model; `media_bytes` of media are to come.
    #[must_use]
    pub fn new(dialect: Dialect, model: &str, media_bytes: usize) -> Self {
        let mut body = Vec::with_capacity(4096 + media_bytes.div_ceil(3) * 4);
        body.extend_from_slice(b"{\"model\":");
        string(&mut body, model);
        body.extend_from_slice(b",\"messages\":[");
        Self {
            dialect,
            body,
            shown: Vec::with_capacity(2048),
            characters: 0,
            media: 0,
        }
    }

    fn open(&mut self, role: &str) {
        if self.body.last() != Some(&b'[') {
            self.body.push(b',');
        }
        self.body.extend_from_slice(b"{\"role\":\"");
        self.body.extend_from_slice(role.as_bytes());
        self.body.extend_from_slice(b"\",\"content\":");
        self.shown.push(0);
        self.shown.extend_from_slice(role.as_bytes());
    }

    fn text(&mut self, text: &str) {
        string(&mut self.body, text);
        self.shown.push(1);
        self.shown.extend_from_slice(text.as_bytes());
        self.characters += text.chars().count();
    }

    /// A message of plain text.
    pub fn say(&mut self, role: &str, text: &str) {
        self.open(role);
        self.text(text);
        self.body.push(b'}');
    }

    /// A message of texts and exhibits in order; neighbouring texts become one.
    ///
    /// # Errors
    /// [`Unsupported`] if the server takes no such media.
    pub fn show(&mut self, role: &str, parts: &[Exhibit<'_>]) -> Result<(), Unsupported> {
        let mut text = String::new();
        let mut listed = false;
        self.open(role);
        for part in parts {
            match part {
                Exhibit::Text(more) => text += more,
                Exhibit::Media(media) => {
                    for medium in media {
                        self.part(&mut listed, &mut text);
                        self.body.push(if listed { b',' } else { b'[' });
                        listed = true;
                        self.medium(medium)?;
                    }
                }
            }
        }
        if listed {
            self.part(&mut listed, &mut text);
            self.body.push(b']');
        } else {
            self.text(&text);
        }
        self.body.push(b'}');
        Ok(())
    }

    /// Writes the collected text as a part of a list.
    fn part(&mut self, listed: &mut bool, text: &mut String) {
        if !text.is_empty() {
            self.body.push(if *listed { b',' } else { b'[' });
            *listed = true;
            self.body.extend_from_slice(b"{\"type\":\"text\",\"text\":");
            self.text(text);
            self.body.push(b'}');
            text.clear();
        }
    }

    fn medium(&mut self, medium: &Medium) -> Result<(), Unsupported> {
        let kind = match medium.mime.split('/').next() {
            Some("image") => MediaKind::Image,
            _ => MediaKind::Video,
        };
        let carrier = match &medium.content {
            Content::Bytes(_) => Carrier::Data,
            Content::Url(url) if url.starts_with("file:") => Carrier::File,
            Content::Url(_) => Carrier::Https,
        };
        let part = self.dialect.media_part(kind, carrier)?;
        // llama.cpp takes a clip's bytes in a field of their own.
        let bare = part == "input_video";
        let body = &mut self.body;
        let fields: [&[u8]; 5] = [
            b"{\"type\":\"",
            part.as_bytes(),
            b"\",\"",
            part.as_bytes(),
            b"\":{\"",
        ];
        fields
            .iter()
            .for_each(|field| body.extend_from_slice(field));
        match &medium.content {
            Content::Url(url) => {
                body.extend_from_slice(b"url\":");
                string(body, url);
            }
            Content::Bytes(bytes) => {
                if bare {
                    body.extend_from_slice(b"data\":\"");
                } else {
                    body.extend_from_slice(b"url\":\"data:");
                    body.extend_from_slice(medium.mime.as_bytes());
                    body.extend_from_slice(b";base64,");
                }
                encode(bytes, body);
                body.push(b'"');
            }
        }
        body.push(b'}');
        let sum = medium.sha256.to_string();
        if self.dialect.names_media() {
            body.extend_from_slice(b",\"uuid\":\"sha256-");
            body.extend_from_slice(sum.as_bytes());
            body.push(b'"');
        }
        body.push(b'}');
        self.shown.push(2);
        self.shown.extend_from_slice(sum.as_bytes());
        self.media += 1;
        Ok(())
    }

    /// The request: messages closed, then the fields of `tail` (from [`Dialect::tail`], serialised),
    /// then the seed.
    ///
    /// `reply` and `per_medium` are tokens for the estimate of [`Request::tokens`], which takes four
    /// characters of text for a token.
    #[must_use]
    pub fn finish(
        mut self,
        tail: &[u8],
        seed: Option<u64>,
        reply: u32,
        per_medium: u32,
    ) -> Request {
        self.body.push(b']');
        // `tail` is an object: its inside follows.
        if let Some(inside) = tail
            .strip_prefix(b"{")
            .and_then(|tail| tail.strip_suffix(b"}"))
            && !inside.is_empty()
        {
            self.body.push(b',');
            self.body.extend_from_slice(inside);
        }
        if let Some(seed) = seed {
            self.body
                .extend_from_slice(format!(",\"seed\":{seed}").as_bytes());
        }
        self.body.push(b'}');
        let text = u32::try_from(self.characters.div_ceil(4)).unwrap_or(u32::MAX);
        let media = u32::try_from(self.media)
            .unwrap_or(u32::MAX)
            .saturating_mul(per_medium);
        Request {
            path: "chat/completions",
            body: Bytes::from(self.body),
            prompt: hash(&self.shown),
            seed,
            tokens: text.saturating_add(media).saturating_add(reply),
        }
    }
}

/// The first 64 bits of the SHA-256.
fn hash(shown: &[u8]) -> u64 {
    u64::from_str_radix(&Sha256Sum::of(shown).to_string()[..16], 16).unwrap_or_default()
}

/// Appends a JSON string.
fn string(body: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(body, text).expect("text is written to memory");
}

/// Appends bytes in base64.
fn encode(bytes: &[u8], body: &mut Vec<u8>) {
    let start = body.len();
    body.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD
        .encode_slice(bytes, &mut body[start..])
        .expect("the room is exactly right");
    body.truncate(start + written);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::borrow::Cow;

    fn image(bytes: &'static [u8]) -> Medium {
        Medium {
            mime: "image/png".into(),
            content: Content::Bytes(Bytes::from_static(bytes)),
            sha256: Sha256Sum::of(bytes),
        }
    }

    fn written(parts: &[Exhibit<'_>]) -> (Value, Request) {
        let mut conversation = Conversation::new(Dialect::Vllm, "m", 0);
        conversation.say("system", "s");
        conversation.show("user", parts).unwrap();
        let request = conversation.finish(b"{\"max_tokens\":1}", Some(7), 1, 100);
        (serde_json::from_slice(&request.body).unwrap(), request)
    }

    #[test]
    fn neighbouring_texts_are_one_part_and_texts_alone_are_plain() {
        let text = |text: &'static str| Exhibit::Text(Cow::Borrowed(text));
        let (plain, _) = written(&[text("a "), text("b")]);
        assert_eq!(plain["messages"][1]["content"], "a b");
        assert_eq!(
            (&plain["max_tokens"], &plain["seed"]),
            (&json!(1), &json!(7))
        );
        let (parts, request) = written(&[
            text("a "),
            text("b"),
            Exhibit::Media(vec![image(b"x"), image(b"yz")]),
        ]);
        let types: Vec<&Value> = parts["messages"][1]["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| &p["type"])
            .collect();
        assert_eq!(types, ["text", "image_url", "image_url"]);
        assert_eq!(
            parts["messages"][1]["content"][2]["image_url"]["url"],
            "data:image/png;base64,eXo="
        );
        assert_eq!(request.tokens, 1 + 200 + 1);
    }

    #[test]
    fn the_hash_is_of_what_is_shown_alone() {
        let of = |medium, tail: &[u8]| {
            let mut conversation = Conversation::new(Dialect::Vllm, "m", 0);
            conversation
                .show("user", &[Exhibit::Media(vec![medium])])
                .unwrap();
            conversation.finish(tail, None, 1, 0).prompt
        };
        assert_eq!(of(image(b"x"), b"{}"), of(image(b"x"), b"{\"top_p\":1}"));
        assert_ne!(of(image(b"x"), b"{}"), of(image(b"y"), b"{}"));
    }

    proptest! {
        #[test]
        fn any_text_survives_as_json(text in ".*", model in ".*") {
            let mut conversation = Conversation::new(Dialect::Hosted, &model, 0);
            conversation.say("user", &text);
            let body: Value = serde_json::from_slice(&conversation.finish(b"{}", None, 0, 0).body).unwrap();
            prop_assert_eq!(&body["messages"][0]["content"], &Value::from(text));
            prop_assert_eq!(&body["model"], &Value::from(model));
        }
    }
}

//! XML as a tree whose depth, size and entities are bounded.

use std::borrow::Cow;
use std::path::Path;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::nifti::ImageError;

/// Elements within elements.
const DEPTH: usize = 32;

/// Elements in all: a few hundred bytes of memory each.
const ELEMENTS: usize = 1 << 20;

/// Attributes of one element.
const ATTRIBUTES: usize = 64;

/// A document whose errors name its file.
#[derive(Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) path: &'a Path,
    text: &'a str,
}

/// An element.
#[derive(Default)]
pub(crate) struct Node<'a> {
    pub(crate) name: String,
    pub(crate) at: u64,
    attributes: Vec<(String, String)>,
    pub(crate) text: Cow<'a, str>,
    children: Vec<Node<'a>>,
}

impl<'a> Document<'a> {
    pub(crate) fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self, ImageError> {
        let text = str::from_utf8(bytes).map_err(|error| ImageError::Xml {
            path: path.to_owned(),
            at: error.valid_up_to() as u64,
            what: "is not UTF-8; the file is damaged, or of another encoding: save it as UTF-8"
                .to_owned(),
        })?;
        Ok(Self { path, text })
    }

    pub(crate) fn error(&self, at: u64, what: impl Into<String>) -> ImageError {
        ImageError::Xml {
            path: self.path.to_owned(),
            at,
            what: what.into(),
        }
    }

    /// The outermost element, of the name given.
    pub(crate) fn root(&self, name: &str) -> Result<Node<'a>, ImageError> {
        let mut reader = Reader::from_str(self.text);
        let mut open: Vec<Node<'a>> = Vec::new();
        let mut elements = 0;
        loop {
            let at = reader.buffer_position();
            let event = reader.read_event().map_err(|error| {
                self.error(
                    reader.error_position(),
                    format!("{error}; the file is damaged: fetch it again"),
                )
            })?;
            let closed = match event {
                Event::Start(start) => {
                    let node = self.element(&start, at, &mut elements)?;
                    if open.len() == DEPTH {
                        return Err(self.error(
                            at,
                            format!(
                                "{DEPTH} elements within one another; no such file is that deep"
                            ),
                        ));
                    }
                    open.push(node);
                    None
                }
                Event::Empty(start) => Some(self.element(&start, at, &mut elements)?),
                Event::End(_) => open.pop(),
                Event::Text(text) => {
                    self.append(&mut open, text.xml10_content());
                    None
                }
                Event::CData(text) => {
                    self.append(&mut open, text.xml10_content());
                    None
                }
                Event::GeneralRef(reference) => {
                    let character = match reference.resolve_char_ref() {
                        Ok(Some(character)) => Some(character),
                        Ok(None) => match &*reference {
                            "lt" => Some('<'),
                            "gt" => Some('>'),
                            "amp" => Some('&'),
                            "apos" => Some('\''),
                            "quot" => Some('"'),
                            _ => None,
                        },
                        Err(_) => None,
                    };
                    let Some(character) = character else {
                        let what = format!(
                            "the entity &{}; is not one of the five of XML; entities are not expanded, for they can \
                             grow without bound: write the text itself",
                            reference.chars().take(40).collect::<String>()
                        );
                        return Err(self.error(at, what));
                    };
                    self.append(&mut open, Cow::Owned(character.to_string()));
                    None
                }
                Event::Eof => {
                    let what = format!(
                        "the document ends before </{name}>; the file is truncated: fetch it again"
                    );
                    return Err(self.error(at, what));
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => None,
            };
            let Some(node) = closed else { continue };
            match open.last_mut() {
                Some(parent) => parent.children.push(node),
                None if node.name == name => return Ok(node),
                None => {
                    let what = format!("the document is <{}>; expected <{name}>", node.name);
                    return Err(self.error(node.at, what));
                }
            }
        }
    }

    fn append(&self, open: &mut [Node<'a>], text: Cow<'a, str>) {
        if let Some(node) = open.last_mut() {
            if node.text.is_empty() {
                node.text = text;
            } else {
                node.text.to_mut().push_str(&text);
            }
        }
    }

    fn element(
        &self,
        start: &BytesStart<'_>,
        at: u64,
        elements: &mut usize,
    ) -> Result<Node<'a>, ImageError> {
        *elements += 1;
        if *elements > ELEMENTS {
            return Err(self.error(
                at,
                format!("more than {ELEMENTS} elements; no such file has that many"),
            ));
        }
        let mut attributes = Vec::new();
        // The check for doubles takes time quadratic in their number.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.error(at, error.to_string()))?;
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|error| self.error(at, error.to_string()))?;
            if attributes.len() == ATTRIBUTES {
                return Err(self.error(
                    at,
                    format!("an element of more than {ATTRIBUTES} attributes"),
                ));
            }
            attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        Ok(Node {
            name: start.name().as_ref().to_owned(),
            at,
            attributes,
            ..Node::default()
        })
    }

    /// An attribute that must be there.
    pub(crate) fn attribute<'n>(
        &self,
        node: &'n Node<'_>,
        name: &str,
    ) -> Result<&'n str, ImageError> {
        node.attribute(name)
            .ok_or_else(|| self.error(node.at, format!("<{}> has no attribute {name}", node.name)))
    }

    /// A number that must be there.
    pub(crate) fn number<T: std::str::FromStr>(
        &self,
        node: &Node<'_>,
        name: &str,
        expected: &str,
    ) -> Result<T, ImageError> {
        let value = self.attribute(node, name)?;
        value
            .trim()
            .parse()
            .map_err(|_| self.wrong(node, name, value, expected))
    }

    /// An attribute with a value that it may not have.
    pub(crate) fn wrong(
        &self,
        node: &Node<'_>,
        name: &str,
        value: &str,
        expected: &str,
    ) -> ImageError {
        let value: String = value.chars().take(80).collect();
        self.error(
            node.at,
            format!(
                "{name} of <{}> is {value:?}; expected {expected}",
                node.name
            ),
        )
    }

    /// The numbers in the text of an element.
    pub(crate) fn numbers<T: std::str::FromStr>(
        &self,
        node: &Node<'_>,
        expected: &str,
    ) -> Result<Vec<T>, ImageError> {
        let parsed = node.text.split_ascii_whitespace().map(|word| {
            word.parse().map_err(|_| {
                let word: String = word.chars().take(40).collect();
                self.error(
                    node.at,
                    format!("{word:?} in <{}>; expected {expected}", node.name),
                )
            })
        });
        parsed.collect()
    }

    /// The sixteen numbers of a transform.
    pub(crate) fn matrix(&self, node: &Node<'_>) -> Result<[[f64; 4]; 4], ImageError> {
        let numbers: Vec<f64> = self.numbers(node, "sixteen numbers")?;
        let ([a, b, c, d], []) = numbers.as_chunks() else {
            let what = format!(
                "{} numbers in <{}>; expected sixteen",
                numbers.len(),
                node.name
            );
            return Err(self.error(node.at, what));
        };
        if !numbers.iter().all(|v| v.is_finite()) {
            return Err(self.error(
                node.at,
                format!("{numbers:?} in <{}>; expected finite numbers", node.name),
            ));
        }
        Ok([*a, *b, *c, *d])
    }

    /// Names and values in a `<MetaData>` within an element.
    pub(crate) fn meta(&self, node: &Node<'_>) -> Vec<(String, String)> {
        let entries = node
            .children("MetaData")
            .flat_map(|meta| meta.children("MD"));
        let text = |entry: &Node<'_>, name| entry.child(name).map(|n| n.text.trim().to_owned());
        entries
            .map(|md| {
                (
                    text(md, "Name").unwrap_or_default(),
                    text(md, "Value").unwrap_or_default(),
                )
            })
            .collect()
    }
}

impl<'a> Node<'a> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let mut found = self.attributes.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn children<'n>(&'n self, name: &str) -> impl Iterator<Item = &'n Node<'a>> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(crate) fn child(&self, name: &str) -> Option<&Node<'a>> {
        self.children(name).next()
    }
}

/// Text made safe for XML.
pub(crate) fn escape(text: &str) -> String {
    // Control characters have no form in XML 1.0.
    let clean: String = text
        .chars()
        .map(|c| {
            if c.is_control() && !matches!(c, '\t' | '\n') {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect();
    quick_xml::escape::escape(&clean).into_owned()
}

//! Conversations as the prompts a model was trained on, after the template in its file.
//!
//! Templates are Jinja programs (`tokenizer.chat_template`), rendered with the settings of Hugging
//! Face `transformers`: blocks are trimmed, Python's methods of strings and mappings work,
//! `raise_exception` refuses a conversation. A template may run for a bounded number of steps and
//! write a bounded number of bytes.
//!
//! What messages say is kept apart from what the template writes: a mark in the result is the
//! template's own, see [`Prompt`].
//!
//! Today's date would give other prompts every day, so `strftime_now` is not defined. Templates ask
//! whether it is and have a fixed date otherwise; they take one from `date_string` among the
//! variables.

mod guard;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::LazyLock;
use std::thread;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat;
use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::gguf::{GgufError, Metadata};
use crate::tokenizer::{Prompt, TokenId, Tokenizer};
use guard::Guard;

/// Largest template that is read, in bytes; published ones have less than 32 KiB.
const TEMPLATE_BYTES: usize = 1 << 17;
/// Stack for reading a template. The engine recurses into expressions, one byte may open another
/// level, and a level takes less than 2 KiB. What is not used takes no memory.
const STACK: usize = TEMPLATE_BYTES << 11;
/// Steps that a template may take, each worth 64 bytes of text; published ones take less than 5,000.
const STEPS: u64 = 1_000_000;

static GENERATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")
        .unwrap_or_else(|error| unreachable!("constant expression: {error}"))
});

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChatError {
    /// The file has no template.
    #[error(
        "the model has no chat template (metadata \"tokenizer.chat_template\"): it was not trained for \
         conversations; take its instruct version, or give the prompt as plain text"
    )]
    Missing,
    /// The template in the file is not a text.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// The template is no program, or larger than any that is one.
    #[error(
        "the model's chat template cannot be read: {what}; fetch the model again, or give a template of your own"
    )]
    Syntax {
        /// What is wrong with it.
        what: String,
    },
    /// The template refuses the conversation.
    #[error("the model's chat template refuses the conversation: {what}")]
    Refused {
        /// What it says.
        what: String,
    },
    /// The template failed.
    #[error(
        "the model's chat template failed: {what}; check the variables given to it, or give a template of your own"
    )]
    Failed {
        /// What went wrong.
        what: String,
    },
    /// The template asks for today's date.
    #[error(
        "the model's chat template asks for today's date, which would give other prompts every day: give a \
         template of your own with a fixed date"
    )]
    Date,
    /// A variable has a name that the conversation itself goes by.
    #[error(
        "the chat template's variable {name:?} is set by the program; remove it from the variables, or choose another name"
    )]
    Reserved {
        /// The name.
        name: String,
    },
    /// The conversation leaves no character to tell its text from the template's.
    #[error("the conversation uses every character of Unicode's private areas; remove some")]
    Crowded,
    /// The template ran for too long or wrote too much.
    #[error(
        "the model's chat template took more than {steps} steps, as no sound one does; give a template of your own"
    )]
    Endless {
        /// Steps it was allowed.
        steps: u64,
    },
}

/// Who says something in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions; some templates refuse them.
    System,
    /// The asker.
    User,
    /// The model.
    Assistant,
}

/// One thing said in a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said; mere text, whatever it looks like.
    pub content: String,
}

impl Message {
    /// A message.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}

/// How a conversation is rendered.
///
/// | field | default |
/// |---|---|
/// | `answer_follows` | `true` |
/// | `variables` | none |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChatOptions {
    /// Whether the prompt ends where the model's answer begins (`add_generation_prompt`).
    pub answer_follows: bool,
    /// Variables of the template, such as `enable_thinking`; their text is markup.
    pub variables: Map<String, serde_json::Value>,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self {
            answer_follows: true,
            variables: Map::new(),
        }
    }
}

/// A model's way to write conversations.
///
/// ```no_run
/// use emotome_language::chat::{ChatOptions, ChatTemplate, Message, Role};
/// use emotome_language::gguf::Gguf;
/// use emotome_language::tokenizer::Tokenizer;
///
/// let model = Gguf::open("SmolLM2-135M-Instruct.Q4_1.gguf")?;
/// let tokenizer = Tokenizer::new(model.metadata())?;
/// let template = ChatTemplate::from_metadata(model.metadata())?;
/// let messages = [Message::new(Role::User, "Say <|im_end|>.")];
/// let prompt = template.render(&tokenizer, &messages, &ChatOptions::default())?;
/// let tokens = tokenizer.encode(&prompt)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChatTemplate").field(&self.source).finish()
    }
}

/// What `raise_exception` was called with.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

impl ChatTemplate {
    /// The template in a file.
    ///
    /// # Errors
    /// [`ChatError::Missing`] or [`ChatError::Syntax`].
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, ChatError> {
        let source: Option<&str> = metadata.optional("tokenizer.chat_template")?;
        Self::new(source.ok_or(ChatError::Missing)?)
    }

    /// A template given as text.
    ///
    /// # Errors
    /// [`ChatError::Syntax`].
    pub fn new(source: &str) -> Result<Self, ChatError> {
        if source.len() > TEMPLATE_BYTES {
            return Err(ChatError::Syntax {
                what: format!(
                    "it has {} bytes; expected at most {TEMPLATE_BYTES}",
                    source.len()
                ),
            });
        }
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true);
        let syntax = syntax
            .build()
            .map_err(|error| ChatError::Syntax { what: said(&error) })?;
        let mut environment = Environment::new();
        environment.set_fuel(Some(STEPS));
        environment.set_syntax(syntax);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(method);
        environment.add_function("raise_exception", |what: String| -> Result<Value, Error> {
            Err(Error::from(ErrorKind::InvalidOperation).with_source(Raised(what)))
        });
        // Marks of what a model is trained on, which mean nothing here.
        let own = GENERATION.replace_all(source, |found: &Captures<'_>| {
            let tag = found.get(2).map_or("if true", |_| "endif");
            format!("{{%{} {tag} {}%}}", &found[1], &found[3])
        });
        let own = own.into_owned();
        let read = thread::Builder::new().stack_size(STACK).spawn(move || {
            environment.add_template_owned("chat", own)?;
            Ok(environment)
        });
        let environment = read
            .map_err(|error| error.to_string())
            .and_then(|thread| thread.join().map_err(|_| "it breaks the reader".to_owned()))
            .and_then(|read| read.map_err(|error: Error| said(&error)))
            .map_err(|what| ChatError::Syntax { what })?;
        Ok(Self {
            environment,
            source: source.to_owned(),
        })
    }

    /// The template's text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A conversation as a prompt; *O*(text × marks of the vocabulary).
    ///
    /// # Errors
    /// [`ChatError::Refused`] where the template does not take the conversation,
    /// [`ChatError::Endless`], [`ChatError::Date`] or [`ChatError::Failed`] where it does not work.
    pub fn render(
        &self,
        tokenizer: &Tokenizer,
        messages: &[Message],
        options: &ChatOptions,
    ) -> Result<Prompt, ChatError> {
        let contents = messages.iter().map(|message| message.content.as_str());
        let mut guard = Guard::new(contents.chain([self.source.as_str()]));
        let shown: Vec<Message> = messages
            .iter()
            .map(|message| {
                let content = guard.hide(&message.content, tokenizer)?;
                Some(Message::new(message.role, content))
            })
            .collect::<Option<_>>()
            .ok_or(ChatError::Crowded)?;
        let spelled = |token: Option<TokenId>| {
            let bytes = token.and_then(|token| tokenizer.bytes(token));
            String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
        };
        let own = serde_json::json!({
            "messages": shown,
            "bos_token": spelled(tokenizer.bos()),
            "eos_token": spelled(tokenizer.eos()),
            "add_generation_prompt": options.answer_follows,
        });
        let mut context = options.variables.clone();
        for (name, value) in own.as_object().into_iter().flatten() {
            if context.insert(name.clone(), value.clone()).is_some() {
                return Err(ChatError::Reserved { name: name.clone() });
            }
        }
        let template = self.environment.get_template("chat");
        let text = template.and_then(|template| template.render(Value::from(Serde(context))));
        let text = text.map_err(|error| failure(&error))?;
        Ok(tokenizer.markup_with(&text, |c| guard.show(c)))
    }
}

/// Python's methods, at the cost of the work they do.
fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let text = |value: &Value| value.as_str().map_or(0, str::len) as u64;
    let bytes: u64 = args.iter().chain([value]).map(text).sum();
    state.consume_fuel(1 + bytes / 64)?;
    match (name, args) {
        // Their results can be much longer than what they are made of; the filters see to it.
        ("replace", [old, new]) => {
            state.apply_filter("replace", &[value.clone(), old.clone(), new.clone()])
        }
        ("join", [items]) => state.apply_filter("join", &[items.clone(), value.clone()]),
        // Plain fields alone: a width can ask for any length.
        ("format", _) if args.iter().all(|arg| arg.as_object().is_none()) => {
            let fields = || value.as_str().unwrap_or_default().split('{').skip(1);
            if fields().any(|field| field.split('}').next().is_some_and(|f| f.contains(':'))) {
                return Err(ErrorKind::UnknownMethod.into());
            }
            state.consume_fuel(fields().count() as u64 * (1 + bytes / 64))?;
            pycompat::unknown_method_callback(state, value, name, args)
        }
        ("replace" | "join" | "format", _) => Err(ErrorKind::UnknownMethod.into()),
        _ => pycompat::unknown_method_callback(state, value, name, args),
    }
}

fn failure(error: &Error) -> ChatError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(found) = cause {
        if let Some(Raised(what)) = found.downcast_ref() {
            return ChatError::Refused { what: what.clone() };
        }
        cause = found.source();
    }
    match error.kind() {
        ErrorKind::OutOfFuel => ChatError::Endless { steps: STEPS },
        ErrorKind::UnknownFunction if said(error).contains("strftime_now") => ChatError::Date,
        _ => ChatError::Failed { what: said(error) },
    }
}

/// What the engine says of an error, with the line but without the template around it.
fn said(error: &Error) -> String {
    let what = error.detail().map_or_else(
        || error.kind().to_string(),
        |detail| format!("{}: {detail}", error.kind()),
    );
    match error.line() {
        Some(line) => format!("{what} (line {line})"),
        None => what,
    }
}

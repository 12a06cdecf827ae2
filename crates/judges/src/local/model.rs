//! A GGUF file as a model that can be asked.

use emotome_language::chat::{ChatError, ChatOptions, ChatTemplate, Message, Role};
use emotome_language::gguf::{Gguf, GgufError};
use emotome_language::model::{Model, ModelError};
use emotome_language::tokenizer::{TokenId, Tokenizer, TokenizerError};
use emotome_stimuli::digest::{DigestError, Sha256Sum, sha256_of_file};
use std::path::Path;

/// A model with its tokenizer and its way to write conversations.
#[derive(Debug)]
pub struct LocalModel {
    pub(crate) model: Model,
    pub(crate) tokenizer: Tokenizer,
    chat: ChatTemplate,
    options: ChatOptions,
    sha256: Sha256Sum,
}

/// Why a file cannot be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocalModelError {
    /// The file is no sound GGUF file.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Its network is not one that runs here.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its tokenizer is not one that is known.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// It has no usable chat template, or the template refuses the conversation.
    #[error(transparent)]
    Chat(#[from] ChatError),
    /// Its checksum cannot be taken.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl LocalModel {
    /// Opens a GGUF file; `options` go to its chat template.
    ///
    /// # Errors
    /// [`LocalModelError`].
    pub fn open(path: &Path, options: ChatOptions) -> Result<Self, LocalModelError> {
        let file = Gguf::open(path)?;
        Ok(Self {
            model: Model::load(&file)?,
            tokenizer: Tokenizer::new(file.metadata())?,
            chat: ChatTemplate::from_metadata(file.metadata())?,
            options,
            sha256: sha256_of_file(path)?,
        })
    }

    /// The checksum of the file.
    #[must_use]
    pub const fn sha256(&self) -> Sha256Sum {
        self.sha256
    }

    /// The tokens of a conversation up to where the reply goes on after `begun`.
    ///
    /// # Errors
    /// [`LocalModelError::Chat`] and [`LocalModelError::Tokenizer`].
    pub(super) fn prompt(
        &self,
        system: Option<&str>,
        user: String,
        begun: Option<&str>,
    ) -> Result<Vec<TokenId>, LocalModelError> {
        let system = system.map(|text| Message::new(Role::System, text));
        let messages: Vec<Message> = system
            .into_iter()
            .chain([Message::new(Role::User, user)])
            .collect();
        self.conversation(&messages, begun)
    }

    /// The same of any conversation.
    ///
    /// # Errors
    /// As of [`prompt`](Self::prompt).
    pub(crate) fn conversation(
        &self,
        messages: &[Message],
        begun: Option<&str>,
    ) -> Result<Vec<TokenId>, LocalModelError> {
        let mut prompt = self.chat.render(&self.tokenizer, messages, &self.options)?;
        if let Some(begun) = begun {
            prompt.push_text(begun);
        }
        Ok(self.tokenizer.encode(&prompt)?)
    }
}

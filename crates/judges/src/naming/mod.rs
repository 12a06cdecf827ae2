//! Names for dimensions, suggested by a model that sees stimuli and nothing else.
//!
//! A model is shown some stimuli with high and some with low weights on a dimension and asked what the
//! first have in common that the others lack; it knows neither weights, ratings, other names nor which dimension it is
//! ([`template`](NamingTemplate), [`Talk`]). Each repeat draws other examples ([`Draw`]). How far repeats agree stands
//! beside what names of different dimensions share ([`agreement`]); whether a name means something is told by stimuli
//! that no name was made from ([`discrimination`]). An [`Interview`] carries all questions over servers
//! ([`ServedNamer`]) or a model in this process ([`LocalNamer`]) and asks nothing twice.

pub mod agreement;
pub mod discrimination;
mod draw;
mod in_process;
mod interview;
mod reading;
mod served;
mod talk;
mod template;

pub use draw::{Draw, Examples, NamingParams, NamingParamsError, Unnamed};
pub use in_process::LocalNamer;
pub use interview::{Ask, Found, Heard, Interview, InterviewError, Namer, Next, Said, Turn};
pub use reading::{MOST_WORDS, Suggestion, read_fit, read_name};
pub use served::{NamingRequests, ServedNamer, ServedParams};
pub use talk::Talk;
pub use template::{NamingTemplate, NamingTemplateError, Question};

impl Ask {
    /// What is asked.
    #[must_use]
    pub const fn question(self) -> Question {
        match self {
            Self::Name { .. } => Question::Name,
            Self::Fit { .. } => Question::Fit,
        }
    }

    /// The dimension, from 0.
    #[must_use]
    pub const fn dim(self) -> usize {
        match self {
            Self::Name { dim, .. } | Self::Fit { dim, .. } => dim,
        }
    }
}

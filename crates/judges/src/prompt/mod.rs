//! What a model is asked: templates of prompts, and what is shown of a stimulus.
//!
//! A [`Template`] is a TOML file, `prompts/NAME.toml` in a study, or one of the [`presets`]. What
//! takes the place of a stimulus in it is an [`Exhibit`]: a caption by a [`CaptionPolicy`], or
//! images, frames or the clip itself from a [`MediaSource`]. [`affect`] tells which captions name
//! an emotion and so answer for the model.

pub mod affect;
mod captions;
mod exhibit;
mod files;
mod frames;
mod labels;
pub mod presets;
mod template;

pub use captions::{CaptionDeck, CaptionPolicy, CaptionPolicyError};
pub use exhibit::{Carrier, Content, Exhibit, MediaError, MediaKind, MediaSource, Medium, Shown};
pub use files::{MediaFiles, MediaFilesError, SentAs};
pub use frames::{FrameParams, SampledFrames};
pub use labels::{LabelError, Labels};
pub use template::{Asks, Piece, Template, TemplateError};

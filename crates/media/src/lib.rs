//! Media: clips and pictures decoded to frames, checked, measured and cached.

pub mod cache;
pub mod check;
pub mod encode;
pub mod error;
mod ffmpeg;
mod h264;
mod mp4;
pub mod numbered;
pub mod picture;
pub mod policy;
pub mod reader;
pub mod source;
mod still;
#[cfg(test)]
mod tests;

pub use error::MediaError;
pub use picture::Frame;
pub use policy::{CheckedPolicy, FramePolicy};
pub use reader::Reader;

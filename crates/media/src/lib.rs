//! Media: clips and pictures decoded to frames, checked, measured and cached.

pub mod cache;
pub mod check;
mod colour;
pub mod encode;
pub mod error;
mod ffmpeg;
mod flv;
mod foreign;
mod h264;
mod mp4;
mod nal;
pub mod numbered;
pub mod picture;
pub mod policy;
mod program;
pub mod reader;
pub mod source;
mod still;
#[cfg(test)]
mod tests;

pub use error::MediaError;
pub use picture::Frame;
pub use policy::{CheckedPolicy, FramePolicy};
pub use reader::Reader;

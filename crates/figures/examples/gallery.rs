//! Writes every figure, light and dark, into a folder:
//! `cargo run --release -p emotome-figures --example gallery -- OUT`.

#[path = "../tests/gallery/mod.rs"]
mod gallery;
#[path = "../tests/sample/mod.rs"]
mod sample;

use emotome_figures::{Figure, Format, Theme, export, render::Print};
use std::{error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(
        std::env::args()
            .nth(1)
            .ok_or("name a folder to write into")?,
    );
    fs::create_dir_all(&out)?;
    let print = Print {
        dpi: 150.0,
        ..Print::default()
    };
    let picture = export(
        &gallery::map(300),
        "picture",
        &[Format::Png],
        Theme::Light,
        Print {
            width_mm: Some(40.0),
            dpi: 150.0,
        },
    )?;
    let figures = gallery::all(Some(&picture[0].bytes));
    let old = sample::all().into_iter().map(|f| {
        let name: &str = Box::leak(emotome_figures::export::stem(f.title()).into_boxed_str());
        (name, f)
    });
    let figures: Vec<(&str, Box<dyn Figure>)> = figures.into_iter().chain(old).collect();
    for (name, figure) in figures {
        for theme in [Theme::Light, Theme::Dark] {
            for file in export(figure.as_ref(), name, &Format::ALL, theme, print)? {
                println!("{:>9} {}", file.bytes.len(), file.name);
                fs::write(out.join(&file.name), &file.bytes)?;
            }
        }
    }
    Ok(())
}

//! Writes a page with every figure: `cargo run --release -p emotome-figures --example sample_report > sample.html`.

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() {
    print!("{}", sample::report().html());
}

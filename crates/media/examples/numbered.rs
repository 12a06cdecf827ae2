//! Writes numbered frames to standard output as raw RGB: `numbered COUNT SIDE`.

use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse());
    let mut next = || arguments.next().ok_or("usage: numbered COUNT SIDE");
    let (count, side): (u32, u32) = (next()??, next()??);
    let mut out = std::io::stdout().lock();
    for number in 1..=count {
        out.write_all(&emotome_media::numbered::numbered(number, side).rgb)?;
    }
    Ok(())
}

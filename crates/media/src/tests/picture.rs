//! Colours, turns and sizes.

use std::borrow::Cow;

use super::*;

#[test]
fn colours_are_those_of_the_standard_and_close_to_ffmpeg() {
    let reader = reader(DecoderChoice::BuiltIn);
    for name in ["high", "full_709", "wide_colour"] {
        let extraction = reader
            .frames(clip(&format!("{name}.mp4")), &every(), &never())
            .unwrap();
        let ours = &extraction.frames[7];
        let theirs = reader
            .frames(clip(&format!("{name}.png")), &every(), &never())
            .unwrap();
        let theirs = &theirs.frames[0];
        let largest = ours
            .rgb
            .iter()
            .zip(&theirs.rgb)
            .map(|(a, b)| a.abs_diff(*b))
            .max()
            .unwrap();
        let mean = 255.0 * ours.difference(theirs);
        println!("{name}: mean difference {mean:.3}, largest {largest}");
        // ffmpeg interpolates colour by a cubic, which differs near edges of saturated colours.
        let (most, at_most) = if name == "wide_colour" {
            (1.5, 60)
        } else {
            (0.5, 2)
        };
        assert!(mean < most, "{name}: mean difference {mean}");
        assert!(largest <= at_most, "{name}: largest difference {largest}");
        assert_eq!((ours.width, ours.height), (theirs.width, theirs.height));
    }
}

#[test]
fn a_turned_clip_is_shown_upright() {
    let reader = reader(DecoderChoice::BuiltIn);
    let [plain, turned] = ["baseline.mp4", "turned.mp4"]
        .map(|name| reader.frames(clip(name), &every(), &never()).unwrap());
    assert_eq!((plain.info.width, plain.info.height), (96, 64));
    assert_eq!((turned.info.width, turned.info.height), (64, 96));
    let upright = plain.frames[4].clone().rotated(turned.info.rotation);
    assert!(turned.frames[4] == upright);
    assert_ne!(turned.info.rotation.degrees(), 0);
    // Four quarter turns are none.
    let mut frame = plain.frames[0].clone();
    for _ in 0..4 {
        frame = frame.rotated(crate::picture::Rotation::Quarter);
    }
    assert!(frame == plain.frames[0]);
}

#[test]
fn a_quarter_turn_is_clockwise() {
    use crate::picture::Rotation;
    let frame = Frame {
        width: 2,
        height: 1,
        rgb: vec![1, 1, 1, 2, 2, 2],
    };
    assert_eq!(
        frame.clone().rotated(Rotation::Quarter),
        Frame {
            width: 1,
            height: 2,
            rgb: vec![1, 1, 1, 2, 2, 2]
        }
    );
    assert_eq!(
        frame.clone().rotated(Rotation::ThreeQuarters),
        Frame {
            width: 1,
            height: 2,
            rgb: vec![2, 2, 2, 1, 1, 1]
        }
    );
    assert_eq!(frame.rotated(Rotation::Half).rgb, [2, 2, 2, 1, 1, 1]);
    let frame = Frame {
        width: 1,
        height: 2,
        rgb: vec![1, 1, 1, 2, 2, 2],
    };
    // The bottom comes to the left.
    assert_eq!(frame.rotated(Rotation::Quarter).rgb, [2, 2, 2, 1, 1, 1]);
}

#[test]
fn ffmpeg_turns_the_same_way() {
    let Some(_) = with_ffmpeg("ffmpeg_turns_the_same_way") else {
        return;
    };
    let out = tempfile::tempdir().unwrap();
    let png = out.path().join("frame.png");
    let status = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(clip("turned.mp4"))
        .args(["-frames:v", "1"])
        .arg(&png)
        .status()
        .unwrap();
    assert!(status.success());
    let reader = reader(DecoderChoice::BuiltIn);
    let ours = reader
        .frames(clip("turned.mp4"), &every(), &never())
        .unwrap();
    let theirs = reader.frames(&png, &every(), &never()).unwrap();
    assert!(ours.frames[0].difference(&theirs.frames[0]) < 0.03);
}

#[test]
fn grey_stays_grey_and_lies_where_it_was() {
    use crate::picture::{Colour, Matrix, Painter, Rotation, Subsampling};
    // A step between two colours at the middle: after resizing it is still at the middle.
    let (width, height) = (64_u32, 32_u32);
    let column = |x: u32| {
        if x < 32 {
            (90_u8, 100_u8, 160_u8)
        } else {
            (90, 160, 100)
        }
    };
    let y: Vec<u8> = (0..height)
        .flat_map(|_| (0..width).map(|x| column(x).0))
        .collect();
    let u: Vec<u8> = (0..height / 2)
        .flat_map(|_| (0..width / 2).map(|x| column(2 * x).1))
        .collect();
    let v: Vec<u8> = (0..height / 2)
        .flat_map(|_| (0..width / 2).map(|x| column(2 * x).2))
        .collect();
    let picture = |planes: [Cow<'static, [u8]>; 3]| Picture::Planes {
        size: (width, height),
        subsampling: Subsampling { across: 2, down: 2 },
        colour: Colour {
            matrix: Matrix::Bt601,
            full_range: true,
        },
        planes,
    };
    let mut painter = Painter::new(Size::Original, Filter::Bilinear, Rotation::None);
    let frame = painter
        .paint(picture([&y, &u, &v].map(|plane| plane.clone().into())))
        .unwrap();
    let red = |x: usize| frame.rgb[3 * x];
    // The colour of pixel 31 lies half-way between the samples on pixels 30 and 32.
    assert_eq!(
        red(31),
        ((u16::from(red(30)) + u16::from(red(32))) / 2) as u8
    );
    let grey = vec![128; (width * height / 4) as usize];
    let frame = painter
        .paint(picture(
            [&y, &grey, &grey].map(|plane| plane.clone().into()),
        ))
        .unwrap();
    assert!(frame.rgb.iter().all(|&value| value == 90));
}

#[test]
fn pixels_that_are_not_square_are_told_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let whole = std::fs::read(clip("wide_pixels.mp4")).unwrap();
    let place = whole.windows(4).position(|name| name == b"pasp").unwrap();
    // In the container and the stream, in the stream alone, and square in the container.
    let (mut bare, mut square) = (whole.clone(), whole.clone());
    bare[place..place + 4].copy_from_slice(b"skip");
    square[place + 4..place + 12].copy_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
    for (bytes, known) in [(whole, Some((4, 3))), (bare, Some((4, 3))), (square, None)] {
        std::fs::write(&path, bytes).unwrap();
        let taken = reader(DecoderChoice::BuiltIn)
            .frames(&path, &every(), &never())
            .unwrap();
        assert_eq!(taken.info.pixel_aspect, known);
        assert_eq!(taken.taken.pixel_aspect, known);
        assert_eq!((taken.frames[0].width, taken.frames[0].height), (96, 64));
    }
    let plain = reader(DecoderChoice::BuiltIn).probe(clip("high.mp4"), &never());
    assert_eq!(plain.unwrap().info.pixel_aspect, None);
}

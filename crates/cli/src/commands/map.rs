//! `emotome map`

use super::{command_line, sides, some_sides};
use crate::failure::Failure;
use crate::flags::ForceFlag;
use crate::show::rows;
use crate::terminal::Session;
use clap::{ArgGroup, Args, Subcommand};
use emotome_neurofiles::Millimetres;
use emotome_workflows::map::{
    CompareMapsRequest, Cut, Depth, Fade, FadeBy, Look, MapSummary, Outline, ParcelMapRequest,
    SliceMapRequest, Sure, SurfaceMapRequest, Target, compare_maps, parcel_map, slice_map,
    surface_map,
};
use std::path::PathBuf;

/// Draws maps of the brain as SVG, PDF and PNG, with their numbers beside them.
#[derive(Debug, Args)]
pub(crate) struct MapCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Values of HCP-MMP areas or of regions on the flattened cortex; needs no surface files.
    Parcels(Box<Parcels>),
    /// A volume on cortical surfaces: a flat map, views in space, and the values as GIFTI.
    Surface(Box<SurfaceFlags>),
    /// Slices of a volume.
    Slices(Box<Slices>),
    /// Two volumes voxel by voxel: a histogram of both, their difference as an image and in slices.
    Compare(Box<CompareFlags>),
}

/// How a map looks, and where it goes.
#[derive(Debug, Args)]
struct LookFlags {
    /// The heading.
    #[arg(long, value_name = "TEXT", default_value = "Map")]
    title: String,
    /// What is shown, with its unit.
    #[arg(long, value_name = "TEXT", default_value = "similarity of geometries")]
    quantity: String,
    /// Zero stands in the middle of the colours.
    #[arg(long)]
    diverging: bool,
    /// Values are numbers of so many subjects in which something was found.
    #[arg(long, value_name = "N", conflicts_with = "diverging")]
    of_subjects: Option<usize>,
    /// Values of the first and the last colour. [default: from the data]
    #[arg(long, value_name = "LOW,HIGH", value_parser = limits, allow_hyphen_values = true)]
    limits: Option<(f64, f64)>,
    /// Values nearer to zero are not coloured.
    #[arg(long, value_name = "V")]
    threshold: Option<f64>,
    /// One column of a journal wide, 89 mm, instead of two.
    #[arg(long)]
    narrow: bool,
    /// Folder of the map.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    force: ForceFlag,
}

/// How sure values are: results below a threshold fade instead of vanishing, those above it are outlined.
#[derive(Debug, Args)]
struct SureFlags {
    /// What fades colours: p=… for 1 − p, size=… for the size of t or z, value=… for itself; an image, or a column of
    /// the table.
    #[arg(long, value_name = "KIND=FILE|COLUMN", value_parser = fade)]
    confidence: Option<(FadeBy, String)>,
    /// Where colours are gone and where they are full. [default: 0 and 1 for p, 0 and the largest for all others]
    #[arg(long, value_name = "LOW,HIGH", value_parser = limits, requires = "confidence")]
    fade: Option<(f64, f64)>,
    /// p, an image or a column of the table: what is at most --level is outlined.
    #[arg(long, value_name = "FILE|COLUMN")]
    outline: Option<String>,
    /// The level of --outline.
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    level: f64,
}

impl SureFlags {
    fn get(self) -> Sure {
        let (fade, level) = (self.fade, self.level);
        Sure {
            fade: self.confidence.map(|(by, of)| Fade {
                by,
                of,
                range: fade,
            }),
            outline: self.outline.map(|of| Outline { of, level }),
        }
    }
}

fn fade(text: &str) -> Result<(FadeBy, String), String> {
    let (kind, of) = text.split_once('=').unwrap_or(("", text));
    let by = match kind {
        "p" => FadeBy::OneMinusP,
        "size" => FadeBy::Size,
        "value" => FadeBy::Value,
        _ => {
            return Err(format!(
                "{text:?} does not say how it fades colours; give p={of}, size={of} or value={of}"
            ));
        }
    };
    Ok((by, of.to_owned()))
}

#[derive(Debug, Args)]
struct Parcels {
    /// A table of values, such as regions.tsv or group.tsv of `emotome rsa roi`.
    #[arg(value_name = "FILE")]
    table: PathBuf,
    /// The column of names: areas (V1, L_V1, R_V1), or regions of --regions.
    #[arg(long, value_name = "COLUMN", default_value = "region")]
    name: String,
    /// The column of values.
    #[arg(long, value_name = "COLUMN", default_value = "value")]
    value: String,
    /// Only rows with this value in this column; may be given several times.
    #[arg(long, value_name = "COLUMN=VALUE", value_parser = pair)]
    only: Vec<(String, String)>,
    /// The table of regions that names are of: horikawa2020, glasser22, emotion2025, … [default: names are of areas]
    #[arg(long, value_name = "NAME")]
    regions: Option<String>,
    #[command(flatten)]
    sure: SureFlags,
    #[command(flatten)]
    look: LookFlags,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("depth").args(["pial", "midthickness"]))]
#[command(group = ArgGroup::new("drawn").required(true).multiple(true).args(["flat", "inflated"]))]
struct SurfaceFlags {
    /// A volume; or values by vertex, which need neither --pial nor --midthickness: GIFTI of left and right, or a
    /// .dscalar.nii.
    #[arg(
        value_name = "FILE|LEFT,RIGHT",
        value_delimiter = ',',
        num_args = 1,
        required = true
    )]
    values: Vec<PathBuf>,
    /// Which of its volumes or maps.
    #[arg(long, value_name = "N", default_value_t = 1)]
    number: usize,
    /// Outer surfaces of left and right; values are taken between these and --white.
    #[arg(
        long,
        value_name = "LEFT,RIGHT",
        value_delimiter = ',',
        num_args = 1,
        requires = "white"
    )]
    pial: Vec<PathBuf>,
    /// Inner surfaces of left and right.
    #[arg(
        long,
        value_name = "LEFT,RIGHT",
        value_delimiter = ',',
        num_args = 1,
        requires = "pial"
    )]
    white: Vec<PathBuf>,
    /// Surfaces of left and right along whose normals values are taken, where there is no pial and white one.
    #[arg(long, value_name = "LEFT,RIGHT", value_delimiter = ',', num_args = 1)]
    midthickness: Vec<PathBuf>,
    /// How far to either side of --midthickness.
    #[arg(long, value_name = "MM", default_value_t = 1.5)]
    radius: f64,
    /// Samples a vertex.
    #[arg(long, value_name = "N", default_value_t = 10)]
    samples: usize,
    /// Flat surfaces of left and right, of the same meshes.
    #[arg(long, value_name = "LEFT,RIGHT", value_delimiter = ',', num_args = 1)]
    flat: Vec<PathBuf>,
    /// Inflated or other surfaces of left and right to be seen in space.
    #[arg(long, value_name = "LEFT,RIGHT", value_delimiter = ',', num_args = 1)]
    inflated: Vec<PathBuf>,
    /// Depth of sulci or curvature by vertex, positive in sulci, of left and right. [default: curvature of the surfaces
    /// that values are taken on]
    #[arg(long, value_name = "LEFT,RIGHT", value_delimiter = ',', num_args = 1)]
    sulci: Vec<PathBuf>,
    /// Regions drawn with pycortex (overlays.svg) on these flat surfaces.
    #[arg(long, value_name = "FILE", requires = "flat")]
    overlays: Option<PathBuf>,
    /// The layer of --overlays.
    #[arg(long, value_name = "NAME", default_value = "rois")]
    overlay_layer: String,
    /// Rows of pixels of the flat map.
    #[arg(long, value_name = "N", default_value_t = 800)]
    height: usize,
    #[command(flatten)]
    sure: SureFlags,
    #[command(flatten)]
    look: LookFlags,
}

#[derive(Debug, Args)]
struct Slices {
    /// The volume.
    #[arg(value_name = "FILE")]
    volume: PathBuf,
    /// Which of its volumes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    number: usize,
    /// An image of the anatomy on the same grid.
    #[arg(long, value_name = "FILE")]
    underlay: Option<PathBuf>,
    /// The slices, in millimetres: z=-20,z=0,x=8.
    #[arg(long, value_name = "AXIS=MM", value_delimiter = ',', value_parser = cut, default_value = "z=-24,z=-12,z=0,z=12")]
    cuts: Vec<Cut>,
    /// Left is drawn at right, as if one faced the person.
    #[arg(long)]
    radiological: bool,
    #[command(flatten)]
    sure: SureFlags,
    #[command(flatten)]
    look: LookFlags,
}

#[derive(Debug, Args)]
struct CompareFlags {
    /// The first volume, NAME=FILE.
    #[arg(value_name = "NAME=FILE", value_parser = pair)]
    first: (String, String),
    /// The second volume, NAME=FILE; the difference is the second less the first.
    #[arg(value_name = "NAME=FILE", value_parser = pair)]
    second: (String, String),
    /// Slices of the difference, in millimetres.
    #[arg(long, value_name = "AXIS=MM", value_delimiter = ',', value_parser = cut, default_value = "z=-24,z=-12,z=0,z=12")]
    cuts: Vec<Cut>,
    #[command(flatten)]
    look: LookFlags,
}

fn limits(text: &str) -> Result<(f64, f64), String> {
    let numbers = text
        .split_once(',')
        .and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    numbers.filter(|(low, high)| low < high).ok_or_else(|| {
        format!("{text:?}: give the value of the first and the last colour, as 0,0.1")
    })
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} has no =; give NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn cut(text: &str) -> Result<Cut, String> {
    let at = |text: &str| text.parse().ok();
    let cut = match text.split_once('=') {
        Some(("x", mm)) => at(mm).map(Cut::Sagittal),
        Some(("y", mm)) => at(mm).map(Cut::Coronal),
        Some(("z", mm)) => at(mm).map(Cut::Axial),
        _ => None,
    };
    cut.ok_or_else(|| format!("{text:?} is no slice; give x=MM, y=MM or z=MM"))
}

impl LookFlags {
    fn split(self) -> (Look, Target) {
        let look = Look {
            title: self.title,
            quantity: self.quantity,
            diverging: self.diverging,
            subjects: self.of_subjects,
            limits: self.limits,
            threshold: self.threshold,
            narrow: self.narrow,
        };
        let target = Target {
            out: self.out,
            overwrite: self.force.get(),
            command: command_line(),
        };
        (look, target)
    }
}

impl MapCommand {
    pub(crate) fn run(self, session: &Session) -> Result<(), Failure> {
        let summary = match self.action {
            Action::Parcels(flags) => {
                let (look, target) = flags.look.split();
                parcel_map(&ParcelMapRequest {
                    table: flags.table,
                    name: flags.name,
                    value: flags.value,
                    only: flags.only,
                    regions: flags.regions,
                    look,
                    sure: flags.sure.get(),
                    target,
                })?
            }
            Action::Surface(flags) => {
                let flags = *flags;
                let (look, target) = flags.look.split();
                let layer = flags.overlay_layer;
                let mut files = flags.values.into_iter();
                let (volume, right) = (files.next().unwrap_or_default(), files.next());
                let dscalar = volume.to_string_lossy().ends_with(".dscalar.nii");
                let sampled = !(flags.pial.is_empty() && flags.midthickness.is_empty());
                if files.next().is_some() || (right.is_some() || dscalar) == sampled {
                    return Err(Failure::Error(
                        "a volume needs --pial and --white, or --midthickness; values by vertex, which are LEFT,RIGHT or one .dscalar.nii, need neither".to_owned(),
                    ));
                }
                let depth = if !sampled {
                    Depth::Vertices { right }
                } else if flags.pial.is_empty() {
                    Depth::Along {
                        middle: sides("--midthickness", flags.midthickness)?,
                        radius: Millimetres(flags.radius),
                        samples: flags.samples,
                    }
                } else {
                    Depth::Between {
                        outer: sides("--pial", flags.pial)?,
                        inner: sides("--white", flags.white)?,
                        samples: flags.samples,
                    }
                };
                surface_map(&SurfaceMapRequest {
                    volume,
                    number: flags.number,
                    depth,
                    flat: some_sides("--flat", flags.flat)?,
                    inflated: some_sides("--inflated", flags.inflated)?,
                    sulci: some_sides("--sulci", flags.sulci)?,
                    overlays: flags.overlays.map(|path| (path, layer)),
                    height: flags.height,
                    look,
                    sure: flags.sure.get(),
                    target,
                })?
            }
            Action::Slices(flags) => {
                let (look, target) = flags.look.split();
                slice_map(&SliceMapRequest {
                    volume: flags.volume,
                    number: flags.number,
                    underlay: flags.underlay,
                    cuts: flags.cuts,
                    radiological: flags.radiological,
                    look,
                    sure: flags.sure.get(),
                    target,
                })?
            }
            Action::Compare(flags) => {
                let (look, target) = flags.look.split();
                let [(first, a), (second, b)] = [flags.first, flags.second];
                compare_maps(&CompareMapsRequest {
                    volumes: [a.into(), b.into()],
                    names: [first, second],
                    cuts: flags.cuts,
                    look,
                    target,
                })?
            }
        };
        session.show(&summary, drawn)
    }
}

fn drawn(s: &MapSummary) -> String {
    let files = s
        .files
        .iter()
        .map(|path| ("file", path.display().to_string()));
    rows(files.chain(s.notes.iter().map(|note| ("note", note.clone()))))
}

//! Writing a store: samples or voxels arrive in blocks, each voxel ends up in one piece.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use emotome_stimuli::output::{self, OutputError, Overwrite};
use emotome_stimuli::provenance::Provenance;
use emotome_stimuli::run::Run;
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::error::StoreError;
use super::manifest::{FORMAT, Manifest, Quality, VERSION};
use super::npy;
use super::place::{Place, Places};
use super::sample::{self, Sample};
use super::standard::{Found, Standardisation, Standardiser};
use super::{DATA, EXCLUDED, MANIFEST, REGION_FLAGS, REGIONS, SAMPLES, VOXELS};

/// Bytes of voxels that are standardised at a time.
const BLOCK: usize = 32 << 20;

/// Sets of voxels that the source names.
#[derive(Debug, Clone, PartialEq)]
pub struct Regions {
    /// Their names.
    pub names: Vec<String>,
    /// Regions × voxels.
    pub members: Array2<bool>,
}

impl Regions {
    /// No region of so many voxels.
    pub fn none(voxels: usize) -> Self {
        Self {
            names: Vec::new(),
            members: Array2::default((0, voxels)),
        }
    }
}

/// What a store will hold, known before the responses are.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The subject.
    pub subject: String,
    /// Whether the responses are simulated.
    pub synthetic: bool,
    /// Samples, in the order in which they come; repeats are numbered here.
    pub samples: Vec<Sample>,
    /// Where the voxels lie.
    pub places: Places,
    /// Sets of voxels.
    pub regions: Regions,
}

/// Writes the store of one subject.
///
/// Everything is written to `.NAME.partial` beside the store, which [`finish`](Self::finish) renames; a
/// writer that is dropped removes it, and what a killed process left there is removed by the next.
/// Memory: `memory` bytes of samples waiting to be transposed (at most twice, while they are), and 32 MiB.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    partial: Partial,
    contents: Contents,
    data: File,
    waiting: Vec<f32>,
    at_once: usize,
    first: usize,
    values: usize,
}

/// A folder that vanishes unless it is renamed. The lock tells a living writer from a killed one.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    _lock: File,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next writer.
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_file(lock_of(&self.path));
    }
}

fn lock_of(partial: &Path) -> PathBuf {
    partial.with_extension("lock")
}

fn io_at(path: &Path) -> impl Fn(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OutputError::DiskFull {
            path: path.clone(),
            written: 0,
        }
        .into(),
        _ => StoreError::Io {
            path: path.clone(),
            source,
        },
    }
}

impl Writer {
    /// Begins a store that holds at most `memory` bytes of samples waiting.
    ///
    /// # Errors
    /// [`StoreError`] if the store exists and may not be replaced, is being written, or if the contents
    /// contradict one another.
    pub fn create(
        path: impl Into<PathBuf>,
        overwrite: Overwrite,
        mut contents: Contents,
        memory: usize,
    ) -> Result<Self, StoreError> {
        let path: PathBuf = path.into();
        check(&contents)?;
        sample::number_repeats(&mut contents.samples);
        replaceable(&path, overwrite)?;
        let partial = Partial::begin(&path)?;
        let (voxels, samples) = (contents.places.len(), contents.samples.len());
        let at = partial.path.join(DATA);
        let io = io_at(&at);
        let data = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&at)
            .map_err(&io)?;
        let bytes = (voxels as u64)
            .checked_mul(samples as u64)
            .and_then(|n| n.checked_mul(4))
            .and_then(|n| n.checked_add(npy::HEADER))
            .ok_or(StoreError::Shape {
                what: "voxels × samples",
                found: voxels,
                expected: samples,
            })?;
        data.set_len(bytes).map_err(&io)?;
        Ok(Self {
            path,
            partial,
            at_once: (memory / (4 * voxels)).clamp(1, samples),
            contents,
            data,
            waiting: Vec::new(),
            first: 0,
            values: 0,
        })
    }

    /// The next samples, samples × voxels.
    ///
    /// # Errors
    /// [`StoreError::Shape`] if they do not fit, [`StoreError::Io`] if they cannot be written.
    pub fn push_samples(&mut self, rows: ArrayView2<'_, f32>) -> Result<(), StoreError> {
        let voxels = self.contents.places.len();
        self.fits("voxels in a block of samples", rows.ncols(), voxels)?;
        for row in rows.outer_iter() {
            let waiting = self.waiting.len() / voxels;
            if self.first + waiting >= self.contents.samples.len() {
                return self.fits(
                    "samples",
                    self.first + waiting + 1,
                    self.contents.samples.len(),
                );
            }
            if self.waiting.capacity() == 0 {
                self.waiting.reserve_exact(self.at_once * voxels);
            }
            self.waiting.extend(row);
            if waiting + 1 == self.at_once {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// A block of values, voxels × samples, in any order of blocks, each value once.
    ///
    /// # Errors
    /// As [`push_samples`](Self::push_samples).
    pub fn put(
        &mut self,
        voxel: usize,
        sample: usize,
        block: ArrayView2<'_, f32>,
    ) -> Result<(), StoreError> {
        let (voxels, samples) = (self.contents.places.len(), self.contents.samples.len());
        let (rows, columns) = block.dim();
        if sample.saturating_add(columns) > samples {
            return self.fits("samples", sample.saturating_add(columns), samples);
        }
        if voxel.saturating_add(rows) > voxels {
            return self.fits("voxels", voxel.saturating_add(rows), voxels);
        }
        let mut bytes = Vec::with_capacity(4 * block.len());
        bytes.extend(block.iter().flat_map(|v| v.to_le_bytes()));
        if columns == samples {
            self.write_at(voxel, 0, &bytes)?;
        } else if columns > 0 {
            for (row, bytes) in bytes.chunks_exact(4 * columns).enumerate() {
                self.write_at(voxel + row, sample, bytes)?;
            }
        }
        self.values += block.len();
        Ok(())
    }

    /// Adds a table or description of the caller's to the store.
    ///
    /// # Errors
    /// [`StoreError::Output`] if it cannot be written.
    pub fn attach(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let path = self.partial.path.join(name);
        Ok(output::write(path, Overwrite::Refuse, text.as_bytes())?)
    }

    fn fits(&self, what: &'static str, found: usize, expected: usize) -> Result<(), StoreError> {
        if found == expected {
            return Ok(());
        }
        Err(StoreError::Shape {
            what,
            found,
            expected,
        })
    }

    fn write_at(&mut self, voxel: usize, sample: usize, bytes: &[u8]) -> Result<(), StoreError> {
        let at = (voxel * self.contents.samples.len() + sample) as u64 * 4 + npy::HEADER;
        self.data
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.data.write_all(bytes))
            .map_err(io_at(&self.partial.path.join(DATA)))
    }

    /// Transposes the waiting samples, a panel of voxels at a time.
    fn flush(&mut self) -> Result<(), StoreError> {
        let voxels = self.contents.places.len();
        let waiting = std::mem::take(&mut self.waiting);
        let held = waiting.len() / voxels;
        if held == 0 {
            return Ok(());
        }
        let panel = (BLOCK / (4 * held)).clamp(1, voxels);
        let mut bytes = vec![0_u8; panel * held * 4];
        for first in (0..voxels).step_by(panel) {
            let width = panel.min(voxels - first);
            let bytes = &mut bytes[..width * held * 4];
            // Sixteen voxels share the cache lines that a sample's values lie in.
            bytes
                .par_chunks_mut(16 * held * 4)
                .enumerate()
                .for_each(|(chunk, bytes)| {
                    let first = first + 16 * chunk;
                    let lines = bytes.len() / (held * 4);
                    for sample in 0..held {
                        let values = &waiting[sample * voxels + first..][..lines];
                        for (line, value) in values.iter().enumerate() {
                            bytes[(line * held + sample) * 4..][..4]
                                .copy_from_slice(&value.to_le_bytes());
                        }
                    }
                });
            if held == self.contents.samples.len() {
                self.write_at(first, 0, bytes)?;
            } else {
                for (line, bytes) in bytes.chunks_exact(held * 4).enumerate() {
                    self.write_at(first + line, self.first, bytes)?;
                }
            }
        }
        self.first += held;
        self.values += voxels * held;
        self.waiting = waiting;
        self.waiting.clear();
        Ok(())
    }

    /// Standardises, leaves out voxels that cannot be used, writes the tables and names the store.
    ///
    /// A voxel is left out if a value is not finite or if it is constant within a run of two samples or
    /// more; `excluded_voxels.tsv` lists them. Time O(voxels × samples).
    ///
    /// # Errors
    /// [`StoreError`] if samples are missing, no voxel is left, or a file cannot be written.
    pub fn finish(
        mut self,
        how: Standardisation,
        provenance: Provenance,
        run: Run<'_>,
    ) -> Result<Manifest, StoreError> {
        self.flush()?;
        self.waiting = Vec::new();
        let (voxels, samples) = (self.contents.places.len(), self.contents.samples.len());
        if self.first > 0 {
            self.fits("samples", self.first, samples)?;
        }
        self.fits("values", self.values, voxels * samples)?;
        let standardiser = Standardiser::new(how, &self.contents.samples)?;
        run.progress.begin("standardising", Some(voxels as u64));
        let found = self.standardise(&standardiser, run);
        run.progress.end();
        let found = found?;
        let keep: Vec<bool> = found.iter().map(Found::usable).collect();
        let kept = keep.iter().filter(|keep| **keep).count();
        let not_finite = found.iter().filter(|f| f.not_finite > 0).count();
        let constant = voxels - kept - not_finite;
        if kept == 0 {
            return Err(StoreError::NoVoxel {
                voxels,
                not_finite,
                constant,
            });
        }
        let (mut total, mut runs, mut sessions) = (0.0, 0.0, 0.0);
        for f in found.iter().filter(|f| f.usable()) {
            total += f.total;
            runs += f.between_runs;
            sessions += f.between_sessions;
        }
        let means_explain = standardiser.shares(total, runs, sessions);
        let mut warnings: Vec<String> = how.warning(&means_explain).into_iter().collect();
        if kept < voxels {
            warnings.push(format!(
                "{} of {voxels} {} hold values that are not finite ({not_finite}) or are constant in at least one run ({constant}){}: \
                 left out and listed in {EXCLUDED}",
                voxels - kept,
                self.contents.places.noun(),
                by_side(&self.contents.places, &keep)
            ));
        }
        warnings.iter().for_each(|w| run.progress.note(w));
        let regions = &self.contents.regions;
        let kept_samples = self.contents.samples.iter().filter(|s| s.kept());
        let mut stimuli: Vec<_> = kept_samples.clone().map(|s| &s.stimulus).collect();
        let samples_kept = stimuli.len();
        stimuli.sort_unstable();
        stimuli.dedup();
        let places = self.contents.places.filtered(&keep);
        let manifest = Manifest {
            format: FORMAT.to_owned(),
            version: VERSION,
            subject: self.contents.subject.clone(),
            synthetic: self.contents.synthetic,
            voxels: kept,
            samples,
            samples_kept,
            stimuli: stimuli.len(),
            regions: regions.names.len(),
            space: places.space(),
            standardisation: how,
            quality: Quality {
                voxels_seen: voxels,
                not_finite,
                constant,
                means_explain,
                warnings,
            },
            provenance,
        };
        let io = io_at(&self.partial.path);
        self.data
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.data.write_all(&npy::header("<f4", kept, samples)))
            .and_then(|()| self.data.set_len(npy::HEADER + (kept * samples * 4) as u64))
            .and_then(|()| self.data.sync_all())
            .map_err(&io)?;
        let write = |name: &str, text: &str| {
            output::write(
                self.partial.path.join(name),
                Overwrite::Replace,
                text.as_bytes(),
            )
        };
        write(SAMPLES, &sample::to_tsv(&self.contents.samples))?;
        write(VOXELS, &places.to_tsv())?;
        if kept < voxels {
            write(EXCLUDED, &excluded(&self.contents.places, &found))?;
        }
        if !regions.names.is_empty() {
            let kept: Vec<usize> = (0..voxels).filter(|&v| keep[v]).collect();
            let members = regions.members.select(Axis(1), &kept);
            let mut text = "region\tname\tvoxels\n".to_owned();
            for (at, (name, row)) in regions.names.iter().zip(members.outer_iter()).enumerate() {
                let size = row.iter().filter(|member| **member).count();
                let _ = writeln!(text, "{at}\t{name}\t{size}");
            }
            write(REGIONS, &text)?;
            let mut bytes = Vec::with_capacity(members.len() + npy::HEADER as usize);
            npy::write_bool(&mut bytes, members.view()).map_err(&io)?;
            output::write(
                self.partial.path.join(REGION_FLAGS),
                Overwrite::Replace,
                &bytes,
            )?;
        }
        output::write_json(
            self.partial.path.join(MANIFEST),
            Overwrite::Replace,
            &manifest,
        )?;
        if run.interrupt.requested() {
            return Err(StoreError::Interrupted);
        }
        self.partial.name(&self.path)?;
        Ok(manifest)
    }

    /// Standardises voxels in place and moves usable ones up over the others.
    fn standardise(
        &mut self,
        standardiser: &Standardiser,
        run: Run<'_>,
    ) -> Result<Vec<Found>, StoreError> {
        let (voxels, samples) = (self.contents.places.len(), self.contents.samples.len());
        let path = self.partial.path.join(DATA);
        let at_once = (BLOCK / (4 * samples)).clamp(1, voxels);
        let mut found: Vec<Found> = Vec::with_capacity(voxels);
        let mut bytes = vec![0_u8; at_once * samples * 4];
        let mut kept = 0;
        for first in (0..voxels).step_by(at_once) {
            if run.interrupt.requested() {
                return Err(StoreError::Interrupted);
            }
            let block = at_once.min(voxels - first);
            let bytes = &mut bytes[..block * samples * 4];
            let at = |voxel: usize| SeekFrom::Start((voxel * samples) as u64 * 4 + npy::HEADER);
            self.data
                .seek(at(first))
                .and_then(|_| self.data.read_exact(bytes))
                .map_err(io_at(&path))?;
            let each: Vec<Found> = bytes
                .par_chunks_mut(samples * 4)
                .map(|bytes| {
                    let values = bytes.as_chunks::<4>().0.iter();
                    let mut row: Vec<f32> = values.map(|b| f32::from_le_bytes(*b)).collect();
                    let found = standardiser.voxel(&mut row);
                    for (bytes, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(row) {
                        *bytes = value.to_le_bytes();
                    }
                    found
                })
                .collect();
            let mut filled = 0;
            for (voxel, found) in each.iter().enumerate() {
                if found.usable() {
                    let from = voxel * samples * 4;
                    bytes.copy_within(from..from + samples * 4, filled);
                    filled += samples * 4;
                }
            }
            self.data
                .seek(at(kept))
                .and_then(|_| self.data.write_all(&bytes[..filled]))
                .map_err(io_at(&path))?;
            kept += filled / (samples * 4);
            found.extend(each);
            run.progress.advance(block as u64);
        }
        Ok(found)
    }
}

/// How many vertices of either hemisphere are left out, where rows are vertices: mostly the medial wall.
fn by_side(places: &Places, keep: &[bool]) -> String {
    if places.vertices().is_none() {
        return String::new();
    }
    let mut out = [0_usize; 2];
    for row in (0..keep.len()).filter(|&row| !keep[row]) {
        if let Some(Place::Vertex(side, _)) = places.place(row) {
            out[side as usize] += 1;
        }
    }
    format!(
        ", {} on the left surface and {} on the right",
        out[0], out[1]
    )
}

fn check(contents: &Contents) -> Result<(), StoreError> {
    let (voxels, samples) = (contents.places.len(), contents.samples.len());
    if let Some(what) = contents.places.wrong() {
        return Err(StoreError::Places { what });
    }
    if voxels == 0 || samples < 2 {
        return Err(StoreError::Nothing {
            what: format!("{voxels} voxels and {samples} samples"),
        });
    }
    for (what, found, expected) in [
        (
            "voxels of regions",
            contents.regions.members.ncols(),
            voxels,
        ),
        (
            "names of regions",
            contents.regions.names.len(),
            contents.regions.members.nrows(),
        ),
    ] {
        if found != expected {
            return Err(StoreError::Shape {
                what,
                found,
                expected,
            });
        }
    }
    let names = contents.regions.names.iter().map(String::as_str);
    let labels = contents.samples.iter().flat_map(|s| {
        [Some(s.label.as_str()), s.left_out.as_deref()]
            .into_iter()
            .flatten()
    });
    for text in names.chain(labels) {
        if text.is_empty() || text.contains(char::is_control) {
            return Err(emotome_stimuli::stimulus::KeyError::Malformed {
                label: text.to_owned(),
            }
            .into());
        }
    }
    Ok(())
}

fn excluded(places: &Places, found: &[Found]) -> String {
    let mut text = format!(
        "{}\tnot_finite_samples\truns_not_finite\truns_constant\n",
        places.header()
    );
    for (row, f) in found.iter().enumerate().filter(|(_, f)| !f.usable()) {
        let _ = writeln!(
            text,
            "{row}\t{}\t{}\t{}\t{}",
            places.cells(row),
            f.not_finite,
            f.broken_runs,
            f.constant_runs
        );
    }
    text
}

/// Whether a store may appear there.
fn replaceable(path: &Path, overwrite: Overwrite) -> Result<(), StoreError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if empty() {
        return Ok(());
    }
    match overwrite {
        Overwrite::Refuse => Err(OutputError::Exists {
            path: path.to_owned(),
        }
        .into()),
        Overwrite::Replace if path.join(MANIFEST).is_file() => Ok(()),
        Overwrite::Replace => Err(StoreError::NotReplaced {
            path: path.to_owned(),
        }),
    }
}

impl Partial {
    fn begin(target: &Path) -> Result<Self, StoreError> {
        let name = target.file_name().ok_or_else(|| StoreError::NotAStore {
            path: target.to_owned(),
            what: "the path names no folder".into(),
        })?;
        let folder = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(".partial");
        let path = folder.join(hidden);
        let io = io_at(&path);
        fs::create_dir_all(folder).map_err(&io)?;
        let lock = File::create(lock_of(&path)).map_err(&io)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StoreError::Busy {
                    path: target.to_owned(),
                });
            }
            Err(fs::TryLockError::Error(source)) => return Err(io(source)),
        }
        if path.symlink_metadata().is_ok() {
            fs::remove_dir_all(&path).map_err(&io)?;
        }
        // Killed between the two renames of a replacement.
        let old = path.with_extension("old");
        if target.symlink_metadata().is_err() && old.symlink_metadata().is_ok() {
            fs::rename(&old, target).map_err(&io)?;
        }
        fs::create_dir(&path).map_err(&io)?;
        Ok(Self { path, _lock: lock })
    }

    /// Gives the folder its name; an older store goes once the new one is complete.
    fn name(&self, target: &Path) -> Result<(), StoreError> {
        let io = io_at(target);
        let old = self.path.with_extension("old");
        if target.symlink_metadata().is_ok() {
            if old.symlink_metadata().is_ok() {
                fs::remove_dir_all(&old).map_err(&io)?;
            }
            fs::rename(target, &old).map_err(&io)?;
        }
        if let Err(error) = fs::rename(&self.path, target) {
            if old.symlink_metadata().is_ok() {
                fs::rename(&old, target).map_err(&io)?;
            }
            return Err(io(error));
        }
        if old.symlink_metadata().is_ok() {
            fs::remove_dir_all(&old).map_err(&io)?;
        }
        Ok(())
    }
}

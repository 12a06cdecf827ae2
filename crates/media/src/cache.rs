//! Encoded frames kept on the disk, so that a clip is decoded once for millions of prompts.
//!
//! An entry is one file named by the SHA-256 of all that makes its bytes what they are: the clip's own
//! SHA-256, the policy, the encoding, and the decoders and their versions. It ends with the SHA-256 of
//! what stands before, so an entry that was torn or altered is noticed and made anew. Entries are written
//! beside and renamed, so two processes may use one folder: if both make an entry, one of two equal files
//! stays.
//!
//! When the entries exceed the cap, those used longest ago go first, but none that a running process has
//! used: each process holds a lock on a file of its own in `runs/` whose time is that of its start, and
//! entries used since the earliest start stay, even if the cap is exceeded meanwhile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use emotome_stimuli::digest::Sha256Sum;
use emotome_stimuli::output::{self, Overwrite};
use emotome_stimuli::run::Interrupt;
use serde::{Deserialize, Serialize};

use crate::encode::Encoding;
use crate::error::MediaError;
use crate::policy::CheckedPolicy;
use crate::reader::{Reader, Taken};

/// Raised when entries come to be laid out otherwise.
const LAYOUT: &[u8] = b"emotome frames 1\n";
/// Bytes of the checksum at the end of an entry, in hexadecimal.
const SUM: usize = 64;
/// The times of some file systems are whole seconds.
const SLACK: Duration = Duration::from_secs(2);
/// How far below the cap entries are removed, so that it is not done for every new one.
const KEEP: f64 = 0.9;

/// A frame as prompts carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFrame {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// JPEG or PNG.
    pub bytes: Vec<u8>,
}

/// The frames of a clip as prompts carry them.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedClip {
    /// The frames in order.
    pub frames: Vec<EncodedFrame>,
    /// How they were taken.
    pub taken: Taken,
}

impl EncodedClip {
    /// Takes and encodes the frames of a clip, one at a time in memory before they are encoded.
    ///
    /// # Errors
    /// [`MediaError`] if it cannot be decoded.
    pub fn make(
        (reader, path): (&Reader, &Path),
        policy: &CheckedPolicy,
        encoding: Encoding,
        interrupt: &Interrupt,
    ) -> Result<Self, MediaError> {
        let mut frames = BTreeMap::new();
        let (_, taken) = reader.for_each_frame(path, policy, interrupt, |place, frame| {
            let encoded = EncodedFrame {
                width: frame.width,
                height: frame.height,
                bytes: encoding.encode(&frame)?,
            };
            frames.insert(place, encoded);
            Ok(())
        })?;
        Ok(Self {
            frames: frames.into_values().collect(),
            taken,
        })
    }

    fn to_entry(&self) -> io::Result<Vec<u8>> {
        let sizes = |frame: &EncodedFrame| (frame.width, frame.height, frame.bytes.len());
        let header = Header {
            taken: self.taken.clone(),
            frames: self.frames.iter().map(sizes).collect(),
        };
        let mut entry = LAYOUT.to_vec();
        serde_json::to_writer(&mut entry, &header)?;
        entry.push(b'\n');
        for frame in &self.frames {
            entry.extend_from_slice(&frame.bytes);
        }
        let sum = Sha256Sum::of(&entry);
        entry.extend_from_slice(sum.to_string().as_bytes());
        Ok(entry)
    }

    /// Nothing if the entry is torn or altered.
    fn of_entry(entry: &[u8]) -> Option<Self> {
        let (body, sum) = entry.split_at_checked(entry.len().checked_sub(SUM)?)?;
        if Sha256Sum::of(body).to_string().as_bytes() != sum {
            return None;
        }
        let body = body.strip_prefix(LAYOUT)?;
        let end = body.iter().position(|&byte| byte == b'\n')?;
        let header: Header = serde_json::from_slice(&body[..end]).ok()?;
        let mut rest = &body[end + 1..];
        let mut frames = Vec::new();
        for (width, height, length) in header.frames {
            let (bytes, after) = rest.split_at_checked(length)?;
            frames.push(EncodedFrame {
                width,
                height,
                bytes: bytes.to_vec(),
            });
            rest = after;
        }
        rest.is_empty().then_some(Self {
            frames,
            taken: header.taken,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    taken: Taken,
    /// Width, height and bytes of each.
    frames: Vec<(u32, u32, usize)>,
}

/// What a cache did. Field names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CacheCounts {
    /// Clips that were there.
    pub found: u64,
    /// Clips that were decoded.
    pub made: u64,
    /// Entries that were torn or altered, and made anew.
    pub damaged: u64,
    /// Entries removed to keep the cap.
    pub removed: u64,
    /// Bytes of all entries, as far as this process knows.
    pub bytes: u64,
}

/// A folder of encoded frames.
#[derive(Debug)]
pub struct FrameCache {
    folder: PathBuf,
    max_bytes: u64,
    /// Bytes of all entries from which on it is worth looking for some to remove.
    look_from: AtomicU64,
    counts: Mutex<CacheCounts>,
    /// Locked as long as this process uses the cache.
    run: File,
    run_path: PathBuf,
}

impl FrameCache {
    /// Opens a cache of at most `max_bytes`, making its folder where there is none.
    ///
    /// # Errors
    /// [`MediaError::Cache`] if the folder cannot be used.
    pub fn open(folder: impl Into<PathBuf>, max_bytes: u64) -> Result<Self, MediaError> {
        let folder = folder.into();
        let begin = || {
            let runs = folder.join("runs");
            fs::create_dir_all(&runs)?;
            // The file is made under a name that nobody looks for, so that nobody finds it unlocked.
            let nanos = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let name = format!(
                "{}-{}",
                std::process::id(),
                nanos.map_or(0, |n| n.as_nanos())
            );
            let made = runs.join(format!(".{name}"));
            let run = File::create_new(&made)?;
            run.lock()?;
            run.set_modified(SystemTime::now())?;
            let run_path = runs.join(format!("{name}.run"));
            fs::rename(&made, &run_path)?;
            let bytes = entries(&folder)?.iter().map(|entry| entry.bytes).sum();
            Ok((run, run_path, bytes))
        };
        let (run, run_path, bytes) = begin().map_err(|source| MediaError::Cache {
            path: folder.clone(),
            source,
        })?;
        Ok(Self {
            folder,
            max_bytes,
            look_from: AtomicU64::new(max_bytes),
            counts: Mutex::new(CacheCounts {
                bytes,
                ..CacheCounts::default()
            }),
            run,
            run_path,
        })
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The encoded frames of a clip whose content is `sha256`: from the folder, or made and kept there.
    ///
    /// `sha256` is taken at its word; a clip exchanged since it was computed is not noticed.
    ///
    /// # Errors
    /// [`MediaError`] if it is not there and cannot be decoded, or the folder cannot be used.
    pub fn frames(
        &self,
        reader: &Reader,
        (path, sha256): (&Path, Sha256Sum),
        policy: &CheckedPolicy,
        encoding: Encoding,
        interrupt: &Interrupt,
    ) -> Result<EncodedClip, MediaError> {
        let place = self.place(&key(reader, sha256, policy, encoding));
        let cache = |source| MediaError::Cache {
            path: place.clone(),
            source,
        };
        match fs::read(&place) {
            Ok(entry) => match EncodedClip::of_entry(&entry) {
                Some(clip) => {
                    touch(&place);
                    self.count(|counts| counts.found += 1);
                    return Ok(clip);
                }
                None => self.count(|counts| {
                    counts.damaged += 1;
                    counts.bytes = counts.bytes.saturating_sub(entry.len() as u64);
                }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(cache(error)),
        }
        let clip = EncodedClip::make((reader, path), policy, encoding, interrupt)?;
        let entry = clip.to_entry().map_err(cache)?;
        output::write(&place, Overwrite::Replace, &entry)?;
        let mut bytes = 0;
        self.count(|counts| {
            counts.made += 1;
            counts.bytes += entry.len() as u64;
            bytes = counts.bytes;
        });
        if bytes > self.look_from.load(Ordering::Relaxed) {
            self.evict().map_err(cache)?;
        }
        Ok(clip)
    }

    fn count(&self, change: impl FnOnce(&mut CacheCounts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn place(&self, key: &Sha256Sum) -> PathBuf {
        let name = key.to_string();
        self.folder.join(&name[..2]).join(format!("{name}.frames"))
    }

    /// Removes entries used longest ago, as far as no running process has used them.
    fn evict(&self) -> io::Result<()> {
        let since = self.earliest_run()?;
        let mut entries = entries(&self.folder)?;
        entries.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        let aim = (self.max_bytes as f64 * KEEP) as u64;
        let mut removed = 0;
        for entry in entries {
            if bytes <= aim || entry.used + SLACK >= since {
                break;
            }
            match fs::remove_file(&entry.path) {
                Ok(()) => removed += 1,
                // Another process was faster.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            bytes -= entry.bytes;
        }
        self.count(|counts| {
            counts.removed += removed;
            counts.bytes = bytes;
        });
        // Where all that is left is in use, not again for every new entry: looking goes over all of them.
        let next = self.max_bytes.max(bytes + bytes / 16);
        self.look_from.store(next, Ordering::Relaxed);
        Ok(())
    }

    /// When the first of the running processes began; files of those that ended are removed.
    fn earliest_run(&self) -> io::Result<SystemTime> {
        let mut earliest = self.run.metadata()?.modified()?;
        for entry in fs::read_dir(self.folder.join("runs"))? {
            let path = entry?.path();
            if path.extension().is_none_or(|e| e != "run") || path == self.run_path {
                continue;
            }
            let Ok(file) = File::open(&path) else {
                continue;
            };
            match file.try_lock() {
                // It is not held: its process ended without removing it.
                Ok(()) => drop(fs::remove_file(&path)),
                Err(_) => earliest = earliest.min(file.metadata()?.modified()?),
            }
        }
        Ok(earliest)
    }
}

impl Drop for FrameCache {
    fn drop(&mut self) {
        // What is left over is removed by the next process that looks.
        let _ = fs::remove_file(&self.run_path);
    }
}

/// The name of an entry.
fn key(
    reader: &Reader,
    sha256: Sha256Sum,
    policy: &CheckedPolicy,
    encoding: Encoding,
) -> Sha256Sum {
    let limits = &reader.params().limits;
    let what = serde_json::json!({
        "file": sha256,
        "policy": policy,
        "encoding": encoding,
        "decoders": reader.fingerprint(),
        "limits": limits,
    });
    Sha256Sum::of(what.to_string().as_bytes())
}

/// Marks an entry as used now. Where the folder may only be read, nothing is removed either.
fn touch(path: &Path) {
    let opened = File::options().append(true).open(path);
    let _ = opened.and_then(|file| file.set_modified(SystemTime::now()));
}

struct Entry {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// All entries; those that vanish meanwhile are left out.
fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for shelf in fs::read_dir(folder)? {
        let shelf = shelf?;
        if shelf.file_name().len() != 2 || !shelf.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf.path())? {
            let path = file?.path();
            let metadata = path.metadata().and_then(|m| Ok((m.len(), m.modified()?)));
            if let (true, Ok((bytes, used))) =
                (path.extension().is_some_and(|e| e == "frames"), metadata)
            {
                entries.push(Entry { path, bytes, used });
            }
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{At, FramePolicy, Size};
    use crate::reader::{Params, sha256_of};

    fn clip(name: &str) -> (PathBuf, Sha256Sum) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/clips")
            .join(name);
        let sha256 = sha256_of(&path).unwrap();
        (path, sha256)
    }

    fn policy(longest: u32) -> CheckedPolicy {
        let policy = FramePolicy {
            at: At::Uniform(3),
            size: Size::Longest(longest),
            ..FramePolicy::default()
        };
        policy.check().unwrap()
    }

    fn get(cache: &FrameCache, name: &str, longest: u32) -> EncodedClip {
        let reader = Reader::without_programs(Params::default());
        let (path, sha256) = clip(name);
        let never = Interrupt::default();
        cache
            .frames(
                &reader,
                (&path, sha256),
                &policy(longest),
                Encoding::default(),
                &never,
            )
            .unwrap()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        entries(folder)
            .unwrap()
            .into_iter()
            .map(|entry| entry.path)
            .collect()
    }

    #[test]
    fn what_was_made_once_is_found_again_with_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FrameCache::open(dir.path(), 1 << 30).unwrap();
        let made = get(&cache, "high.mp4", 48);
        assert_eq!(made.frames.len(), 3);
        assert_eq!(get(&cache, "high.mp4", 48), made);
        let other = FrameCache::open(dir.path(), 1 << 30).unwrap();
        assert_eq!(get(&other, "high.mp4", 48), made);
        assert_eq!((other.counts().found, other.counts().made), (1, 0));
        assert_ne!(
            get(&other, "high.mp4", 40),
            made,
            "another size is another entry"
        );
        assert_eq!(other.counts().made, 1);
    }

    #[test]
    fn a_torn_or_altered_entry_is_noticed_and_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FrameCache::open(dir.path(), 1 << 30).unwrap();
        let made = get(&cache, "high.mp4", 48);
        let [entry] = &files(dir.path())[..] else {
            panic!("one entry");
        };
        let whole = fs::read(entry).unwrap();
        let mut damages = vec![Vec::new(), whole[..whole.len() / 2].to_vec(), vec![7; 300]];
        for place in [3, 40, whole.len() / 2, whole.len() - 1] {
            let mut altered = whole.clone();
            altered[place] ^= 1;
            damages.push(altered);
        }
        for (count, damage) in damages.into_iter().enumerate() {
            fs::write(entry, damage).unwrap();
            assert_eq!(get(&cache, "high.mp4", 48), made);
            assert_eq!(cache.counts().damaged, count as u64 + 1);
            assert_eq!(fs::read(entry).unwrap(), whole);
        }
    }

    #[test]
    fn the_cap_removes_what_was_used_longest_ago_and_nothing_of_a_running_process() {
        let dir = tempfile::tempdir().unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(3_600);
        {
            let cache = FrameCache::open(dir.path(), 1 << 30).unwrap();
            for longest in [20, 30, 40, 50] {
                get(&cache, "high.mp4", longest);
            }
        }
        for (age, path) in files(dir.path()).iter().enumerate() {
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(long_ago + Duration::from_secs(age as u64))
                .unwrap();
        }
        let running = FrameCache::open(dir.path(), 1 << 30).unwrap();
        let kept = get(&running, "high.mp4", 20);
        let full = FrameCache::open(dir.path(), 1).unwrap();
        get(&full, "baseline.mp4", 20);
        assert_eq!(
            full.counts().removed,
            3,
            "all old entries but the one in use"
        );
        assert_eq!(files(dir.path()).len(), 2);
        assert_eq!(get(&running, "high.mp4", 20), kept);
        assert_eq!((running.counts().found, running.counts().made), (2, 0));
        assert!(
            full.counts().bytes > 1,
            "the cap gives way to what is in use"
        );
    }

    #[test]
    fn the_mark_of_a_process_that_died_does_not_keep_entries_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FrameCache::open(dir.path(), 1).unwrap();
        let dead = dir.path().join("runs/99-1.run");
        File::create(&dead)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
        get(&cache, "high.mp4", 20);
        assert!(!dead.exists());
        let runs = dir.path().join("runs");
        drop(cache);
        assert_eq!(fs::read_dir(runs).unwrap().count(), 0);
    }

    #[test]
    fn many_threads_and_two_caches_agree() {
        use rayon::prelude::*;
        let dir = tempfile::tempdir().unwrap();
        let caches = [0, 1].map(|_| FrameCache::open(dir.path(), 1 << 30).unwrap());
        let clips: Vec<EncodedClip> = (0..12)
            .into_par_iter()
            .map(|n| get(&caches[n % 2], "high.mp4", 32))
            .collect();
        assert!(clips.iter().all(|clip| *clip == clips[0]));
        assert_eq!(files(dir.path()).len(), 1);
    }
}

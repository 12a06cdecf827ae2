//! Other programs: found, fed, read, and ended when their time is up or the user asks to stop.

use std::io::{BufWriter, Read, Take, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use emotome_stimuli::run::Interrupt;

use crate::error::MediaError;

/// Bytes of complaints that are kept.
const MAX_COMPLAINTS: u64 = 1 << 16;
/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// The first program of a name in these folders; relative ones are not trusted.
pub(crate) fn in_folders(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let whole = folders.iter().filter(|folder| folder.is_absolute());
    whole
        .map(|folder| folder.join(&name))
        .find(|program| program.is_file())
}

/// Writes what a program reads on its standard input.
pub(crate) type Feed<'a> = dyn Fn(&mut dyn Write) -> Result<(), MediaError> + Sync + 'a;

/// What became of a program.
pub(crate) struct Ran<T> {
    /// What was made of its output.
    pub(crate) made: T,
    /// Its complaints. When it exits with an error after all that is wanted came, they say so; nothing else
    /// is made of it, since ffmpeg is cut off on purpose.
    pub(crate) complaints: Option<String>,
    /// Whether it was fed to the end; it may not have wanted all.
    pub(crate) fed: Result<(), MediaError>,
}

/// Runs a program on `feed`, if there is one, and hands its output to `read`.
pub(crate) fn run<T>(
    mut command: Command,
    (path, seconds): (&Path, u64),
    interrupt: &Interrupt,
    feed: Option<&Feed<'_>>,
    read: impl FnOnce(&mut dyn Read) -> T,
) -> Result<Ran<T>, MediaError> {
    let name = PathBuf::from(command.get_program());
    let program = name.as_path();
    let io = io_of(program);
    // What it starts in turn is ended with it: it would keep the pipes open.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .stdin(feed.map_or_else(Stdio::null, |_| Stdio::piped()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(&io)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (Some(mut stdout), Some(stderr)) = (stdout, stderr) else {
        return Err(io(std::io::ErrorKind::BrokenPipe.into()));
    };
    // Pictures are large: fewer turns between the two. A system that refuses keeps its own size.
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&stdout, 1 << 18);
    let stdin = child.stdin.take();
    let child = Mutex::new(child);
    let late = AtomicBool::new(false);
    let (done, finished) = channel::<()>();
    let ran = thread::scope(|scope| {
        let fed = feed.zip(stdin).map(|(feed, stdin)| {
            scope.spawn(move || {
                let mut stdin = BufWriter::with_capacity(1 << 16, stdin);
                feed(&mut stdin)?;
                stdin.flush().map_err(io_of(program))
            })
        });
        let complaints = scope.spawn(|| kept(stderr.take(MAX_COMPLAINTS)));
        let (late, child) = (&late, &child);
        scope.spawn(move || {
            let begun = Instant::now();
            while let Err(RecvTimeoutError::Timeout) = finished.recv_timeout(LOOK) {
                if interrupt.requested() || begun.elapsed() >= Duration::from_secs(seconds) {
                    late.store(true, Ordering::Relaxed);
                    break;
                }
            }
            end(child);
        });
        let made = read(&mut stdout);
        drop(stdout);
        drop(done);
        let stopped = || Err(io_of(program)(std::io::ErrorKind::BrokenPipe.into()));
        Ran {
            made,
            complaints: complaints.join().unwrap_or_default(),
            fed: fed.map_or(Ok(()), |fed| fed.join().unwrap_or_else(|_| stopped())),
        }
    });
    if interrupt.requested() {
        return Err(MediaError::Interrupted);
    }
    if late.load(Ordering::Relaxed) {
        return Err(MediaError::TimedOut {
            path: path.to_owned(),
            program: program.display().to_string(),
            seconds,
        });
    }
    Ok(ran)
}

fn io_of(path: &Path) -> impl Fn(std::io::Error) -> MediaError {
    |source| MediaError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Ends a program, and those that it started, if they have not ended.
fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It has ended by itself when this fails; either way nothing is left to wait for long.
    #[cfg(unix)]
    if let Some(group) = rustix::process::Pid::from_raw(child.id().cast_signed()) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The last lines of complaints, in one line without control characters.
fn kept(mut from: Take<impl Read>) -> Option<String> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).ok()?;
    // What is beyond is read and dropped, so that the program is not blocked.
    std::io::copy(&mut from.into_inner(), &mut std::io::sink()).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    let clean: String = last.chars().filter(|c| !c.is_control()).take(500).collect();
    (!clean.is_empty()).then_some(clean)
}

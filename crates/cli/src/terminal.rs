//! The session of one command: threads, progress on stderr, Ctrl-C, output on stdout.

use crate::failure::Failure;
use crate::flags::Global;
use emotome_stimuli::run::{Interrupt, Progress, Run};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What every command works with.
pub(crate) struct Session {
    json: bool,
    progress: TerminalProgress,
    interrupt: Interrupt,
    pool: rayon::ThreadPool,
}

impl Session {
    pub(crate) fn start(flags: &Global) -> Result<Self, Failure> {
        let interrupt = Interrupt::default();
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The second signal ends the program at once, whatever it is doing.
            signal_hook::flag::register_conditional_shutdown(signal, 130, interrupt.flag())
                .and_then(|_| signal_hook::flag::register(signal, interrupt.flag()))
                .map_err(|error| Failure::Error(format!("cannot watch for Ctrl-C: {error}")))?;
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(flags.threads.map_or(0, usize::from))
            .build()
            .map_err(|error| {
                Failure::Error(format!("cannot start threads: {error}; try --threads 1"))
            })?;
        let progress = TerminalProgress::new(flags.quiet);
        Ok(Self {
            json: flags.json,
            progress,
            interrupt,
            pool,
        })
    }

    pub(crate) fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }

    pub(crate) fn run(&self) -> Run<'_> {
        Run {
            progress: &self.progress,
            interrupt: &self.interrupt,
        }
    }

    /// Shows a result: as JSON on stdout with `--json`, else as the text made by `human`.
    pub(crate) fn show<T: Serialize>(
        &self,
        result: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        self.clear();
        let text = if self.json {
            serde_json::to_string(result).map_err(|error| Failure::Error(error.to_string()))?
        } else {
            human(result)
        };
        self.print(&text)
    }

    /// Prints a line on stdout; a closed pipe (`| head`) is no failure.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        match writeln!(io::stdout(), "{}", text.trim_end()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::Error(format!("cannot write to stdout: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether lines can be redrawn.
    pub(crate) fn draws(&self) -> bool {
        self.progress.plain.is_none() && !self.progress.quiet
    }

    /// Makes place for lines that are redrawn.
    pub(crate) fn begin_drawing(&self) {
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            self.progress.bar.set_style(style);
        }
        // What was drawn before is known to one target only.
        self.progress
            .bar
            .set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
    }

    /// Draws lines in the place of those drawn before, each cut at the edge of the terminal.
    pub(crate) fn draw(&self, lines: &[String]) {
        let width = usize::from(console::Term::stderr().size().1).saturating_sub(1);
        let cut = |line: &String| console::truncate_str(line, width, "…").into_owned();
        let lines: Vec<String> = lines.iter().map(cut).collect();
        self.progress.bar.set_message(lines.join("\n"));
        self.progress.bar.tick();
    }

    /// Removes the progress bar.
    pub(crate) fn clear(&self) {
        self.progress.end();
    }
}

/// A bar with rate and remaining time on a terminal; a plain line every few seconds elsewhere.
struct TerminalProgress {
    quiet: bool,
    bar: ProgressBar,
    plain: Option<Mutex<Plain>>,
}

struct Plain {
    stage: String,
    total: Option<u64>,
    done: u64,
    began: Instant,
    said: Instant,
}

const PLAIN_EVERY: Duration = Duration::from_secs(10);

impl TerminalProgress {
    fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let plain = (!quiet && !io::stderr().is_terminal()).then(|| {
            let now = Instant::now();
            Mutex::new(Plain {
                stage: String::new(),
                total: None,
                done: 0,
                began: now,
                said: now,
            })
        });
        Self { quiet, bar, plain }
    }
}

impl Progress for TerminalProgress {
    fn begin(&self, stage: &str, total: Option<u64>) {
        if let Some(plain) = &self.plain {
            if let Ok(mut plain) = plain.lock() {
                let now = Instant::now();
                *plain = Plain {
                    stage: stage.into(),
                    total,
                    done: 0,
                    began: now,
                    said: now,
                };
            }
        } else if !self.quiet {
            let template = if total.is_some() {
                "{msg} [{bar:30}] {percent}% of {human_len}, {per_sec}, {eta} left"
            } else {
                "{msg} {spinner} {human_pos}, {per_sec}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            match total {
                Some(total) => self.bar.set_length(total),
                None => self.bar.unset_length(),
            }
            self.bar.reset();
            self.bar.set_message(stage.to_owned());
            self.bar
                .set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        }
    }

    fn advance(&self, units: u64) {
        if let Some(plain) = &self.plain {
            let Ok(mut plain) = plain.lock() else { return };
            plain.done += units;
            if plain.said.elapsed() < PLAIN_EVERY {
                return;
            }
            plain.said = Instant::now();
            let rate = plain.done as f64 / plain.began.elapsed().as_secs_f64();
            let left = plain.total.map_or_else(String::new, |total| {
                let seconds = total.saturating_sub(plain.done) as f64 / rate.max(1e-9);
                format!(" of {total}, {seconds:.0} s left")
            });
            eprintln!("{}: {}{left}, {rate:.0}/s", plain.stage, plain.done);
        } else {
            self.bar.inc(units);
        }
    }

    fn note(&self, message: &str) {
        if self.quiet {
        } else if self.plain.is_some() {
            eprintln!("{message}");
        } else {
            self.bar.suspend(|| eprintln!("{message}"));
        }
    }

    fn end(&self) {
        self.bar.finish_and_clear();
    }
}

//! Snapshots by triggers: when something happens that the program asked for, a thread writes the recording to a file.
//!
//! ```text
//! an event ──▶ is it a trigger? (a comparison) ──▶ calls the writer's thread ──▶ waits a moment ──▶ snapshot ──▶ a file
//! ```
//! No thread of a runtime waits for it. A trigger while a snapshot is being written, or shortly after, gets no snapshot of its own.
//!
//! T1: one writer at a time is called, the current recording's.

use super::session::Session;
use super::words::create;
use crate::base::clock;
use crate::base::contain;
use crate::base::parker::ThreadParker;
use crate::base::process_mutex::{ProcessMutex, Rank};
use crate::base::shim::lock::Mutex;
use crate::base::shim::thread::Builder;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
// Not part of a model: std's atomics under the model checker too.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::base::shim::atomic64::AtomicU64;

/// Names the triggers of a program that does not set them itself.
pub(super) const VARIABLE: &str = "SELVEDGE_RECORD_ON";
/// A snapshot has what follows its trigger for this long.
const AFTER: Duration = Duration::from_millis(20);
/// The time between two snapshots, at least.
const APART: Duration = Duration::from_secs(1);

/// An event that has the recording written to a file; see [`RecordOptions::snapshot_on`](super::RecordOptions::snapshot_on).
///
/// ```
/// use selvedge::runtime::{RecordOptions, SnapshotTrigger};
/// use std::time::Duration;
/// let options = RecordOptions::new()
///     .snapshot_on(SnapshotTrigger::LongPoll(Duration::from_millis(50)))
///     .snapshot_on(SnapshotTrigger::Panic);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SnapshotTrigger {
    /// A poll of a task, or of the future of a `block_on`, took longer; noticed at its end. Closures of `spawn_blocking` may take long.
    LongPoll(Duration),
    /// A task was ready for longer before it was polled. Noticed in runtimes that are built with these options, or that track their
    /// tasks' schedule latency.
    LongDelay(Duration),
    /// A worker has been stuck for 100 ms, and still is. Noticed where there are two workers or more.
    Stall,
    /// A task, a closure of `spawn_blocking` or the future of a `block_on` panicked.
    Panic,
}

impl fmt::Display for SnapshotTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SnapshotTrigger::LongPoll(time) => write!(f, "a poll longer than {time:?}"),
            SnapshotTrigger::LongDelay(time) => {
                write!(f, "a task that was ready for longer than {time:?}")
            }
            SnapshotTrigger::Stall => f.write_str("a stall"),
            SnapshotTrigger::Panic => f.write_str("a panic"),
        }
    }
}

/// Called with each file and its trigger.
pub(super) type SnapshotHook = Arc<dyn Fn(&Path, SnapshotTrigger) + Send + Sync>;

/// The triggers that are asked for, and where the snapshots go.
#[derive(Clone)]
pub(super) struct Triggers {
    pub(super) list: Vec<SnapshotTrigger>,
    pub(super) folder: Option<PathBuf>,
    pub(super) most: usize,
    pub(super) hook: Option<SnapshotHook>,
}

impl Default for Triggers {
    fn default() -> Triggers {
        Triggers {
            list: Vec::new(),
            folder: None,
            most: 8,
            hook: None,
        }
    }
}

impl fmt::Debug for Triggers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Triggers")
            .field("list", &self.list)
            .field("folder", &self.folder)
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

/// What is a trigger in the current recording; times in nanoseconds, `u64::MAX` for never.
struct Asked {
    long_poll: AtomicU64,
    long_delay: AtomicU64,
    stall: AtomicBool,
    panic: AtomicBool,
}

static ASKED: Asked = Asked {
    long_poll: AtomicU64::new(u64::MAX),
    long_delay: AtomicU64::new(u64::MAX),
    stall: AtomicBool::new(false),
    panic: AtomicBool::new(false),
};
static WRITER: ProcessMutex<Option<Arc<Shared>>> = ProcessMutex::new(Rank::Leaf, None);

/// Shared by the writer's thread and the threads that call it.
struct Shared {
    parker: ThreadParker,
    called: Mutex<Option<SnapshotTrigger>>,
    is_over: AtomicBool,
}

impl Asked {
    fn set(&self, list: &[SnapshotTrigger]) {
        let (mut poll, mut delay) = (u64::MAX, u64::MAX);
        let (mut stall, mut panic) = (false, false);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        for trigger in list {
            match *trigger {
                SnapshotTrigger::LongPoll(time) => poll = poll.min(nanos(time)),
                SnapshotTrigger::LongDelay(time) => delay = delay.min(nanos(time)),
                SnapshotTrigger::Stall => stall = true,
                SnapshotTrigger::Panic => panic = true,
            }
        }
        // Ordering: Relaxed, each; a thread that sees one early calls a writer that is not there yet, or the last one.
        self.long_poll.store(poll, Ordering::Relaxed);
        // Ordering: as above.
        self.long_delay.store(delay, Ordering::Relaxed);
        // Ordering: as above.
        self.stall.store(stall, Ordering::Relaxed);
        // Ordering: as above.
        self.panic.store(panic, Ordering::Relaxed);
    }
}

/// How long a poll may take, in nanoseconds; `u64::MAX`: any time.
pub(super) fn longest_poll() -> u64 {
    // Ordering: Relaxed; a hint, see `Asked::set`.
    ASKED.long_poll.load(Ordering::Relaxed)
}

/// A poll took this long.
#[cold]
pub(super) fn long_poll(nanos: u64) {
    call(SnapshotTrigger::LongPoll(Duration::from_nanos(nanos)));
}

/// A task was ready for so many nanoseconds before its poll.
#[cold]
pub(super) fn was_ready(nanos: u64) {
    // Ordering: Relaxed; a hint, see `Asked::set`.
    if nanos > ASKED.long_delay.load(Ordering::Relaxed) {
        call(SnapshotTrigger::LongDelay(Duration::from_nanos(nanos)));
    }
}

/// A worker is stuck.
#[cold]
pub(super) fn stalls() {
    // Ordering: Relaxed; a hint, see `Asked::set`.
    if ASKED.stall.load(Ordering::Relaxed) {
        call(SnapshotTrigger::Stall);
    }
}

/// A poll panicked.
#[cold]
pub(super) fn panicked() {
    // Ordering: Relaxed; a hint, see `Asked::set`.
    if ASKED.panic.load(Ordering::Relaxed) {
        call(SnapshotTrigger::Panic);
    }
}

#[cold]
fn call(trigger: SnapshotTrigger) {
    let writer = WRITER.lock().clone();
    if let Some(writer) = writer {
        writer.called.lock().get_or_insert(trigger);
        writer.parker.unpark();
    }
}

/// Ends the last recording's writer, after the snapshot that it was called for.
pub(super) fn end() {
    ASKED.set(&[]);
    let last = WRITER.lock().take();
    if let Some(last) = last {
        // Ordering: Release; pairs with the Acquire in `Snapshots::run`.
        last.is_over.store(true, Ordering::Release);
        last.parker.unpark();
    }
}

/// In a forked child the writer's thread does not exist.
pub(super) fn forget_in_child() {
    ASKED.set(&[]);
}

/// Has a snapshot of the session written when a trigger of the list happens.
///
/// # Errors
/// If the system gives no thread.
pub(super) fn begin(
    session: &Arc<Session>,
    triggers: &Triggers,
    file: Option<&Path>,
) -> io::Result<()> {
    if triggers.list.is_empty() {
        end();
        return Ok(());
    }
    let shared = Arc::new(Shared {
        parker: ThreadParker::default(),
        called: Mutex::new(None),
        is_over: AtomicBool::new(false),
    });
    let folder = match (&triggers.folder, file.and_then(Path::parent)) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => folder.to_owned(),
        (None, None) => std::env::temp_dir(),
    };
    let snapshots = Snapshots {
        session: session.clone(),
        shared: shared.clone(),
        folder,
        most: triggers.most.max(1),
        hook: triggers.hook.clone(),
        written: VecDeque::new(),
        count: 0,
    };
    Builder::new()
        .name("selvedge-snapshots".to_owned())
        .spawn(move || snapshots.run())?;
    end();
    *WRITER.lock() = Some(shared);
    ASKED.set(&triggers.list);
    Ok(())
}

/// The thread that writes.
struct Snapshots {
    session: Arc<Session>,
    shared: Arc<Shared>,
    folder: PathBuf,
    most: usize,
    hook: Option<SnapshotHook>,
    /// The files that are there, oldest first.
    written: VecDeque<PathBuf>,
    count: u64,
}

impl Snapshots {
    fn run(mut self) {
        loop {
            self.shared.parker.park();
            let called = *self.shared.called.lock();
            // Ordering: Acquire; pairs with the Release in `end`.
            let is_over = self.shared.is_over.load(Ordering::Acquire);
            if let Some(trigger) = called {
                self.write(trigger);
            }
            if is_over {
                return;
            }
        }
    }

    fn write(&mut self, trigger: SnapshotTrigger) {
        clock::block_for(AFTER);
        let bytes = self.session.snapshot();
        self.count += 1;
        let program = std::env::current_exe().ok();
        let name = program.as_deref().and_then(Path::file_name);
        let name = name.map_or("process".into(), |name| name.to_string_lossy());
        let (process, count) = (std::process::id(), self.count);
        let path = self
            .folder
            .join(format!("{name}.{process}.{count}.recording"));
        match self.keep(&path, &bytes) {
            Ok(()) => {
                if let Some(hook) = &self.hook {
                    contain::contain(|| hook(&path, trigger));
                }
            }
            Err(error) => eprintln!("selvedge: no snapshot {}: {error}", path.display()),
        }
        clock::block_for(APART);
        // Triggers that came meanwhile belong to this snapshot.
        *self.shared.called.lock() = None;
    }

    /// Writes the file as a whole or not at all. Removes the oldest file if there are too many.
    fn keep(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let unfinished = path.with_extension("unfinished");
        let written = create(&unfinished)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| std::fs::rename(&unfinished, path));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&unfinished);
            return Err(error);
        }
        self.written.push_back(path.to_owned());
        if self.written.len() > self.most {
            if let Some(oldest) = self.written.pop_front() {
                let _ = std::fs::remove_file(oldest);
            }
        }
        Ok(())
    }
}

/// Parses triggers as in `poll=50ms,ready=100ms,stall,panic`.
///
/// # Errors
/// The part that is none of these.
pub(super) fn parse(text: &str) -> Result<Vec<SnapshotTrigger>, &str> {
    let parts = text.split(',').map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, time) = match part.split_once('=') {
                Some((name, time)) => (name, clock::parse_duration(time)),
                None => (part, None),
            };
            match (name, time) {
                ("poll", Some(time)) => Ok(SnapshotTrigger::LongPoll(time)),
                ("ready", Some(time)) => Ok(SnapshotTrigger::LongDelay(time)),
                ("stall", None) if name == part => Ok(SnapshotTrigger::Stall),
                ("panic", None) if name == part => Ok(SnapshotTrigger::Panic),
                _ => Err(part),
            }
        })
        .collect()
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/trigger.rs"]
mod tests;

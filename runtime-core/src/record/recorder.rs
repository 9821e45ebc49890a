//! What users hold of the recorder: `Recorder`, its options and its spans.

use super::event::Kind;
use super::session::Session;
use super::trigger::{self, SnapshotTrigger, Triggers};
use super::words::{Source, create};
use super::{EPOCH, SESSION, is_on, session, thread};
use crate::base::fork;
use crate::base::process_mutex::{ProcessMutex, Rank};
use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Names the file of a recording that the program itself does not start.
const VARIABLE: &str = "SELVEDGE_RECORD";

/// How the flight recorder records.
///
/// ```
/// use selvedge::runtime::RecordOptions;
/// let options = RecordOptions::new().ring_bytes(64 * 1024);
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct RecordOptions {
    ring_bytes: usize,
    file: Option<PathBuf>,
    triggers: Triggers,
}

impl Default for RecordOptions {
    fn default() -> Self {
        RecordOptions {
            ring_bytes: 256 * 1024,
            file: None,
            triggers: Triggers::default(),
        }
    }
}

impl RecordOptions {
    /// In memory, 256 KiB for each worker.
    ///
    /// ```
    /// let options = selvedge::runtime::RecordOptions::new();
    /// # let _ = options;
    /// ```
    pub fn new() -> RecordOptions {
        RecordOptions::default()
    }

    /// Memory for the events of one worker, in bytes; rounded down to a power of two of records of 32 bytes. Every other
    /// thread with events has an eighth of it. The newest events overwrite the oldest.
    ///
    /// ```
    /// use selvedge::runtime::RecordOptions;
    /// let options = RecordOptions::new().ring_bytes(1 << 20); // 32,768 events a worker
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn ring_bytes(mut self, bytes: usize) -> RecordOptions {
        self.ring_bytes = bytes;
        self
    }

    /// Records into the memory of a mapped file, which is made or replaced, and readable by this user alone. The system
    /// writes it out, so the file has the last events however the process ends, also by a signal.
    ///
    /// ```
    /// use selvedge::runtime::RecordOptions;
    /// let options = RecordOptions::new().file("/tmp/server.recording");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> RecordOptions {
        self.file = Some(path.into());
        self
    }

    /// Has the recording written to a file when the trigger happens: what led to it, and 20 ms of what follows. A thread of its own writes at
    /// most one file a second. Several triggers may be given.
    ///
    /// The files are called `PROGRAM.PID.NUMBER.recording`, and lie in the folder of [`snapshots_in`](Self::snapshots_in), else in that of
    /// [`file`](Self::file), else in the system's for temporary files. A file is there as a whole or not at all.
    ///
    /// Without a change to the program, `SELVEDGE_RECORD_ON=poll=50ms,ready=100ms,stall,panic` does the same, beside `SELVEDGE_RECORD`.
    ///
    /// ```
    /// use selvedge::runtime::{RecordOptions, SnapshotTrigger};
    /// use std::time::Duration;
    /// let options = RecordOptions::new()
    ///     .snapshot_on(SnapshotTrigger::Stall)
    ///     .snapshot_on(SnapshotTrigger::LongDelay(Duration::from_millis(100)));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn snapshot_on(mut self, trigger: SnapshotTrigger) -> RecordOptions {
        self.triggers.list.push(trigger);
        self
    }

    /// The folder of the snapshots, which must exist.
    ///
    /// ```
    /// use selvedge::runtime::RecordOptions;
    /// let options = RecordOptions::new().snapshots_in("/var/tmp");
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn snapshots_in(mut self, folder: impl Into<PathBuf>) -> RecordOptions {
        self.triggers.folder = Some(folder.into());
        self
    }

    /// How many snapshots of one recording are kept: the newest, at least 1. The default is 8.
    ///
    /// ```
    /// use selvedge::runtime::RecordOptions;
    /// let options = RecordOptions::new().max_snapshots(3);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn max_snapshots(mut self, most: usize) -> RecordOptions {
        self.triggers.most = most;
        self
    }

    /// Has `hook` called with each snapshot's file and its trigger, on the thread that writes the files.
    ///
    /// ```
    /// use selvedge::runtime::RecordOptions;
    /// let options = RecordOptions::new()
    ///     .on_snapshot(|path, trigger| println!("{}: {trigger}", path.display()));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn on_snapshot(
        mut self,
        hook: impl Fn(&Path, SnapshotTrigger) + Send + Sync + 'static,
    ) -> RecordOptions {
        self.triggers.hook = Some(Arc::new(hook));
        self
    }

    fn source(&self) -> io::Result<Source> {
        match &self.file {
            None => Ok(Source::Heap),
            #[cfg(all(unix, not(runtime_loom)))]
            Some(path) => Ok(Source::File(create(path)?)),
            #[cfg(not(all(unix, not(runtime_loom))))]
            Some(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// The number of the recording after recording `last`. Never 0.
pub(super) fn number_after(last: Option<u32>) -> u32 {
    last.unwrap_or(0).checked_add(1).unwrap_or(1)
}

/// The flight recorder of this process: what all its runtimes do, their tasks and their threads.
///
/// It keeps the newest events of each thread in memory of a fixed size. All tasks are recorded, whatever code spawned them:
/// nothing has to be wrapped. A program that does not start the recorder itself is recorded if the environment variable
/// `SELVEDGE_RECORD` names a file, or a folder that exists, in which each process then makes a file of its own.
///
/// An event costs 10 to 25 ns while something is recorded, and otherwise a load and a branch.
///
/// ```
/// use selvedge::runtime::{RecordOptions, Runtime};
/// let runtime = Runtime::new().unwrap();
/// let recorder = runtime.handle().recorder();
/// recorder.start(&RecordOptions::new()).unwrap();
/// runtime.block_on(async { selvedge::spawn(async {}).await.unwrap() });
/// let recording: Vec<u8> = recorder.snapshot().unwrap();
/// assert!(recording.starts_with(b"SELVEDGE"));
/// recorder.stop();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Recorder(());

impl Recorder {
    pub(crate) fn new() -> Recorder {
        Recorder(())
    }

    /// Begins a recording. It ends the current one, if there is one.
    ///
    /// # Errors
    /// If the file cannot be made, there is no room for its first page, or the system gives no thread for the snapshots. The current recording then
    /// goes on.
    ///
    /// ```
    /// use selvedge::runtime::{Handle, RecordOptions};
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = Handle::current().recorder();
    /// recorder.start(&RecordOptions::new()).unwrap();
    /// assert!(recorder.is_on());
    /// # recorder.stop();
    /// # }
    /// ```
    pub fn start(&self, options: &RecordOptions) -> io::Result<()> {
        static FORKS: fork::Watch = fork::Watch::in_child(stop_in_child);
        FORKS.begin();
        let source = options.source()?;
        let mut last = SESSION.lock();
        let epoch = number_after(last.as_ref().map(|session| session.epoch));
        let session = Arc::new(Session::new(epoch, source, options.ring_bytes)?);
        trigger::begin(&session, &options.triggers, options.file.as_deref())?;
        *last = Some(session);
        // Ordering: Relaxed; a switch, a thread that sees it takes the lock first.
        EPOCH.store(epoch, Ordering::Relaxed);
        Ok(())
    }

    /// Ends the recording. What was recorded is kept, for [`snapshot`](Self::snapshot), until the next one begins.
    ///
    /// ```
    /// # use selvedge::runtime::{Handle, RecordOptions};
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = Handle::current().recorder();
    /// recorder.start(&RecordOptions::new()).unwrap();
    /// recorder.stop();
    /// assert!(recorder.snapshot().is_ok());
    /// # }
    /// ```
    pub fn stop(&self) {
        // So it is in a forked child, which records nothing.
        if !is_on() {
            return;
        }
        // Under the lock: a recording that begins meanwhile keeps its snapshots.
        let _last = SESSION.lock();
        // Ordering: Relaxed; a switch.
        EPOCH.store(0, Ordering::Relaxed);
        trigger::end();
    }

    /// The number of the current recording; 0: none.
    #[cfg(all(unix, not(runtime_loom)))]
    pub(crate) fn number() -> u32 {
        super::epoch()
    }

    /// Ends the recording with that number, if it is still the current one.
    #[cfg(all(unix, not(runtime_loom)))]
    pub(crate) fn stop_if(&self, number: u32) {
        if super::epoch() != number {
            return;
        }
        let _last = SESSION.lock();
        // Ordering: Relaxed; a switch.
        let ended = EPOCH.compare_exchange(number, 0, Ordering::Relaxed, Ordering::Relaxed);
        if ended.is_ok() {
            trigger::end();
        }
    }

    /// Is something being recorded?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = selvedge::runtime::Handle::current().recorder();
    /// println!("{}", recorder.is_on());
    /// # }
    /// ```
    pub fn is_on(&self) -> bool {
        is_on()
    }

    /// The recording as it is now, in the format that `selvedge report` reads. No thread is stopped for it: each goes on, and
    /// may overwrite its oldest events meanwhile, which then count as lost.
    ///
    /// # Errors
    /// If nothing was ever recorded.
    ///
    /// ```
    /// # use selvedge::runtime::{Handle, RecordOptions};
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = Handle::current().recorder();
    /// recorder.start(&RecordOptions::new()).unwrap();
    /// assert!(!recorder.snapshot().unwrap().is_empty());
    /// # recorder.stop();
    /// # }
    /// ```
    pub fn snapshot(&self) -> io::Result<Vec<u8>> {
        match session() {
            Some(session) => Ok(session.snapshot()),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "nothing was recorded: call `Recorder::start` or `Builder::record` first, or set SELVEDGE_RECORD",
            )),
        }
    }

    /// Writes [`snapshot`](Self::snapshot) to a file, which is made or replaced. It blocks the thread while it writes.
    ///
    /// # Errors
    /// If nothing was ever recorded, or the file cannot be written.
    ///
    /// ```
    /// # use selvedge::runtime::{Handle, RecordOptions};
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = Handle::current().recorder();
    /// recorder.start(&RecordOptions::new()).unwrap();
    /// let path = std::env::temp_dir().join("doc.recording");
    /// recorder.snapshot_to(&path).unwrap();
    /// # recorder.stop();
    /// # std::fs::remove_file(path).unwrap();
    /// # }
    /// ```
    pub fn snapshot_to(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let bytes = self.snapshot()?;
        create(path.as_ref())?.write_all(&bytes)
    }

    /// Records a mark with a name and a number, at this moment, on this thread, in the task that runs.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = selvedge::runtime::Handle::current().recorder();
    /// recorder.mark("requests waiting", 17);
    /// # }
    /// ```
    pub fn mark(&self, name: &str, value: u64) {
        if is_on() {
            thread::write_named(Kind::Mark, 0, name, None, Some(value));
        }
    }

    /// Records a span with a name: from now until the returned value is dropped, on the same thread.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let recorder = selvedge::runtime::Handle::current().recorder();
    /// let span = recorder.span("parse");
    /// // .. what takes time ..
    /// drop(span);
    /// # }
    /// ```
    pub fn span<'a>(&self, name: &'a str) -> RecordedSpan<'a> {
        if is_on() {
            thread::write_named(Kind::SpanBegin, 0, name, None, Some(0));
        }
        RecordedSpan {
            name,
            _same_thread: std::marker::PhantomData,
        }
    }
}

/// A span of time in the recording, which ends when this is dropped. Made by [`Recorder::span`]; it stays on its thread.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let recorder = selvedge::runtime::Handle::current().recorder();
/// let _span: selvedge::runtime::RecordedSpan<'_> = recorder.span("render");
/// # }
/// ```
///
/// ```compile_fail
/// # let runtime = selvedge::runtime::Runtime::new().unwrap();
/// let span = runtime.handle().recorder().span("render");
/// std::thread::spawn(move || drop(span)); // its beginning is on another thread
/// ```
#[derive(Debug)]
#[must_use = "the span ends where this is dropped"]
pub struct RecordedSpan<'a> {
    name: &'a str,
    _same_thread: std::marker::PhantomData<*const ()>,
}

impl Drop for RecordedSpan<'_> {
    fn drop(&mut self) {
        if is_on() {
            thread::write_named(Kind::SpanEnd, 0, self.name, None, Some(0));
        }
    }
}

/// Begins the recordings that `SELVEDGE_RECORD` and a runtime's builder ask for, before the runtime starts.
///
/// # Errors
/// If the recording of the builder cannot begin.
#[doc(hidden)]
pub fn begin(options: Option<&RecordOptions>) -> io::Result<()> {
    start_from_environment();
    match options {
        Some(options) => Recorder::new().start(options),
        None => Ok(()),
    }
}

/// Is there a trigger that needs to know how long tasks are ready? A runtime that is built then keeps track of it.
#[doc(hidden)]
pub fn needs_latency(options: Option<&RecordOptions>) -> bool {
    let of_environment = std::env::var(trigger::VARIABLE).unwrap_or_default();
    let of_environment = trigger::parse(&of_environment).unwrap_or_default();
    let of_program = options.map_or(&[][..], |options| &options.triggers.list);
    let mut all = of_program.iter().chain(&of_environment);
    all.any(|trigger| matches!(trigger, SnapshotTrigger::LongDelay(_)))
}

/// Begins the recording that `SELVEDGE_RECORD` asks for, at the first call in this process.
fn start_from_environment() {
    static HAS_LOOKED: ProcessMutex<bool> = ProcessMutex::new(Rank::Setup, false);
    let mut has_looked = HAS_LOOKED.lock();
    if std::mem::replace(&mut *has_looked, true) {
        return;
    }
    let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) else {
        if std::env::var_os(trigger::VARIABLE).is_some_and(|text| !text.is_empty()) {
            let triggers = trigger::VARIABLE;
            eprintln!(
                "selvedge: no snapshots: {triggers} needs {VARIABLE}=PATH, a file or a folder that exists"
            );
        }
        return;
    };
    let path = path_of_process(&path);
    let mut options = RecordOptions::new().file(&path);
    options.triggers.list = triggers_of_environment();
    if let Err(error) = Recorder::new().start(&options) {
        eprintln!(
            "selvedge: nothing is recorded: {VARIABLE}={}: {error}",
            path.display()
        );
    }
}

/// The triggers in `SELVEDGE_RECORD_ON`. If a part cannot be parsed, that is reported.
fn triggers_of_environment() -> Vec<SnapshotTrigger> {
    let text = std::env::var_os(trigger::VARIABLE).unwrap_or_default();
    let text = text.to_string_lossy();
    trigger::parse(&text).unwrap_or_else(|part| {
        eprintln!(
            "selvedge: no snapshots: {}: {part:?} is none of poll=50ms, ready=100ms, stall, panic",
            trigger::VARIABLE
        );
        Vec::new()
    })
}

/// The path itself; if it is a folder, a file for this process in it.
fn path_of_process(path: &OsStr) -> PathBuf {
    let path = Path::new(path);
    if !path.is_dir() {
        return path.to_owned();
    }
    let program = std::env::current_exe().ok();
    let name = program.as_deref().and_then(Path::file_name);
    let name = name.unwrap_or(OsStr::new("process")).to_string_lossy();
    path.join(format!("{name}.{}.recording", std::process::id()))
}

/// Stops recording in a forked child: the memory may be a file that its parent writes to.
unsafe extern "C" fn stop_in_child() {
    // Ordering: Relaxed; the child has one thread.
    EPOCH.store(0, Ordering::Relaxed);
    trigger::forget_in_child();
}

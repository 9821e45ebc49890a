//! A builder's settings for the recorder, the inspector and the findings, and how the three begin with a runtime.

use super::Builder;
#[cfg(unix)]
use runtime_core::inspect::{self, InspectOptions, Inspected};
use runtime_core::record;
use runtime_core::runtime::Core;
use runtime_core::runtime::RecordOptions;
use runtime_core::runtime::tasks::Finding;
use runtime_core::runtime::teller::{self, FindingHook};
use runtime_core::task::times;
use std::io;
use std::sync::Arc;

/// A builder's settings.
#[derive(Clone, Default)]
pub(super) struct Insight {
    record: Option<RecordOptions>,
    #[cfg(unix)]
    inspect: Option<InspectOptions>,
    on_finding: Option<FindingHook>,
    task_times: bool,
    #[cfg(all(feature = "taskdump", target_os = "linux"))]
    stall_stacks: bool,
}

/// The parts that began before the runtime is there.
#[derive(Debug)]
pub(super) struct Begun {
    #[cfg(unix)]
    inspected: Option<Inspected>,
}

impl Insight {
    /// Begins the parts that must see the runtime's start.
    ///
    /// # Errors
    /// If a file or a socket that the program asked for cannot be made.
    pub(super) fn begin(&self) -> io::Result<Begun> {
        if self.task_times {
            times::keep();
        }
        #[cfg(all(feature = "taskdump", target_os = "linux"))]
        if self.stall_stacks || asks_for_stacks() {
            runtime_core::runtime::stacks::begin()?;
        }
        record::begin(self.record.as_ref())?;
        Ok(Begun {
            #[cfg(unix)]
            inspected: inspect::begin(self.inspect.as_ref())?,
        })
    }

    /// Must the runtime know how long its tasks are ready before they are polled?
    pub(super) fn needs_latency(&self) -> bool {
        record::needs_latency(self.record.as_ref())
    }

    /// Shows the runtime in the inspector, and reports its findings, until it ends.
    ///
    /// # Errors
    /// If the program asks for findings, and the system gives no thread.
    pub(super) fn show(&self, begun: Begun, core: &mut Core) -> io::Result<()> {
        if let Some(teller) = teller::begin(core.handle(), self.on_finding.clone())? {
            core.keep(Box::new(teller));
        }
        #[cfg(unix)]
        if let Some(mut inspected) = begun.inspected {
            inspected.show(core.handle());
            core.keep(Box::new(inspected));
        }
        #[cfg(not(unix))]
        let _ = begun;
        Ok(())
    }
}

/// Does the environment ask for the stacks of stalls?
#[cfg(all(feature = "taskdump", target_os = "linux"))]
fn asks_for_stacks() -> bool {
    let asked = std::env::var_os("SELVEDGE_STALL_STACKS");
    asked.is_some_and(|value| !matches!(value.to_str(), Some("" | "0")))
}

/// With the feature `insight`, which is on by default.
impl Builder {
    /// Begins a recording of the whole process when the runtime is built, as [`Recorder::start`](super::Recorder::start) does.
    ///
    /// ```
    /// use selvedge::runtime::{Builder, RecordOptions};
    /// let runtime = Builder::new_multi_thread()
    ///     .worker_threads(2)
    ///     .record(RecordOptions::new())
    ///     .build()
    ///     .unwrap();
    /// assert!(runtime.handle().recorder().is_on());
    /// # runtime.handle().recorder().stop();
    /// ```
    pub fn record(&mut self, options: RecordOptions) -> &mut Self {
        self.insight.record = Some(options);
        self
    }

    /// Lets tools of this user inspect the process while the runtime lives, through a Unix socket: `selvedge top`, `ps`, `record`.
    /// They see all runtimes that are built while the socket is there. A process has one such socket, that of the runtime that asked first.
    ///
    /// `SELVEDGE_INSPECT=1` in the environment does the same without a change of the program; a path there is that of the socket, or of
    /// its folder.
    ///
    /// ```
    /// use selvedge::runtime::{Builder, InspectOptions};
    /// # let folder = std::env::temp_dir().join(format!("doc-inspect-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let options = InspectOptions::new().path(&folder);
    /// # /*
    /// let options = InspectOptions::new();
    /// # */
    /// let runtime = Builder::new_multi_thread().worker_threads(2).inspect(options).build().unwrap();
    /// // `selvedge top PID` in a terminal
    /// # drop(runtime);
    /// # std::fs::remove_dir(folder).unwrap();
    /// ```
    #[cfg(unix)]
    pub fn inspect(&mut self, options: InspectOptions) -> &mut Self {
        self.insight.inspect = Some(options);
        self
    }

    /// Keeps the age of tasks and their time in polls, for [`TaskInfo::times`](super::tasks::TaskInfo::times): for all tasks of the process that are
    /// spawned from then on. It costs an allocation for each task and two clock reads for each poll. The inspector turns it on too.
    ///
    /// ```
    /// use selvedge::runtime::{Builder, Handle};
    /// let runtime = Builder::new_current_thread().task_times(true).build().unwrap();
    /// runtime.block_on(async {
    ///     selvedge::spawn(std::future::pending::<()>());
    ///     for task in Handle::current().tasks().iter() {
    ///         println!("{:?}", task.times());
    ///     }
    /// });
    /// ```
    pub fn task_times(&mut self, keeps: bool) -> &mut Self {
        self.insight.task_times = keeps;
        self
    }

    /// Adds to each [finding](super::Handle::findings) of a stall [the stack](super::tasks::Finding::stack) of the thread that stands still. The
    /// signal `SIGURG` interrupts that thread whenever findings are looked for meanwhile; system calls that the system does not restart then
    /// return `EINTR`. The handler is installed for the process, stays, and passes other signals of that number on. On Linux, with the feature
    /// `taskdump`.
    ///
    /// `SELVEDGE_STALL_STACKS=1` in the environment does the same without a change of the program. A program without symbols has addresses
    /// without names: build with `debug = "line-tables-only"` to have them.
    ///
    /// ```
    /// use selvedge::runtime::Builder;
    /// let runtime = Builder::new_multi_thread()
    ///     .worker_threads(2)
    ///     .stall_stacks(true)
    ///     .on_finding(|finding| println!("{finding}"))
    ///     .build()
    ///     .unwrap();
    /// # drop(runtime);
    /// ```
    #[cfg(all(feature = "taskdump", target_os = "linux"))]
    pub fn stall_stacks(&mut self, asks: bool) -> &mut Self {
        self.insight.stall_stacks = asks;
        self
    }

    /// Calls `told` with each [finding](super::Handle::findings), once: a thread looks for them every half second, and when a worker has stood
    /// still in a poll for a tenth of a second. A state that may pass by itself (a full pool, late timers, few descriptors) is reported if two
    /// looks saw it.
    ///
    /// Findings are events of `tracing` too (feature `tracing`, target `selvedge::findings`), and marks in the recording.
    /// `SELVEDGE_FINDINGS=1` in the environment prints them to the standard error, without a change of the program.
    ///
    /// `told` is called on that thread. It may block, and then gets the next finding later.
    ///
    /// ```
    /// # use std::sync::mpsc;
    /// use selvedge::runtime::Builder;
    /// # let (send, found) = mpsc::channel();
    /// let runtime = Builder::new_multi_thread()
    ///     .worker_threads(2)
    ///     .on_finding(move |finding| {
    ///         println!("{finding}");
    /// #       let _ = send.send(finding.kind().to_string());
    ///     })
    ///     .build()
    ///     .unwrap();
    /// runtime.spawn(std::future::pending::<()>()); // nobody has its waker
    /// # assert_eq!(found.recv().unwrap(), "lost task");
    /// ```
    pub fn on_finding(&mut self, told: impl Fn(&Finding) + Send + Sync + 'static) -> &mut Self {
        self.insight.on_finding = Some(Arc::new(told));
        self
    }
}

//! What the tasks of a runtime do at the moment, and what they wait for: [`Handle::tasks`].
//!
//! No task is polled or stopped for it. It reads what the last poll of each task has stored (`task::glance`), the slots of `block_on`'s
//! futures (`task::mains`) and the locks' records (`base::holder`). The tasks are read one after the other, so a list may show them at
//! different moments.

use super::findings;
use super::json::{Json, Object};
use crate::base::holder::{self, Held};
use crate::base::waits;
pub use crate::base::waits::WaitKind;
use crate::handle::{self, Handle};
use crate::task::Id;
use crate::task::cell::Header;
use crate::task::glance::Doing;
use crate::task::mains;
use crate::task::owned::ListedTasks;
use std::fmt;
use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;

pub use crate::task::times::TaskTimes;
pub use findings::{Finding, FindingKind};

/// What kind of task it is.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::runtime::tasks::TaskKind;
/// let task = selvedge::spawn(std::future::pending::<()>());
/// selvedge::task::yield_now().await;
/// let tasks = selvedge::runtime::Handle::current().tasks();
/// let info = tasks.get(task.id()).unwrap();
/// assert_eq!(info.kind(), TaskKind::Task);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskKind {
    /// A task that a runtime's `spawn` has made.
    Task,
    /// A task of a [`LocalSet`](crate::spawn::LocalSet).
    Local,
    /// The future of a `block_on`.
    BlockOn,
}

/// What a task does at the moment.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::runtime::tasks::TaskState;
/// let task = selvedge::spawn(std::future::pending::<()>());
/// selvedge::task::yield_now().await;
/// let tasks = selvedge::runtime::Handle::current().tasks();
/// let info = tasks.get(task.id()).unwrap();
/// assert_eq!(info.state(), TaskState::Idle);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is polled, or blocks in a poll.
    Running {
        /// The index of the worker that polls it; `None`: a thread that is not a worker.
        worker: Option<usize>,
    },
    /// It was woken and is about to be polled.
    Queued {
        /// For how long, where the runtime keeps track of that (it has a schedule latency histogram or a hook around polls).
        since: Option<Duration>,
    },
    /// It waits to be woken.
    Idle,
}

/// One of the things that a task waits for.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = selvedge::spawn(selvedge::time::sleep(std::time::Duration::from_secs(9)));
/// selvedge::task::yield_now().await;
/// let tasks = selvedge::runtime::Handle::current().tasks();
/// let wait = tasks.get(task.id()).unwrap().waits()[0];
/// println!("{wait}"); // sleep, 9s more
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    kind: WaitKind,
    what: u64,
    held: Option<Held>,
    /// The runtime's clock, in milliseconds.
    now: u64,
}

/// A task, as [`Handle::tasks`] saw it.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = selvedge::spawn(std::future::pending::<()>());
/// selvedge::task::yield_now().await;
/// let tasks = selvedge::runtime::Handle::current().tasks();
/// let info = tasks.get(task.id()).unwrap();
/// println!("{info}");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TaskInfo {
    id: Id,
    kind: TaskKind,
    name: Option<String>,
    parent: Option<Id>,
    spawned_at: &'static Location<'static>,
    state: TaskState,
    polls: u32,
    waits: Vec<Wait>,
    is_lost: bool,
    times: Option<TaskTimes>,
}

/// The tasks of a runtime, as [`Handle::tasks`] saw them.
///
/// As text, one line for each task; for JSON see [`to_json`](TaskList::to_json).
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let task = selvedge::spawn(std::future::pending::<()>());
/// selvedge::task::yield_now().await;
/// let tasks = selvedge::runtime::Handle::current().tasks();
/// println!("{tasks}");
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TaskList {
    runtime: handle::Id,
    tasks: Vec<TaskInfo>,
}

impl Handle {
    /// What each task does at the moment and what it waits for: the tasks of this runtime, the futures that threads block on with it, and the
    /// tasks of all `LocalSet`s of the process.
    ///
    /// Nothing is polled or stopped for it, and it works while workers are stuck. Closures of `spawn_blocking` are not in it.
    /// A task's waits are those that its last poll met. A future that the poll did not reach (in a `FuturesUnordered` that polled only other
    /// futures) is left out, and so are the fifth and later waits of a poll.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::runtime::Handle;
    /// use selvedge::runtime::tasks::WaitKind;
    /// use std::sync::Arc;
    ///
    /// let lock = Arc::new(selvedge::sync::Mutex::new(0));
    /// let guard = lock.lock().await;
    /// let (task, shared) = (selvedge::spawn(lock.clone().lock_owned()), lock.clone());
    /// selvedge::task::yield_now().await;
    ///
    /// let tasks = Handle::current().tasks();
    /// let waiting = tasks.iter().find(|info| info.id() == task.id()).unwrap();
    /// assert_eq!(waiting.waits()[0].kind(), WaitKind::Mutex);
    /// assert!(waiting.waits()[0].holder().is_some()); // this very future
    /// println!("{tasks}");
    /// # drop((guard, shared));
    /// # }
    /// ```
    pub fn tasks(&self) -> TaskList {
        let shared = &self.shared;
        let now = shared.timers.as_ref().map_or(0, |timers| timers.now());
        let nanos = shared.nanos();
        let look = |kind| move |header: &Header| TaskInfo::of(header, kind, now, nanos);
        let mut tasks = shared.owned.look(look(TaskKind::Task));
        tasks.extend(ListedTasks::look(look(TaskKind::Local)));
        let mains = mains::look(shared.id.as_u64()).into_iter();
        tasks.extend(mains.filter_map(|main| TaskInfo::of_main(&main, now)));
        tasks.sort_by_key(|task| task.id);
        TaskList {
            runtime: shared.id,
            tasks,
        }
    }
}

impl TaskInfo {
    fn of(header: &Header, kind: TaskKind, now: u64, nanos: u64) -> TaskInfo {
        let state = header.state.load();
        let seen = header.glance();
        let is_idle = state.wakes() == 0;
        let (state_now, noted) = match seen.doing {
            Doing::Runs(worker) if !is_idle => (TaskState::Running { worker }, None),
            Doing::QueuedSince(at) => {
                let since = Some(Duration::from_nanos(nanos.saturating_sub(at)));
                (TaskState::Queued { since }, None)
            }
            Doing::Rests(_) if !is_idle => (TaskState::Queued { since: None }, None),
            Doing::Rests(waits) => (TaskState::Idle, Some(waits)),
            Doing::Runs(_) => (TaskState::Idle, None),
        };
        // The references that cannot wake it: the owner's and, while there is one, the join handle's.
        let silent = 1 + u64::from(state.is_join_interested());
        TaskInfo {
            id: header.id,
            kind,
            name: seen.name,
            parent: Id::from_number(seen.parent),
            spawned_at: header.spawned_at,
            state: state_now,
            polls: seen.polls,
            waits: Wait::all(noted.unwrap_or_default(), now),
            is_lost: is_idle && state.references() == silent && !state.is_complete(),
            times: seen.times,
        }
    }

    fn of_main(main: &mains::Seen, now: u64) -> Option<TaskInfo> {
        let state = match main.runs {
            true => TaskState::Running { worker: None },
            false => TaskState::Idle,
        };
        Some(TaskInfo {
            id: Id::from_number(main.id)?,
            kind: TaskKind::BlockOn,
            name: None,
            parent: None,
            spawned_at: main.place,
            state,
            polls: main.polls,
            waits: match main.runs {
                true => Vec::new(),
                false => Wait::all(main.waits, now),
            },
            is_lost: false,
            times: main.times,
        })
    }

    /// Its id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert_eq!(info.id(), task.id());
    /// # }
    /// ```
    pub fn id(&self) -> Id {
        self.id
    }

    /// What kind of task it is.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert_eq!(info.kind().to_string(), "task");
    /// # }
    /// ```
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// The name it was given by a [`Builder`](crate::spawn::Builder).
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let named = selvedge::task::Builder::new().name("clock");
    /// let task = named.spawn(std::future::pending::<()>()).unwrap();
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert_eq!(info.name(), Some("clock"));
    /// # }
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The task, or the future of a `block_on`, that spawned it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// let here = tasks.iter().next().unwrap(); // the future of `main`
    /// assert_eq!(info.parent(), Some(here.id()));
    /// # }
    /// ```
    pub fn parent(&self) -> Option<Id> {
        self.parent
    }

    /// Where it was spawned.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// println!("{}", info.spawned_at()); // src/main.rs:3:12
    /// # }
    /// ```
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// What it does at the moment.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert_eq!(info.state().to_string(), "idle");
    /// # }
    /// ```
    pub fn state(&self) -> TaskState {
        self.state
    }

    /// How many times it was polled; after 2^32 the count starts at 0 again.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert_eq!(info.polls(), 1);
    /// # }
    /// ```
    pub fn polls(&self) -> u32 {
        self.polls
    }

    /// What it waits for: several things for a `select!` or a `join!`; none for a task that does not wait, or that waits for
    /// something which is not this crate's.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert!(info.waits().is_empty()); // nobody knows what `pending` is
    /// # }
    /// ```
    pub fn waits(&self) -> &[Wait] {
        &self.waits
    }

    /// Is there no waker of it anywhere, so that only an abort can wake it?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert!(info.is_lost()); // `pending` keeps no waker
    /// # }
    /// ```
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Its age and its time in polls, if these are kept: from the first runtime whose builder sets
    /// [`task_times`](../struct.Builder.html#method.task_times), or from the inspector's start. `None` for a task that was spawned before.
    ///
    /// ```
    /// # let runtime = selvedge::runtime::Builder::new_current_thread().task_times(true).build().unwrap();
    /// # runtime.block_on(async {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let info = tasks.get(task.id()).unwrap();
    /// assert!(info.times().unwrap().busy() > std::time::Duration::ZERO);
    /// # });
    /// ```
    pub fn times(&self) -> Option<TaskTimes> {
        self.times
    }
}

impl TaskList {
    /// The runtime.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// assert_eq!(tasks.runtime(), selvedge::runtime::Handle::current().id());
    /// # }
    /// ```
    pub fn runtime(&self) -> handle::Id {
        self.runtime
    }

    /// The tasks, oldest first.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// for task in tasks.iter() {
    ///     println!("{task}");
    /// }
    /// # }
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &TaskInfo> {
        self.tasks.iter()
    }

    /// How many there are.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// assert_eq!(tasks.len(), 2); // and the future of `main`
    /// # }
    /// ```
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Are there none?
    ///
    /// ```
    /// let runtime = selvedge::runtime::Runtime::new().unwrap();
    /// assert!(runtime.handle().tasks().is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The task with that id.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// assert!(tasks.get(task.id()).is_some());
    /// # }
    /// ```
    pub fn get(&self, id: Id) -> Option<&TaskInfo> {
        let at = self.tasks.binary_search_by_key(&id, |task| task.id).ok()?;
        self.tasks.get(at)
    }

    /// The list as JSON, version 1; `docs/tasks.md` describes the fields.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(std::future::pending::<()>());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// assert!(tasks.to_json().starts_with("{\"version\":1,"));
    /// # }
    /// ```
    pub fn to_json(&self) -> String {
        /// For a task with one wait, mostly enough. The system gives memory only when it is written to.
        const BYTES: usize = 512;
        let mut json = Json::with_capacity((self.tasks.len() + 1) * BYTES);
        json.object(|list| {
            list.number("version", 1);
            list.number("runtime", self.runtime.as_u64());
            list.objects("tasks", &self.tasks, |task, object| task.write(object));
        });
        json.finish()
    }
}

impl TaskInfo {
    fn write(&self, object: &mut Object<'_>) {
        object.number("id", self.id.as_u64());
        object.text("kind", &self.kind.to_string());
        object.optional_text("name", self.name());
        object.optional_number("parent", self.parent.map(Id::as_u64));
        object.object("spawned_at", |place| {
            place.text("file", self.spawned_at.file());
            place.number("line", self.spawned_at.line().into());
            place.number("column", self.spawned_at.column().into());
        });
        let (state, worker, queued) = match self.state {
            TaskState::Running { worker } => ("running", worker, None),
            TaskState::Queued { since } => ("queued", None, since),
            TaskState::Idle => ("idle", None, None),
        };
        object.text("state", state);
        object.optional_number("worker", worker.map(|worker| worker as u64));
        object.optional_number("queued_ns", queued.map(|since| since.as_nanos() as u64));
        object.number("polls", self.polls.into());
        let times = self.times.as_ref();
        let nanos = |time: Option<Duration>| time.map(|time| time.as_nanos() as u64);
        object.optional_number("age_ns", nanos(times.map(TaskTimes::age)));
        object.optional_number("busy_ns", nanos(times.map(TaskTimes::busy)));
        object.optional_number("longest_poll_ns", nanos(times.map(TaskTimes::longest_poll)));
        object.optional_number(
            "since_poll_ns",
            nanos(times.and_then(TaskTimes::since_poll)),
        );
        object.boolean("lost", self.is_lost);
        object.objects("waits", &self.waits, |wait, object| wait.write(object));
    }
}

impl Wait {
    fn all(noted: [waits::Wait; waits::MOST], now: u64) -> Vec<Wait> {
        let noted = noted.iter();
        let waits = noted.filter_map(|wait| Some((wait.kind()?, wait.what())));
        waits
            .map(|(kind, what)| Wait {
                kind,
                what,
                held: match kind.is_lock() {
                    true => holder::held(what),
                    false => None,
                },
                now,
            })
            .collect()
    }

    /// What kind of thing it is.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::runtime::tasks::WaitKind;
    /// let task = selvedge::spawn(selvedge::time::sleep(std::time::Duration::from_secs(9)));
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert_eq!(wait.kind(), WaitKind::Sleep);
    /// # }
    /// ```
    pub fn kind(&self) -> WaitKind {
        self.kind
    }

    /// A number for the lock, semaphore or channel: the same for all that wait for it.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let guard = lock.clone().lock_owned().await;
    /// let task = selvedge::spawn(lock.lock_owned());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert!(wait.object().is_some());
    /// drop(guard);
    /// # }
    /// ```
    pub fn object(&self) -> Option<u64> {
        match self.kind {
            WaitKind::Sleep
            | WaitKind::Join
            | WaitKind::Readable
            | WaitKind::Writable
            | WaitKind::Ready
            | WaitKind::Child
            | WaitKind::Signal
            | WaitKind::Turn => None,
            _ => Some(self.what),
        }
    }

    /// The task or `block_on` that took the lock last. For a mutex or a write lock it is the holder; for a semaphore or a read lock it is one of the
    /// holders. `None` also if a thread outside of tasks took the lock.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let guard = lock.clone().lock_owned().await;
    /// let task = selvedge::spawn(lock.lock_owned());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert!(wait.holder().is_some()); // the future of `main`
    /// drop(guard);
    /// # }
    /// ```
    pub fn holder(&self) -> Option<Id> {
        Id::from_number(self.held?.task)
    }

    /// Was the lock handed to a future of the [`holder`](Self::holder) that has not been polled since?
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let lock = std::sync::Arc::new(selvedge::sync::Mutex::new(0));
    /// let guard = lock.clone().lock_owned().await;
    /// let task = selvedge::spawn(lock.lock_owned());
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert!(!wait.is_handed_over());
    /// drop(guard);
    /// # }
    /// ```
    pub fn is_handed_over(&self) -> bool {
        self.held.is_some_and(|held| held.is_handed_over)
    }

    /// The task whose end is waited for.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let other = selvedge::spawn(std::future::pending::<()>());
    /// let id = other.id();
    /// let task = selvedge::spawn(other);
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert_eq!(wait.task(), Some(id));
    /// # }
    /// ```
    pub fn task(&self) -> Option<Id> {
        match self.kind {
            WaitKind::Join => Id::from_number(self.what),
            _ => None,
        }
    }

    /// The descriptor of a socket, pipe or the like.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::os::fd::AsRawFd;
    /// let socket = selvedge::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let fd = socket.as_raw_fd();
    /// let task = selvedge::spawn(async move { socket.readable().await });
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert_eq!(wait.descriptor(), Some(fd));
    /// # }
    /// ```
    pub fn descriptor(&self) -> Option<i32> {
        match self.kind {
            WaitKind::Readable | WaitKind::Writable | WaitKind::Ready => Some(self.what as i32),
            _ => None,
        }
    }

    /// The address at the other end of that descriptor, if it is a connected TCP or UDP socket. The call asks the system, so the answer is for the
    /// descriptor as it is at the call.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::net::UdpSocket;
    /// let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// let address = server.local_addr().unwrap();
    /// let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    /// client.connect(address).await.unwrap();
    /// let task = selvedge::spawn(async move { client.readable().await });
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert_eq!(wait.peer(), Some(address));
    /// # }
    /// ```
    pub fn peer(&self) -> Option<SocketAddr> {
        self.descriptor().and_then(peer_of)
    }

    /// How much longer it sleeps; zero if its time has come.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let task = selvedge::spawn(selvedge::time::sleep(std::time::Duration::from_secs(9)));
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert!(wait.remaining().unwrap().as_secs() <= 9);
    /// # }
    /// ```
    pub fn remaining(&self) -> Option<Duration> {
        (self.kind == WaitKind::Sleep)
            .then(|| Duration::from_millis(self.what.saturating_sub(self.now)))
    }

    /// The number of the signal, or of the child process.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::signal::unix::{SignalKind, signal};
    /// let kind = SignalKind::user_defined1();
    /// let mut signals = signal(kind).unwrap();
    /// let task = selvedge::spawn(async move { signals.recv().await });
    /// selvedge::task::yield_now().await;
    /// let tasks = selvedge::runtime::Handle::current().tasks();
    /// let wait = tasks.get(task.id()).unwrap().waits()[0];
    /// assert_eq!(wait.number(), Some(kind.as_raw_value()));
    /// # }
    /// ```
    pub fn number(&self) -> Option<i32> {
        match self.kind {
            WaitKind::Child | WaitKind::Signal => Some(self.what as i32),
            _ => None,
        }
    }

    fn write(&self, object: &mut Object<'_>) {
        object.text("kind", &self.kind.to_string());
        object.optional_number("object", self.object());
        object.optional_number("holder", self.holder().map(Id::as_u64));
        object.boolean("handed_over", self.is_handed_over());
        object.optional_number("task", self.task().map(Id::as_u64));
        object.optional_number("descriptor", self.descriptor().map(|fd| fd as u64));
        let peer = self.peer().map(|peer| peer.to_string());
        object.optional_text("peer", peer.as_deref());
        let remaining = self.remaining().map(|time| time.as_millis() as u64);
        object.optional_number("remaining_ms", remaining);
        object.optional_number("number", self.number().map(|number| number as u64));
    }
}

/// The peer of an internet socket; `None` for all other descriptors.
#[cfg(unix)]
fn peer_of(descriptor: i32) -> Option<SocketAddr> {
    use std::mem::ManuallyDrop;
    use std::net::TcpStream;
    use std::os::fd::FromRawFd;

    // SAFETY: it is not closed here, and nothing but its peer's address is asked for, which the system refuses for a descriptor
    // that is closed or no socket.
    let socket = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(descriptor) });
    socket.peer_addr().ok()
}

#[cfg(not(unix))]
fn peer_of(_: i32) -> Option<SocketAddr> {
    None
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TaskKind::Task => "task",
            TaskKind::Local => "local",
            TaskKind::BlockOn => "block_on",
        })
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TaskState::Running {
                worker: Some(worker),
            } => write!(f, "running on worker {worker}"),
            TaskState::Running { worker: None } => f.write_str("running"),
            TaskState::Queued { since: Some(since) } => write!(f, "queued for {since:?}"),
            TaskState::Queued { since: None } => f.write_str("queued"),
            TaskState::Idle => f.write_str("idle"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        if let Some(task) = self.task() {
            return write!(f, " {task}");
        }
        if let Some(descriptor) = self.descriptor() {
            write!(f, " {descriptor}")?;
            return match self.peer() {
                Some(peer) => write!(f, " of {peer}"),
                None => Ok(()),
            };
        }
        if let Some(number) = self.number() {
            return write!(f, " {number}");
        }
        if let Some(remaining) = self.remaining() {
            return write!(f, ", {remaining:?} more");
        }
        if let Some(object) = self.object() {
            write!(f, " {object:#x}")?;
        }
        match (self.holder(), self.is_handed_over()) {
            (Some(holder), false) => write!(f, ", held by {holder}"),
            (Some(holder), true) => {
                write!(f, ", handed to a future of {holder} that is not polled")
            }
            (None, _) => Ok(()),
        }
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wait({self})")
    }
}

impl fmt::Display for TaskInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(
            f,
            " at {}: {}, {} polls",
            self.spawned_at, self.state, self.polls
        )?;
        if let Some(parent) = self.parent {
            write!(f, ", spawned by {parent}")?;
        }
        if let Some(times) = self.times {
            write!(f, ", {times}")?;
        }
        for (at, wait) in self.waits.iter().enumerate() {
            let before = ["; waits for ", " or "][at.min(1)];
            write!(f, "{before}{wait}")?;
        }
        if self.is_lost {
            f.write_str("; nothing can wake it")?;
        }
        Ok(())
    }
}

impl fmt::Display for TaskList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.len();
        writeln!(
            f,
            "runtime {}: {len} task{}",
            self.runtime,
            if len == 1 { "" } else { "s" }
        )?;
        self.tasks.iter().try_for_each(|task| writeln!(f, "{task}"))
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/findings.rs"]
mod tests;

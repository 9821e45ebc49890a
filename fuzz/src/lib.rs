//! Fuzz targets: random operations on one part of selvedge at a time, compared with a simple model.
//!
//! A module is a target: `run` takes the fuzzer's bytes, and panics at the first difference. All targets check that
//! - a wait that the model says is over was woken since its last poll (no lost wake-up);
//! - each poll may come with another waker, and only the last waker counts;
//! - at the end no payload and no waker is left ([`finish`]).
//!
//! `random` (`src/bin`) runs the targets on random bytes, with any toolchain and without a fuzzer.

pub mod broadcast;
pub mod io_utils;
pub mod locks;
pub mod mpsc;
pub mod notify;
pub mod oneshot;
pub mod process_signal;
pub mod read_buf;
pub mod readiness;
pub mod select;
pub mod tasks;
pub mod timers;
pub mod watch;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

/// The function of a target.
pub type Run = fn(&[u8]);

/// All targets, by name.
pub const TARGETS: &[(&str, Run)] = &[
    ("broadcast", broadcast::run),
    ("io_utils", io_utils::run),
    ("locks", locks::run),
    ("mpsc", mpsc::run),
    ("notify", notify::run),
    ("oneshot", oneshot::run),
    ("process_signal", process_signal::run),
    ("read_buf", read_buf::run),
    ("readiness", readiness::run),
    ("select", select::run),
    ("tasks", tasks::run),
    ("timers", timers::run),
    ("watch", watch::run),
];

/// The fuzzer's bytes, read as a list of decisions.
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(&bytes[..bytes.len().min(600)])
    }

    /// The next decision, below `n`; `None` when the bytes are used up.
    pub fn next(&mut self, n: usize) -> Option<usize> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(usize::from(*first) % n)
    }

    /// As `next`, but zero when the bytes are used up.
    pub fn below(&mut self, n: usize) -> usize {
        self.next(n.max(1)).unwrap_or(0)
    }

    pub fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// One of `len` indices; `None` if `len` is zero.
    pub fn place(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len))
    }
}

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static FLAGS: RefCell<Vec<Weak<Flag>>> = const { RefCell::new(Vec::new()) };
}

/// A payload; the live ones are counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Token(pub u64);

impl Token {
    pub fn new(value: u64) -> Token {
        LIVE.set(LIVE.get() + 1);
        Token(value)
    }
}

impl Clone for Token {
    fn clone(&self) -> Token {
        Token::new(self.0)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
    }
}

/// A waker that counts its wake-ups.
#[derive(Debug, Default)]
pub struct Flag(AtomicUsize);

impl Flag {
    pub fn new() -> Arc<Flag> {
        let flag = Arc::new(Flag::default());
        FLAGS.with_borrow_mut(|all| all.push(Arc::downgrade(&flag)));
        flag
    }

    pub fn is_set(&self) -> bool {
        // Ordering: Relaxed; a counter. Wakes come from the same thread, or from threads that were waited for.
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed); // counter
    }
}

/// Checks that every payload and waker of the run is dropped.
pub fn finish() {
    let live = LIVE.replace(0);
    assert_eq!(live, 0, "payloads are left");
    let flags = FLAGS.take();
    let left = flags.iter().filter(|flag| flag.strong_count() > 0).count();
    assert_eq!(left, 0, "wakers are left");
}

/// Forgets the payloads and wakers of an earlier run that panicked.
pub fn begin() {
    LIVE.set(0);
    FLAGS.take();
}

/// A future that waits, with the waker of its last poll.
pub struct Wait<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    flag: Option<Arc<Flag>>,
}

impl<'a, T> Wait<'a, T> {
    pub fn new(future: impl Future<Output = T> + 'a) -> Wait<'a, T> {
        Wait {
            future: Box::pin(future),
            flag: None,
        }
    }

    /// Polls with a new waker, whether it was woken or not.
    pub fn poll(&mut self) -> Option<T> {
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        let answer = self.future.as_mut().poll(&mut Context::from_waker(&waker));
        self.flag = Some(flag);
        match answer {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    /// Was it woken since it was last polled? True before the first poll.
    pub fn is_woken(&self) -> bool {
        self.flag.as_ref().is_none_or(|flag| flag.is_set())
    }

    /// The model says that it is ready: checks that it was woken, and is ready.
    #[track_caller]
    pub fn must(&mut self) -> T {
        assert!(self.is_woken(), "ready, but was not woken");
        self.poll().expect("ready by the model")
    }

    #[track_caller]
    pub fn must_not(&mut self) {
        assert!(self.poll().is_none(), "not ready by the model");
    }

    /// Checks that it is ready if the model says so, and only then.
    #[track_caller]
    pub fn expect(&mut self, is_ready: bool) -> Option<T> {
        match is_ready {
            true => Some(self.must()),
            false => {
                self.must_not();
                None
            }
        }
    }
}

/// Polls to the end a future that wakes itself whenever it is not ready.
#[track_caller]
pub fn drive<T>(future: impl Future<Output = T>) -> T {
    let mut wait = Wait::new(future);
    loop {
        assert!(wait.is_woken(), "waits, but nobody will wake it");
        if let Some(value) = wait.poll() {
            return value;
        }
    }
}

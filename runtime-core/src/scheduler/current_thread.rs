//! The current-thread scheduler: tasks run on whichever thread is in `block_on`.
//!
//! That thread holds the core (queue and driver). Others in `block_on` meanwhile poll just their own
//! future, and the first whose turn comes takes the core over. Tasks woken on other threads arrive
//! through the injector.
//!
//! Sleep handshake, two words: the sleeper stores `parked`, fences, then looks at the injector and
//! `main_woken`; a pusher pushes (or sets `main_woken`), fences, then looks at `parked` and unparks
//! the driver if set. Each side's fence orders its write before its read, so at least one
//! sees the other (docs/sleep-protocol.md).
//!
//! I1: the core is in `core`, or in the context of one thread, or in use by shutdown.
//! Shutdown: refuse new tasks, cancel all, oldest first, drain both queues until no task is left, stop the drivers.

use crate::base::shim::deque::{Injector, Steal};
use crate::base::shim::sync::Mutex;
use crate::base::shim::sync::atomic::{AtomicBool, Ordering, fence};
use crate::context;
use crate::coop;
use crate::driver::{IoDriver, Unpark};
use crate::park::{self, ThreadParker};
use crate::runtime::Handle;
use crate::runtime::config::{Callback, Config};
use crate::runtime::metrics::{Stopwatch, WorkerCounters};
use crate::runtime::shared::Shared;
use crate::scheduler::{self, Policy};
use crate::task::runnable::oldest_first;
use crate::task::{Runnable, nested};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};
use std::thread::ThreadId;

/// Tasks for which the queue has room from the start, and after a burst.
const QUEUE_CAPACITY: usize = 64;

/// The part all threads see.
pub(crate) struct CurrentThread {
    core: Mutex<Option<Box<Core>>>,
    /// Threads in `block_on` that wait for the core.
    waiting: Mutex<Vec<Arc<ThreadParker>>>,
    injector: Injector<Runnable>,
    parked: AtomicBool,
    main_woken: AtomicBool,
    shutdown: AtomicBool,
    unhandled_panic: AtomicBool,
    counters: WorkerCounters,
    /// The thread a local runtime belongs to.
    pub(crate) owner: Option<ThreadId>,
}

/// What the thread that runs the tasks owns.
pub(super) struct Core {
    queue: VecDeque<Runnable>,
    driver: Option<Box<dyn IoDriver>>,
    tick: u32,
    stopwatch: Stopwatch,
}

impl Core {
    /// After a burst of tasks; the queue is empty.
    fn give_memory_back(&mut self) {
        if self.queue.capacity() > 16 * QUEUE_CAPACITY {
            self.queue.shrink_to(QUEUE_CAPACITY);
        }
    }
}

/// The thread-local part of the thread that runs the tasks.
pub(crate) struct Context {
    shared: *const Shared,
    core: RefCell<Option<Box<Core>>>,
}

impl Context {
    pub(super) fn is_of(&self, shared: *const Shared) -> bool {
        std::ptr::eq(self.shared, shared)
    }

    /// Queues a task on its own thread; gives it back while the core is away.
    pub(super) fn schedule(&self, task: Runnable) -> Option<Runnable> {
        match self.core.borrow_mut().as_mut() {
            Some(core) => {
                core.queue.push_back(task);
                // SAFETY: the context outlives no runtime: `shared` is kept by `block_on`'s handle.
                if let Policy::CurrentThread(policy) = unsafe { &(*self.shared).policy } {
                    policy.counters.local_schedules.add(1);
                    policy.counters.queue_depth.set(core.queue.len() as u64);
                }
                None
            }
            None => Some(task),
        }
    }
}

impl CurrentThread {
    pub(crate) fn new(config: &Config) -> Self {
        CurrentThread {
            core: Mutex::new(None),
            waiting: Mutex::new(Vec::new()),
            injector: Injector::new(),
            parked: AtomicBool::new(false),
            main_woken: AtomicBool::new(false),
            shutdown: AtomicBool::new(false),
            unhandled_panic: AtomicBool::new(false),
            counters: WorkerCounters::new(config),
            owner: config.is_local.then(|| std::thread::current().id()),
        }
    }

    fn of(handle: &Handle) -> &CurrentThread {
        match &handle.shared.policy {
            Policy::CurrentThread(policy) => policy,
            Policy::MultiThread(_) => unreachable!("a multi-thread runtime has no such scheduler"),
        }
    }

    pub(crate) fn install(handle: &Handle, driver: Box<dyn IoDriver>) {
        *CurrentThread::of(handle).core.lock() = Some(Box::new(Core {
            queue: VecDeque::with_capacity(QUEUE_CAPACITY),
            driver: Some(driver),
            tick: 0,
            stopwatch: Stopwatch::new(false),
        }));
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `shutdown`.
        self.shutdown.load(Ordering::Acquire)
    }

    pub(crate) fn counters(&self) -> &WorkerCounters {
        &self.counters
    }

    pub(crate) fn injector_len(&self) -> usize {
        self.injector.len()
    }

    pub(crate) fn note_unhandled_panic(&self) {
        // Ordering: Release; pairs with the Acquire in the run loop, on the same thread mostly.
        self.unhandled_panic.store(true, Ordering::Release);
    }

    /// Queues a task from another thread.
    pub(crate) fn inject(&self, unpark: &dyn Unpark, task: Runnable) {
        self.injector.push(task);
        self.wake_sleeper(unpark);
    }

    fn wake_sleeper(&self, unpark: &dyn Unpark) {
        // Ordering: SeqCst fence; pairs with the fence in `park`: either we see `parked`, or the
        // sleeper sees what we pushed.
        fence(Ordering::SeqCst);
        // Ordering: Relaxed; ordered by the fence above.
        if self.parked.load(Ordering::Relaxed) {
            unpark.unpark();
        }
    }

    fn take_injected(&self) -> Option<Runnable> {
        loop {
            match self.injector.steal() {
                Steal::Success(task) => return Some(task),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }

    /// Runs `future`, and the runtime's tasks while it holds the core.
    #[track_caller]
    pub(crate) fn block_on<F: Future>(&self, handle: &Handle, future: F) -> F::Output {
        let _entered = context::enter_runtime(handle, false);
        let mut future = pin!(future);
        loop {
            if let Some(core) = self.take_core() {
                let run = CoreGuard::new(self, handle, core);
                match run.block_on(future.as_mut()) {
                    Some(output) => return output,
                    None => {
                        drop(run);
                        panic!(
                            "a spawned task panicked and the runtime is configured to shut down on unhandled panic"
                        );
                    }
                }
            }
            if let Some(output) = self.wait_for_core(future.as_mut()) {
                return output;
            }
        }
    }

    fn take_core(&self) -> Option<Box<Core>> {
        self.core.lock().take()
    }

    /// Another thread has the core: poll just `future` until the core is free.
    fn wait_for_core<F: Future>(&self, mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        /// In line for the core. The call to take it over may have been for us: who leaves without it passes that
        /// on, on unwinding too.
        struct InLine<'a>(&'a CurrentThread, Arc<ThreadParker>, bool);
        impl Drop for InLine<'_> {
            fn drop(&mut self) {
                let waiting = &self.0.waiting;
                waiting.lock().retain(|other| !Arc::ptr_eq(other, &self.1));
                if !self.2 {
                    self.0.call_waiting();
                }
            }
        }
        let parker = park::shared_parker();
        self.waiting.lock().push(parker.clone());
        let mut line = InLine(self, parker.clone(), false);
        let waker = Waker::from(Arc::new(WaitWaker(parker.clone())));
        let mut cx = std::task::Context::from_waker(&waker);
        loop {
            if let Poll::Ready(output) = coop::budget(|| future.as_mut().poll(&mut cx)) {
                return Some(output);
            }
            if self.core.lock().is_some() {
                line.2 = true;
                return None;
            }
            nested::before_park();
            parker.park();
        }
    }

    fn call_waiting(&self) {
        let next = self.waiting.lock().first().cloned();
        if let Some(next) = next {
            next.unpark();
        }
    }

    /// Cancels all tasks and stops the drivers. Waits for no one.
    pub(crate) fn shutdown(&self, handle: &Handle) {
        // Ordering: Release; pairs with the Acquire in `is_shutdown`.
        self.shutdown.store(true, Ordering::Release);
        let Some(core) = self.take_core() else {
            // Its thread panicked away with it, or it never was: nothing can run any more.
            return;
        };
        let _current = context::set_current(handle.clone());
        let guard = CoreGuard {
            policy: self,
            handle,
            core: RefCell::new(None),
        };
        guard.enter(core, |cx| {
            let owned = &handle.shared.owned;
            owned.close();
            let mut permits = owned.take_permits();
            permits.extend(std::iter::from_fn(|| guard.next_task(cx, 0)));
            oldest_first(&mut permits);
            permits.into_iter().for_each(Runnable::cancel);
            let mut pause = scheduler::Pause::new();
            loop {
                while let Some(task) = guard.next_task(cx, 0) {
                    task.cancel();
                }
                if owned.is_empty() {
                    break;
                }
                pause.wait();
            }
        });
        if let Some(timers) = &handle.shared.timers {
            timers.shutdown();
        }
        let core = guard.core.borrow_mut().take();
        if let Some(mut core) = core
            && let Some(driver) = core.driver.as_mut()
        {
            driver.shutdown();
        }
        drop(guard);
    }
}

#[cfg(all(test, runtime_loom))]
#[path = "tests/loom_current.rs"]
mod loom;
#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/current.rs"]
mod tests;

struct WaitWaker(Arc<ThreadParker>);

impl Wake for WaitWaker {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Wakes the future of the `block_on` that holds the core.
struct MainWaker(Handle);

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        let policy = CurrentThread::of(&self.0);
        // Ordering: Release publishes what the waker wrote to the Acquire swap of the run loop;
        // the fence in `wake_sleeper` orders it before the look at `parked`.
        policy.main_woken.store(true, Ordering::Release);
        policy.wake_sleeper(&*self.0.shared.unpark);
    }
}

/// Holds the core on this thread; puts it back and calls the next in line, on unwinding too.
struct CoreGuard<'a> {
    policy: &'a CurrentThread,
    handle: &'a Handle,
    core: RefCell<Option<Box<Core>>>,
}

impl Drop for CoreGuard<'_> {
    fn drop(&mut self) {
        if let Some(core) = self.core.borrow_mut().take() {
            *self.policy.core.lock() = Some(core);
            self.policy.call_waiting();
        }
    }
}

impl<'a> CoreGuard<'a> {
    fn new(policy: &'a CurrentThread, handle: &'a Handle, core: Box<Core>) -> Self {
        policy.counters.note_thread();
        CoreGuard {
            policy,
            handle,
            core: RefCell::new(Some(core)),
        }
    }

    /// Runs `f` as the scheduler's thread, the core being in the context meanwhile.
    fn enter<R>(&self, core: Box<Core>, f: impl FnOnce(&Context) -> R) -> R {
        let cx = scheduler::Context::CurrentThread(Context {
            shared: Arc::as_ptr(&self.handle.shared),
            core: RefCell::new(Some(core)),
        });
        let scheduler::Context::CurrentThread(inner) = &cx else {
            unreachable!("made two lines above")
        };
        /// Takes the core back out of the context.
        struct Back<'a>(&'a Context, &'a RefCell<Option<Box<Core>>>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                *self.1.borrow_mut() = self.0.core.borrow_mut().take();
            }
        }
        let _back = Back(inner, &self.core);
        let _scheduler = context::set_scheduler(&cx);
        f(inner)
    }

    /// `None`: a task panicked, and the runtime is set to shut down then.
    fn block_on<F: Future>(&self, mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let core = self.core.borrow_mut().take()?;
        let policy = self.policy;
        let interval = self.handle.shared.config.event_interval;
        // Ordering: Relaxed; read again by this thread only.
        policy.main_woken.store(true, Ordering::Relaxed);
        let waker = Waker::from(Arc::new(MainWaker(self.handle.clone())));
        let mut cx = std::task::Context::from_waker(&waker);
        self.enter(core, |context| {
            loop {
                // Ordering: Acquire; pairs with the Release in MainWaker.
                if policy.main_woken.load(Ordering::Relaxed)
                    && policy.main_woken.swap(false, Ordering::Acquire)
                    && let Poll::Ready(output) = coop::budget(|| future.as_mut().poll(&mut cx))
                {
                    return Some(output);
                }
                let mut idle = false;
                for _ in 0..interval {
                    // Ordering: Acquire; pairs with `note_unhandled_panic`.
                    if policy.unhandled_panic.load(Ordering::Acquire) {
                        return None;
                    }
                    let tick = context.with_core(|core| {
                        core.tick = core.tick.wrapping_add(1);
                        core.tick
                    });
                    match self.next_task(context, tick) {
                        Some(task) => coop::budget(|| {
                            scheduler::run_task(&self.handle.shared, &policy.counters, task);
                        }),
                        None => {
                            idle = true;
                            break;
                        }
                    }
                }
                if idle && !context::has_deferred() {
                    self.park(context);
                } else {
                    self.turn(context);
                }
            }
        })
    }

    fn next_task(&self, cx: &Context, tick: u32) -> Option<Runnable> {
        let interval = self
            .handle
            .shared
            .config
            .global_queue_interval
            .unwrap_or(31);
        let injected_first = tick.is_multiple_of(interval);
        if injected_first && let Some(task) = self.policy.take_injected() {
            return Some(task);
        }
        let local = cx.with_core(|core| {
            let task = core.queue.pop_front();
            self.policy
                .counters
                .queue_depth
                .set(core.queue.len() as u64);
            task
        });
        local.or_else(|| self.policy.take_injected())
    }

    /// Nothing to run: sleep on the driver until something comes.
    fn park(&self, cx: &Context) {
        let shared = &self.handle.shared;
        self.hook(&shared.config.before_park);
        nested::before_park();
        // The hook may have scheduled something.
        if cx.with_core(|core| core.queue.is_empty()) && !context::has_deferred() {
            let policy = self.policy;
            let counters = &policy.counters;
            cx.with_core(|core| {
                core.stopwatch.before_park(counters);
                core.give_memory_back();
            });
            // Ordering: Relaxed; ordered by the fence below.
            policy.parked.store(true, Ordering::Relaxed);
            // Ordering: SeqCst fence; pairs with the one in `wake_sleeper`.
            fence(Ordering::SeqCst);
            // Ordering: Relaxed; ordered by the fence above.
            let awake = !policy.injector.is_empty() || policy.main_woken.load(Ordering::Relaxed);
            self.drive(cx, !awake);
            // Ordering: Relaxed; a late unpark only costs a turn.
            policy.parked.store(false, Ordering::Relaxed);
            cx.with_core(|core| core.stopwatch.after_park(counters));
        } else {
            // A hook that does so every time must not keep the driver from its turn.
            self.turn(cx);
        }
        self.hook(&shared.config.after_unpark);
    }

    fn hook(&self, hook: &Option<Callback>) {
        if let Some(hook) = hook {
            hook();
        }
    }

    /// Between stretches of tasks: see what the driver has, without blocking.
    fn turn(&self, cx: &Context) {
        self.drive(cx, false);
    }

    fn drive(&self, cx: &Context, may_block: bool) {
        /// Puts the driver back, on unwinding too.
        struct Seated<'a>(&'a Context, Option<Box<dyn IoDriver>>);
        impl Drop for Seated<'_> {
            fn drop(&mut self) {
                self.0.with_core(|core| core.driver = self.1.take());
            }
        }
        self.handle.shared.origin.assert_here();
        let mut seated = Seated(cx, cx.with_core(|core| core.driver.take()));
        let Some(driver) = seated.1.as_mut() else {
            return;
        };
        let timers = self.handle.shared.timers.as_deref();
        match timers {
            Some(timers) if timers.is_auto_advancing() => {
                driver.turn();
                timers.fire(0, true);
                if may_block && !self.has_work(cx) && !timers.advance_to_next() {
                    // Announced, so that a foreign thread's timer ends the sleep; one that came just
                    // now moves the clock the next time.
                    match timers.before_park(0, true) {
                        None => driver.park(None),
                        Some(_) => driver.turn(),
                    }
                    timers.after_park(0, true);
                }
                timers.fire(0, true);
            }
            Some(timers) if may_block => {
                let left = timers.before_park(0, true);
                driver.park(left);
                timers.after_park(0, true);
                timers.fire(0, true);
            }
            Some(timers) => {
                driver.turn();
                timers.fire(0, true);
            }
            None if may_block => driver.park(None),
            None => driver.turn(),
        }
        drop(seated);
        context::wake_deferred();
    }

    fn has_work(&self, cx: &Context) -> bool {
        // Ordering: Relaxed; a missed one unparks the driver.
        cx.with_core(|core| !core.queue.is_empty())
            || !self.policy.injector.is_empty()
            || self.policy.main_woken.load(Ordering::Relaxed)
    }
}

impl Context {
    /// The core, which only `block_in_place`-like calls could take away, and they panic here.
    fn with_core<R>(&self, f: impl FnOnce(&mut Core) -> R) -> R {
        match self.core.borrow_mut().as_mut() {
            Some(core) => f(core),
            None => unreachable!("the core is here while its thread runs"),
        }
    }
}

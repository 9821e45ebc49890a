//! The loop of a current-thread runtime: from `block_on` to its shutdown. `scheduler::current_thread` describes the sleep's
//! handshake.
//!
//! Shutdown: refuse new tasks, cancel all, oldest first, drain both queues until no task is left, stop the drivers.

use super::pause::Pause;
use crate::base::deferred;
use crate::base::handshake;
use crate::base::parker::ThreadParker;
use crate::base::shim::sync::atomic::Ordering;
use crate::base::waits;
use crate::coop;
use crate::driver::IoDriver;
use crate::handle::context::{CurrentThreadContext, ThreadContext, set_context, with_context};
use crate::handle::current::{enter_runtime, set_current};
use crate::handle::{self, Handle};
use crate::record;
use crate::scheduler::config::Callback;
use crate::scheduler::current_thread::{CurrentThread, CurrentThreadCore};
use crate::scheduler::steal::take_injected;
use crate::task::runnable::oldest_first;
use crate::task::{Id, Runnable, nested};
use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

/// Runs `future`, and the runtime's tasks while it holds the core.
#[track_caller]
pub(crate) fn block_on<F: Future>(handle: &Handle, future: F, id: Id) -> F::Output {
    let _entered = enter_runtime(handle, false);
    // It may be called in a task of another runtime, in `block_in_place`.
    let _notes = waits::Poll::begin();
    let policy = handle.shared.policy.current_thread();
    let mut future = pin!(future);
    loop {
        if let Some(core) = policy.take_core() {
            let run = CoreGuard::new(policy, handle, core);
            match run.block_on(future.as_mut(), id) {
                Some(output) => return output,
                None => panic!(
                    "a spawned task panicked and the runtime is configured to shut down on unhandled panic"
                ),
            }
        }
        if let Some(output) = wait_for_core(policy, future.as_mut()) {
            return output;
        }
    }
}

/// Another thread has the core: poll just `future` until the core is free.
fn wait_for_core<F: Future>(policy: &CurrentThread, mut future: Pin<&mut F>) -> Option<F::Output> {
    /// A place in the line for the core. This thread may have been called to take the core over: if it leaves
    /// the line without the core, it calls the next thread, on unwinding too.
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
    let parker = Arc::new(ThreadParker::default());
    policy.waiting.lock().push(parker.clone());
    let mut line = InLine(policy, parker.clone(), false);
    let waker = Waker::from(Arc::new(WaitWaker(parker.clone())));
    let mut cx = std::task::Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = coop::budget(|| future.as_mut().poll(&mut cx)) {
            return Some(output);
        }
        if policy.core.lock().is_some() {
            line.2 = true;
            return None;
        }
        nested::before_park();
        parker.park();
    }
}

/// Cancels all tasks and stops the drivers. Waits only for tasks whose permits are still out.
pub(crate) fn shutdown(handle: &Handle) {
    let policy = handle.shared.policy.current_thread();
    policy.refuse_tasks();
    let Some(core) = policy.take_core() else {
        // The core was lost in a panic of its thread, or there never was one: nothing can run any more.
        return;
    };
    let _current = set_current(handle.clone());
    let guard = CoreGuard {
        policy,
        handle,
        core: RefCell::new(None),
    };
    guard.enter(core, |cx| {
        let owned = &handle.shared.owned;
        owned.close();
        let mut permits = owned.take_permits();
        permits.extend(std::iter::from_fn(|| guard.next_task(cx)));
        oldest_first(&mut permits);
        permits.into_iter().for_each(Runnable::cancel);
        let mut pause = Pause::new();
        loop {
            while let Some(task) = guard.next_task(cx) {
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
    if let Some(mut core) = core {
        if let Some(driver) = core.driver.as_mut() {
            driver.shutdown();
        }
    }
}

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
struct MainWaker(Handle, Id);

impl Wake for MainWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        record::woken(self.1.as_u64());
        let shared = &self.0.shared;
        let policy = shared.policy.current_thread();
        // Ordering: Release publishes what the waker wrote to the Acquire swap of the run loop;
        // the fence in `wake_sleeper` orders it before the read of `parked`.
        policy.main_woken.store(true, Ordering::Release);
        // The runtime's own thread is awake, whatever `parked` says: it is delivering events, and reads the flag afterwards.
        let is_own = with_context(|cx| cx.is_some_and(|cx| cx.is_of(Arc::as_ptr(shared))));
        if !is_own {
            policy.wake_sleeper(&*shared.unpark);
        }
    }
}

/// Holds the core on this thread; puts it back and calls the next in line, on unwinding too.
struct CoreGuard<'a> {
    policy: &'a CurrentThread,
    handle: &'a Handle,
    core: RefCell<Option<Box<CurrentThreadCore>>>,
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
    fn new(policy: &'a CurrentThread, handle: &'a Handle, core: Box<CurrentThreadCore>) -> Self {
        policy.counters.note_thread();
        record::worker(handle.shared.id.as_u64(), 0);
        CoreGuard {
            policy,
            handle,
            core: RefCell::new(Some(core)),
        }
    }

    /// Runs `f` as the scheduler's thread; the core is in the context meanwhile.
    fn enter<R>(
        &self,
        core: Box<CurrentThreadCore>,
        f: impl FnOnce(&CurrentThreadContext) -> R,
    ) -> R {
        let cx = ThreadContext::CurrentThread(CurrentThreadContext {
            handle: self.handle.clone(),
            core: RefCell::new(Some(core)),
        });
        let ThreadContext::CurrentThread(inner) = &cx else {
            unreachable!("made two lines above")
        };
        /// Takes the core back out of the context.
        struct Back<'a>(
            &'a CurrentThreadContext,
            &'a RefCell<Option<Box<CurrentThreadCore>>>,
        );
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                *self.1.borrow_mut() = self.0.core.borrow_mut().take();
            }
        }
        let _back = Back(inner, &self.core);
        let _context = set_context(&cx);
        f(inner)
    }

    /// `None`: a task panicked, and the runtime is set to shut down then.
    fn block_on<F: Future>(&self, mut future: Pin<&mut F>, id: Id) -> Option<F::Output> {
        let core = self.core.borrow_mut().take()?;
        let policy = self.policy;
        let interval = self.handle.shared.config.event_interval;
        // Ordering: Relaxed; read again by this thread only.
        policy.main_woken.store(true, Ordering::Relaxed);
        let waker = Waker::from(Arc::new(MainWaker(self.handle.clone(), id)));
        let mut cx = std::task::Context::from_waker(&waker);
        self.enter(core, |context| {
            loop {
                // Ordering: Acquire; pairs with the Release in MainWaker.
                if policy.main_woken.load(Ordering::Relaxed)
                    && policy.main_woken.swap(false, Ordering::Acquire)
                {
                    let polled = coop::budget(|| future.as_mut().poll(&mut cx));
                    if let Poll::Ready(output) = polled {
                        return Some(output);
                    }
                }
                let mut idle = false;
                for _ in 0..interval {
                    // Ordering: Acquire; pairs with `note_unhandled_panic`.
                    if policy.unhandled_panic.load(Ordering::Acquire) {
                        return None;
                    }
                    match self.next_task(context) {
                        Some(task) => coop::budget(|| {
                            handle::run_task(&self.handle.shared, &policy.counters, task);
                        }),
                        None => {
                            idle = true;
                            break;
                        }
                    }
                }
                record::time_passes();
                if idle && !deferred::is_any() {
                    self.park(context);
                } else {
                    self.turn(context);
                }
            }
        })
    }

    fn next_task(&self, cx: &CurrentThreadContext) -> Option<Runnable> {
        let policy = self.policy;
        let local = cx.with_core(|core| {
            if core.is_injectors_turn(policy.injector_interval) {
                if let Some(task) = take_injected(&policy.injector) {
                    return Some(task);
                }
            }
            let task = core.queue.pop_front();
            policy.counters.queue_depth.set(core.queue.len() as u64);
            task
        });
        local.or_else(|| take_injected(&policy.injector))
    }

    /// Nothing to run: sleep on the driver until something comes.
    fn park(&self, cx: &CurrentThreadContext) {
        let shared = &self.handle.shared;
        self.hook(&shared.config.before_park);
        nested::before_park();
        // The hook may have scheduled something.
        let is_idle = cx.with_core(|core| core.queue.is_empty()) && !deferred::is_any();
        if is_idle && !self.looks_out(cx) {
            let policy = self.policy;
            let counters = &policy.counters;
            cx.with_core(|core| {
                core.stopwatch.before_park(counters);
                core.give_memory_back();
            });
            // Ordering: Relaxed; ordered by the fence below.
            policy.parked.store(true, Ordering::Relaxed);
            // Handshake with `wake_sleeper`.
            handshake::store_load();
            // Ordering: Relaxed; ordered by the fence above.
            let awake = !policy.injector.is_empty() || policy.main_woken.load(Ordering::Relaxed);
            self.drive(cx, !awake);
            // Ordering: Relaxed; a late unpark only costs a turn.
            policy.parked.store(false, Ordering::Relaxed);
            cx.with_core(|core| core.stopwatch.after_park(counters));
        } else {
            // A hook that schedules something each time, or a look-out that succeeds each time, must not keep the driver from its turn.
            self.turn(cx);
        }
        self.hook(&shared.config.after_unpark);
    }

    /// True if another thread has pushed or woken something meanwhile. That thread found this one awake, and made no system call.
    fn looks_out(&self, cx: &CurrentThreadContext) -> bool {
        let shared = &self.handle.shared;
        let timers = shared.timers.as_deref();
        // A paused clock advances when nothing is left to do: it does not wait for other threads.
        if !shared.config.looks_out || timers.is_some_and(|timers| timers.is_auto_advancing()) {
            return false;
        }
        let policy = self.policy;
        let is_there = || {
            // Ordering: Relaxed; a hint, what follows checks again.
            !policy.injector.is_empty() || policy.main_woken.load(Ordering::Relaxed)
        };
        let mut look_out = cx.with_core(|core| core.look_out);
        let came = look_out.awaits(is_there);
        cx.with_core(|core| core.look_out = look_out);
        came
    }

    fn hook(&self, hook: &Option<Callback>) {
        if let Some(hook) = hook {
            hook();
            record::time_passes();
        }
    }

    /// Between stretches of tasks: turns the driver, without blocking.
    fn turn(&self, cx: &CurrentThreadContext) {
        self.drive(cx, false);
    }

    fn drive(&self, cx: &CurrentThreadContext, may_block: bool) {
        /// Puts the driver back, on unwinding too.
        struct Seated<'a>(&'a CurrentThreadContext, Option<Box<dyn IoDriver>>);
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
                    // Announced, so that a foreign thread's timer ends the sleep. A timer that came
                    // just now moves the clock in the next round.
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
        deferred::wake_all();
    }

    fn has_work(&self, cx: &CurrentThreadContext) -> bool {
        // Ordering: Relaxed; a push or a wake that is missed unparks the driver.
        cx.with_core(|core| !core.queue.is_empty())
            || !self.policy.injector.is_empty()
            || self.policy.main_woken.load(Ordering::Relaxed)
    }
}

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom_current.rs"]
mod loom;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/current.rs"]
mod tests;

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/drive.rs"]
mod drive;

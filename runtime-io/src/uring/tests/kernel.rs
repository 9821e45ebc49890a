//! A model of the kernel's side of a ring, for loom.
//!
//! Entries that are submitted become operations *taken*. A thread of the model does them by calling `work`, or `submit`
//! does them, if the kernel is set so. The work writes to the memory that the entry points to, outside of the kernel's
//! lock. Queues are as small as they can be: one place for submissions, one for completions. Completions that do not
//! fit are kept, and come over with a submission that is not refused.
//!
//! Loom's cells find races in the user's side of the queues (only one thread may touch it at a time), and in the memory
//! of requests (`memory`).

use super::Request;
use super::memory::Cell;
use super::slots::Key;
use loom::cell::UnsafeCell;
use loom::sync::{Condvar, Mutex};
use runtime_core::driver::Unpark;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

/// The result of a request that is done.
pub(super) const DONE: i32 = 7;

#[derive(Clone)]
pub(super) enum Entry {
    Start(Key, Arc<Cell>),
    Cancel(Key),
}

/// What the kernel answers to one submission.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    /// It takes what there is.
    Takes,
    /// It takes nothing, and does not say why.
    TakesNothing,
    /// It refuses with this error.
    Refuses(i32),
}

/// How the end of a ring has paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// It waited, and something had completed.
    Ended,
    /// It waited, and the time was up.
    TimedOut(Duration),
    /// It slept, whatever completed.
    Slept(Duration),
}

#[derive(Default)]
struct State {
    submitted: VecDeque<Entry>,
    taken: VecDeque<(Key, Arc<Cell>)>,
    completed: VecDeque<(Key, i32)>,
    overflow: VecDeque<(Key, i32)>,
    is_driver_awake: bool,
    /// How often the driver was woken.
    unparks: usize,
    is_stopped: bool,
    /// The answers to the next submissions; later ones are taken.
    answers: VecDeque<Answer>,
    /// How often it was asked to take what is submitted.
    asked: usize,
    is_forbidden: bool,
    /// It refuses with `EBUSY` while there are completions that do not fit the queue.
    is_strict: bool,
    works_at_once: bool,
    /// Operations are done one by one, each in a wait of the end.
    works_in_waits: bool,
    pauses: Vec<Pause>,
    /// How many waits in `wait` still end by their time.
    time_outs: usize,
    /// How many cancellations still miss their operation.
    misses: usize,
}

pub(super) struct Kernel {
    /// Touched on each use of the user's side of the submission queue.
    submission_side: UnsafeCell<()>,
    completion_side: UnsafeCell<()>,
    state: Mutex<State>,
    changed: Condvar,
}

// SAFETY: loom watches that nobody uses one of the sides while another does.
unsafe impl Send for Kernel {}
// SAFETY: as above.
unsafe impl Sync for Kernel {}

impl Kernel {
    pub(super) fn new() -> io::Result<Kernel> {
        Ok(Kernel {
            submission_side: UnsafeCell::new(()),
            completion_side: UnsafeCell::new(()),
            state: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Operations are done when they are submitted.
    pub(super) fn work_at_once(&self) {
        self.change(|state| state.works_at_once = true);
    }

    /// Operations are done one by one, each in a wait of the end.
    pub(super) fn work_in_waits(&self) {
        self.change(|state| state.works_in_waits = true);
    }

    /// Does all operations that it has, and later ones when they are submitted.
    pub(super) fn work_off(&self) {
        self.change(|state| {
            state.works_at_once = true;
            while !state.taken.is_empty() {
                state.work();
            }
        });
    }

    /// The next `times` submissions are refused, for lack of memory.
    pub(super) fn refuse(&self, times: usize) {
        self.answer(vec![Answer::Refuses(libc::EAGAIN); times]);
    }

    /// The answers to the next submissions.
    pub(super) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.change(|state| state.answers = answers.into_iter().collect());
    }

    /// It refuses while there are completions that do not fit the queue.
    pub(super) fn be_strict(&self) {
        self.change(|state| state.is_strict = true);
    }

    /// Submissions are refused for good.
    pub(super) fn forbid(&self) {
        self.change(|state| state.is_forbidden = true);
    }

    /// The next `times` waits end by their time.
    pub(super) fn be_slow(&self, times: usize) {
        self.change(|state| state.time_outs = times);
    }

    /// The next `times` cancellations miss their operation.
    pub(super) fn miss(&self, times: usize) {
        self.change(|state| state.misses = times);
    }

    /// Waits until there is an operation, or all is over, and does it. False if all is over.
    pub(super) fn work(&self) -> bool {
        let (key, cell) = {
            let mut state = self.lock();
            loop {
                if let Some(taken) = state.taken.pop_front() {
                    break taken;
                }
                if state.is_stopped {
                    return false;
                }
                state = self.changed.wait(state).unwrap();
            }
        };
        cell.write();
        self.change(|state| state.complete(key, DONE));
        true
    }

    /// The driver parks; false once `stop` was called.
    pub(super) fn park_driver(&self) -> bool {
        let mut state = self.lock();
        while !state.is_driver_awake && state.completed.is_empty() && !state.is_stopped {
            state = self.changed.wait(state).unwrap();
        }
        state.is_driver_awake = false;
        !state.is_stopped
    }

    /// Ends the driver and the working threads.
    pub(super) fn stop(&self) {
        self.change(|state| state.is_stopped = true);
    }

    /// How many operations it has not completed.
    pub(super) fn unfinished(&self) -> usize {
        let state = self.lock();
        state.submitted.len() + state.taken.len()
    }

    /// Entries that it has not taken.
    pub(super) fn has_submissions(&self) -> bool {
        !self.lock().submitted.is_empty()
    }

    /// How often it was asked to take what is submitted.
    pub(super) fn asked(&self) -> usize {
        self.lock().asked
    }

    /// How often the driver was woken.
    pub(super) fn unparks(&self) -> usize {
        self.lock().unparks
    }

    /// How the end of the ring has paused, once it has done so `count` times.
    pub(super) fn wait_for_pauses(&self, count: usize) -> Vec<Pause> {
        let mut state = self.lock();
        while state.pauses.len() < count {
            state = self.changed.wait(state).unwrap();
        }
        state.pauses.clone()
    }

    fn lock(&self) -> loom::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }
}

impl State {
    fn complete(&mut self, key: Key, result: i32) {
        match self.completed.is_empty() {
            true => self.completed.push_back((key, result)),
            false => self.overflow.push_back((key, result)),
        }
    }

    /// Does the operation that was taken first.
    fn work(&mut self) {
        if let Some((key, cell)) = self.taken.pop_front() {
            cell.write();
            self.complete(key, DONE);
        }
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Start(key, cell) if self.works_at_once => {
                cell.write();
                self.complete(key, DONE);
            }
            Entry::Start(key, cell) => self.taken.push_back((key, cell)),
            Entry::Cancel(_) if self.misses > 0 => {
                self.misses -= 1;
                self.complete(Key::NOBODY, -libc::EALREADY);
            }
            Entry::Cancel(key) => {
                let at = self.taken.iter().position(|taken| taken.0 == key);
                if let Some(at) = at {
                    self.taken.remove(at);
                    self.complete(key, -libc::ECANCELED);
                }
                let answer = if at.is_some() { 0 } else { -libc::ENOENT };
                self.complete(Key::NOBODY, answer);
            }
        }
    }
}

/// The interface of the true kernel's side, see there.
impl Kernel {
    pub(super) fn opcodes(&self) -> u64 {
        u64::MAX
    }

    pub(super) unsafe fn push(&self, entry: &Entry) -> bool {
        self.submission_side.with_mut(|_| {
            let mut state = self.lock();
            let has_room = state.submitted.is_empty();
            if has_room {
                state.submitted.push_back(entry.clone());
            }
            has_room
        })
    }

    pub(super) unsafe fn has_taken_all(&self) -> bool {
        self.submission_side
            .with_mut(|_| self.lock().submitted.is_empty())
    }

    pub(super) unsafe fn completions(&self, mut each: impl FnMut(Key, i32)) -> bool {
        self.completion_side.with_mut(|_| {
            let mut state = self.lock();
            for (key, result) in state.completed.drain(..) {
                each(key, result);
            }
            !state.overflow.is_empty()
        })
    }

    pub(super) fn submit(&self) -> io::Result<usize> {
        self.change(|state| {
            state.asked += 1;
            if state.is_forbidden {
                return Err(io::Error::from_raw_os_error(libc::EPERM));
            }
            match state.answers.pop_front().unwrap_or(Answer::Takes) {
                Answer::Takes => {}
                Answer::TakesNothing => return Ok(0),
                Answer::Refuses(code) => return Err(io::Error::from_raw_os_error(code)),
            }
            if state.completed.is_empty() {
                let next = state.overflow.pop_front();
                state.completed.extend(next);
            }
            if state.is_strict && !state.overflow.is_empty() {
                return Err(io::Error::from_raw_os_error(libc::EBUSY));
            }
            let entries = std::mem::take(&mut state.submitted);
            let count = entries.len();
            for entry in entries {
                state.take(entry);
            }
            Ok(count)
        })
    }

    pub(super) fn rest(&self, time: Duration) {
        self.change(|state| state.pauses.push(Pause::Slept(time)));
    }

    pub(super) fn wait(&self, most: Duration) -> bool {
        let mut state = self.lock();
        if state.works_in_waits {
            state.work();
        }
        while state.completed.is_empty() && state.overflow.is_empty() {
            if state.time_outs > 0 {
                state.time_outs -= 1;
                state.pauses.push(Pause::TimedOut(most));
                self.changed.notify_all();
                return false;
            }
            state = self.changed.wait(state).unwrap();
        }
        state.pauses.push(Pause::Ended);
        true
    }
}

impl Unpark for Kernel {
    fn unpark(&self) {
        self.change(|state| {
            state.is_driver_awake = true;
            state.unparks += 1;
        });
    }
}

impl AsRawFd for Kernel {
    fn as_raw_fd(&self) -> RawFd {
        -1
    }
}

pub(super) fn start(key: Key, request: &mut Request) -> Entry {
    match request {
        Request::Watched(memory) => Entry::Start(key, memory.cell.clone()),
        other => unreachable!("a model asked for {other:?}"),
    }
}

pub(super) fn cancel(key: Key) -> Entry {
    Entry::Cancel(key)
}

pub(super) fn key(entry: &Entry) -> Key {
    match entry {
        Entry::Start(key, _) => *key,
        Entry::Cancel(_) => Key::NOBODY,
    }
}

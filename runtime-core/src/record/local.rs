//! One thread's state for recording: its ring, the time of its last event, and the places that it has written already.
//!
//! Each event has two ways. If it needs nothing but stores, a method whose name ends with `at_once` writes it, and calls nothing that could have an
//! event of its own. Else that method does nothing and returns false, and the method without these words does the whole work.

use super::event::{self, Kind, Outcome};
use super::places::Places;
use super::ring::Writer;
use super::session::{self, Session};
use super::strings::StringKind;
use super::trigger;
use crate::base::clock;
use crate::base::fork::Origin;
use crate::base::thread;
use crate::base::waits::{self, SEVERAL, Wait};
use std::panic::Location;
use std::sync::Arc;

/// Events between two records of the clock.
const CLOCK_INTERVAL: u32 = 1024;
/// Nanoseconds between two records of how long the thread has waited for a processor, at least.
const WAITED_INTERVAL: u64 = 50_000_000;

/// The fields that each event touches come first, in one cache line.
#[repr(C, align(64))]
pub(super) struct Local {
    epoch: u32,
    until_clock: u32,
    /// The time of the last event, in ticks.
    ticks: u64,
    writer: Writer,
    held: Option<HeldIo>,
    thread: u16,
    midst: Midst,
    /// Is there a trigger of long polls?
    times_polls: bool,
    polls: OpenPolls,
    is_worker: bool,
    session: Arc<Session>,
    /// When the thread joined, or last wrote how long it has waited for a processor; in ticks.
    waited_at: u64,
    origin: Origin,
    places: Places,
}

#[cfg(target_pointer_width = "64")]
const _: () = assert!(std::mem::offset_of!(Local, polls) <= 64);

/// An [`Io`](Kind::Io) event that is not written yet: mostly it queues a task at once, and one record has both events. Before any
/// other event it is written by itself. Its time is that of the thread's last event.
#[derive(Clone, Copy)]
pub(super) struct HeldIo {
    pub(super) descriptor: i32,
    pub(super) readiness: u32,
}

impl HeldIo {
    /// The descriptor as records have it.
    fn source(&self) -> u64 {
        i64::from(self.descriptor) as u64
    }
}

/// When the open polls have begun, for the trigger of long polls.
struct OpenPolls {
    /// Polls may be nested. Polls deeper than these are not timed.
    began: [u64; 4],
    depth: usize,
    /// More ticks than this are a long poll.
    longest: u64,
}

impl OpenPolls {
    fn new(longest: u64) -> OpenPolls {
        OpenPolls {
            began: Default::default(),
            depth: 0,
            longest,
        }
    }

    /// `ticks` is 0 for a poll that may take long.
    fn begin(&mut self, ticks: u64) {
        if let Some(slot) = self.began.get_mut(self.depth) {
            *slot = ticks;
        }
        self.depth += 1;
    }

    /// A poll ends: how many ticks it took, if they were too many.
    fn end(&mut self, ticks: u64) -> Option<u64> {
        self.depth = self.depth.checked_sub(1)?; // its begin was not recorded
        let began = *self.began.get(self.depth)?;
        let took = ticks.saturating_sub(began);
        (began != 0 && took > self.longest).then_some(took)
    }
}

/// What the thread is doing, by its last events. A clock read costs as much as the rest of an event. So an event that comes at once after
/// another one takes its time. Code that lets time pass without an event calls [`time_passes`](Local::time_passes): where user code runs that
/// is no poll, and for a task that another thread has pushed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Midst {
    Nothing = 0,
    /// A poll has ended: the next may begin.
    PollEnded = 1,
    /// The thread has woken from its sleep, or has events of the system: it records these events and the tasks that they wake.
    Delivery = 2,
}

/// How events of one kind depend on [`Midst`] and change it.
#[derive(Clone, Copy)]
struct Rule {
    /// The values at which the last event's time is still good: a bit for each.
    shares: u8,
    /// The value after the event; `None`: as before.
    next: Option<Midst>,
}

const RULES: [Rule; Kind::COUNT] = {
    let mut rules = [Rule {
        shares: 0,
        next: Some(Midst::Nothing),
    }; Kind::COUNT];
    let delivery = 1 << Midst::Delivery as u8;
    rules[Kind::PollBegin as usize].shares = delivery | 1 << Midst::PollEnded as u8;
    rules[Kind::PollEnd as usize].next = Some(Midst::PollEnded);
    rules[Kind::Io as usize] = Rule {
        shares: delivery,
        next: Some(Midst::Delivery),
    };
    rules[Kind::Queued as usize] = Rule {
        shares: delivery,
        next: None,
    };
    rules[Kind::Unpark as usize].next = Some(Midst::Delivery);
    rules[Kind::Timers as usize].next = Some(Midst::Delivery);
    rules
};

/// A name's key: its FNV-1a hash.
fn key_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Local {
    /// Joins the recording with that number; a worker gets a larger ring. `None`: the recording is over, or there is no memory for a ring.
    pub(super) fn join(epoch: u32, is_worker: bool) -> Option<Box<Local>> {
        let session = super::session().filter(|session| session.epoch == epoch)?;
        let Some((writer, thread)) = session.join(is_worker) else {
            session.note_missed();
            return None;
        };
        let longest = session.ticks_in(trigger::longest_poll());
        Some(Box::new(Local {
            epoch,
            until_clock: 0,
            ticks: 0,
            writer,
            held: None,
            thread,
            midst: Midst::Nothing,
            times_polls: longest != u64::MAX,
            polls: OpenPolls::new(longest),
            is_worker,
            session,
            waited_at: clock::ticks(),
            origin: Origin::here(),
            places: Places::default(),
        }))
    }

    /// Notes a name and returns its key. Records with the key come after the text, so a snapshot has both, or the text alone.
    pub(super) fn note_name(&self, name: &str) -> u64 {
        let key = key_of(name);
        self.session.note(StringKind::Name, key, name, (0, 0));
        key
    }

    /// Does it belong to the recording with that number?
    #[inline(always)]
    pub(super) fn is_of(&self, epoch: u32) -> bool {
        self.epoch == epoch
    }

    /// Time may have passed since the last event.
    pub(super) fn time_passes(&mut self) {
        self.midst = Midst::Nothing;
    }

    /// Notes the time of an event that comes now: the last event's, or what `look` gives. False: `look` gave none, and nothing was done.
    #[inline(always)]
    fn note_time(&mut self, kind: Kind, look: impl FnOnce() -> Option<u64>) -> bool {
        let rule = RULES[kind as usize];
        if rule.shares >> self.midst as u8 & 1 == 0 {
            let Some(ticks) = look() else {
                return false;
            };
            self.ticks = ticks;
        }
        self.midst = rule.next.unwrap_or(self.midst);
        true
    }

    /// Holds an event back.
    #[inline(always)]
    pub(super) fn hold_at_once(&mut self, held: HeldIo) -> bool {
        let is_free = self.held.is_none() && self.note_time(Kind::Io, clock::ticks_at_once);
        if is_free {
            self.held = Some(held);
        }
        is_free
    }

    pub(super) fn hold(&mut self, held: HeldIo) {
        self.let_go();
        self.note_time(Kind::Io, || Some(clock::ticks()));
        self.held = Some(held);
    }

    #[inline(always)]
    pub(super) fn queue_at_once(&mut self, task: u64, queue: event::Queue) -> bool {
        self.deliver(task, queue) || self.write_at_once(Kind::Queued, queue as u64, task, 0)
    }

    pub(super) fn queue(&mut self, task: u64, queue: event::Queue) {
        self.clock_is_due();
        if !self.deliver(task, queue) {
            self.write(Kind::Queued, queue as u64, task, 0);
        }
    }

    #[inline(always)]
    pub(super) fn begin_poll_at_once(
        &mut self,
        task: u64,
        poll: event::Poll,
        place: &'static Location<'static>,
    ) -> bool {
        let address = std::ptr::from_ref(place) as usize;
        !self.times_polls
            && self.places.has(address)
            && self.write_at_once(Kind::PollBegin, poll as u64, task, address as u64)
    }

    pub(super) fn begin_poll(
        &mut self,
        task: u64,
        poll: event::Poll,
        place: &'static Location<'static>,
    ) {
        self.write_at(Kind::PollBegin, poll as u64, task, place);
        if self.times_polls {
            let may_be_long = poll == event::Poll::Blocking;
            self.polls.begin(match may_be_long {
                true => 0,
                false => self.ticks,
            });
        }
    }

    /// `waits`: the word of the task's first wait.
    #[inline(always)]
    pub(super) fn end_poll_at_once(&mut self, task: u64, outcome: Outcome, waits: u64) -> bool {
        let (detail, what) = told_of_end(outcome, waits);
        !self.times_polls
            && waits & SEVERAL == 0
            && self.write_at_once(Kind::PollEnd, detail, task, what)
    }

    pub(super) fn end_poll(&mut self, task: u64, outcome: Outcome, waits: u64) {
        if waits & SEVERAL != 0 {
            for wait in waits::others() {
                if let Some(kind) = wait.kind() {
                    self.write(Kind::Wait, kind as u64, wait.what(), 0);
                }
            }
        }
        let (detail, what) = told_of_end(outcome, waits);
        self.write(Kind::PollEnd, detail, task, what);
        if self.times_polls {
            if let Some(ticks) = self.polls.end(self.ticks) {
                trigger::long_poll(self.session.nanos_in(ticks));
            }
        }
    }

    /// Writes the event that is held back, with the task that was queued for it. False: there is none.
    #[inline(always)]
    fn deliver(&mut self, task: u64, queue: event::Queue) -> bool {
        match self.held {
            Some(held) if self.midst == Midst::Delivery && self.until_clock > 0 => {
                self.held = None;
                let detail = queue as u64 | u64::from(held.readiness) << 8;
                self.record(Kind::Delivered, detail, task, held.source());
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    fn write_at_once(&mut self, kind: Kind, detail: u64, a: u64, b: u64) -> bool {
        let is_due = self.until_clock == 0 || self.held.is_some();
        let is_free = !is_due && self.note_time(kind, clock::ticks_at_once);
        if is_free {
            self.record(kind, detail, a, b);
        }
        is_free
    }

    #[inline]
    pub(super) fn write(&mut self, kind: Kind, detail: u64, a: u64, b: u64) {
        self.let_go();
        self.note_time(kind, || Some(clock::ticks()));
        self.write_after(kind, detail, a, b);
    }

    /// Writes an event with the time of the last event.
    #[inline]
    fn write_after(&mut self, kind: Kind, detail: u64, a: u64, b: u64) {
        self.clock_is_due();
        self.record(kind, detail, a, b);
    }

    /// Writes a record of the clock, if it is time for one.
    #[inline(always)]
    fn clock_is_due(&mut self) {
        if self.until_clock == 0 {
            self.write_clock();
        }
    }

    /// Writes an event with the time of the last event. The clock is not due.
    #[inline(always)]
    fn record(&mut self, kind: Kind, detail: u64, a: u64, b: u64) {
        self.until_clock -= 1;
        let record = event::pack(self.ticks, kind, self.thread, detail, a, b);
        self.writer.write(record);
    }

    /// Writes the event that is held back, if there is one.
    #[inline(always)]
    fn let_go(&mut self) {
        if let Some(held) = self.held.take() {
            self.write_held(held);
        }
    }

    #[cold]
    #[inline(never)]
    fn write_held(&mut self, held: HeldIo) {
        self.write_after(Kind::Io, held.readiness.into(), held.source(), 0);
    }

    /// Writes an event with a place as its `b`.
    pub(super) fn write_at(
        &mut self,
        kind: Kind,
        detail: u64,
        a: u64,
        place: &'static Location<'static>,
    ) {
        let address = std::ptr::from_ref(place) as usize;
        if !self.places.knows(address) {
            let position = (place.line(), place.column());
            let key = address as u64;
            self.session
                .note(StringKind::Place, key, place.file(), position);
        }
        self.write(kind, detail, a, address as u64);
    }

    #[cold]
    #[inline(never)]
    fn write_clock(&mut self) {
        self.until_clock = CLOCK_INTERVAL;
        Session::clock(&mut self.writer, self.thread);
        let ticks = clock::ticks();
        let interval = self.session.ticks_in(WAITED_INTERVAL);
        if ticks.saturating_sub(self.waited_at) >= interval {
            self.waited_at = ticks;
            if let Some(record) = session::waited(self.thread, thread::system_id()) {
                self.writer.write(record);
            }
        }
    }
}

/// The detail of a poll's end, and what the first wait is for.
#[inline(always)]
fn told_of_end(outcome: Outcome, waits: u64) -> (u64, u64) {
    let first = Wait::from_word(waits & !SEVERAL);
    let kind = first.word() & 0xff;
    (outcome as u64 | kind << 8, first.what())
}

impl Drop for Local {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that does not exist there.
        if !self.origin.is_inherited() {
            self.let_go();
            let ring = self.writer.ring().clone();
            self.session.leave(ring, self.thread, self.is_worker);
        }
    }
}

#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/local.rs"]
mod tests;

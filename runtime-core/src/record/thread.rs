//! This thread's part: its ring, and what it knows of strings that were written already.
//!
//! A thread joins the recording at its first event, and leaves at its end.

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
use std::cell::Cell;
use std::panic::Location;
use std::sync::Arc;

/// Events between two records of the clock.
const CLOCK_INTERVAL: u32 = 1024;
/// Nanoseconds between two records of how long the thread has waited for a processor, at least.
const WAITED_INTERVAL: u64 = 50_000_000;

/// What each event touches comes first, in one line of the cache.
#[repr(C, align(64))]
struct Local {
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
    /// When the thread joined, or it was last told how long it has waited for a processor, in ticks.
    waited_at: u64,
    origin: Origin,
    places: Places,
}

/// An event of the system that is not written yet: most queue a task at once, and one record tells both. Any other event has it
/// written first. Its time is that of the thread's last event.
#[derive(Clone, Copy)]
struct HeldIo {
    descriptor: i32,
    readiness: u32,
}

impl HeldIo {
    /// As records have it.
    fn source(&self) -> u64 {
        i64::from(self.descriptor) as u64
    }
}

/// When the polls that go on have begun, for the trigger of long ones.
struct OpenPolls {
    /// A poll may have others inside. Those that are deeper are not timed.
    began: [u64; 4],
    depth: usize,
    /// More ticks than this are a long poll.
    longest: u64,
}

impl OpenPolls {
    fn new(longest: u64) -> OpenPolls {
        OpenPolls {
            began: [0; 4],
            depth: 0,
            longest,
        }
    }

    /// `ticks` 0: of a poll that may take long.
    fn begin(&mut self, ticks: u64) {
        if let Some(slot) = self.began.get_mut(self.depth) {
            *slot = ticks;
        }
        self.depth += 1;
    }

    /// How many ticks the poll took that ends, if they were too many.
    fn end(&mut self, ticks: u64) -> Option<u64> {
        self.depth = self.depth.checked_sub(1)?; // its begin was not recorded
        let began = *self.began.get(self.depth)?;
        let took = ticks.saturating_sub(began);
        (began != 0 && took > self.longest).then_some(took)
    }
}

/// What the thread is in the midst of, by its last events. A look at the clock costs as much as all else of an event; so an event that comes at
/// once after another has the time of that one. Who lets time pass without an event of its own says so
/// ([`time_passes`]): code of the user's that is no poll, a task that another thread has pushed.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Midst {
    Nothing = 0,
    /// A poll has ended: the next may begin.
    PollEnded = 1,
    /// The thread has come from its sleep, or has events of the system: it tells of them, and of whom they wake.
    Delivery = 2,
}

/// What a kind of events makes of it.
#[derive(Clone, Copy)]
struct Rule {
    /// In the midst of which the last event's time is good: a bit for each.
    shares: u8,
    /// What the thread is in the midst of then; `None`: as before.
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

/// What events use. Beside a thread's own there are two values: the thread has not joined, or events are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Current(*mut Local);

impl Current {
    const NOT_JOINED: Current = Current(std::ptr::null_mut());
    /// An event is being written, which may allocate, and the allocator may have events of its own; or the thread is at its very end.
    const LEFT_OUT: Current = Current(std::ptr::without_provenance_mut(1));

    #[inline(always)]
    fn is_joined(self) -> bool {
        self.0.addr() > Current::LEFT_OUT.0.addr()
    }
}

/// Owns what [`Current`] points to.
struct Owner(Cell<Current>);

impl Owner {
    /// Leaves the recording, if the thread has joined one. Events meanwhile must be left out.
    fn leave(&self) {
        let owned = self.0.replace(Current::NOT_JOINED);
        if owned.is_joined() {
            // SAFETY: made from a box (`enter`), and nobody uses it: events are left out (T1).
            drop(unsafe { Box::from_raw(owned.0) });
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(Current::LEFT_OUT));
        self.leave();
    }
}

crate::runtime_thread_local! {
    /// Without a destructor: a look at it is one load.
    static CURRENT: Cell<Current> = Cell::new(Current::NOT_JOINED)
}
crate::runtime_thread_local! {
    static OWNER: Owner = Owner(Cell::new(Current::NOT_JOINED))
}
crate::runtime_thread_local! {
    /// Is this thread a worker? Without a destructor.
    static IS_WORKER: Cell<bool> = Cell::new(false)
}

/// This thread polls futures from now on, and has a larger ring than others.
#[inline]
pub(crate) fn note_worker() {
    if !IS_WORKER.with(|is_worker| is_worker.replace(true)) {
        join_again();
    }
}

/// The thread joins with its next event, for a ring of another size.
#[cold]
#[inline(never)]
fn join_again() {
    let current = CURRENT.with(|current| current.replace(Current::LEFT_OUT));
    if current.is_joined() {
        let _ = OWNER.try_with(Owner::leave);
    }
    let next = match current {
        Current::LEFT_OUT => current,
        _ => Current::NOT_JOINED,
    };
    CURRENT.with(|current| current.set(next));
}

/// Writes an event. Those of a thread's very end, and of the allocator while it serves this room, are left out.
pub(super) fn write(kind: Kind, detail: u64, a: u64, b: u64) {
    with(|local| local.write(kind, detail, a, b));
}

/// Writes an event with a place as its `b`.
pub(super) fn write_at(kind: Kind, detail: u64, a: u64, place: &'static Location<'static>) {
    with(|local| local.write_at(kind, detail, a, place));
}

/// Writes that a source of the system's events is ready, or holds that back for [`queued`].
#[cold]
#[inline(never)]
pub(super) fn io(descriptor: i32, readiness: u32) {
    let held = HeldIo {
        descriptor,
        readiness,
    };
    if !quickly(|local| local.hold_at_once(held)) {
        io_slowly(held);
    }
}

#[inline(never)]
fn io_slowly(held: HeldIo) {
    with(|local| {
        local.let_go();
        local.ticks = local.moment(Kind::Io);
        local.held = Some(held);
    });
}

/// Writes that a task was queued.
#[cold]
#[inline(never)]
pub(super) fn queued(id: u64, queue: event::Queue) {
    let is_written = quickly(|local| {
        local.deliver(id, queue) || local.write_at_once(Kind::Queued, queue as u64, id, 0)
    });
    if !is_written {
        queued_slowly(id, queue);
    }
}

#[inline(never)]
fn queued_slowly(id: u64, queue: event::Queue) {
    with(|local| {
        local.clock_is_due();
        if !local.deliver(id, queue) {
            local.write(Kind::Queued, queue as u64, id, 0);
        }
    });
}

/// Writes the begin of a poll.
#[cold]
#[inline(never)]
pub(super) fn begin_poll(id: u64, poll: event::Poll, place: &'static Location<'static>) {
    let is_written = quickly(|local| {
        let address = std::ptr::from_ref(place) as usize;
        !local.times_polls
            && local.places.has(address)
            && local.write_at_once(Kind::PollBegin, poll as u64, id, address as u64)
    });
    if !is_written {
        begin_poll_slowly(id, poll, place);
    }
}

#[inline(never)]
fn begin_poll_slowly(id: u64, poll: event::Poll, place: &'static Location<'static>) {
    with(|local| {
        local.write_at(Kind::PollBegin, poll as u64, id, place);
        if local.times_polls {
            let may_be_long = poll == event::Poll::Blocking;
            local.polls.begin(match may_be_long {
                true => 0,
                false => local.ticks,
            });
        }
    });
}

/// Writes the end of a poll, with what it waits for.
#[cold]
#[inline(never)]
pub(super) fn end_poll(id: u64, outcome: Outcome) {
    let waits = match outcome {
        Outcome::Pending => waits::first(),
        _ => 0,
    };
    let is_written = quickly(|local| {
        let is_plain = waits & SEVERAL == 0 && outcome != Outcome::Panicked && !local.times_polls;
        is_plain && {
            let (detail, what) = told_of_end(outcome, waits);
            local.write_at_once(Kind::PollEnd, detail, id, what)
        }
    });
    if !is_written {
        end_poll_slowly(id, outcome, waits);
    }
}

/// The detail of the end of a poll, and what it waits for first.
#[inline(always)]
fn told_of_end(outcome: Outcome, waits: u64) -> (u64, u64) {
    let first = Wait::from_word(waits & !SEVERAL);
    let kind = first.word() & 0xff;
    (outcome as u64 | kind << 8, first.what())
}

#[inline(never)]
fn end_poll_slowly(id: u64, outcome: Outcome, waits: u64) {
    with(|local| {
        if waits & SEVERAL != 0 {
            for wait in waits::others() {
                if let Some(kind) = wait.kind() {
                    local.write(Kind::Wait, kind as u64, wait.what(), 0);
                }
            }
        }
        let (detail, what) = told_of_end(outcome, waits);
        local.write(Kind::PollEnd, detail, id, what);
        if local.times_polls {
            if let Some(ticks) = local.polls.end(local.ticks) {
                trigger::long_poll(local.session.nanos_in(ticks));
            }
        }
    });
    if outcome == Outcome::Panicked {
        trigger::panicked();
    }
}

/// The time of this thread's last event is not that of the next, whatever that is.
#[cold]
#[inline(never)]
pub(super) fn time_passes() {
    let current = CURRENT.with(Cell::get);
    if current.is_joined() {
        // SAFETY: this thread's, and no event is being written (T1).
        unsafe { &mut *current.0 }.midst = Midst::Nothing;
    }
}

/// Writes a name's text, and the event with the name's key as its `b` or, if `b` is given, as its `a`.
pub(super) fn write_named(kind: Kind, detail: u64, name: &str, a: Option<u64>, b: Option<u64>) {
    with(|local| {
        let key = local.note_name(name);
        local.write(kind, detail, a.unwrap_or(key), b.unwrap_or(key));
    });
}

/// A name's key: its FNV-1a hash.
fn key_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Does what needs nothing but stores, in the recording that goes on. False: it was not done. `f` calls nothing that could have an event.
#[inline(always)]
fn quickly(f: impl FnOnce(&mut Local) -> bool) -> bool {
    let current = CURRENT.with(Cell::get);
    if !current.is_joined() {
        return false;
    }
    // SAFETY: this thread's, and nobody else uses it: no event is being written (T1), and none comes before the end of `f`.
    let local = unsafe { &mut *current.0 };
    local.epoch == super::epoch() && local.until_clock > 0 && f(local)
}

/// T1: `CURRENT` is what `OWNER` owns, or events are left out. Who makes a reference of it has events left out first.
#[inline(always)]
fn with(f: impl FnOnce(&mut Local)) {
    let mut current = CURRENT.with(|current| current.replace(Current::LEFT_OUT));
    // SAFETY: by T1.
    let is_in = |current: Current| unsafe { (*current.0).epoch } == super::epoch();
    if !current.is_joined() || !is_in(current) {
        current = enter(current);
    }
    if current.is_joined() {
        // SAFETY: by T1.
        f(unsafe { &mut *current.0 });
    }
    CURRENT.with(|place| place.set(current));
}

/// Joins the recording that goes on, unless events are left out. Who calls has them left out meanwhile.
#[cold]
#[inline(never)]
fn enter(current: Current) -> Current {
    if current == Current::LEFT_OUT {
        return current;
    }
    let joined = OWNER.try_with(|owner| {
        owner.leave();
        let local = Local::join(super::epoch());
        owner
            .0
            .set(local.map_or(Current::NOT_JOINED, |local| Current(Box::into_raw(local))));
        owner.0.get()
    });
    joined.unwrap_or(Current::LEFT_OUT)
}

impl Local {
    fn join(epoch: u32) -> Option<Box<Local>> {
        let session = super::session().filter(|session| session.epoch == epoch)?;
        let is_worker = IS_WORKER.with(Cell::get);
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

    /// The name's key. A record that has it comes after the text: a snapshot meanwhile has both, or the text alone.
    fn note_name(&self, name: &str) -> u64 {
        let key = key_of(name);
        self.session.note(StringKind::Name, key, name, (0, 0));
        key
    }

    /// The time of an event that comes now.
    #[inline(always)]
    fn moment(&mut self, kind: Kind) -> u64 {
        let rule = RULES[kind as usize];
        let is_good = rule.shares >> self.midst as u8 & 1 == 1;
        self.midst = rule.next.unwrap_or(self.midst);
        match is_good {
            true => self.ticks,
            false => clock::ticks(),
        }
    }

    /// The same, if no call is needed for it.
    #[inline(always)]
    fn moment_at_once(&mut self, kind: Kind) -> Option<u64> {
        let rule = RULES[kind as usize];
        let ticks = match rule.shares >> self.midst as u8 & 1 == 1 {
            true => self.ticks,
            false => clock::ticks_at_once()?,
        };
        self.midst = rule.next.unwrap_or(self.midst);
        Some(ticks)
    }

    /// Holds an event back. False: nothing was done.
    #[inline(always)]
    fn hold_at_once(&mut self, held: HeldIo) -> bool {
        if self.held.is_some() {
            return false;
        }
        let Some(ticks) = self.moment_at_once(Kind::Io) else {
            return false;
        };
        self.ticks = ticks;
        self.held = Some(held);
        true
    }

    /// Writes the event that is held back, with the task that was queued for it. False: there is none.
    #[inline(always)]
    fn deliver(&mut self, task: u64, queue: event::Queue) -> bool {
        match self.held {
            Some(held) if self.midst == Midst::Delivery => {
                self.held = None;
                let detail = queue as u64 | u64::from(held.readiness) << 8;
                self.record(Kind::Delivered, detail, task, held.source());
                true
            }
            _ => false,
        }
    }

    /// Writes an event, if nothing else has to be done first. False: nothing was done.
    #[inline(always)]
    fn write_at_once(&mut self, kind: Kind, detail: u64, a: u64, b: u64) -> bool {
        if self.held.is_some() {
            return false;
        }
        let Some(ticks) = self.moment_at_once(kind) else {
            return false;
        };
        self.ticks = ticks;
        self.record(kind, detail, a, b);
        true
    }

    #[inline]
    fn write(&mut self, kind: Kind, detail: u64, a: u64, b: u64) {
        self.let_go();
        self.ticks = self.moment(kind);
        self.write_after(kind, detail, a, b);
    }

    /// Writes an event with the time of the last.
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

    /// Writes an event with the time of the last. The clock is not due.
    #[inline(always)]
    fn record(&mut self, kind: Kind, detail: u64, a: u64, b: u64) {
        self.until_clock -= 1;
        let record = event::pack(self.ticks, kind, self.thread, detail, a, b);
        self.writer.write(record);
    }

    /// Writes what is held back.
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

    #[inline(always)]
    fn write_at(&mut self, kind: Kind, detail: u64, a: u64, place: &'static Location<'static>) {
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

impl Drop for Local {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that is not there.
        if !self.origin.is_inherited() {
            self.let_go();
            let ring = self.writer.ring().clone();
            self.session.leave(ring, self.thread, self.is_worker);
        }
    }
}

//! The ground floor on one thread.

use crate::base::contain;
use crate::base::list::{Linked, Links, List};
use crate::base::shim::sync::Mutex;
use crate::base::wait_queue::{Place, WaitQueue};
use crate::base::wake_batch::WakeBatch;
use crate::base::waker_slot::{LockedWaker, Look, WakerSlot, register};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Wake, Waker};

/// Notes the order in which its wakers are woken, and counts those that live.
#[derive(Default)]
struct Log {
    woken: Mutex<Vec<usize>>,
    alive: AtomicUsize,
}

struct Numbered {
    log: Arc<Log>,
    number: usize,
}

impl Log {
    fn waker(self: &Arc<Self>, number: usize) -> Waker {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Waker::from(Arc::new(Numbered {
            log: self.clone(),
            number,
        }))
    }

    fn woken(&self) -> Vec<usize> {
        self.woken.lock().clone()
    }
}

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        self.log.woken.lock().push(self.number);
        if self.number == PANICS {
            panic!("this waker panics");
        }
    }
}

impl Drop for Numbered {
    fn drop(&mut self) {
        self.log.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The waker of this number panics.
const PANICS: usize = 13;

#[derive(Default)]
struct State {
    is_over: bool,
    slot: WakerSlot,
}

/// A slot with this waker in it.
fn filled(waker: Waker) -> WakerSlot {
    WakerSlot::holding(&waker)
}

fn wait(lock: &Mutex<State>, waker: &Waker) -> bool {
    register(lock, waker, |state: &mut State| match state.is_over {
        true => Look::Over(()),
        false => Look::Wait(&mut state.slot),
    })
    .is_none()
}

#[test]
fn a_slot_keeps_the_last_waker_and_drops_the_one_before() {
    let log = Arc::new(Log::default());
    let lock = Mutex::new(State::default());
    let (one, two) = (log.waker(1), log.waker(2));
    assert!(wait(&lock, &one));
    assert_eq!(Arc::strong_count(&log), 3);
    assert!(wait(&lock, &two));
    drop(one);
    assert_eq!(log.alive.load(Ordering::Relaxed), 1, "the first is gone");
    let mut state = lock.lock();
    state.is_over = true;
    state.slot.take().wake_after(state);
    assert_eq!(log.woken(), [2]);
    assert!(!wait(&lock, &two), "the wait is over");
}

#[test]
fn a_waker_that_stays_the_same_is_not_cloned_again() {
    static CLONES: AtomicUsize = AtomicUsize::new(0);
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            CLONES.fetch_add(1, Ordering::Relaxed);
            RawWaker::new(data, &VTABLE)
        },
        |_| (),
        |_| (),
        |_| (),
    );
    // SAFETY: the functions use no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let lock = Mutex::new(State::default());
    for _ in 0..3 {
        assert!(wait(&lock, &waker));
    }
    assert_eq!(CLONES.load(Ordering::Relaxed), 1);
}

#[test]
fn a_locked_waker_is_woken_once_and_forgotten_on_demand() {
    let log = Arc::new(Log::default());
    let place = LockedWaker::new();
    let waker = log.waker(1);
    place.wake();
    place.register(&waker);
    place.wake();
    place.wake();
    assert_eq!(log.woken(), [1]);
    place.register(&waker);
    drop(waker);
    assert_eq!(log.alive.load(Ordering::Relaxed), 1);
    place.clear();
    assert_eq!(log.alive.load(Ordering::Relaxed), 0);
    place.wake();
    assert_eq!(log.woken(), [1]);
}

#[test]
fn a_slot_that_is_dropped_or_given_up_drops_its_waker() {
    let log = Arc::new(Log::default());
    assert!(WakerSlot::new().is_empty());
    let full = filled(log.waker(1));
    assert!(!full.is_empty());
    drop(full);
    filled(log.waker(2)).drop_after(());
    let mut taken = filled(log.waker(3));
    taken.take().drop_after(());
    assert!(taken.is_empty());
    assert_eq!(
        (log.alive.load(Ordering::Relaxed), log.woken()),
        (0, vec![])
    );
}

#[test]
fn a_batch_can_be_filled_again() {
    let log = Arc::new(Log::default());
    let mut batch = WakeBatch::new();
    for round in 0..3 {
        for number in 0..20 {
            batch.push(filled(log.waker(100 * round + number + 20)).take());
        }
        batch.push(WakerSlot::new().take());
        batch.wake_after(());
    }
    let rounds = (0..3).flat_map(|round| (0..20).map(move |n| 100 * round + n + 20));
    assert_eq!(log.woken(), rounds.collect::<Vec<_>>());
    assert_eq!(log.alive.load(Ordering::Relaxed), 0);
}

/// The wait is over by the second look, when a clone of the waker has been made for nothing.
#[test]
fn what_a_look_has_taken_is_not_lost_if_the_clone_panics_when_dropped() {
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| RawWaker::new(data, &VTABLE),
        |_| (),
        |_| (),
        |_| panic!("the waker's drop"),
    );
    // SAFETY: the functions use no data.
    let waker = unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &VTABLE)) };
    let waker = std::mem::ManuallyDrop::new(waker);
    let lock = Mutex::new((0, Some(7), WakerSlot::new()));
    let found = register(&lock, &waker, |(looks, value, slot)| {
        *looks += 1;
        match *looks {
            1 => Look::Wait(slot),
            _ => Look::Over(value.take()),
        }
    });
    assert_eq!(found, Some(Some(7)));
}

/// Panics when it is dropped, with another `Grenade` as payload, so many times.
struct Grenade(usize, Arc<AtomicUsize>);

impl Drop for Grenade {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        if self.0 > 0 {
            std::panic::panic_any(Grenade(self.0 - 1, self.1.clone()));
        }
    }
}

#[test]
fn a_payload_that_panics_when_dropped_is_dropped_until_it_is_leaked() {
    for (panics, drops) in [(0, 1), (1, 2), (15, 16), (16, 16), (100, 16)] {
        let dropped = Arc::new(AtomicUsize::new(0));
        contain::discard(Box::new(Grenade(panics, dropped.clone())));
        assert_eq!(dropped.load(Ordering::Relaxed), drops, "{panics}");
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let payload = Grenade(3, dropped.clone());
    contain::contain(|| std::panic::panic_any(payload));
    assert_eq!(dropped.load(Ordering::Relaxed), 4);
}

/// Wakes a task when it is dropped.
struct Late(Option<Waker>);

impl Drop for Late {
    fn drop(&mut self) {
        contain::wake(self.0.take().expect("dropped once"));
    }
}

#[test]
fn a_panic_of_a_waker_is_told_unless_the_thread_unwinds_already() {
    let log = Arc::new(Log::default());
    let unwinds = |f: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err();
    for number in [1, PANICS] {
        assert_eq!(
            unwinds(&|| contain::wake(log.waker(number))),
            number == PANICS
        );
        // A second panic would end the process.
        assert!(unwinds(&|| {
            let _late = Late(Some(log.waker(number)));
            panic!("the first");
        }));
    }
    assert_eq!(log.woken(), [1, 1, PANICS, PANICS]);
    assert_eq!(log.alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_foreign_waker_is_cloned_and_dropped_while_the_lock_is_free() {
    static LOCK: Mutex<State> = Mutex::new(State {
        is_over: false,
        slot: WakerSlot::new(),
    });
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    fn called() {
        assert!(LOCK.try_lock().is_some(), "under the lock");
        CALLS.fetch_add(1, Ordering::Relaxed);
    }
    static VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            called();
            RawWaker::new(data, &VTABLE)
        },
        |_| called(),
        |_| called(),
        |_| called(),
    );
    static NUMBERS: [u8; 2] = [0; 2];
    let calls = || CALLS.swap(0, Ordering::Relaxed);
    // SAFETY: the functions use no data.
    let waker = |at: usize| unsafe {
        Waker::from_raw(RawWaker::new((&raw const NUMBERS[at]).cast(), &VTABLE))
    };
    let (one, two) = (waker(0), waker(1));
    assert!(wait(&LOCK, &one));
    assert_eq!(calls(), 1);
    // The new waker is cloned, and the previous one dropped.
    assert!(wait(&LOCK, &two));
    assert_eq!(calls(), 2);
    // The wait is over at the second look: the clone is dropped.
    let mut looks = 0;
    let found = register(&LOCK, &one, |state: &mut State| {
        looks += 1;
        match looks {
            1 => Look::Wait(&mut state.slot),
            _ => Look::Over(looks),
        }
    });
    assert_eq!((found, calls()), (Some(2), 2));
    let mut state = LOCK.lock();
    state.slot.take().drop_after(state);
    assert_eq!(calls(), 1);
    let mut state = LOCK.lock();
    state.slot = WakerSlot::new();
    state.slot.take().wake_after(state);
    assert_eq!(calls(), 0);
    std::mem::forget([one, two]);
}

#[test]
fn a_batch_wakes_in_the_order_it_was_filled_however_large() {
    for many in [0, 1, 12, 40, 1000] {
        let log = Arc::new(Log::default());
        let lock = Mutex::new(());
        let mut batch = WakeBatch::new();
        let numbers: Vec<usize> = (0..many).map(|n| n + 100).collect();
        let slots: Vec<WakerSlot> = numbers.iter().map(|n| filled(log.waker(*n))).collect();
        let held = lock.lock();
        for mut slot in slots {
            batch.push(slot.take());
        }
        batch.wake_after(held);
        assert_eq!(log.woken(), numbers);
        assert_eq!(log.alive.load(Ordering::Relaxed), 0);
    }
}

/// The waker that panics is in the inline part of a batch or in the spilled one, the last or with others behind it.
#[test]
fn a_waker_that_panics_costs_the_others_nothing() {
    for (at, many) in [(0, 1), (3, 10), (3, 40), (20, 40), (39, 40)] {
        let log = Arc::new(Log::default());
        let mut numbers: Vec<usize> = (100..100 + many).collect();
        numbers[at] = PANICS;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut batch = WakeBatch::new();
            for number in &numbers {
                let mut slot = filled(log.waker(*number));
                batch.push(slot.take());
            }
            batch.wake_after(());
        }));
        assert!(result.is_err(), "the panic is told");
        assert_eq!(log.woken(), numbers);
        assert_eq!(log.alive.load(Ordering::Relaxed), 0);
    }
}

struct Node {
    number: usize,
    links: Links<Node>,
}

// SAFETY: the links are a field.
unsafe impl Linked for Node {
    fn links(node: NonNull<Self>) -> NonNull<Links<Self>> {
        // SAFETY: a field's address is within the node, and not null.
        unsafe { NonNull::new_unchecked(&raw mut (*node.as_ptr()).links) }
    }
}

fn numbers(list: &List<Node>) -> Vec<usize> {
    let mut numbers = Vec::new();
    let mut next = list.front();
    while let Some(node) = next {
        // SAFETY: the node is alive: it is linked.
        numbers.push(unsafe { (*node.as_ptr()).number });
        // SAFETY: it is linked into this list.
        next = unsafe { list.after(node) };
    }
    numbers
}

proptest! {
    #[test]
    fn a_list_is_a_deque(steps in proptest::collection::vec((0..5u8, 0..8usize), 1..80)) {
        let mut nodes: Vec<Box<Node>> =
            (0..8).map(|number| Box::new(Node { number, links: Links::new() })).collect();
        let pointers: Vec<NonNull<Node>> = nodes.iter_mut().map(|n| NonNull::from(&mut **n)).collect();
        let mut list = List::new();
        let mut deque: VecDeque<usize> = VecDeque::new();
        for (step, at) in steps {
            let linked = deque.contains(&at);
            match step {
                // SAFETY: it is in no list, and lives as long as the test.
                0 | 1 if !linked => { unsafe { list.push_back(pointers[at]) }; deque.push_back(at); }
                // SAFETY: it is linked.
                2 if linked => { unsafe { list.remove(pointers[at]) }; deque.retain(|n| *n != at); }
                // SAFETY: what was popped is alive.
                3 => prop_assert_eq!(list.pop_front().map(|n| unsafe { (*n.as_ptr()).number }), deque.pop_front()),
                // SAFETY: as above.
                4 => prop_assert_eq!(list.pop_back().map(|n| unsafe { (*n.as_ptr()).number }), deque.pop_back()),
                _ => {}
            }
            prop_assert_eq!(numbers(&list), Vec::from(deque.clone()));
            prop_assert_eq!(list.is_empty(), deque.is_empty());
        }
    }

    #[test]
    fn a_wait_queue_serves_the_oldest_first(steps in proptest::collection::vec((0..6u8, 0..6usize), 1..80)) {
        let mut places: Vec<Pin<Box<Place<usize>>>> = (0..6).map(|_| Box::pin(Place::new())).collect();
        let mut queue = WaitQueue::new();
        let mut other = WaitQueue::<usize>::new();
        let mut model: VecDeque<usize> = VecDeque::new();
        let signal = |n: usize| NonZeroUsize::new(n + 1).unwrap();
        for (step, at) in steps {
            let place = places[at].as_ref();
            let queued = model.contains(&at);
            match step {
                0 | 1 if !queued => {
                    queue.enqueue(place, at);
                    prop_assert_eq!(place.signal(), None);
                    model.push_back(at);
                }
                2 => {
                    prop_assert_eq!(other.withdraw(place), None, "another queue's");
                    prop_assert_eq!(queue.withdraw(place), queued.then_some(at));
                    model.retain(|n| *n != at);
                }
                3 => {
                    let first = model.pop_front();
                    prop_assert_eq!(queue.release_front(signal(at)), first);
                    if let Some(first) = first {
                        prop_assert_eq!(places[first].signal(), Some(signal(at)));
                    }
                }
                4 => {
                    let last = model.pop_back();
                    prop_assert_eq!(queue.release_back(signal(at)), last);
                    if let Some(last) = last {
                        prop_assert_eq!(places[last].signal(), Some(signal(at)));
                    }
                }
                5 => {
                    prop_assert_eq!(queue.get_mut(place).copied(), queued.then_some(at));
                    prop_assert_eq!(other.get_mut(place).copied(), None);
                    prop_assert_eq!(queue.front_mut().copied(), model.front().copied());
                }
                _ => {}
            }
            prop_assert_eq!(queue.is_empty(), model.is_empty());
        }
        for place in &mut places {
            let _ = queue.withdraw(place.as_ref());
        }
    }
}

#[test]
fn a_place_dropped_while_queued_ends_the_process() {
    const AGAIN: &str = "A_PLACE_DROPPED_WHILE_QUEUED";
    if std::env::var_os(AGAIN).is_some() {
        let place = Box::pin(Place::new());
        let mut queue = WaitQueue::new();
        queue.enqueue(place.as_ref(), ());
        drop(place);
        println!("still here");
        return;
    }
    let name = "base::tests::unit::a_place_dropped_while_queued_ends_the_process";
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(AGAIN, "1")
        .output()
        .unwrap();
    assert!(!child.status.success());
    assert!(!String::from_utf8_lossy(&child.stdout).contains("still here"));
}

/// A look during which the thread lost its processor does not count.
#[test]
fn the_quickest_look_at_both_clocks_counts() {
    use crate::base::clock;

    let looks = [
        (100, 7_000, 900),
        (1_000, 7_100, 1_040),
        (1_100, 9_000, 1_300),
    ];
    assert_eq!(clock::quickest(looks.into_iter()), (1_020, 7_100));
    let before = (clock::ticks(), clock::nanos());
    let (ticks, nanos) = clock::ticks_and_nanos();
    let after = (clock::ticks(), clock::nanos());
    assert!((before.0..=after.0).contains(&ticks));
    assert!((before.1..=after.1).contains(&nanos));
}

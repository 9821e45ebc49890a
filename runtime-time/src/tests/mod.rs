//! The wheel against a sorted map: what fires, and in what order.

#[cfg(not(runtime_loom))]
mod values;
#[cfg(not(runtime_loom))]
mod wakers;

use crate::due::Due;
use crate::entry::{Entry, Phase};
use crate::wheel::Wheel;
use proptest::prelude::*;
use runtime_core::base::wake_batch::WakeBatch;
use runtime_core::base::waker_slot::WakerSlot;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

/// When a timer of the test is due: at a multiple of `step`, the `ahead`th from now, or a bit before.
#[derive(Clone, Copy, Debug)]
struct When {
    step: u64,
    ahead: u64,
    within: u32,
}

impl When {
    fn from(self, now: u64) -> Due {
        Due {
            tick: (now / self.step + self.ahead) * self.step,
            within: self.within,
        }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Insert(When),
    Remove(usize),
    Reset(usize, When),
    Advance(u64),
    /// To the deadline of one of the timers.
    AdvanceTo(usize),
}

/// Multiples of few numbers, so that many timers have the same deadline, and reach it from different levels.
fn when() -> impl Strategy<Value = When> {
    let step = prop_oneof![
        3 => Just(1_u64),
        1 => Just(10),
        2 => Just(64),
        2 => Just(1 << 12),
        1 => Just(1 << 18),
        1 => Just(1 << 30),
        1 => Just(1 << 36),
        1 => Just(1 << 37),
    ];
    let within = prop_oneof![4 => Just(1_000_000_u32), 1 => 1..4_u32];
    (step, 0..4_u64, within).prop_map(|(step, ahead, within)| When {
        step,
        ahead,
        within,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let delta = prop_oneof![
        3 => 0..70_u64,
        1 => 0..5_000_u64,
        1 => 0..300_000_u64,
        1 => Just(64),
        1 => Just(4096),
        1 => Just(1 << 30),
        1 => 0..(1_u64 << 37)
    ];
    prop_oneof![
        6 => when().prop_map(Op::Insert),
        1 => any::<usize>().prop_map(Op::Remove),
        2 => (any::<usize>(), when()).prop_map(|(pick, when)| Op::Reset(pick, when)),
        2 => delta.prop_map(Op::Advance),
        1 => any::<usize>().prop_map(Op::AdvanceTo),
    ]
}

/// Notes which timer was woken.
struct Note(usize, Arc<Mutex<Vec<usize>>>);

impl Wake for Note {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// A deadline, and then the order of arming.
type Key = (u64, u32, usize);

/// The wheel, and the map it is compared with.
struct Both {
    wheel: Wheel,
    map: BTreeMap<Key, (usize, Pin<Box<Entry>>)>,
    now: u64,
    armed: usize,
    made: usize,
    woken: Arc<Mutex<Vec<usize>>>,
    /// Every timer is filed at its deadline: none was postponed in place or is past the horizon.
    is_exact: bool,
}

impl Both {
    fn new() -> Both {
        Both {
            wheel: Wheel::new(),
            map: BTreeMap::new(),
            now: 0,
            armed: 0,
            made: 0,
            woken: Arc::default(),
            is_exact: true,
        }
    }

    fn key(&mut self, due: Due) -> Key {
        self.armed += 1;
        (due.tick, due.within, self.armed)
    }

    /// True if the wheel took the timer, which it does if it is not due yet.
    fn arm(&mut self, id: usize, entry: Pin<Box<Entry>>, due: Due) -> bool {
        let waker = Waker::from(Arc::new(Note(id, self.woken.clone())));
        Entry::set(&entry, Phase::Armed);
        // SAFETY: in no wheel yet.
        unsafe { (*entry.node()).waker = WakerSlot::holding(&waker) };
        // SAFETY: pinned in its box, removed or fired before that goes.
        let filed = unsafe { self.wheel.insert(NonNull::from(&*entry), due, self.now) };
        if filed {
            self.is_exact &= due.tick - self.now < 1 << 36;
            let key = self.key(due);
            self.map.insert(key, (id, entry));
        }
        filed
    }

    fn insert(&mut self, when: When) -> bool {
        self.made += 1;
        self.arm(self.made, Box::pin(Entry::new()), when.from(self.now))
    }

    fn pick(&self, pick: usize) -> Option<Key> {
        self.map.keys().nth(pick % self.map.len().max(1)).copied()
    }

    fn remove(&mut self, key: Key) -> (usize, Pin<Box<Entry>>) {
        let (id, entry) = self.map.remove(&key).unwrap();
        // SAFETY: linked.
        unsafe { self.wheel.remove(NonNull::from(&*entry)) };
        (id, entry)
    }

    /// As `Sleep::reset`: in place if possible.
    fn reset(&mut self, key: Key, when: When) {
        let due = when.from(self.now);
        let entry = NonNull::from(&*self.map[&key].1);
        // SAFETY: linked.
        if unsafe { self.wheel.postpone(entry, due) } {
            self.is_exact = false;
            let timer = self.map.remove(&key).unwrap();
            let key = self.key(due);
            self.map.insert(key, timer);
        } else {
            let (id, entry) = self.remove(key);
            self.arm(id, entry, due);
        }
    }

    /// What fires as time moves to `now`, and what should.
    fn advance(&mut self, now: u64, room: usize) -> (Vec<usize>, Vec<usize>) {
        self.now = now;
        let mut wakers = batch_with(room);
        // No room for all that is due: what is left stays due.
        while self.wheel.advance(now, &mut wakers) {
            assert_eq!(wakers.len(), WakeBatch::ROOM);
            assert!(self.wheel.next_tick().is_some_and(|next| next <= now));
            wakers.wake_after(());
            wakers = batch_with(room);
        }
        assert!(wakers.len() <= WakeBatch::ROOM);
        wakers.wake_after(());
        let later = self.map.split_off(&(now + 1, 0, 0));
        let due = std::mem::replace(&mut self.map, later);
        for (_, entry) in due.values() {
            assert_eq!(entry.phase(), Phase::Fired);
        }
        for (_, entry) in self.map.values() {
            assert_eq!(entry.phase(), Phase::Armed);
        }
        let fired = std::mem::take(&mut *self.woken.lock().unwrap());
        (fired, due.values().map(|(id, _)| *id).collect())
    }

    fn check_next(&self) {
        match self.wheel.next_tick() {
            Some(next) => {
                let earliest = self.map.keys().next().map(|key| key.0);
                assert!(next > self.now);
                assert!(Some(next) <= earliest);
                // So few are all looked at.
                if self.is_exact && self.map.len() < 32 {
                    assert_eq!(Some(next), earliest);
                }
            }
            None => assert!(self.map.is_empty()),
        }
    }
}

/// A batch in which `room` wakers have room.
fn batch_with(room: usize) -> WakeBatch {
    let mut batch = WakeBatch::new();
    for _ in room..WakeBatch::ROOM {
        batch.push(WakerSlot::holding(Waker::noop()).take());
    }
    batch
}

impl Drop for Both {
    fn drop(&mut self) {
        while let Some(key) = self.pick(0) {
            self.remove(key);
        }
        assert_eq!(self.wheel.next_tick(), None);
    }
}

fn run(ops: Vec<Op>, room: usize) -> Result<Both, TestCaseError> {
    let mut both = Both::new();
    for op in ops {
        match op {
            Op::Insert(when) => {
                for _ in 0..3 {
                    let past = when.from(both.now).tick <= both.now;
                    prop_assert_eq!(both.insert(when), !past);
                }
            }
            Op::Remove(pick) => {
                if let Some(key) = both.pick(pick) {
                    both.remove(key);
                }
            }
            Op::Reset(pick, when) => {
                if let Some(key) = both.pick(pick) {
                    both.reset(key, when);
                }
            }
            Op::Advance(delta) => {
                let (fired, due) = both.advance(both.now + delta, room);
                prop_assert_eq!(fired, due);
            }
            Op::AdvanceTo(pick) => {
                if let Some((tick, ..)) = both.pick(pick) {
                    let (fired, due) = both.advance(tick, room);
                    prop_assert_eq!(fired, due);
                }
            }
        }
        both.check_next();
    }
    Ok(both)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, ..ProptestConfig::default() })]
    #[test]
    fn fires_what_a_sorted_map_would_and_in_its_order(
        ops in proptest::collection::vec(op(), 1..60),
        room in 1..5_usize,
    ) {
        run(ops, room)?;
    }

    #[test]
    fn a_shutdown_ends_timers_in_the_order_in_which_they_are_due(
        ops in proptest::collection::vec(op(), 1..30),
        room in 1..5_usize,
    ) {
        let mut both = run(ops, room)?;
        let mut wakers = batch_with(room);
        while both.wheel.end_all(Phase::Failed, &mut wakers) {
            prop_assert_eq!(wakers.len(), WakeBatch::ROOM);
            wakers.wake_after(());
            // An `advance` in between fires nothing.
            prop_assert!(!both.wheel.advance(u64::MAX, &mut wakers));
            prop_assert!(wakers.is_empty());
            wakers = batch_with(room);
        }
        prop_assert!(wakers.len() <= WakeBatch::ROOM);
        wakers.wake_after(());
        let timers = std::mem::take(&mut both.map);
        let due: Vec<usize> = timers.values().map(|(id, _)| *id).collect();
        prop_assert_eq!(&*both.woken.lock().unwrap(), &due);
        prop_assert!(timers.values().all(|(_, entry)| entry.phase() == Phase::Failed));
    }
}

/// More timers than are checked: all that is known is which list comes first.
#[test]
fn an_empty_wheel_files_as_close_to_now_as_can_be() {
    for now in [0, 63, 64, 1_000_000, 1 << 40] {
        for ahead in [1, 63 - now % 64] {
            let mut both = Both::new();
            both.now = now;
            let when = When {
                step: 1,
                ahead,
                within: 1_000_000,
            };
            if ahead == 0 {
                assert!(!both.insert(when));
                continue;
            }
            (0..40).for_each(|_| assert!(both.insert(when)));
            // In the same 64 ticks: a list of one tick.
            if (now + ahead) / 64 == now / 64 {
                assert_eq!(both.wheel.next_tick(), Some(now + ahead));
            }
        }
    }
}

/// A list of a higher level comes when its first tick does, from any place of the current one.
#[test]
fn lists_of_every_level_come_in_turn_from_any_place() {
    for level in 1..6 {
        let width = 1_u64 << (6 * level);
        for at in [0, 1, 31, 62, 63] {
            for turns in [1, 2, 33, 62, 63] {
                let mut both = Both::new();
                // Somewhere within the list `at` of the level, not at its beginning.
                both.now = (64 + at) * width + width / 2 + 1;
                let when = |ahead| When {
                    step: 1,
                    ahead,
                    within: 1_000_000,
                };
                let first = (64 + at + turns) * width;
                let far = first + width / 3 - both.now;
                (0..40).for_each(|_| assert!(both.insert(when(far))));
                let differs = (both.now ^ (both.now + far)) >> (6 * level);
                if differs < 64 {
                    assert_eq!(both.wheel.next_tick(), Some(first), "{level} {at} {turns}");
                }
                // A nearer timer decides instead.
                assert!(both.insert(when(1)));
                assert_eq!(both.wheel.next_tick(), Some(both.now + 1));
                let (fired, due) = both.advance(both.now + 1, 100);
                assert_eq!((fired.len(), due.len()), (1, 1));
                let (fired, due) = both.advance(both.now + far, 100);
                assert_eq!(fired, due);
                assert_eq!(fired.len(), 40);
            }
        }
    }
}

/// A timer that is reset in place counts as armed anew, also where the tick stays the same.
#[test]
fn a_timer_that_is_reset_to_its_own_deadline_goes_behind_the_others() {
    for distance in [1, 10, 63, 64, 200, 5_000, 300_000] {
        for first in 0..3 {
            let mut both = Both::new();
            let when = |within| When {
                step: 1,
                ahead: distance,
                within,
            };
            (0..3).for_each(|_| assert!(both.insert(when(5))));
            let key = both.pick(first).unwrap();
            both.reset(key, when(5));
            // Later within the tick than one that is armed after it.
            let key = both.pick(0).unwrap();
            both.reset(key, when(9));
            assert!(both.insert(when(7)));
            let (fired, due) = both.advance(distance, 32);
            assert_eq!(fired, due, "{distance} {first}");
            assert_eq!(fired.len(), 4);
        }
    }
}

/// Five timers of one deadline, armed at once and one by one on the way to it, over every level and past the horizon.
#[test]
fn timers_of_one_deadline_fire_in_the_order_of_arming_at_any_distance() {
    for distance in (0..40)
        .map(|n| 1_u64 << n)
        .flat_map(|n| [n, n + 1, 3 * n, 100 * n])
    {
        let mut both = Both::new();
        let when = |both: &Both| When {
            step: 1,
            ahead: distance - both.now,
            within: 1_000_000,
        };
        for _ in 0..5 {
            both.insert(when(&both));
        }
        for part in 1..16 {
            let (fired, _) = both.advance(distance * part / 16, 32);
            assert_eq!(fired, []);
            both.insert(when(&both));
        }
        let (fired, due) = both.advance(distance, 32);
        assert_eq!(fired, due, "at {distance}");
        assert!(fired.is_sorted());
    }
}

/// Sorting is needed, and cheap: many timers are put off, one by one, to where as many others are due.
#[test]
fn many_postponed_timers_fire_in_the_order_of_their_resets() {
    const MANY: usize = 20_000;
    let mut both = Both::new();
    let at = |tick| When {
        step: tick,
        ahead: 1,
        within: 1_000_000,
    };
    for _ in 0..MANY {
        both.insert(at(100));
    }
    let early: Vec<Key> = both.map.keys().copied().collect();
    for key in early.into_iter().rev() {
        both.reset(key, at(5_000));
        both.insert(at(5_000));
    }
    let (fired, due) = both.advance(6_000, 32);
    assert_eq!(fired.len(), 2 * MANY);
    assert_eq!(fired, due);
}

/// Timers of one tick fire a few at a time, and a shutdown ends timers a few at a time: other calls may come in between.
#[test]
fn a_shutdown_in_the_midst_of_firing_ends_the_rest() {
    let mut both = Both::new();
    for tick in [64, 64, 64, 64, 100, 5_000, 300_000] {
        let is_armed = both.insert(When {
            step: tick,
            ahead: 1,
            within: 1_000_000,
        });
        assert!(is_armed);
    }
    let mut wakers = batch_with(1);
    assert!(both.wheel.advance(64, &mut wakers));
    wakers.wake_after(());
    let mut wakers = batch_with(3);
    assert!(both.wheel.end_all(Phase::Failed, &mut wakers));
    wakers.wake_after(());
    assert_eq!(*both.woken.lock().unwrap(), [1, 2, 3, 4]);
    // Nobody fires what the shutdown has yet to end.
    let mut wakers = WakeBatch::new();
    assert!(!both.wheel.advance(u64::MAX, &mut wakers) && wakers.is_empty());
    // The first and the last of the timers that are left are given up.
    let gone = [4, 6].map(|nth| both.pick(nth).unwrap());
    let gone = gone.map(|key| both.remove(key));
    let mut wakers = batch_with(3);
    assert!(!both.wheel.end_all(Phase::Failed, &mut wakers));
    wakers.wake_after(());
    assert_eq!(*both.woken.lock().unwrap(), [1, 2, 3, 4, 6]);
    assert!(gone.iter().all(|(_, entry)| entry.phase() == Phase::Armed));
    both.map.clear();
}

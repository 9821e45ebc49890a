//! Models of the ground floor: what each primitive promises, with its own fences and orderings.

use crate::base::handshake;
use crate::base::shim::sync::Mutex;
use crate::base::wait_queue::{Place, WaitQueue};
use crate::base::wake_batch::WakeBatch;
use crate::base::waker_slot::{Look, WakerSlot, register};
use loom::future::block_on;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

const SIGNAL: NonZeroUsize = NonZeroUsize::new(7).unwrap();

/// Of two threads that write and then read, at least one sees the other's write.
#[test]
fn handshake_one_side_sees_the_other() {
    loom::model(|| {
        let words = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let side = |mine: usize| {
            let words = words.clone();
            move || {
                words[mine].store(true, Ordering::Relaxed);
                handshake::store_load();
                words[1 - mine].load(Ordering::Relaxed)
            }
        };
        // Both sides are spawned threads: a read on the main thread would hide schedules.
        let threads = [thread::spawn(side(0)), thread::spawn(side(1))];
        let saw = threads.map(|thread| thread.join().unwrap());
        assert!(saw[0] || saw[1], "both looks missed");
    });
}

struct State {
    is_over: bool,
    slot: WakerSlot,
}

fn look(state: &mut State) -> Look<'_, ()> {
    match state.is_over {
        true => Look::Over(()),
        false => Look::Wait(&mut state.slot),
    }
}

/// Either the thread that ends the wait finds the waker, or the waiter finds the wait over; also when the waiter is polled again.
#[test]
fn waker_slot_no_end_is_missed() {
    loom::model(|| {
        let lock = Arc::new(Mutex::new(State {
            is_over: false,
            slot: WakerSlot::new(),
        }));
        let ender = {
            let lock = lock.clone();
            thread::spawn(move || {
                let mut state = lock.lock();
                state.is_over = true;
                state.slot.take().wake_after(state);
            })
        };
        block_on(poll_fn(|cx| match register(&lock, cx.waker(), look) {
            Some(()) => Poll::Ready(()),
            None => Poll::Pending,
        }));
        ender.join().unwrap();
    });
}

struct Wait {
    slot: WakerSlot,
}

type Queue = Mutex<WaitQueue<Wait>>;

/// Waits in `queue` until released, without the lock once the signal is there.
fn wait_in(queue: &Queue, place: Pin<&Place<Wait>>, opened: &AtomicBool) {
    let mut queued = false;
    block_on(poll_fn(|cx| {
        if place.signal().is_some() {
            return Poll::Ready(());
        }
        if !queued {
            let mut held = queue.lock();
            // Ordering: Relaxed; the queue's lock orders it.
            if opened.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            held.enqueue(
                place,
                Wait {
                    slot: WakerSlot::new(),
                },
            );
            queued = true;
        }
        let over = register(queue, cx.waker(), |queue: &mut WaitQueue<Wait>| match queue
            .get_mut(place)
        {
            Some(wait) => Look::Wait(&mut wait.slot),
            None => Look::Over(()),
        });
        match over {
            Some(()) => Poll::Ready(()),
            None => Poll::Pending,
        }
    }));
}

/// What was written before a release is seen by the future that saw the signal, and its memory may go at once.
#[test]
fn wait_queue_a_release_publishes_and_is_the_last_touch() {
    loom::model(|| {
        let shared = Arc::new((
            Queue::new(WaitQueue::new()),
            AtomicBool::new(false),
            AtomicUsize::new(0),
        ));
        let releaser = {
            let shared = shared.clone();
            thread::spawn(move || {
                // Ordering: Relaxed; the release publishes it.
                shared.2.store(1, Ordering::Relaxed);
                let mut wakers = WakeBatch::new();
                let mut queue = shared.0.lock();
                // Ordering: Relaxed; the queue's lock orders it.
                shared.1.store(true, Ordering::Relaxed);
                while let Some(mut wait) = queue.release_front(SIGNAL) {
                    wakers.push(wait.slot.take());
                }
                wakers.wake_after(queue);
            })
        };
        let place = Box::pin(Place::new());
        wait_in(&shared.0, place.as_ref(), &shared.1);
        assert_eq!(shared.2.load(Ordering::Relaxed), 1);
        drop(place);
        releaser.join().unwrap();
    });
}

/// A future that is polled for another reason sees the signal without the lock, and before its waker is woken.
#[test]
fn wait_queue_a_signal_that_is_seen_without_the_lock_publishes() {
    loom::model(|| {
        let shared = Arc::new((Queue::new(WaitQueue::new()), AtomicUsize::new(0)));
        let place = Box::pin(Place::new());
        let slot = WakerSlot::new();
        shared.0.lock().enqueue(place.as_ref(), Wait { slot });
        let releaser = {
            let shared = shared.clone();
            thread::spawn(move || {
                // Ordering: Relaxed; the release publishes it.
                shared.1.store(1, Ordering::Relaxed);
                let mut queue = shared.0.lock();
                let wait = queue.release_front(SIGNAL);
                drop(queue);
                assert!(wait.is_some());
            })
        };
        while place.signal().is_none() {
            thread::yield_now();
        }
        assert_eq!(shared.1.load(Ordering::Relaxed), 1);
        drop(place);
        releaser.join().unwrap();
    });
}

/// A wait that is withdrawn while it is released ends in exactly one of the two ways.
#[test]
fn wait_queue_withdraw_races_release() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(WaitQueue::new()));
        let place = Box::pin(Place::new());
        queue.lock().enqueue(
            place.as_ref(),
            Wait {
                slot: WakerSlot::new(),
            },
        );
        let releaser = {
            let queue = queue.clone();
            thread::spawn(move || {
                let mut held = queue.lock();
                match held.release_front(SIGNAL) {
                    Some(mut wait) => {
                        wait.slot.take().wake_after(held);
                        true
                    }
                    None => false,
                }
            })
        };
        let withdrawn = match place.signal() {
            Some(signal) => {
                assert_eq!(signal, SIGNAL);
                false
            }
            None => queue.lock().withdraw(place.as_ref()).is_some(),
        };
        drop(place);
        assert_ne!(releaser.join().unwrap(), withdrawn);
    });
}

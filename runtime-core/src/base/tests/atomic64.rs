//! The stand-in for atomics of 64 bits, compared with a plain number, and shared by threads.

use crate::base::shim::atomic64::stand_in::Word;
use proptest::prelude::*;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicUsize, fence};
use std::thread;

/// Any number, and often one at the edges of 32 and of 64 bits.
fn number() -> impl Strategy<Value = u64> {
    let edges = [0, 1, 0xffff_ffff, 0x1_0000_0000, u64::MAX - 1, u64::MAX];
    prop_oneof![any::<u64>(), prop::sample::select(edges.to_vec())]
}

proptest! {
    #[test]
    fn operations_do_what_they_say(first in number(), steps in prop::collection::vec((0..10, number()), 1..40)) {
        let mut word = Word::new(first);
        let mut model = first;
        for (operation, n) in steps {
            let old = model;
            let (new, told) = match operation {
                0 => (n, { word.store(n, SeqCst); old }),
                1 => (n, word.swap(n, SeqCst)),
                2 => (old.wrapping_add(n), word.fetch_add(n, SeqCst)),
                3 => (old.wrapping_sub(n), word.fetch_sub(n, SeqCst)),
                4 => (old & n, word.fetch_and(n, SeqCst)),
                5 => (old | n, word.fetch_or(n, SeqCst)),
                6 => (old.max(n), word.fetch_max(n, SeqCst)),
                7 => (old.min(n), word.fetch_min(n, SeqCst)),
                8 => {
                    prop_assert_eq!(word.compare_exchange(!old, n, SeqCst, SeqCst), Err(old));
                    (n, word.compare_exchange_weak(old, n, SeqCst, SeqCst).unwrap())
                }
                _ => {
                    prop_assert_eq!(word.fetch_update(SeqCst, SeqCst, |_| None), Err(old));
                    (!old, word.fetch_update(SeqCst, SeqCst, |value| Some(!value)).unwrap())
                }
            };
            prop_assert_eq!(told, old);
            prop_assert_eq!(word.load(SeqCst), new);
            prop_assert_eq!(*word.get_mut(), new);
            model = new;
        }
        prop_assert_eq!(format!("{word:?}"), model.to_string());
        prop_assert_eq!(word.into_inner(), model);
    }
}

#[test]
fn it_is_laid_out_as_a_number() {
    assert_eq!((size_of::<Word>(), align_of::<Word>()), (8, 8));
}

#[test]
fn no_addition_is_lost_and_no_half_is_seen() {
    const TIMES: u64 = 5000;
    // The sum's lower half overflows all the time.
    let step = 0x8000_0001;
    let (sum, whole) = (Word::new(0), Word::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for n in 0..TIMES {
                    sum.fetch_add(step, Relaxed);
                    whole.store(if n % 2 == 0 { u64::MAX } else { 0 }, Relaxed);
                    let seen = whole.load(Relaxed);
                    assert!(seen == 0 || seen == u64::MAX, "{seen:x}");
                }
            });
        }
    });
    assert_eq!(sum.load(Relaxed), 3 * TIMES * step);
}

/// Two threads each write one word and then read the other's: at least one sees the other's write.
#[test]
fn of_two_that_write_and_look_one_sees_the_other() {
    for round in 0..500 {
        let (word, number) = (Word::new(0), AtomicUsize::new(0));
        let both_missed = thread::scope(|scope| {
            let first = scope.spawn(|| {
                word.store(1, SeqCst);
                fence(SeqCst);
                number.load(Relaxed)
            });
            number.store(1, Relaxed);
            fence(SeqCst);
            let seen = word.load(SeqCst);
            first.join().unwrap() + seen as usize == 0
        });
        assert!(!both_missed, "{round}");
    }
}

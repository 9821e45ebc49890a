//! The wheel against a sorted map.

use crate::entry::{Entry, Phase};
use crate::wheel::Wheel;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Waker;

#[derive(Clone, Debug)]
enum Op {
    Insert(u64),
    Remove(usize),
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let delta = prop_oneof![
        0..70_u64,
        0..5_000_u64,
        0..300_000_u64,
        Just(64),
        Just(4096),
        Just(1 << 40),
        0..(1_u64 << 37)
    ];
    prop_oneof![
        4 => delta.clone().prop_map(Op::Insert),
        1 => any::<usize>().prop_map(Op::Remove),
        3 => delta.prop_map(Op::Advance),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn fires_exactly_what_a_sorted_map_would(ops in proptest::collection::vec(op(), 1..80)) {
        let mut wheel = Wheel::new();
        let mut now = 0_u64;
        let mut model: BTreeMap<(u64, usize), Pin<Box<Entry>>> = BTreeMap::new();
        for (n, op) in ops.into_iter().enumerate() {
            match op {
                Op::Insert(delta) => for i in 0..5 {
                    let entry = Box::pin(Entry::new());
                    Entry::set(&entry, Phase::Armed);
                    // SAFETY: in no wheel yet.
                    unsafe { (*entry.node()).waker = Some(Waker::noop().clone()) };
                    // SAFETY: pinned in its box, removed or fired before that goes.
                    let filed = unsafe { wheel.insert(NonNull::from(&*entry), now + delta, now) };
                    prop_assert_eq!(filed, delta > 0);
                    if filed {
                        model.insert((now + delta, 5 * n + i), entry);
                    }
                }
                Op::Remove(pick) if !model.is_empty() => {
                    let key = *model.keys().nth(pick % model.len()).unwrap();
                    let entry = model.remove(&key).unwrap();
                    // SAFETY: linked.
                    unsafe { wheel.remove(NonNull::from(&*entry)) };
                }
                Op::Remove(_) => {}
                Op::Advance(delta) => {
                    now += delta;
                    let mut wakers = Vec::new();
                    // No room for all that is due: what is left stays due.
                    while wheel.advance(now, &mut wakers, 2) {
                        prop_assert_eq!(wakers.len(), 2);
                        wakers.clear();
                        prop_assert!(wheel.next_tick().is_some_and(|next| next <= now));
                    }
                    for ((deadline, _), entry) in &model {
                        prop_assert_eq!(entry.phase() == Phase::Fired, *deadline <= now);
                    }
                    model.retain(|_, entry| entry.phase() != Phase::Fired);
                }
            }
            if let Some(next) = wheel.next_tick() {
                let earliest = model.keys().next().map(|(deadline, _)| *deadline);
                prop_assert!(Some(next) <= earliest);
                prop_assert!(next > now);
            } else {
                prop_assert!(model.is_empty());
            }
        }
        for entry in model.values() {
            // SAFETY: linked.
            unsafe { wheel.remove(NonNull::from(&**entry)) };
        }
    }
}

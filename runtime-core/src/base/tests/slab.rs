//! Keys and the values they name: used again, out of date, many.

use crate::base::slab::{Key, Slab};
use proptest::prelude::*;

#[test]
fn a_key_that_is_out_of_date_names_nothing() {
    let mut slab = Slab::new();
    let old = slab.insert("first");
    assert_eq!(slab.get(old), Some(&"first"));
    assert_eq!(slab.remove(old), Some("first"));
    assert_eq!(slab.get(old), None);
    assert_eq!(slab.remove(old), None);
    let new = slab.insert("second");
    // The same place, and another key.
    let place = |key: Key| key.number() & ((1 << (usize::BITS / 2)) - 1);
    assert_eq!(place(new), place(old));
    assert_ne!(new, old);
    assert_eq!(slab.get(old), None);
    assert_eq!(slab.get_mut(old), None);
    assert_eq!(slab.remove(old), None);
    *slab.get_mut(new).unwrap() = "third";
    assert_eq!(slab.get(Key::of(new.number())), Some(&"third"));
}

/// The place was in a page that was freed and made anew.
#[test]
fn a_key_of_a_page_that_is_gone_names_nothing() {
    let mut slab = Slab::new();
    let keep = slab.insert(0);
    let old: Vec<Key> = (0..500).map(|at| slab.insert(at)).collect();
    for key in &old {
        assert!(slab.remove(*key).is_some());
    }
    let new: Vec<Key> = (0..500).map(|at| slab.insert(at)).collect();
    for key in &old {
        assert_eq!(slab.get(*key), None);
        assert_eq!(slab.remove(*key), None);
    }
    assert_eq!(slab.get(keep), Some(&0));
    assert!(new.iter().all(|key| slab.get(*key).is_some()));
}

#[test]
fn no_generation_makes_a_reserved_key() {
    let mut slab = Slab::new();
    slab.age_to((1 << (usize::BITS / 2)) - 6);
    for at in 0..10 {
        let key = slab.insert(at);
        assert!(key.number() < Key::FIRST_RESERVED, "{key:?}");
        assert_eq!(slab.get(key), Some(&at));
    }
    assert_eq!(slab.get(Key::of(usize::MAX)), None);
}

#[test]
fn a_burst_leaves_no_memory_behind() {
    let mut slab = Slab::new();
    let mut all: Vec<Key> = (0..50_000).map(|at| slab.insert(at)).collect();
    assert!(slab.memory() > 500_000);
    // The value that came last stays: the memory of the others is freed all the same.
    let last = all.pop().unwrap();
    for key in all {
        slab.remove(key);
    }
    assert!(slab.memory() < 50_000, "{}", slab.memory());
    slab.remove(last);
    assert!(slab.memory() < 5_000, "{}", slab.memory());
    // One page is kept, and used again.
    let kept = slab.memory();
    let key = slab.insert(1);
    assert!(slab.memory() < 2 * kept, "{} of {kept}", slab.memory());
    slab.remove(key);
}

#[test]
fn all_are_given_out_by_place_and_none_stays() {
    let mut slab = Slab::new();
    let all: Vec<Key> = (0..200).map(|at| slab.insert(at)).collect();
    slab.remove(all[7]);
    let listed: Vec<(Key, i32)> = slab.iter_mut().map(|(key, at)| (key, *at)).collect();
    assert_eq!(listed.len(), 199);
    assert!(listed.iter().all(|(key, at)| all[*at as usize] == *key));
    let taken: Vec<i32> = slab.take_all();
    assert_eq!(taken, listed.iter().map(|(_, at)| *at).collect::<Vec<_>>());
    assert!(all.iter().all(|key| slab.remove(*key).is_none()));
    assert_eq!(slab.memory(), 0);
    let key = slab.insert(1);
    assert_eq!(slab.remove(key), Some(1));
}

proptest! {
    /// Whatever comes and goes, a key names its own value or nothing.
    #[test]
    fn a_key_names_its_own_or_nothing(steps in prop::collection::vec((0..3, 0..400_usize), 1..600)) {
        let mut slab = Slab::new();
        let mut known: Vec<(Key, Option<usize>)> = Vec::new();
        for (what, which) in steps {
            if what > 0 || known.is_empty() {
                let value = known.len();
                known.push((slab.insert(value), Some(value)));
            } else {
                let at = which % known.len();
                let (key, value) = &mut known[at];
                prop_assert_eq!(slab.remove(*key), value.take());
            }
        }
        for (key, value) in &known {
            prop_assert_eq!(slab.get(*key), value.as_ref());
        }
        let left: Vec<usize> = known.iter().filter_map(|(_, value)| *value).collect();
        let mut taken: Vec<usize> = slab.take_all();
        taken.sort_unstable();
        prop_assert_eq!(taken, left);
    }
}

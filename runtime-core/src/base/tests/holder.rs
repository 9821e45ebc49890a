//! Records of locks: their numbers, their names, and which holders they name.

use super::*;

/// The task; 0 as `None`.
fn held_by(name: u64) -> Option<Option<u64>> {
    let task = held(name)?.task;
    Some((task != 0).then_some(task))
}

#[test]
fn numbers_fill_the_blocks_one_after_the_other() {
    let mut expected = (0, 0);
    for number in 0..10_000 {
        assert_eq!(place_of(number), expected, "{number}");
        expected.1 += 1;
        if expected.1 == (FIRST as usize) << expected.0 {
            expected = (expected.0 + 1, 0);
        }
    }
    assert!(place_of(u32::MAX).0 <= BLOCKS);
}

#[test]
fn a_wait_tells_who_holds_the_lock_until_the_lock_goes() {
    let holder = Holder::new();
    holder.set(5);
    let name = holder.watched();
    assert_eq!(held_by(name), Some(Some(5)));
    holder.set_and_tell(6);
    assert_eq!(held_by(name), Some(Some(6)));
    assert_eq!(holder.watched(), name);
    holder.set_and_tell(7 | HANDED_OVER | IS_MAIN);
    let handed = Held {
        task: 7,
        is_handed_over: true,
    };
    assert_eq!(held(name), Some(handed));
    holder.set(0);
    assert_eq!(holder.watched(), name);
    assert_eq!(held_by(name), Some(None));
    drop(holder);
    assert_eq!(held_by(name), None);
}

#[test]
fn a_record_that_is_used_again_has_another_name() {
    let names: Vec<u64> = (0..1000)
        .map(|task| {
            let holder = Holder::new();
            holder.set(task + 1);
            holder.watched()
        })
        .collect();
    let holders: Vec<Holder> = (0..1000).map(|_| Holder::new()).collect();
    for (at, holder) in holders.iter().enumerate() {
        holder.set(at as u64 + 1);
        assert_eq!(held_by(holder.watched()), Some(Some(at as u64 + 1)));
        assert!(!names.contains(&holder.watched()));
    }
    assert!(names.iter().all(|name| held_by(*name).is_none()));
    assert_eq!(held_by(u64::MAX), None);
}

/// Other tests use records meanwhile, but not so many.
#[test]
fn records_are_used_again_and_none_is_lost() {
    const MANY: u32 = 100_000;
    let fresh = || FREE.lock().fresh;
    let before = fresh();
    for _ in 0..MANY {
        Holder::new().watched();
    }
    assert!(fresh() - before < MANY / 2, "one that was put back is kept");
    // The slower of two first waiters finds the record of the other.
    let holder = Holder::new();
    let number = holder.give_record();
    for _ in 0..MANY {
        assert_eq!(holder.give_record(), number);
    }
    assert!(fresh() - before < MANY / 2, "the second one's is put back");
    drop(Holder::new());
    assert!(!FREE.lock().records.contains(&0), "it had none");
}

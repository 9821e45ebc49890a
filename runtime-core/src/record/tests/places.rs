//! Tests of what a thread remembers: the four latest places of each set.

use crate::record::places::Places;

/// Addresses of one set.
fn of_one_set(set: u64) -> impl Iterator<Item = usize> {
    let is_of_set = move |address: &usize| {
        let hash = (*address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash / (1 << 58) == set
    };
    (1..).map(|n| n * 24).filter(is_of_set)
}

#[test]
fn each_set_has_room_for_four() {
    let all = || (0..64).flat_map(|set| of_one_set(set).take(4));
    let mut places = Places::default();
    assert!(!all().any(|place| places.knows(place)));
    assert!(all().all(|place| places.knows(place)));
}

#[test]
fn the_one_that_came_first_is_forgotten() {
    let of_set: Vec<usize> = of_one_set(63).take(5).collect();
    // Whichever place comes once more, the next that is forgotten is the oldest of the others.
    for (again, forgotten) in [(0, 1), (1, 0), (2, 0), (3, 0)] {
        let mut places = Places::default();
        for place in &of_set[..4] {
            assert!(!places.knows(*place));
        }
        assert!(places.knows(of_set[again]));
        assert!(!places.knows(of_set[4]));
        let stays = (0..5).filter(|at| *at != forgotten);
        for at in stays {
            assert!(places.knows(of_set[at]), "{at} after {again}");
        }
        assert!(!places.knows(of_set[forgotten]));
    }
}

/// Places are forgotten in the order in which they last came.
#[test]
fn places_are_forgotten_in_the_order_in_which_they_came() {
    let of_set: Vec<usize> = of_one_set(0).take(8).collect();
    let mut places = Places::default();
    for at in [0, 1, 2, 3, 1, 3, 0, 2] {
        places.knows(of_set[at]);
    }
    for (gone, next) in [1, 3, 0, 2].into_iter().zip(4..8) {
        assert!(!places.knows(of_set[next]));
        let (mut known, mut others) = (0, 0);
        // A copy is asked, as a place that is asked for is remembered, too.
        for (at, place) in of_set[..=next].iter().enumerate() {
            let is_known = places.clone().knows(*place);
            known += usize::from(is_known);
            others += usize::from(is_known && at == gone);
        }
        assert_eq!((known, others), (4, 0));
    }
}

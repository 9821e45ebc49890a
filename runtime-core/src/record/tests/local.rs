//! Tests of which polls are long.

use super::OpenPolls;

const LONGEST: u64 = 100;

#[test]
fn a_poll_is_long_when_it_takes_more_than_the_longest() {
    let mut polls = OpenPolls::new(LONGEST);
    for (began, ended, expected) in [
        (10, 110, None),
        (10, 111, Some(101)),
        (10, 500, Some(490)),
        // The processor's clock has gone back.
        (10, 5, None),
        // A poll that may take long.
        (0, 500, None),
    ] {
        polls.begin(began);
        assert_eq!(polls.end(ended), expected, "{began} {ended}");
    }
    assert_eq!(polls.end(500), None, "no poll has begun");
}

#[test]
fn polls_within_polls_are_timed_each_by_itself_up_to_the_fourth() {
    let mut polls = OpenPolls::new(LONGEST);
    (1..=5).for_each(|depth| polls.begin(depth));
    let ends = [(); 5].map(|()| polls.end(200));
    assert_eq!(ends, [None, Some(196), Some(197), Some(198), Some(199)]);
}

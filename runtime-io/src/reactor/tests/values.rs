//! The sets of flags, one flag at a time.

use crate::reactor::{Interest, Ready};

const INTERESTS: [Interest; 4] = [
    Interest::READABLE,
    Interest::WRITABLE,
    Interest::PRIORITY,
    Interest::ERROR,
];

#[test]
fn what_is_ready_is_what_its_flags_say() {
    for bits in 0..64 {
        let ready = Ready::from_bits(bits);
        let has = |flag: Ready| bits & flag.bits() != 0;
        assert_eq!(ready.is_empty(), bits == 0);
        assert_eq!(
            ready.is_readable(),
            has(Ready::READABLE) || has(Ready::READ_CLOSED)
        );
        assert_eq!(
            ready.is_writable(),
            has(Ready::WRITABLE) || has(Ready::WRITE_CLOSED)
        );
        assert_eq!(ready.is_read_closed(), has(Ready::READ_CLOSED));
        assert_eq!(ready.is_write_closed(), has(Ready::WRITE_CLOSED));
        assert_eq!(ready.is_priority(), has(Ready::PRIORITY));
        assert_eq!(ready.is_error(), has(Ready::ERROR));
    }
}

#[test]
fn interests_are_added_and_removed() {
    for one in INTERESTS {
        for other in INTERESTS {
            let mut both = one;
            both |= other;
            assert_eq!(both, one.add(other));
            assert_eq!(both, one | other);
            let left = (one != other).then_some(one);
            assert_eq!(both.remove(other), left);
            assert_eq!(one.remove(other), left);
        }
    }
}

/// The system has no interest in errors alone: it is asked about reading then, and about nothing else.
#[test]
fn the_system_is_asked_for_each_interest() {
    let asked = |interest: Interest| {
        let mio = interest.to_mio();
        (mio.is_readable(), mio.is_writable())
    };
    assert_eq!(asked(Interest::READABLE), (true, false));
    assert_eq!(asked(Interest::WRITABLE), (false, true));
    assert_eq!(asked(Interest::ERROR), (true, false));
    assert_eq!(asked(Interest::ERROR | Interest::WRITABLE), (true, true));
    #[cfg(target_os = "linux")]
    {
        assert!(Interest::PRIORITY.to_mio().is_priority());
        assert_eq!(asked(Interest::PRIORITY), (false, false));
        let both = Interest::PRIORITY | Interest::WRITABLE;
        assert!(both.to_mio().is_priority() && !both.to_mio().is_readable());
    }
}

#[test]
fn each_interest_is_satisfied_by_its_flags() {
    let (read, write) = (Ready::READ_CLOSED, Ready::WRITE_CLOSED);
    let masks = [
        Ready::READABLE | read,
        Ready::WRITABLE | write,
        Ready::PRIORITY | read,
        Ready::ERROR,
    ];
    for (one, its) in INTERESTS.into_iter().zip(masks) {
        for (other, others) in INTERESTS.into_iter().zip(masks) {
            assert_eq!(one.add(other).mask(), its | others);
        }
    }
}

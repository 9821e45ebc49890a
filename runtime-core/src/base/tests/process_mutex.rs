//! Locks of the process, and forks while others hold them.

use super::{ProcessMutex, Rank};
use std::sync::atomic::{AtomicBool, Ordering};

/// A child's status is 0 if `f` is true there.
#[cfg(unix)]
fn is_true_in_child(f: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child has this thread only, takes locks of the process alone, and leaves by `_exit`.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // A child that hangs ends all the same, by a signal.
        // SAFETY: no memory is involved, in either call.
        unsafe {
            libc::alarm(20);
            libc::_exit(i32::from(!f()));
        }
    }
    let mut status = 0;
    // SAFETY: `status` is valid, and the child ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    status == 0
}

/// Two threads hold and release the lock all the time, one of them beneath another lock.
#[cfg(unix)]
#[test]
#[cfg_attr(miri, ignore = "forks")]
fn no_child_finds_a_lock_taken_or_what_it_guards_half_done() {
    static OUTER: ProcessMutex<[u32; 64]> = ProcessMutex::new(Rank::Setup, [0; 64]);
    static INNER: ProcessMutex<[u32; 64]> = ProcessMutex::new(Rank::Leaf, [0; 64]);
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    let count = |guarded: &mut [u32; 64]| guarded.iter_mut().for_each(|n| *n = n.wrapping_add(1));
    let is_whole = |guarded: &[u32; 64]| guarded.iter().all(|n| *n == guarded[0]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !IS_OVER.load(Ordering::Relaxed) {
                let mut outer = OUTER.lock();
                count(&mut outer);
                count(&mut INNER.lock());
            }
        });
        scope.spawn(|| {
            while !IS_OVER.load(Ordering::Relaxed) {
                count(&mut INNER.lock());
            }
        });
        let failed = (0..300)
            .find(|_| !is_true_in_child(|| is_whole(&OUTER.lock()) && is_whole(&INNER.lock())));
        IS_OVER.store(true, Ordering::Relaxed);
        assert_eq!(failed, None);
    });
    // The parent's values are whole too.
    assert!(is_whole(&OUTER.lock()) && is_whole(&INNER.lock()));
}

/// No lock is held across the fork, and the parent does not wait for itself.
#[cfg(unix)]
#[test]
#[cfg_attr(miri, ignore = "forks")]
fn a_fork_under_a_lock_goes_through() {
    static LOCK: ProcessMutex<()> = ProcessMutex::new(Rank::Leaf, ());
    let held = LOCK.lock();
    assert!(is_true_in_child(|| true));
    drop(held);
    drop(LOCK.lock());
}

#[cfg(debug_assertions)]
#[test]
fn a_lock_under_one_of_its_rank_is_refused() {
    static FIRST: ProcessMutex<()> = ProcessMutex::new(Rank::Leaf, ());
    static SECOND: ProcessMutex<()> = ProcessMutex::new(Rank::Leaf, ());
    let first = FIRST.lock();
    assert!(std::panic::catch_unwind(|| drop(SECOND.lock())).is_err());
    drop(first);
    drop(SECOND.lock());
}

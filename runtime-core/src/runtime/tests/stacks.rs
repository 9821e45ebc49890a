//! Tests of a thread that answers, a thread that does not, and signals that nobody has asked for.

use super::*;
use std::sync::mpsc::channel;

#[inline(never)]
fn stands_still(begun: &std::sync::mpsc::Sender<u64>, over: &std::sync::mpsc::Receiver<()>) {
    begun.send(crate::base::thread::system_id()).unwrap();
    over.recv().unwrap();
}

#[test]
fn a_thread_says_what_it_is_in_and_goes_on() {
    // ThreadSanitizer keeps a signal back until the thread calls something that it knows.
    if cfg!(runtime_tsan) {
        return;
    }
    begin().unwrap();
    begin().unwrap();
    let (begun, begins) = channel();
    let (end, over) = channel();
    let thread = std::thread::spawn(move || stands_still(&begun, &over));
    let id = begins.recv().unwrap();
    for _ in 0..3 {
        // On a busy machine a thread may wait for a processor for longer than `PATIENCE`.
        let mut stacks = std::iter::repeat_with(|| of_thread(id));
        let stack = stacks.find(|stack| !stack.is_empty()).unwrap();
        let at = stack.iter().position(|name| name.contains("stands_still"));
        assert!(at.is_some(), "{stack:?}");
        assert!(
            !stack.iter().any(|name| name.contains("stacks::answer")),
            "{stack:?}"
        );
    }
    end.send(()).unwrap();
    thread.join().unwrap();
    // The thread has ended.
    assert!(of_thread(id).is_empty());
    assert!(of_thread(0).is_empty());
    assert!(of_thread(u64::MAX).is_empty());
}

/// The wait for a thread that blocks the signal ends, and the late signal does nothing.
#[test]
fn a_thread_that_does_not_answer_is_given_up() {
    begin().unwrap();
    let (begun, begins) = channel();
    let (end, over) = channel::<()>();
    let thread = std::thread::spawn(move || {
        // SAFETY: all zero is a value; the set is this thread's.
        unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigaddset(&mut set, SIGNAL);
            libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut());
            begun.send(crate::base::thread::system_id()).unwrap();
            over.recv().unwrap();
            libc::pthread_sigmask(libc::SIG_UNBLOCK, &set, ptr::null_mut());
        }
        // The late signal has come.
        assert_eq!(WANTED.load(Ordering::Relaxed), 0);
    });
    let id = begins.recv().unwrap();
    assert!(of_thread(id).is_empty());
    end.send(()).unwrap();
    thread.join().unwrap();
}

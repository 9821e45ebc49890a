//! A post by itself: what is sent is taken once. Races of two threads are in the models.

use crate::base::parker::{Post, ThreadParker};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn what_is_sent_is_taken_once_and_the_last_takes_the_place_of_the_others() {
    let post = Post::default();
    assert!(!post.has_any());
    assert_eq!(post.take(), None);
    post.send(1);
    post.send(2);
    assert!(post.has_any());
    assert_eq!(post.take(), Some(2));
    assert!(!post.has_any());
    assert_eq!(post.take(), None);
    post.send(3);
    assert_eq!(post.wait(), 3);
    assert!(!post.has_any());
    post.send(4);
    assert_eq!(post.wait_timeout(Duration::MAX), Some(4));
    post.send(5);
    assert_eq!(post.wait_timeout(Duration::ZERO), Some(5));
}

#[test]
fn a_wait_with_a_time_out_is_not_over_before() {
    let post = Post::<()>::default();
    let begin = Instant::now();
    assert_eq!(post.wait_timeout(SHORT), None);
    assert!(begin.elapsed() >= SHORT);
}

#[test]
fn a_park_lasts_until_the_token_is_set() {
    let (parker, has_come) = (ThreadParker::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(SHORT);
            has_come.store(true, Ordering::Relaxed);
            parker.unpark();
        });
        parker.park();
        assert!(has_come.load(Ordering::Relaxed));
    });
}

#[test]
fn a_token_ends_one_park() {
    let parker = ThreadParker::default();
    assert!(!parker.is_set());
    parker.unpark();
    assert!(parker.is_set());
    parker.park_timeout(Duration::MAX);
    parker.unpark();
    parker.take_token();
    assert!(!parker.is_set());
    let begin = Instant::now();
    parker.park_timeout(SHORT);
    assert!(begin.elapsed() >= SHORT);
}

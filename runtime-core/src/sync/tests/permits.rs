//! Tests of permits at their limits: the largest number, none, a spent budget, wakers that panic.

use crate::coop;
use crate::sync::{Semaphore, TryAcquireError};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// The result of `f` when the budget is spent.
fn with_spent_budget<R>(f: impl FnOnce() -> R) -> R {
    coop::budget(|| {
        while coop::spend_if(|| true) {}
        f()
    })
}

#[test]
fn a_closed_semaphore_without_permits_says_that_it_is_closed() {
    let semaphore = Semaphore::new(0);
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::NoPermits
    );
    semaphore.close();
    assert_eq!(
        semaphore.try_acquire().unwrap_err(),
        TryAcquireError::Closed
    );
}

#[test]
fn as_many_permits_as_can_be_come_back_from_a_request_given_up() {
    let semaphore = Semaphore::new(0);
    let mut request = Box::pin(semaphore.acquire());
    assert!(poll(request.as_mut()).is_pending());
    semaphore.add_permits(Semaphore::MAX_PERMITS);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS - 1);
    drop(request); // granted, and not reported
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

#[test]
fn a_request_for_nothing_is_granted_behind_others_when_the_budget_comes_back() {
    let semaphore = Semaphore::new(0);
    let mut first = pin!(semaphore.acquire());
    assert!(poll(first.as_mut()).is_pending());
    let mut nothing = pin!(semaphore.acquire_many(0));
    assert!(with_spent_budget(|| poll(nothing.as_mut()).is_pending()));
    assert!(matches!(poll(nothing), Poll::Ready(Ok(_))));
    assert!(poll(first).is_pending());
}

#[test]
fn a_refusal_costs_budget_and_is_told_when_the_budget_comes_back() {
    let semaphore = Semaphore::new(1);
    semaphore.close();
    let mut late = pin!(semaphore.acquire());
    assert!(with_spent_budget(|| poll(late.as_mut()).is_pending()));
    assert!(matches!(poll(late), Poll::Ready(Err(_))));
    let refusals = coop::budget(|| {
        let is_refused = |_: &i32| poll(pin!(semaphore.acquire())).is_ready();
        (0..1000).take_while(is_refused).count()
    });
    assert_eq!(refusals, 128);
}

/// A waker whose clone panics when it is dropped.
fn waker_whose_clone_panics_when_dropped() -> Waker {
    const ORIGINAL: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(std::ptr::null(), &CLONE),
        |_| (),
        |_| (),
        |_| (),
    );
    const CLONE: RawWakerVTable = RawWakerVTable::new(
        |_| RawWaker::new(std::ptr::null(), &CLONE),
        |_| (),
        |_| (),
        |_| panic!("dropped"),
    );
    // SAFETY: the functions do not use the pointer.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), &ORIGINAL)) }
}

#[test]
fn a_permit_that_waits_for_budget_is_not_lost_to_a_waker_that_panics_when_it_is_dropped() {
    let semaphore = Semaphore::new(1);
    let mut request = Box::pin(semaphore.acquire());
    let waker = waker_whose_clone_panics_when_dropped();
    let polled = with_spent_budget(|| {
        catch_unwind(AssertUnwindSafe(|| {
            request.as_mut().poll(&mut Context::from_waker(&waker))
        }))
    });
    assert!(polled.is_err());
    drop(request);
    assert_eq!(semaphore.available_permits(), 1);
}

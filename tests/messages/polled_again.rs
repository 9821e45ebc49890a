//! Futures that are polled after they were ready.

//!
//! For an `.await` on a reference, the panic would name the standard library. So these tests call `poll` themselves.

use super::told;
use crate::support::current;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::sync::oneshot;

#[test]
fn a_future_that_has_ended_names_who_polls_it() {
    let runtime = current();
    let mut cx = Context::from_waker(Waker::noop());
    let _inside = runtime.enter();
    let mut task = tokio::spawn(async { 1 });
    assert_eq!(runtime.block_on(&mut task).unwrap(), 1);
    told!(
        "Pin::new(&mut task).poll(",
        ["JoinHandle polled after completion", "output before"],
        || Pin::new(&mut task).poll(&mut cx)
    );
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(runtime.block_on(&mut rx).unwrap(), 1);
    told!(
        "Pin::new(&mut rx).poll(",
        ["called after complete", "before"],
        || Pin::new(&mut rx).poll(&mut cx)
    );
}

#[test]
fn a_sleep_of_a_runtime_that_has_ended_names_who_polls_it() {
    let runtime = current();
    let inside = runtime.enter();
    let mut sleep = pin!(tokio::time::sleep(Duration::from_secs(3600)));
    drop(inside);
    drop(runtime);
    let mut cx = Context::from_waker(Waker::noop());
    told!(".poll(&mut cx)", ["is being shutdown"], || sleep
        .as_mut()
        .poll(&mut cx));
}

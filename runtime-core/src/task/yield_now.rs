//! Giving the other tasks a turn.

use crate::base::deferred;
use crate::base::waits::{self, WaitKind};
use std::future::poll_fn;
use std::task::Poll;

/// Lets the scheduler run other tasks, and the driver, before this one goes on.
///
/// Nothing is promised about which tasks run meanwhile.
///
/// # Cancel safety
/// Cancel safe: dropping it only leaves a spurious wake.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// let other = selvedge::spawn(async { 1 });
/// selvedge::task::yield_now().await; // the other one runs
/// assert!(other.is_finished());
/// # }
/// ```
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        std::task::ready!(crate::coop::poll_trace(cx));
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        deferred::defer(cx.waker());
        waits::note(WaitKind::Turn, 0);
        Poll::Pending
    })
    .await;
}

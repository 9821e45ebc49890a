//! The future of a `block_on`, as the recorder sees it: with polls like a task's, and the number of one.

use super::Id;
use crate::record::{self, Outcome};
use pin_project_lite::pin_project;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// See the module's page.
    pub(crate) struct Recorded<F> {
        #[pin]
        future: F,
        id: Id,
        place: &'static Location<'static>,
    }
}

impl<F: Future> Recorded<F> {
    pub(crate) fn new(future: F, id: Id, place: &'static Location<'static>) -> Recorded<F> {
        Recorded { future, id, place }
    }
}

/// Tells the end of a poll, also of one that panics.
struct Ending(Id, Outcome);

impl Drop for Ending {
    fn drop(&mut self) {
        record::poll_end(self.0.as_u64(), self.1);
    }
}

impl<F: Future> Future for Recorded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        record::poll_begin(this.id.as_u64(), this.place, record::Poll::BlockOn);
        let mut ending = Ending(*this.id, Outcome::Panicked);
        let polled = this.future.poll(cx);
        ending.1 = match polled.is_ready() {
            true => Outcome::Ready,
            false => Outcome::Pending,
        };
        polled
    }
}

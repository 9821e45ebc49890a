//! The future of a `block_on`, reported like a task: it has a task's number, and its polls are recorded.

use super::id;
use super::mains::Main;
use crate::base::waits;
use crate::record::{self, Outcome};
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// See the module's page.
    pub(crate) struct Recorded<F> {
        #[pin]
        future: F,
        main: Main,
    }

    impl<F> PinnedDrop for Recorded<F> {
        fn drop(this: Pin<&mut Self>) {
            this.main.ends();
        }
    }
}

impl<F: Future> Recorded<F> {
    pub(crate) fn new(future: F, main: Main) -> Recorded<F> {
        Recorded { future, main }
    }
}

/// Reports the end of a poll, also of a poll that panics.
struct Ending {
    main: Main,
    outcome: Outcome,
    polled_before: u64,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.main.waits();
        record::poll_end(self.main.id.as_u64(), self.outcome);
        id::replace_running(self.polled_before);
    }
}

impl<F: Future> Future for Recorded<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let main = *this.main;
        let id = main.id.as_u64();
        main.runs();
        record::time_passes(); // the thread may have waited
        record::poll_begin(id, main.place, record::Poll::BlockOn);
        let _waits = waits::Poll::begin();
        let mut ending = Ending {
            main,
            outcome: Outcome::Panicked,
            polled_before: id::replace_running(id | id::MAIN),
        };
        let polled = this.future.poll(cx);
        ending.outcome = match polled.is_ready() {
            true => Outcome::Ready,
            false => Outcome::Pending,
        };
        polled
    }
}

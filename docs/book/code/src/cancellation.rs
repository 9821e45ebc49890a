//! Cancellation: a future is dropped at an await, with everything that it holds.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// Text that arrives in pieces. A `None` stands for a read that finds no piece yet.
#[derive(Default)]
pub struct Stream(pub RefCell<VecDeque<Option<&'static str>>>);

impl Stream {
    async fn read(&self) -> &'static str {
        poll_fn(|_| match self.0.borrow_mut().pop_front() {
            Some(Some(piece)) => Poll::Ready(piece),
            _ => Poll::Pending,
        })
        .await
    }

    /// Reads a line. The future holds the pieces read so far.
    pub async fn naive_line(&self) -> String {
        let mut line = String::new();
        while !line.ends_with('\n') {
            line += self.read().await;
        }
        line
    }
}

/// Holds the pieces of a line in itself, so that a dropped future loses none of them.
#[derive(Default)]
pub struct Lines {
    pub stream: Stream,
    line: String,
}

impl Lines {
    /// Reads the next line.
    ///
    /// # Cancel safety
    /// Cancel safe: the pieces read so far stay in `self`.
    pub async fn line(&mut self) -> String {
        while !self.line.ends_with('\n') {
            self.line += self.stream.read().await;
        }
        std::mem::take(&mut self.line)
    }
}

/// One permit. The futures that wait for it get it in the order in which they came.
#[derive(Default)]
pub struct Line {
    is_taken: Cell<bool>,
    queue: RefCell<VecDeque<Rc<Cell<bool>>>>,
}

impl Line {
    /// Passes the permit to the first future in the queue, if there is one. A real lock would wake its task here.
    pub fn release(&self) {
        match self.queue.borrow_mut().pop_front() {
            Some(first) => first.set(true),
            None => self.is_taken.set(false),
        }
    }

    pub fn acquire(&self) -> Acquire<'_> {
        Acquire {
            line: self,
            place: None,
            passes_on: true,
        }
    }

    /// As `acquire`, but the future does not pass the permit on when it is dropped.
    pub fn naive_acquire(&self) -> Acquire<'_> {
        let mut acquire = self.acquire();
        acquire.passes_on = false;
        acquire
    }
}

/// Waits for the permit.
pub struct Acquire<'a> {
    line: &'a Line,
    /// This future's place in the queue, if it waits. The cell is true when the permit has been passed to this future.
    place: Option<Rc<Cell<bool>>>,
    passes_on: bool,
}

impl Future for Acquire<'_> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let line = self.line;
        match &self.place {
            None if !line.is_taken.replace(true) => Poll::Ready(()),
            None => {
                let place = Rc::new(Cell::new(false));
                line.queue.borrow_mut().push_back(place.clone());
                self.place = Some(place);
                Poll::Pending
            }
            Some(place) if place.get() => {
                self.place = None;
                Poll::Ready(())
            }
            Some(_) => Poll::Pending,
        }
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else {
            return; // the future never waited, or is ready
        };
        self.line
            .queue
            .borrow_mut()
            .retain(|other| !Rc::ptr_eq(other, &place));
        if place.get() && self.passes_on {
            self.line.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Acquire, Line, Lines, Stream};
    use std::cell::RefCell;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn pieces() -> Stream {
        Stream(RefCell::new([Some("GET /"), None, Some("index\n")].into()))
    }

    #[test]
    fn a_line_gathered_in_the_future_goes_with_it() {
        let stream = pieces();
        assert!(poll(pin!(stream.naive_line())).is_pending()); // the future is dropped here, as by a time-out
        assert_eq!(
            poll(pin!(stream.naive_line())),
            Poll::Ready("index\n".into())
        );
    }

    #[test]
    fn a_line_gathered_beside_it_stays() {
        let mut lines = Lines {
            stream: pieces(),
            ..Lines::default()
        };
        assert!(poll(pin!(lines.line())).is_pending());
        assert_eq!(poll(pin!(lines.line())), Poll::Ready("GET /index\n".into()));
    }

    /// Two futures wait. The permit is passed to the first, which is dropped. Does the second get the permit?
    fn second_gets_it(acquire: for<'a> fn(&'a Line) -> Acquire<'a>) -> bool {
        let line = Line::default();
        assert!(poll(pin!(line.acquire())).is_ready());
        let (mut first, mut second) = (Box::pin(acquire(&line)), pin!(acquire(&line)));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        line.release();
        drop(first);
        poll(second).is_ready()
    }

    #[test]
    fn a_permit_goes_with_whom_it_was_passed_to() {
        assert!(!second_gets_it(Line::naive_acquire));
    }

    #[test]
    fn a_permit_is_passed_on() {
        assert!(second_gets_it(Line::acquire));
    }

    #[test]
    fn who_gives_up_leaves_the_line() {
        let line = Line::default();
        assert!(poll(pin!(line.acquire())).is_ready());
        let (mut first, mut second) = (Box::pin(line.acquire()), pin!(line.acquire()));
        assert!(poll(first.as_mut()).is_pending() && poll(second.as_mut()).is_pending());
        drop(first);
        line.release();
        assert!(poll(second).is_ready());
    }
}

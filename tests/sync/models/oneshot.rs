//! `oneshot`: at most one value, and two ends; each learns that the other has gone.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::oneshot::{Receiver, Sender, channel};

use super::Counted;
use crate::steps::with_steps;
use crate::support::waits::Poller;

#[derive(Clone, Debug)]
enum Step {
    Send,
    DropSender,
    WaitClosed,
    Receive,
    TryReceive,
    Close,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Send),
        1 => Just(Step::DropSender),
        3 => Just(Step::WaitClosed),
        4 => Just(Step::Receive),
        2 => Just(Step::TryReceive),
        1 => Just(Step::Close),
        1 => Just(Step::DropReceiver),
    ]
}

struct Model {
    tx: Option<Sender<Counted>>,
    rx: Option<Receiver<Counted>>,
    /// The value that was sent and not received.
    value: Option<usize>,
    /// The receiver has taken the value, or learned that there is none.
    is_over: bool,
    /// The receiver has closed the channel, or is dropped.
    is_closed: bool,
    at_sender: Poller,
    at_receiver: Poller,
}

impl Model {
    /// The result that an attempt to receive must have.
    fn received(&mut self) -> Result<usize, TryRecvError> {
        let received = match self.value.take() {
            Some(value) => Ok(value),
            None if self.tx.is_some() && !self.is_closed => Err(TryRecvError::Empty),
            None => Err(TryRecvError::Closed),
        };
        self.is_over |= received != Err(TryRecvError::Empty);
        received
    }

    fn send(&mut self, number: usize, token: &Arc<()>) {
        let Some(tx) = self.tx.take() else { return };
        match tx.send(Counted::new(number, token)) {
            Ok(()) => {
                assert!(!self.is_closed);
                self.value = Some(number);
            }
            Err(counted) => assert!(self.is_closed && counted.value == number),
        }
    }

    fn receive(&mut self) {
        let Some(rx) = self.rx.as_mut().filter(|_| !self.is_over) else {
            return;
        };
        let poll = self.at_receiver.poll(|cx| Pin::new(rx).poll(cx));
        let expected = self.received();
        match poll {
            Poll::Ready(Ok(counted)) => assert_eq!(Ok(counted.value), expected),
            Poll::Ready(Err(_)) => assert_eq!(expected, Err(TryRecvError::Closed)),
            Poll::Pending => assert_eq!(expected, Err(TryRecvError::Empty)),
        }
    }

    fn run(&mut self, step: &Step, number: usize, token: &Arc<()>) {
        match step {
            Step::Send => self.send(number, token),
            Step::DropSender => self.tx = None,
            Step::WaitClosed => {
                if let Some(tx) = &mut self.tx {
                    let poll = self.at_sender.poll(|cx| tx.poll_closed(cx));
                    assert_eq!(poll.is_ready(), self.is_closed);
                }
            }
            Step::Receive => self.receive(),
            Step::TryReceive if !self.is_over => {
                if let Some(rx) = &mut self.rx {
                    let received = rx.try_recv().map(|counted| counted.value);
                    assert_eq!(received, self.received());
                }
            }
            Step::TryReceive => {}
            Step::Close => {
                if let Some(rx) = &mut self.rx {
                    rx.close();
                    self.is_closed = true;
                }
            }
            Step::DropReceiver => {
                self.rx = None;
                self.value = None;
                self.is_closed = true;
            }
        }
    }

    fn check(&self, token: &Arc<()>) {
        if let Some(tx) = &self.tx {
            assert_eq!(tx.is_closed(), self.is_closed);
            if self.at_sender.is_waiting() {
                assert_eq!(self.at_sender.is_woken(), self.is_closed);
            }
        }
        if let Some(rx) = self.rx.as_ref().filter(|_| !self.is_over) {
            assert_eq!(rx.is_empty(), self.value.is_none());
            // Its own `close` need not wake the receiver, which called it.
            if self.at_receiver.is_waiting() && !self.is_closed {
                let is_settled = self.value.is_some() || self.tx.is_none();
                assert_eq!(self.at_receiver.is_woken(), is_settled);
            }
        }
        assert_eq!(
            Arc::strong_count(token),
            1 + usize::from(self.value.is_some())
        );
    }
}

#[test]
fn a_oneshot_channel_carries_what_the_model_carries() {
    with_steps(step(), |steps| {
        let token = Arc::new(());
        let (tx, rx) = channel();
        let mut model = Model {
            tx: Some(tx),
            rx: Some(rx),
            value: None,
            is_over: false,
            is_closed: false,
            at_sender: Poller::default(),
            at_receiver: Poller::default(),
        };
        for (number, step) in steps.iter().enumerate() {
            model.run(step, number, &token);
            model.check(&token);
        }
        (model.tx, model.rx) = (None, None);
        model.at_sender.assert_forgotten();
        model.at_receiver.assert_forgotten();
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

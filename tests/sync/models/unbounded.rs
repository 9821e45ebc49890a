//! `mpsc::unbounded_channel`: a queue, with senders that keep it open and weak ones that do not.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{
    UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel,
};

use super::Counted;
use crate::steps::{place, remove, which, with_steps};
use crate::support::waits::{Poller, Wait};

#[derive(Clone, Debug)]
enum Step {
    Send,
    CloneSender,
    DropSender(usize),
    Downgrade,
    Upgrade(usize),
    DropWeak(usize),
    Receive,
    ReceiveMany(usize),
    TryReceive,
    Close,
    DropReceiver,
    WaitClosed,
    PollClosed(usize),
    GiveUpClosed(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Often enough to fill a block of the queue.
        20 => Just(Step::Send),
        2 => Just(Step::CloneSender),
        3 => which().prop_map(Step::DropSender),
        1 => Just(Step::Downgrade),
        1 => which().prop_map(Step::Upgrade),
        1 => which().prop_map(Step::DropWeak),
        6 => Just(Step::Receive),
        4 => (0..40_usize).prop_map(Step::ReceiveMany),
        3 => Just(Step::TryReceive),
        1 => prop_oneof![Just(Step::Close), Just(Step::DropReceiver)],
        1 => Just(Step::WaitClosed),
        2 => which().prop_map(Step::PollClosed),
        1 => which().prop_map(Step::GiveUpClosed),
    ]
}

struct Model {
    token: Arc<()>,
    senders: Vec<UnboundedSender<Counted>>,
    weak: Vec<WeakUnboundedSender<Counted>>,
    /// Senders that wait until the receiver has closed or is dropped.
    closing: Vec<Wait<'static, ()>>,
    rx: Option<UnboundedReceiver<Counted>>,
    queue: VecDeque<usize>,
    is_closed: bool,
    at_receiver: Poller,
}

impl Model {
    fn strong(&self) -> usize {
        self.senders.len() + self.closing.len()
    }

    /// True if no more values will come into the queue.
    fn is_final(&self) -> bool {
        self.is_closed || self.strong() == 0
    }

    /// Receives at most `limit` values; without a limit, one value by `recv`.
    fn receive(&mut self, limit: Option<usize>) {
        let is_final = self.is_final();
        let Some(rx) = &mut self.rx else { return };
        let mut got = Vec::new();
        let poll = self.at_receiver.poll(|cx| match limit {
            None => rx.poll_recv(cx).map(|value| {
                got.extend(value);
                got.len()
            }),
            Some(limit) => rx.poll_recv_many(cx, &mut got, limit),
        });
        let n = limit.unwrap_or(1).min(self.queue.len());
        let expected: Vec<_> = self.queue.drain(..n).collect();
        assert_eq!(got.iter().map(|v| v.value).collect::<Vec<_>>(), expected);
        match n == 0 && !is_final && limit != Some(0) {
            true => assert!(poll.is_pending()),
            false => assert_eq!(poll, Poll::Ready(n)),
        }
    }

    fn send(&mut self, number: usize) {
        let Some(tx) = self.senders.first() else {
            return;
        };
        match tx.send(Counted::new(number, &self.token)) {
            Ok(()) => {
                assert!(!self.is_closed);
                self.queue.push_back(number);
            }
            Err(error) => assert!(self.is_closed && error.0.value == number),
        }
    }

    fn try_receive(&mut self) {
        let is_final = self.is_final();
        let Some(rx) = &mut self.rx else { return };
        let expected = self.queue.pop_front().ok_or(match is_final {
            true => TryRecvError::Disconnected,
            false => TryRecvError::Empty,
        });
        assert_eq!(rx.try_recv().map(|counted| counted.value), expected);
    }

    fn run(&mut self, step: &Step, number: usize) {
        match *step {
            Step::Send => self.send(number),
            Step::CloneSender => self.senders.extend(self.senders.first().cloned()),
            Step::DropSender(which) => drop(remove(&mut self.senders, which)),
            Step::Downgrade => {
                let weak = self.senders.first().map(UnboundedSender::downgrade);
                self.weak.extend(weak);
            }
            Step::Upgrade(which) => {
                if let Some(at) = place(&self.weak, which) {
                    let strong = self.weak[at].upgrade();
                    assert_eq!(strong.is_some(), self.strong() > 0);
                    self.senders.extend(strong);
                }
            }
            Step::DropWeak(which) => drop(remove(&mut self.weak, which)),
            Step::Receive => self.receive(None),
            Step::ReceiveMany(limit) => self.receive(Some(limit)),
            Step::TryReceive => self.try_receive(),
            Step::Close => {
                if let Some(rx) = &mut self.rx {
                    rx.close();
                    self.is_closed = true;
                }
            }
            Step::DropReceiver => {
                self.rx = None;
                self.queue.clear();
                self.is_closed = true;
                self.at_receiver.assert_forgotten();
            }
            Step::WaitClosed => {
                let tx = self.senders.first().cloned();
                let wait = tx.map(|tx| Wait::new(async move { tx.closed().await }));
                self.closing.extend(wait);
            }
            Step::PollClosed(which) => {
                if let Some(at) = place(&self.closing, which) {
                    let poll = self.closing[at].poll();
                    assert_eq!(poll.is_ready(), self.is_closed);
                    if poll.is_ready() {
                        self.closing.remove(at);
                    }
                }
            }
            Step::GiveUpClosed(which) => drop(remove(&mut self.closing, which)),
        }
    }

    fn check(&self) {
        if let Some(rx) = &self.rx {
            assert_eq!(rx.len(), self.queue.len());
            assert_eq!(rx.is_empty(), self.queue.is_empty());
            assert_eq!(rx.is_closed(), self.is_final());
            assert_eq!(rx.sender_strong_count(), self.strong());
            assert_eq!(rx.sender_weak_count(), self.weak.len());
            let is_over = !self.queue.is_empty() || self.strong() == 0;
            if self.at_receiver.is_waiting() && is_over {
                assert!(self.at_receiver.is_woken(), "the receiver sleeps");
            }
        }
        if let Some(tx) = self.senders.first() {
            assert_eq!(tx.is_closed(), self.is_closed);
            let counts = (tx.strong_count(), tx.weak_count());
            assert_eq!(counts, (self.strong(), self.weak.len()));
        }
        for wait in self.closing.iter().filter(|wait| wait.is_waiting()) {
            assert_eq!(wait.is_woken(), self.is_closed);
        }
        assert_eq!(Arc::strong_count(&self.token), 2 + self.queue.len());
    }
}

#[test]
fn an_unbounded_channel_carries_what_the_model_carries() {
    with_steps(step(), |steps| {
        let token = Arc::new(());
        let (tx, rx) = unbounded_channel();
        let mut model = Model {
            token: token.clone(),
            senders: vec![tx],
            weak: Vec::new(),
            closing: Vec::new(),
            rx: Some(rx),
            queue: VecDeque::new(),
            is_closed: false,
            at_receiver: Poller::default(),
        };
        for (number, step) in steps.iter().enumerate() {
            model.run(step, number);
            model.check();
        }
        model.rx = None;
        model.at_receiver.assert_forgotten();
        drop(model);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

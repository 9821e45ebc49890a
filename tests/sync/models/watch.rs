//! `watch`: the last value, whether each receiver has seen it, and the ends of both sides.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tokio::sync::watch::{Receiver, Sender, channel, error::RecvError};

use super::Counted;
use crate::steps::{place, remove, which, with_steps};
use crate::support::waits::Wait;

#[derive(Clone, Debug)]
enum Step {
    Subscribe,
    CloneReceiver(usize),
    DropReceiver(usize),
    CloneSender,
    DropSender(usize),
    Send,
    Replace,
    Modify(bool),
    /// Waits for a change, or (`true`) for a value that is a multiple of three.
    Wait(usize, bool),
    Poll(usize),
    GiveUp(usize),
    Look(usize),
    Mark(usize, bool),
    WaitClosed,
    PollClosed(usize),
    GiveUpClosed(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Subscribe),
        1 => which().prop_map(Step::CloneReceiver),
        2 => which().prop_map(Step::DropReceiver),
        1 => Just(Step::CloneSender),
        1 => which().prop_map(Step::DropSender),
        3 => Just(Step::Send),
        1 => Just(Step::Replace),
        1 => any::<bool>().prop_map(Step::Modify),
        4 => (which(), any::<bool>()).prop_map(|(at, news)| Step::Wait(at, news)),
        6 => which().prop_map(Step::Poll),
        2 => which().prop_map(Step::GiveUp),
        1 => which().prop_map(Step::Look),
        1 => (which(), any::<bool>()).prop_map(|(at, news)| Step::Mark(at, news)),
        1 => Just(Step::WaitClosed),
        2 => which().prop_map(Step::PollClosed),
        1 => which().prop_map(Step::GiveUpClosed),
    ]
}

struct Listener {
    rx: Rc<RefCell<Receiver<Counted>>>,
    /// There is a value that it has not seen.
    news: bool,
    /// Its wait; `true` if the wait is for a certain value.
    wait: Option<(bool, Wait<'static, Result<(), RecvError>>)>,
}

impl Listener {
    fn new(rx: Receiver<Counted>, news: bool) -> Self {
        Listener {
            rx: Rc::new(RefCell::new(rx)),
            news,
            wait: None,
        }
    }

    // Nothing else uses the receiver while it waits.
    #[allow(clippy::await_holding_refcell_ref)]
    fn wait(&mut self, for_value: bool) {
        let rx = self.rx.clone();
        let wait = Wait::new(async move {
            let mut rx = rx.borrow_mut();
            match for_value {
                true => rx.wait_for(|v| v.value % 3 == 0).await.map(drop),
                false => rx.changed().await,
            }
        });
        self.wait = Some((for_value, wait));
    }
}

/// A sender that waits until there is no receiver.
struct Closing {
    told: bool,
    wait: Wait<'static, ()>,
}

struct Model {
    token: Arc<()>,
    senders: Vec<Sender<Counted>>,
    closing: Vec<Closing>,
    listeners: Vec<Listener>,
    value: usize,
}

impl Model {
    fn is_orphaned(&self) -> bool {
        self.senders.is_empty() && self.closing.is_empty()
    }

    fn change(&mut self, value: usize) {
        self.value = value;
        self.listeners.iter_mut().for_each(|one| one.news = true);
    }

    fn send(&mut self, step: &Step, number: usize) {
        let new = Counted::new(number, &self.token);
        let Some(tx) = self.senders.first() else {
            return;
        };
        match *step {
            Step::Send => match tx.send(new) {
                Ok(()) => assert!(!self.listeners.is_empty()),
                Err(error) => {
                    assert_eq!(error.0.value, number);
                    assert!(self.listeners.is_empty());
                    return;
                }
            },
            Step::Replace => assert_eq!(tx.send_replace(new).value, self.value),
            Step::Modify(changes) => {
                let told = tx.send_if_modified(|value| {
                    if changes {
                        *value = new;
                    }
                    changes
                });
                assert_eq!(told, changes);
                if !changes {
                    return;
                }
            }
            _ => unreachable!(),
        }
        self.change(number);
    }

    fn poll(&mut self, at: usize) {
        let is_orphaned = self.is_orphaned();
        let listener = &mut self.listeners[at];
        let Some((for_value, wait)) = &mut listener.wait else {
            return;
        };
        let found = match for_value {
            true => self.value % 3 == 0,
            false => listener.news,
        };
        let expected = match (found, is_orphaned) {
            (true, _) => Poll::Ready(true),
            (false, true) => Poll::Ready(false),
            (false, false) => Poll::Pending,
        };
        // A wait for a certain value marks each value that it checks as seen.
        listener.news &= !found && !*for_value;
        let poll = wait.poll().map(|result| result.is_ok());
        assert_eq!(poll, expected);
        if poll.is_ready() {
            listener.wait = None;
        }
    }

    fn use_receiver(&mut self, step: &Step) {
        let (Step::CloneReceiver(which)
        | Step::Wait(which, _)
        | Step::Look(which)
        | Step::Mark(which, _)) = *step
        else {
            unreachable!()
        };
        let Some(at) = place(&self.listeners, which) else {
            return;
        };
        let listener = &mut self.listeners[at];
        if listener.wait.is_some() {
            return;
        }
        match *step {
            Step::CloneReceiver(_) => {
                let clone = Listener::new(listener.rx.borrow().clone(), listener.news);
                self.listeners.push(clone);
            }
            Step::Wait(_, for_value) => listener.wait(for_value),
            Step::Look(_) => {
                let mut rx = listener.rx.borrow_mut();
                assert_eq!(rx.borrow().has_changed(), listener.news);
                assert_eq!(rx.borrow_and_update().value, self.value);
                listener.news = false;
            }
            Step::Mark(_, news) => {
                let mut rx = listener.rx.borrow_mut();
                match news {
                    true => rx.mark_changed(),
                    false => rx.mark_unchanged(),
                }
                listener.news = news;
            }
            _ => unreachable!(),
        }
    }

    fn run(&mut self, step: &Step, number: usize) {
        match *step {
            Step::Subscribe => {
                let rx = self.senders.first().map(Sender::subscribe);
                self.listeners.extend(rx.map(|rx| Listener::new(rx, false)));
            }
            Step::DropReceiver(which) => {
                if remove(&mut self.listeners, which).is_some() && self.listeners.is_empty() {
                    let waiting = self.closing.iter_mut().filter(|one| one.wait.is_waiting());
                    waiting.for_each(|one| one.told = true);
                }
            }
            Step::CloneSender => self.senders.extend(self.senders.first().cloned()),
            Step::DropSender(which) => drop(remove(&mut self.senders, which)),
            Step::Send | Step::Replace | Step::Modify(_) => self.send(step, number),
            Step::Poll(which) => {
                if let Some(at) = place(&self.listeners, which) {
                    self.poll(at);
                }
            }
            Step::GiveUp(which) => {
                if let Some(at) = place(&self.listeners, which) {
                    self.listeners[at].wait = None;
                }
            }
            Step::WaitClosed => {
                if let Some(tx) = self.senders.first().cloned() {
                    self.closing.push(Closing {
                        told: false,
                        wait: Wait::new(async move { tx.closed().await }),
                    });
                }
            }
            Step::PollClosed(which) => {
                if let Some(at) = place(&self.closing, which) {
                    let one = &mut self.closing[at];
                    one.told = false;
                    let poll = one.wait.poll();
                    assert_eq!(poll.is_ready(), self.listeners.is_empty());
                    if poll.is_ready() {
                        self.closing.remove(at);
                    }
                }
            }
            Step::GiveUpClosed(which) => drop(remove(&mut self.closing, which)),
            _ => self.use_receiver(step),
        }
    }

    fn check(&self) {
        let is_orphaned = self.is_orphaned();
        for listener in &self.listeners {
            match &listener.wait {
                Some((_, wait)) if wait.is_waiting() => {
                    assert_eq!(wait.is_woken(), listener.news || is_orphaned);
                }
                Some(_) => {}
                None => {
                    let has_changed = listener.rx.borrow().has_changed();
                    assert_eq!(has_changed.ok(), (!is_orphaned).then_some(listener.news));
                    assert_eq!(listener.rx.borrow().is_closed(), is_orphaned);
                }
            }
        }
        for one in self.closing.iter().filter(|one| one.wait.is_waiting()) {
            assert_eq!(one.wait.is_woken(), one.told);
        }
        if let Some(tx) = self.senders.first() {
            let senders = self.senders.len() + self.closing.len();
            assert_eq!(tx.receiver_count(), self.listeners.len());
            assert_eq!(tx.sender_count(), senders);
            assert_eq!(tx.is_closed(), self.listeners.is_empty());
            assert_eq!(tx.borrow().value, self.value);
        }
    }
}

#[test]
fn a_watch_tells_whom_the_model_tells() {
    with_steps(step(), |steps| {
        let token = Arc::new(());
        let (tx, rx) = channel(Counted::new(1, &token));
        let mut model = Model {
            token: token.clone(),
            senders: vec![tx],
            closing: Vec::new(),
            listeners: vec![Listener::new(rx, false)],
            value: 1,
        };
        for (number, step) in steps.iter().enumerate() {
            model.run(step, number);
            model.check();
            let is_alive = !model.is_orphaned() || !model.listeners.is_empty();
            assert_eq!(Arc::strong_count(&token), 2 + usize::from(is_alive));
        }
        drop(model);
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

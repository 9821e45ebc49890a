//! Fuzz target `watch`: every receiver sees the newest value, and is notified once of changes that it has not seen.

use crate::{Input, Token, Wait, begin, finish};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::watch::error::RecvError;
use tokio::sync::watch::{self, Receiver, Sender};

struct Reader {
    receiver: Rc<RefCell<Receiver<Token>>>,
    /// The last change it has seen.
    seen: u64,
    wait: Option<Wait<'static, Result<(), RecvError>>>,
}

struct World {
    senders: Vec<Rc<Sender<Token>>>,
    readers: Vec<Reader>,
    value: u64,
    changes: u64,
    closed: Option<Wait<'static, ()>>,
}

impl World {
    fn send(&mut self, how: usize) {
        let Some(sender) = self.senders.first() else {
            return;
        };
        let new = self.value + 1;
        let is_changed = match how {
            0 => sender.send(Token::new(new)).is_ok(),
            1 => {
                assert_eq!(sender.send_replace(Token::new(new)).0, self.value);
                true
            }
            2 => {
                sender.send_modify(|value| value.0 += 1);
                true
            }
            _ => sender.send_if_modified(|value| {
                value.0 += u64::from(how == 4);
                how == 4
            }),
        };
        match how {
            0 => assert_eq!(is_changed, !self.readers.is_empty()),
            3 => assert!(!is_changed),
            _ => assert!(is_changed),
        }
        if is_changed {
            self.value = new;
            self.changes += 1;
        }
    }

    fn read(&mut self, at: usize, how: usize) {
        let is_over = self.senders.is_empty();
        let (value, changes) = (self.value, self.changes);
        let reader = &mut self.readers[at];
        if how < 3 {
            let receiver = reader.receiver.clone();
            // The borrow lasts as long as the future: nothing else uses the receiver meanwhile.
            #[allow(clippy::await_holding_refcell_ref)]
            let wait = reader.wait.get_or_insert_with(|| {
                Wait::new(async move { receiver.borrow_mut().changed().await })
            });
            if let Some(answer) = wait.expect(reader.seen < changes || is_over) {
                reader.wait = None;
                assert_eq!(answer.is_ok(), reader.seen < changes);
                reader.seen = changes;
            }
            return;
        }
        reader.wait = None;
        let mut receiver = reader.receiver.borrow_mut();
        match how {
            3 => assert_eq!(receiver.borrow().0, value),
            4 => {
                assert_eq!(
                    receiver.borrow_and_update().has_changed(),
                    reader.seen < changes
                );
                reader.seen = changes;
            }
            5 => match receiver.has_changed() {
                Ok(changed) => assert!(!is_over && changed == (reader.seen < changes)),
                Err(_) => assert!(is_over),
            },
            _ => {
                receiver.mark_unchanged();
                reader.seen = changes;
            }
        }
    }

    fn check(&self) {
        for reader in &self.readers {
            let is_ready = reader.seen < self.changes || self.senders.is_empty();
            let is_told = reader.wait.as_ref().is_none_or(Wait::is_woken);
            assert!(is_told || !is_ready, "a receiver was not told");
        }
        if let (Some(closed), true) = (&self.closed, self.readers.is_empty()) {
            assert!(closed.is_woken(), "the sender was not told");
        }
        if let Some(sender) = self.senders.first() {
            assert_eq!(sender.receiver_count(), self.readers.len());
            assert_eq!(sender.is_closed(), self.readers.is_empty());
            assert_eq!(sender.borrow().0, self.value);
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let (sender, receiver) = watch::channel(Token::new(0));
    let reader = |receiver, seen| Reader {
        receiver: Rc::new(RefCell::new(receiver)),
        seen,
        wait: None,
    };
    let mut world = World {
        senders: vec![Rc::new(sender)],
        readers: vec![reader(receiver, 0)],
        value: 0,
        changes: 0,
        closed: None,
    };
    while let Some(operation) = input.next(11) {
        match operation {
            0..=2 => world.send(input.below(5)),
            3..=5 => {
                if let Some(at) = input.place(world.readers.len()) {
                    world.read(at, input.below(7));
                }
            }
            6 => {
                if let Some(sender) = world.senders.first() {
                    let new = reader(sender.subscribe(), world.changes);
                    world.readers.push(new);
                }
            }
            7 => {
                if let Some(at) = input.place(world.readers.len()) {
                    world.readers[at].wait = None;
                    if input.flag() {
                        drop(world.readers.remove(at));
                    } else {
                        let again = world.readers[at].receiver.borrow().clone();
                        let new = reader(again, world.readers[at].seen);
                        world.readers.push(new);
                    }
                }
            }
            8 => {
                if let Some(sender) = world.senders.first() {
                    let again = Rc::new(Sender::clone(sender));
                    world.senders.push(again);
                }
            }
            9 => {
                if let Some(sender) = world.senders.first().cloned() {
                    let wait = world
                        .closed
                        .get_or_insert_with(|| Wait::new(async move { sender.closed().await }));
                    if wait.expect(world.readers.is_empty()).is_some() {
                        world.closed = None;
                    }
                }
            }
            _ => {
                if input.flag() && world.closed.is_none() {
                    drop(world.senders.pop());
                }
            }
        }
        if world.readers.is_empty() && world.closed.as_ref().is_some_and(Wait::is_woken) {
            // Polled now: later it could find a new receiver, and wait again.
            world.closed.take().unwrap().must();
        }
        world.check();
    }
    drop(world);
    finish();
}

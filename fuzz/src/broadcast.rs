//! Fuzz target `broadcast`: every receiver gets every value, in order, or learns how many it missed.

use crate::{Input, Token, Wait, begin, finish};
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{self, Receiver};

type Answer = Result<Token, RecvError>;

struct Reader {
    receiver: Rc<RefCell<Receiver<Token>>>,
    next: u64,
    wait: Option<Wait<'static, Answer>>,
}

impl Reader {
    fn new(receiver: Receiver<Token>, next: u64) -> Reader {
        Reader {
            receiver: Rc::new(RefCell::new(receiver)),
            next,
            wait: None,
        }
    }

    fn poll(&mut self, tail: u64, capacity: u64, is_over: bool) {
        let receiver = self.receiver.clone();
        // The borrow lasts as long as the future: nothing else uses the receiver meanwhile.
        #[allow(clippy::await_holding_refcell_ref)]
        let wait = self
            .wait
            .get_or_insert_with(|| Wait::new(async move { receiver.borrow_mut().recv().await }));
        let answer = wait.expect(self.next < tail || is_over);
        if let Some(answer) = answer {
            self.wait = None;
            match answer {
                Err(RecvError::Closed) => assert!(is_over && self.next == tail),
                Err(RecvError::Lagged(n)) => self.lagged(n, tail, capacity),
                Ok(token) => self.got(token.0, tail, capacity),
            }
        }
    }

    fn got(&mut self, value: u64, tail: u64, capacity: u64) {
        assert!(self.next + capacity >= tail, "a value that was overwritten");
        assert_eq!(value, self.next);
        self.next += 1;
    }

    fn lagged(&mut self, missed: u64, tail: u64, capacity: u64) {
        assert_eq!(missed, tail - capacity - self.next);
        self.next = tail - capacity;
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let capacity = 1 + input.below(4);
    let (sender, receiver) = broadcast::channel(capacity);
    let capacity = capacity.next_power_of_two() as u64;
    let mut senders = vec![sender];
    let mut readers = vec![Reader::new(receiver, 0)];
    let mut tail = 0;
    while let Some(operation) = input.next(12) {
        let is_over = senders.is_empty();
        match operation {
            0..=3 => {
                if let Some(sender) = senders.first() {
                    match sender.send(Token::new(tail)) {
                        Ok(n) => {
                            assert_eq!(n, readers.len());
                            tail += 1;
                        }
                        Err(_) => assert!(readers.is_empty()),
                    }
                }
            }
            4..=6 => {
                if let Some(at) = input.place(readers.len()) {
                    readers[at].poll(tail, capacity, is_over);
                }
            }
            7 => {
                if let Some(at) = input.place(readers.len()) {
                    let reader = &mut readers[at];
                    reader.wait = None; // cancelled: no value is lost
                    let answer = reader.receiver.borrow_mut().try_recv();
                    match answer {
                        Ok(token) => reader.got(token.0, tail, capacity),
                        Err(TryRecvError::Empty) => assert!(reader.next == tail && !is_over),
                        Err(TryRecvError::Closed) => assert!(reader.next == tail && is_over),
                        Err(TryRecvError::Lagged(n)) => reader.lagged(n, tail, capacity),
                    }
                }
            }
            8 => {
                if let Some(sender) = senders.first() {
                    readers.push(Reader::new(sender.subscribe(), tail));
                }
            }
            9 => {
                if let Some(at) = input.place(readers.len()) {
                    readers[at].wait = None;
                    if input.flag() {
                        drop(readers.remove(at));
                    } else {
                        let again = readers[at].receiver.borrow().resubscribe();
                        readers.push(Reader::new(again, tail));
                    }
                }
            }
            10 => senders.extend(senders.first().cloned()),
            _ => {
                if input.flag() {
                    drop(senders.pop());
                }
            }
        }
        for reader in &readers {
            let is_ready = reader.next < tail || senders.is_empty();
            let is_told = reader.wait.as_ref().is_none_or(Wait::is_woken);
            assert!(is_told || !is_ready, "a receiver was not told");
            if reader.wait.is_none() {
                let len = reader.receiver.borrow().len() as u64;
                assert_eq!(len, tail - reader.next);
            }
        }
    }
    drop((readers, senders));
    finish();
}

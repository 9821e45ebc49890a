//! Fuzz target `mpsc`, bounded and unbounded: sends, permits, receives, closing and dropping in any order.
//!
//! The model: messages in order; free permits; waiting senders, first come, first served. A released permit goes
//! to the first of them. The channel ends when nothing can send any more and all permits are released.

use crate::{Flag, Input, Token, Wait, begin, finish};
use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc::error::{SendError, TryRecvError, TrySendError};
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};

struct Send {
    id: u64,
    is_granted: bool,
    wait: Wait<'static, Result<(), SendError<Token>>>,
}

struct World {
    capacity: usize,
    free: usize,
    messages: VecDeque<u64>,
    /// In the order in which they came.
    sends: Vec<Send>,
    permits: Vec<OwnedPermit<Token>>,
    senders: Vec<Sender<Token>>,
    receiver: Option<Receiver<Token>>,
    flag: Option<Arc<Flag>>,
    is_closed: bool,
    last: u64,
}

impl World {
    fn release(&mut self) {
        let next = self.sends.iter_mut().find(|send| !send.is_granted);
        match next.filter(|_| !self.is_closed) {
            Some(send) => send.is_granted = true,
            None => self.free += 1,
        }
    }

    fn is_at_end(&self) -> bool {
        let nobody = self.senders.is_empty() && self.sends.is_empty() && self.permits.is_empty();
        (nobody || self.is_closed) && self.free == self.capacity
    }

    fn is_readable(&self) -> bool {
        !self.messages.is_empty() || self.is_at_end()
    }

    fn start_send(&mut self) {
        let Some(sender) = self.senders.first().cloned() else {
            return;
        };
        self.last += 1;
        let (id, token) = (self.last, Token::new(self.last));
        let mut wait = Wait::new(async move { sender.send(token).await });
        match wait.expect(self.is_closed || self.free > 0) {
            None => self.sends.push(Send {
                id,
                is_granted: false,
                wait,
            }),
            Some(Ok(())) => {
                assert!(!self.is_closed);
                self.free -= 1;
                self.messages.push_back(id);
            }
            Some(Err(SendError(token))) => assert!(self.is_closed && token.0 == id),
        }
    }

    fn poll_send(&mut self, at: usize) {
        let send = &mut self.sends[at];
        let answer = send.wait.expect(send.is_granted || self.is_closed);
        let Some(answer) = answer else { return };
        let send = self.sends.remove(at);
        match answer {
            Ok(()) => {
                assert!(send.is_granted);
                self.messages.push_back(send.id);
            }
            Err(SendError(token)) => {
                assert!(self.is_closed && token.0 == send.id);
                drop(send.wait);
                if send.is_granted {
                    self.free += 1;
                }
            }
        }
    }

    fn give_up(&mut self, at: usize) {
        let send = self.sends.remove(at);
        drop(send.wait);
        if send.is_granted {
            self.release();
        }
    }

    fn try_send(&mut self) {
        let Some(sender) = self.senders.last().cloned() else {
            return;
        };
        self.last += 1;
        match sender.try_send(Token::new(self.last)) {
            Ok(()) => {
                assert!(!self.is_closed && self.free > 0);
                self.free -= 1;
                self.messages.push_back(self.last);
            }
            Err(TrySendError::Full(_)) => assert!(!self.is_closed && self.free == 0),
            Err(TrySendError::Closed(_)) => assert!(self.is_closed),
        }
    }

    fn reserve(&mut self) {
        let Some(sender) = self.senders.first().cloned() else {
            return;
        };
        match sender.try_reserve_owned() {
            Ok(permit) => {
                assert!(!self.is_closed && self.free > 0);
                self.free -= 1;
                self.permits.push(permit);
            }
            Err(TrySendError::Full(_)) => assert!(!self.is_closed && self.free == 0),
            Err(TrySendError::Closed(_)) => assert!(self.is_closed),
        }
    }

    fn check_told(&mut self) {
        if self.is_readable() {
            let flag = self.flag.take();
            assert!(flag.is_none_or(|f| f.is_set()), "the receiver was not told");
        }
    }

    fn receive(&mut self, most: usize) {
        self.check_told();
        let is_readable = self.is_readable();
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        let mut got = Vec::new();
        let answer = match most {
            1 => receiver.poll_recv(&mut cx).map(|token| {
                got.extend(token);
                got.len()
            }),
            _ => receiver.poll_recv_many(&mut cx, &mut got, most),
        };
        self.flag = None;
        match answer {
            Poll::Pending => {
                assert!(!is_readable);
                self.flag = Some(flag);
            }
            Poll::Ready(n) => {
                assert!(is_readable);
                assert_eq!(n, got.len());
                assert_eq!(n, self.messages.len().min(most));
                for token in got {
                    assert_eq!(Some(token.0), self.messages.pop_front());
                    self.release();
                }
            }
        }
    }

    fn try_receive(&mut self) {
        let Some(receiver) = &mut self.receiver else {
            return;
        };
        match receiver.try_recv() {
            Ok(token) => {
                assert_eq!(Some(token.0), self.messages.pop_front());
                self.release();
            }
            Err(TryRecvError::Empty) => assert!(self.messages.is_empty() && !self.is_at_end()),
            Err(TryRecvError::Disconnected) => {
                assert!(self.messages.is_empty() && self.is_at_end())
            }
        }
    }

    fn drop_receiver(&mut self) {
        self.flag = None;
        if self.receiver.take().is_some() {
            self.is_closed = true;
            self.free += self.messages.len();
            self.messages.clear();
        }
    }

    fn check(&self) {
        if let Some(sender) = self.senders.first() {
            assert_eq!(sender.capacity(), self.free);
            assert_eq!(sender.is_closed(), self.is_closed);
        }
        if let Some(receiver) = &self.receiver {
            assert_eq!(receiver.len(), self.messages.len());
        }
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    match input.below(5) {
        0 => unbounded(&mut input),
        capacity => bounded(&mut input, capacity),
    }
    finish();
}

fn bounded(input: &mut Input<'_>, capacity: usize) {
    let (sender, receiver) = mpsc::channel(capacity);
    let mut world = World {
        capacity,
        free: capacity,
        messages: VecDeque::new(),
        sends: Vec::new(),
        permits: Vec::new(),
        senders: vec![sender],
        receiver: Some(receiver),
        flag: None,
        is_closed: false,
        last: 0,
    };
    while let Some(operation) = input.next(20) {
        match operation {
            0..=3 => world.start_send(),
            4 | 5 => {
                if let Some(at) = input.place(world.sends.len()) {
                    world.poll_send(at);
                }
            }
            6 => {
                if let Some(at) = input.place(world.sends.len()) {
                    world.give_up(at);
                }
            }
            7 => world.try_send(),
            8 => world.reserve(),
            9 => {
                if let Some(permit) = world.permits.pop() {
                    world.last += 1;
                    drop(permit.send(Token::new(world.last)));
                    match world.receiver {
                        Some(_) => world.messages.push_back(world.last),
                        None => world.free += 1,
                    }
                }
            }
            10 => {
                if let Some(at) = input.place(world.permits.len()) {
                    drop(world.permits.remove(at));
                    world.release();
                }
            }
            11..=14 => world.receive(1),
            15 => world.receive(2 + input.below(3)),
            16 => world.try_receive(),
            17 => {
                if let Some(sender) = world.senders.first().cloned() {
                    world.senders.push(sender);
                }
            }
            18 => drop(world.senders.pop()),
            _ => match input.below(4) {
                0 => world.drop_receiver(),
                1 => {
                    if let Some(receiver) = &mut world.receiver {
                        receiver.close();
                        world.is_closed = true;
                    }
                    // `close` need not wake the receiver, which called it.
                    if world.is_readable() {
                        world.flag = None;
                    }
                }
                _ => {}
            },
        }
        if world.receiver.is_some() {
            world.check();
        }
        if world.receiver.is_some() && world.is_readable() {
            let told = world.flag.as_ref().is_none_or(|flag| flag.is_set());
            assert!(told, "the receiver was not told");
        }
    }
    while !world.sends.is_empty() {
        world.poll_send(0);
        if !world.sends.is_empty() {
            world.receive(1);
            world.give_up(0);
        }
    }
}

fn unbounded(input: &mut Input<'_>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (mut senders, mut receiver) = (vec![sender], Some(receiver));
    let mut messages = VecDeque::new();
    let (mut flag, mut is_closed, mut last): (Option<Arc<Flag>>, _, _) = (None, false, 0);
    while let Some(operation) = input.next(10) {
        match operation {
            0..=3 => {
                let Some(sender) = senders.first() else {
                    continue;
                };
                last += 1;
                let answer = sender.send(Token::new(last));
                assert_eq!(answer.is_err(), is_closed);
                if !is_closed {
                    messages.push_back(last);
                }
            }
            4..=6 => {
                let Some(receiver) = &mut receiver else {
                    continue;
                };
                let is_end = is_closed || senders.is_empty();
                let mut wait = Wait::new(receiver.recv());
                match wait.expect(!messages.is_empty() || is_end) {
                    Some(token) => assert_eq!(token.map(|t| t.0), messages.pop_front()),
                    None => flag = wait.flag.take(),
                }
            }
            7 => senders.extend(senders.first().cloned()),
            8 => drop(senders.pop()),
            _ => match (input.below(4), &mut receiver) {
                (0, _) => {
                    receiver = None;
                    is_closed = true;
                    flag = None;
                    messages.clear();
                }
                (1, Some(receiver)) => {
                    receiver.close();
                    // `close` need not wake the receiver, which called it.
                    (is_closed, flag) = (true, None);
                }
                _ => {}
            },
        }
        let is_ready = !messages.is_empty() || is_closed || senders.is_empty();
        if is_ready {
            let told = flag.take().is_none_or(|flag| flag.is_set());
            assert!(told, "the receiver was not told");
        }
    }
}

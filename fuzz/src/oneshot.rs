//! Fuzz target `oneshot`: operations on both ends in any order.

use crate::{Flag, Input, Token, begin, finish};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::sync::oneshot::{self, error::TryRecvError};

#[derive(PartialEq, Clone, Copy, Debug)]
enum State {
    Open,
    Sent,
    Taken,
    SenderGone,
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    let (sender, receiver) = oneshot::channel();
    let (mut sender, mut receiver) = (Some(sender), Some(receiver));
    let (mut state, mut is_closed) = (State::Open, false);
    let mut flags: [Option<Arc<Flag>>; 2] = [None, None];
    while let Some(operation) = input.next(9) {
        let flag = Flag::new();
        let waker = Waker::from(flag.clone());
        let mut cx = Context::from_waker(&waker);
        match operation {
            0 => {
                if let Some(sender) = sender.take() {
                    let answer = sender.send(Token::new(1));
                    assert_eq!(answer.is_err(), is_closed);
                    flags[1] = None;
                    state = match is_closed {
                        true => State::SenderGone,
                        false => State::Sent,
                    };
                }
            }
            1 => {
                if sender.take().is_some() {
                    flags[1] = None;
                    state = State::SenderGone;
                }
            }
            // A receiver that was ready must not be polled again.
            2 | 3 => {
                if let Some(some) = &mut receiver {
                    let answer = Pin::new(some).poll(&mut cx);
                    match (answer, state) {
                        (Poll::Pending, State::Open) if !is_closed => flags[0] = Some(flag),
                        (Poll::Ready(Ok(token)), State::Sent) => {
                            assert_eq!(token.0, 1);
                            state = State::Taken;
                            (flags[0], receiver) = (None, None);
                        }
                        (Poll::Ready(Err(_)), state) => {
                            assert!(
                                state == State::SenderGone || (state == State::Open && is_closed)
                            );
                            (flags[0], receiver) = (None, None);
                        }
                        (answer, state) => panic!("{answer:?} when {state:?}"),
                    }
                    is_closed |= receiver.is_none();
                }
            }
            4 => {
                if let Some(some) = &mut receiver {
                    match (some.try_recv(), state) {
                        (Ok(_), State::Sent) => {
                            state = State::Taken;
                            (flags[0], receiver) = (None, None);
                            is_closed = true;
                        }
                        (Err(TryRecvError::Empty), State::Open) if !is_closed => {}
                        (Err(TryRecvError::Closed), state) => {
                            assert!(
                                state == State::SenderGone || (state == State::Open && is_closed)
                            );
                            (flags[0], receiver) = (None, None);
                            is_closed = true;
                        }
                        (answer, state) => panic!("{answer:?} when {state:?}"),
                    }
                }
            }
            5 => {
                if let Some(receiver) = &mut receiver {
                    receiver.close();
                    // `close` need not wake the receiver, which called it.
                    (is_closed, flags[0]) = (true, None);
                }
            }
            6 => {
                if input.flag() && receiver.take().is_some() {
                    is_closed = true;
                    flags[0] = None;
                }
            }
            7 => {
                if let Some(sender) = &mut sender {
                    match sender.poll_closed(&mut cx) {
                        Poll::Ready(()) => assert!(is_closed),
                        Poll::Pending => {
                            assert!(!is_closed);
                            flags[1] = Some(flag);
                        }
                    }
                }
            }
            _ => {
                if let Some(sender) = &sender {
                    assert_eq!(sender.is_closed(), is_closed);
                }
            }
        }
        let is_over = [
            state == State::Sent || state == State::SenderGone,
            is_closed,
        ];
        for (flag, is_over) in flags.iter_mut().zip(is_over) {
            if is_over {
                let told = flag.take().is_none_or(|flag| flag.is_set());
                assert!(told, "not told");
            }
        }
    }
    drop((sender, receiver, flags));
    finish();
}

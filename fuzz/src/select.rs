//! Fuzz target `select`: `select!`, `join!` and `try_join!` over futures that are ready after some polls.

use crate::{Input, Token, begin, drive, finish};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A future that is pending `left` times, then ready. It panics if it is polled again.
struct Script {
    left: usize,
    polls: usize,
    is_done: bool,
    fails: bool,
}

impl Script {
    fn new(input: &mut Input<'_>) -> Script {
        Script {
            left: input.below(6),
            polls: 0,
            is_done: false,
            fails: input.below(4) == 0,
        }
    }
}

impl Future for Script {
    type Output = Result<Token, Token>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_done, "polled after it was ready");
        self.polls += 1;
        if self.left > 0 {
            self.left -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_done = true;
        let token = Token::new(self.polls as u64);
        Poll::Ready(if self.fails { Err(token) } else { Ok(token) })
    }
}

pub fn run(bytes: &[u8]) {
    begin();
    let mut input = Input::new(bytes);
    while let Some(operation) = input.next(4) {
        let scripts = [(); 3].map(|()| Script::new(&mut input));
        let rounds: Vec<usize> = scripts.iter().map(|s| s.left).collect();
        let fails: Vec<bool> = scripts.iter().map(|s| s.fails).collect();
        let [one, two, three] = scripts;
        match operation {
            0 => {
                let (one, two, three) = drive(async { tokio::join!(one, two, three) });
                for ((answer, rounds), fails) in [one, two, three].iter().zip(rounds).zip(fails) {
                    assert_eq!(answer.is_err(), fails);
                    let (Ok(token) | Err(token)) = answer;
                    assert_eq!(token.0, rounds as u64 + 1);
                }
            }
            1 => {
                let answer = drive(async { tokio::try_join!(one, two, three) });
                let first = (0..3).filter(|i| fails[*i]).map(|i| rounds[i]).min();
                match answer {
                    Ok(_) => assert_eq!(first, None),
                    // If several fail in the same round, any of them may be returned.
                    Err(token) => assert_eq!(Some(token.0), first.map(|n| n as u64 + 1)),
                }
            }
            2 => {
                let chosen = drive(async {
                    tokio::select! {
                        biased;
                        _ = one => 0,
                        _ = two => 1,
                        _ = three => 2,
                    }
                });
                let first = (0..3).min_by_key(|i| rounds[*i]).unwrap();
                assert_eq!(chosen, first);
            }
            _ => {
                // A branch whose pattern does not match is disabled; with no branch left, `else` runs.
                let chosen = drive(async {
                    tokio::select! {
                        Ok(_) = one, if rounds[0] != 5 => Some(0),
                        Ok(_) = two => Some(1),
                        Ok(_) = three => Some(2),
                        else => None,
                    }
                });
                let may = |i: &usize| !fails[*i] && (*i != 0 || rounds[0] != 5);
                let first = (0..3).filter(may).map(|i| rounds[i]).min();
                assert_eq!(chosen.map(|i| rounds[i]), first);
                assert!(chosen.is_none_or(|i| may(&i)));
            }
        }
    }
    finish();
}

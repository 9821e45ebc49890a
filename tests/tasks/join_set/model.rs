//! Random operations on a `JoinSet`, compared with a list of the members that must be in it.

use std::collections::VecDeque;

use crate::support::Numbers;
use crate::support::current;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet, yield_now};

/// A member that has not ended.
struct Running {
    number: usize,
    end: oneshot::Sender<()>,
    abort: AbortHandle,
}

#[derive(Debug, PartialEq)]
enum Ended {
    Value(usize),
    Cancelled,
    Panicked,
}

#[test]
fn a_set_gives_what_a_list_would() {
    for seed in 0..60 {
        current().block_on(run(Numbers::new(seed)));
    }
}

async fn run(mut numbers: Numbers) {
    let mut set = JoinSet::new();
    let mut running: Vec<Running> = Vec::new();
    let mut ended: VecDeque<Ended> = VecDeque::new();
    let mut made = 0;
    for _ in 0..400 {
        match numbers.below(10) {
            0..4 => {
                let (end, wait) = oneshot::channel();
                let number = made;
                made += 1;
                let abort = set.spawn(async move {
                    wait.await.unwrap();
                    number
                });
                running.push(Running { number, end, abort });
                yield_now().await;
            }
            4 | 5 if !running.is_empty() => {
                let member = running.remove(numbers.below(running.len()));
                member.end.send(()).unwrap();
                yield_now().await;
                ended.push_back(Ended::Value(member.number));
            }
            6 if !running.is_empty() => {
                let member = running.remove(numbers.below(running.len()));
                match numbers.below(2) {
                    0 => {
                        member.abort.abort();
                        ended.push_back(Ended::Cancelled);
                    }
                    _ => {
                        // The sender is dropped, and the member panics.
                        drop(member.end);
                        ended.push_back(Ended::Panicked);
                    }
                }
                yield_now().await;
            }
            7 | 8 => {
                let joined = match numbers.below(2) {
                    0 => set.try_join_next(),
                    _ if ended.is_empty() => continue,
                    _ => set.join_next().await,
                };
                let joined = joined.map(|result| match result {
                    Ok(number) => Ended::Value(number),
                    Err(error) if error.is_cancelled() => Ended::Cancelled,
                    Err(_) => Ended::Panicked,
                });
                assert_eq!(joined, ended.pop_front());
            }
            9 if numbers.below(20) == 0 => {
                if numbers.below(2) == 0 {
                    set.detach_all();
                } else {
                    set.shutdown().await;
                }
                running.clear();
                ended.clear();
                yield_now().await;
            }
            _ => {}
        }
        assert_eq!(set.len(), running.len() + ended.len());
        assert_eq!(set.is_empty(), running.is_empty() && ended.is_empty());
    }
}

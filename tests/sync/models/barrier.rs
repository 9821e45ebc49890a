//! `Barrier`: each wait is counted, even if it is cancelled; the last wait of each round is the leader.

use std::sync::Arc;
use std::task::Poll;

use proptest::prelude::*;
use tokio::sync::{Barrier, BarrierWaitResult};

use crate::steps::{place, remove, which, with_steps};
use crate::support::waits::Wait;

#[derive(Clone, Debug)]
enum Step {
    Come,
    Poll(usize),
    GiveUp(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Come),
        3 => which().prop_map(Step::Poll),
        1 => which().prop_map(Step::GiveUp),
    ]
}

struct Guest {
    /// The round in which it was counted.
    round: Option<usize>,
    wait: Wait<'static, BarrierWaitResult>,
}

fn compare(size: usize, steps: &[Step]) {
    let barrier = Arc::new(Barrier::new(size));
    let (mut round, mut counted) = (0, 0);
    let mut guests = Vec::<Guest>::new();
    for step in steps {
        match *step {
            Step::Come => {
                let barrier = barrier.clone();
                guests.push(Guest {
                    round: None,
                    wait: Wait::new(async move { barrier.wait().await }),
                });
            }
            Step::Poll(which) => {
                let Some(at) = place(&guests, which) else {
                    continue;
                };
                let guest = &mut guests[at];
                let mut leads = false;
                if guest.round.is_none() {
                    guest.round = Some(round);
                    counted += 1;
                    leads = counted >= size;
                    if leads {
                        (round, counted) = (round + 1, 0);
                    }
                }
                match guest.wait.poll() {
                    Poll::Ready(result) => {
                        assert!(guest.round < Some(round));
                        assert_eq!(result.is_leader(), leads);
                        guests.remove(at);
                    }
                    Poll::Pending => assert_eq!(guest.round, Some(round)),
                }
            }
            Step::GiveUp(which) => drop(remove(&mut guests, which)),
        }
        for guest in guests.iter().filter(|guest| guest.wait.is_waiting()) {
            assert_eq!(guest.wait.is_woken(), guest.round < Some(round));
        }
    }
    drop(guests);
    assert_eq!(Arc::strong_count(&barrier), 1);
}

#[test]
fn a_barrier_lets_go_whom_the_model_lets_go() {
    for size in 0..5 {
        with_steps(step(), |steps| compare(size, steps));
    }
}

//! `Semaphore`: permits, and requests that are granted in the order in which they came.

use std::sync::Arc;
use std::task::Poll;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::{Permits, SEEDS, STEPS, remove_at};
use crate::support::Numbers;
use crate::support::waits::Wait;

type Acquire = Wait<'static, Result<OwnedSemaphorePermit, tokio::sync::AcquireError>>;

struct Request {
    number: usize,
    wanted: usize,
    wait: Acquire,
}

#[test]
fn a_semaphore_gives_what_the_model_gives() {
    for seed in 0..SEEDS {
        semaphore(Numbers::new(seed));
    }
}

fn semaphore(mut numbers: Numbers) {
    let total = numbers.below(4);
    let semaphore = Arc::new(Semaphore::new(total));
    let mut model = Permits::new(total);
    let (mut requests, mut held) = (Vec::<Request>::new(), Vec::new());
    let mut total = total;
    for number in 0..STEPS {
        match numbers.below(8) {
            0 | 1 => {
                let wanted = numbers.below(4);
                let wait = Wait::new(semaphore.clone().acquire_many_owned(wanted as u32));
                requests.push(Request {
                    number,
                    wanted,
                    wait,
                });
            }
            2 | 3 if !requests.is_empty() => {
                let at = numbers.below(requests.len());
                let request = &mut requests[at];
                let is_first = !request.wait.was_polled();
                let granted = match is_first {
                    true => model.request(request.number, request.wanted),
                    false => model.take_grant(request.number).is_some(),
                };
                match request.wait.poll() {
                    Poll::Ready(Ok(permit)) => {
                        assert!(granted);
                        held.push(permit);
                        requests.remove(at);
                    }
                    Poll::Ready(Err(_)) => panic!("it was not closed"),
                    Poll::Pending => assert!(!granted),
                }
            }
            4 => {
                if let Some(request) = remove_at(&mut requests, &mut numbers) {
                    drop(request.wait);
                    model.cancel(request.number);
                }
            }
            5 => {
                if let Some(permit) = remove_at(&mut held, &mut numbers) {
                    model.add(permit.num_permits());
                    drop(permit);
                }
            }
            6 => {
                let n = numbers.below(3);
                semaphore.add_permits(n);
                model.add(n);
                total += n;
            }
            _ => {
                let n = numbers.below(4);
                match semaphore.clone().try_acquire_many_owned(n as u32) {
                    Ok(permit) => {
                        assert!(model.has(n));
                        model.free -= n;
                        held.push(permit);
                    }
                    Err(error) => {
                        assert_eq!(error, TryAcquireError::NoPermits);
                        assert!(!model.has(n));
                    }
                }
            }
        }
        assert_eq!(semaphore.available_permits(), model.available());
        for request in requests.iter().filter(|request| request.wait.was_polled()) {
            assert_eq!(request.wait.is_woken(), model.is_granted(request.number));
        }
    }
    semaphore.close();
    for mut request in requests {
        assert!(!request.wait.was_polled() || request.wait.is_woken());
        assert!(matches!(request.wait.poll(), Poll::Ready(Err(_))));
    }
    drop(held);
    assert_eq!(semaphore.available_permits(), total);
    assert_eq!(Arc::strong_count(&semaphore), 1);
}

//! Members are aborted from the oldest to the newest, whichever members were joined before.

use std::future::pending;
use std::sync::{Arc, Mutex};

use crate::support::current;
use tokio::task::{JoinSet, LocalSet, yield_now};

type Log = Arc<Mutex<Vec<usize>>>;

struct Noted(usize, Log);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

const MEMBERS: usize = 300;

/// Yields until all members have had their turn.
async fn settle() {
    for _ in 0..MEMBERS {
        yield_now().await;
    }
}

/// A set in which some members have ended and were joined: the others have moved from their first places.
async fn set_with_gaps(log: &Log) -> (JoinSet<usize>, Vec<usize>) {
    let mut set = JoinSet::new();
    for n in 0..MEMBERS {
        let log = log.clone();
        set.spawn(async move {
            if n % 7 == 3 || n < 20 {
                return n;
            }
            let _noted = Noted(n, log);
            pending().await
        });
    }
    settle().await;
    let mut left: Vec<usize> = (0..MEMBERS).collect();
    while let Some(ended) = set.try_join_next() {
        let ended = ended.unwrap();
        left.retain(|n| *n != ended);
    }
    assert_eq!(set.len(), left.len());
    (set, left)
}

#[test]
fn a_set_that_is_shut_down_aborted_or_dropped_ends_the_oldest_first() {
    for how in 0..3 {
        let log = Log::default();
        let left = current().block_on(async {
            let (mut set, left) = set_with_gaps(&log).await;
            match how {
                0 => set.shutdown().await,
                1 => {
                    set.abort_all();
                    while let Some(ended) = set.join_next().await {
                        assert!(ended.unwrap_err().is_cancelled());
                    }
                }
                _ => drop(set),
            }
            settle().await;
            left
        });
        assert_eq!(*log.lock().unwrap(), left, "way {how}");
    }
}

#[test]
fn members_that_end_at_once_are_joined_in_the_order_in_which_they_ended() {
    current().block_on(async {
        let mut set = JoinSet::new();
        let (start, started) = tokio::sync::watch::channel(());
        for n in 0..MEMBERS {
            let mut started = started.clone();
            set.spawn(async move {
                started.changed().await.unwrap();
                n
            });
        }
        settle().await;
        start.send(()).unwrap();
        assert_eq!(set.join_all().await, (0..MEMBERS).collect::<Vec<_>>());
    });
}

/// The same for members that are tasks of a `LocalSet`.
#[test]
fn local_members_end_the_oldest_first() {
    let log = Log::default();
    LocalSet::new().block_on(&current(), async {
        let mut set = JoinSet::new();
        for n in 0..40 {
            let noted = Noted(n, log.clone());
            set.spawn_local(async move {
                let _noted = noted;
                pending::<()>().await;
            });
        }
        yield_now().await;
        drop(set);
        yield_now().await;
    });
    assert_eq!(*log.lock().unwrap(), (0..40).collect::<Vec<_>>());
}

/// The members end while the set has no waiter, or after they were detached; in the end nothing is left of set and members.
#[test]
fn members_that_end_after_the_set_has_gone_leave_nothing_behind() {
    let token = Arc::new(());
    current().block_on(async {
        for detaches in [false, true] {
            let mut set = JoinSet::new();
            let (end, ended) = tokio::sync::watch::channel(());
            for _ in 0..20 {
                let (mut ended, token) = (ended.clone(), token.clone());
                set.spawn(async move {
                    let _ = ended.changed().await;
                    token
                });
            }
            yield_now().await;
            if detaches {
                set.detach_all();
                assert!(set.is_empty());
                assert!(set.join_next().await.is_none());
            }
            end.send(()).unwrap();
            yield_now().await;
            assert!(set.try_join_next().is_some() != detaches);
            drop(set);
        }
        yield_now().await;
        assert_eq!(Arc::strong_count(&token), 1);
    });
}

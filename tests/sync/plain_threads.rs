//! The blocking calls, from threads that belong to no runtime.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::waits::panics;
use crate::support::{current, within};
use tokio::sync::{Mutex, broadcast, mpsc, oneshot};

#[test]
fn blocking_calls_from_plain_threads() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel::<u32>(1);
        let sender = thread::spawn(move || (0..1000).for_each(|i| tx.blocking_send(i).unwrap()));
        let mut sum = 0;
        while let Some(i) = rx.blocking_recv() {
            sum += i;
        }
        sender.join().unwrap();
        assert_eq!(sum, 499_500);
        let (tx, rx) = oneshot::channel::<u32>();
        let waits = thread::spawn(move || rx.blocking_recv());
        thread::sleep(Duration::from_millis(5));
        drop(tx);
        assert!(waits.join().unwrap().is_err());
        let runtime = current();
        let (tx, mut rx) = broadcast::channel::<u32>(1);
        let waits = thread::spawn(move || rx.blocking_recv());
        thread::sleep(Duration::from_millis(5));
        tx.send(6).unwrap();
        assert_eq!(waits.join().unwrap(), Ok(6));
        let (tx, mut rx) = mpsc::unbounded_channel::<u32>();
        runtime.block_on(async {
            assert!(panics(|| rx.blocking_recv()));
            let (_tx, rx) = oneshot::channel::<u32>();
            assert!(panics(|| rx.blocking_recv()));
            let lock = Mutex::new(0);
            assert!(panics(|| *lock.blocking_lock()));
        });
        drop(tx);
    });
}

#[test]
fn blocking_calls_end_when_the_other_side_goes() {
    within(20, || {
        let (tx, mut rx) = mpsc::channel::<u8>(1);
        let thread = std::thread::spawn(move || rx.blocking_recv());
        std::thread::sleep(Duration::from_millis(20));
        drop(tx);
        assert_eq!(thread.join().unwrap(), None);
        let (tx, rx) = mpsc::channel::<u8>(1);
        tx.try_send(1).unwrap();
        let thread = std::thread::spawn(move || tx.blocking_send(2));
        std::thread::sleep(Duration::from_millis(20));
        drop(rx);
        assert!(thread.join().unwrap().is_err());
        let mutex = Arc::new(Mutex::new(0));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let mutex = mutex.clone();
                std::thread::spawn(move || {
                    for i in 0..500 {
                        if i % 2 == 0 {
                            *mutex.blocking_lock() += 1;
                        } else {
                            loop {
                                if let Ok(mut guard) = mutex.try_lock() {
                                    *guard += 1;
                                    break;
                                }
                                std::thread::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*mutex.try_lock().unwrap(), 2000);
    });
}

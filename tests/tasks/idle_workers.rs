//! Workers with nothing to do use no processor.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::ThreadId;
use std::time::Duration;

use tokio::runtime::Builder;

use super::support::within;

/// One worker counts as searching, but blocks in a hook; its queue always has tasks. The other worker, which a timer keeps
/// waking, sees these tasks but may not search as well. It must sleep until its next timer, and not spin.
#[test]
fn a_worker_that_may_not_search_sleeps() {
    const TASKS: u64 = 400;
    static ARMED: AtomicBool = AtomicBool::new(false);
    static TICKER: Mutex<Option<ThreadId>> = Mutex::new(None);
    within(60, || {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .on_thread_unpark(move || {
                let is_ticker = *TICKER.lock().unwrap() == Some(std::thread::current().id());
                // Ordering: Relaxed; a flag.
                if is_ticker || !ARMED.swap(false, Ordering::Relaxed) {
                    return;
                }
                tell.lock().unwrap().send(()).unwrap();
                for _ in 0..TASKS {
                    tokio::spawn(async {});
                    std::thread::sleep(Duration::from_micros(500));
                }
                tell.lock().unwrap().send(()).unwrap();
            })
            .build()
            .unwrap();
        runtime.spawn(async {
            loop {
                *TICKER.lock().unwrap() = Some(std::thread::current().id());
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        std::thread::sleep(Duration::from_millis(20));
        let parks = || -> u64 {
            let metrics = runtime.metrics();
            (0..2).map(|worker| metrics.worker_park_count(worker)).sum()
        };
        // Ordering: Relaxed; as above.
        ARMED.store(true, Ordering::Relaxed);
        loop {
            // Wakes a worker; it may be the one that ticks.
            runtime.spawn(async {});
            if told.recv_timeout(Duration::from_millis(5)).is_ok() {
                break;
            }
        }
        let before = parks();
        told.recv_timeout(Duration::from_secs(30)).unwrap();
        let parks = parks() - before;
        // Each task may wake the other worker, and so may the timer and the watch.
        assert!(parks < 10 * TASKS, "{parks} parks");
    });
}

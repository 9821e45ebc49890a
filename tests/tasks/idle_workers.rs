//! Workers with nothing to do use no processor.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use tokio::runtime::Builder;

use super::support::within;

/// One worker counts as searching, and gets no further; its queue has tasks all the time. The other sees them and may not
/// search as well: it sleeps, and does not go round in circles.
#[test]
fn a_worker_that_may_not_search_sleeps() {
    const TASKS: u64 = 400;
    static ARMED: AtomicBool = AtomicBool::new(false);
    within(60, || {
        let (done, is_done) = mpsc::channel();
        let done = Mutex::new(done);
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .on_thread_unpark(move || {
                // Ordering: Relaxed; a flag.
                if ARMED.swap(false, Ordering::Relaxed) {
                    for _ in 0..TASKS {
                        tokio::spawn(async {});
                        std::thread::sleep(Duration::from_micros(500));
                    }
                    done.lock().unwrap().send(()).unwrap();
                }
            })
            .build()
            .unwrap();
        // Both are asleep.
        std::thread::sleep(Duration::from_millis(20));
        let parks = || -> u64 {
            let metrics = runtime.metrics();
            (0..2).map(|worker| metrics.worker_park_count(worker)).sum()
        };
        let before = parks();
        // Ordering: Relaxed; as above.
        ARMED.store(true, Ordering::Relaxed);
        runtime.spawn(async {});
        is_done.recv_timeout(Duration::from_secs(30)).unwrap();
        let parks = parks() - before;
        // Every task may wake it, and so may the watch.
        assert!(parks < 10 * TASKS, "{parks} parks");
    });
}

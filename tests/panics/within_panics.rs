//! A panic in a destructor that runs because of another panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use selvedge::runtime;

/// Counts its drops, and panics in them.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
        panic!("in drop");
    }
}

#[test]
fn a_panic_in_a_drop_during_a_panic_is_contained() {
    let runtime = runtime::Runtime::new().unwrap();
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = Bomb(drops.clone());
    let error = runtime
        .block_on(
            runtime.spawn(std::future::poll_fn(move |_| -> std::task::Poll<()> {
                let _held = &bomb;
                panic!("in poll")
            })),
        )
        .unwrap_err();
    assert_eq!(
        error.into_panic().downcast_ref::<&str>().copied(),
        Some("in poll")
    );
    assert_eq!(drops.load(Ordering::SeqCst), 1);
    // The worker still runs.
    assert_eq!(runtime.block_on(runtime.spawn(async { 7 })).unwrap(), 7);
}

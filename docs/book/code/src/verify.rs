//! A fault that one model cannot find, and a model that finds it.

use loom::sync::atomic::{AtomicBool, Ordering};

/// A flag that says that something is done.
#[derive(Default)]
pub struct Done(AtomicBool);

impl Done {
    pub fn set(&self) {
        // Ordering: Release; pairs with the Acquire in `is_set`.
        self.0.store(true, Ordering::Release);
    }

    /// Sets the flag, but publishes nothing.
    pub fn naive_set(&self) {
        // Ordering: Relaxed, and that is the fault.
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        // Ordering: Acquire; pairs with the Release in `set`.
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::Done;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use loom::thread;

    /// Joins the thread, then looks. The join alone publishes the data.
    fn seen_after_a_join(set: fn(&Done)) {
        crate::model(move || {
            let (done, data) = (Arc::new(Done::default()), Arc::new(AtomicUsize::new(0)));
            let writer = thread::spawn({
                let (done, data) = (done.clone(), data.clone());
                move || {
                    data.store(1, Relaxed);
                    set(&done);
                }
            });
            writer.join().unwrap();
            assert!(done.is_set());
            assert_eq!(data.load(Relaxed), 1, "not published");
        });
    }

    /// Looks while the thread runs. Only the flag can publish the data.
    fn seen_with_the_flag(set: fn(&Done)) {
        crate::model(move || {
            let (done, data) = (Arc::new(Done::default()), Arc::new(AtomicUsize::new(0)));
            let writer = thread::spawn({
                let (done, data) = (done.clone(), data.clone());
                move || {
                    data.store(1, Relaxed);
                    set(&done);
                }
            });
            if done.is_set() {
                assert_eq!(data.load(Relaxed), 1, "not published");
            }
            writer.join().unwrap();
        });
    }

    #[test]
    fn a_join_hides_the_fault() {
        seen_after_a_join(Done::naive_set);
    }

    #[test]
    #[should_panic(expected = "not published")]
    fn the_flag_alone_shows_it() {
        seen_with_the_flag(Done::naive_set);
    }

    #[test]
    fn with_release_it_holds() {
        seen_after_a_join(Done::set);
        seen_with_the_flag(Done::set);
    }
}

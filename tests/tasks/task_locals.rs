//! Task-locals.

use selvedge::task;

selvedge::task_local! {
    static DEPTH: u32;
}

#[selvedge::test]
async fn task_locals_nest_and_go() {
    let seen = DEPTH
        .scope(1, async {
            task::yield_now().await;
            let inner = DEPTH.scope(2, async { DEPTH.get() }).await;
            (DEPTH.get(), inner)
        })
        .await;
    assert_eq!(seen, (1, 2));
    assert!(DEPTH.try_get().is_err());
}

/// When dropped, notes the task-local value that is set then.
struct Notes(std::rc::Rc<std::cell::Cell<Option<u32>>>);

impl Drop for Notes {
    fn drop(&mut self) {
        self.0.set(DEPTH.try_get().ok());
    }
}

/// A future that is ready is dropped at once, and its drop still sees its value.
#[test]
fn a_future_that_is_ready_is_dropped_at_once_with_its_value_set() {
    let seen = std::rc::Rc::new(std::cell::Cell::new(None));
    let notes = Notes(seen.clone());
    let future = std::future::poll_fn(move |_| {
        let _ = &notes;
        std::task::Poll::Ready(())
    });
    let mut scope = Box::pin(DEPTH.scope(7, future));
    assert!(crate::support::waits::poll_once(scope.as_mut()).is_ready());
    assert_eq!(seen.get(), Some(7));
    assert_eq!(scope.as_mut().take_value(), Some(7));
}

//! A current-thread runtime that is set to shut down when a task panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::support::within;
use tokio::runtime::{Builder, Runtime, UnhandledPanic};

fn runtime(behavior: UnhandledPanic) -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder
        .enable_all()
        .unhandled_panic(behavior)
        .build()
        .unwrap()
}

#[test]
fn a_tasks_panic_ends_the_block_on_and_cancels_the_others() {
    within(20, || {
        let runtime = runtime(UnhandledPanic::ShutdownRuntime);
        let handle = runtime.handle().clone();
        let other = runtime.spawn(std::future::pending::<()>());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                let panics = tokio::spawn(async { panic!("of a task") });
                let _: Result<(), _> = panics.await;
                std::future::pending::<()>().await
            })
        }));
        let told = ended.unwrap_err();
        let told = told.downcast_ref::<&str>().unwrap();
        assert!(told.contains("configured to shut down"), "{told}");
        // A spawn from outside is refused as well.
        let late = handle.spawn(async {});
        drop(runtime);
        let outcomes = super::support::current().block_on(async { (other.await, late.await) });
        assert!(outcomes.0.unwrap_err().is_cancelled());
        assert!(outcomes.1.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_panic_is_the_tasks_own_where_nothing_else_is_asked_for() {
    within(20, || {
        let runtime = runtime(UnhandledPanic::Ignore);
        let outcome = runtime.block_on(async {
            let panics = tokio::spawn(async { panic!("of a task") });
            let outcome: Result<(), _> = panics.await;
            tokio::spawn(async {}).await.unwrap();
            outcome
        });
        assert!(outcome.unwrap_err().is_panic());
    });
}

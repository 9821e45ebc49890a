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

//! Tasks that stay on their thread, and task-locals.

use selvedge::task::{self, LocalSet};
use std::rc::Rc;
use std::time::Duration;

#[selvedge::test(flavor = "multi_thread", worker_threads = 2)]
async fn wakes_from_other_threads_and_timers_arrive() {
    let set = LocalSet::new();
    let shared = Rc::new(1);
    let sum = set
        .run_until(async {
            let mut tasks = task::JoinSet::new();
            for i in 0..100 {
                let shared = shared.clone();
                tasks.spawn_local(async move {
                    selvedge::time::sleep(Duration::from_millis(1)).await;
                    let remote = selvedge::spawn(async move { i });
                    remote.await.unwrap() + *shared
                });
            }
            tasks.join_all().await.into_iter().sum::<i32>()
        })
        .await;
    assert_eq!(sum, (0..100).sum::<i32>() + 100);
    set.await;
}

#[test]
fn dropping_the_set_drops_its_tasks() {
    let kept = Rc::new(());
    let set = LocalSet::new();
    let inside = kept.clone();
    set.spawn_local(async move {
        let _inside = inside;
        std::future::pending::<()>().await;
    });
    drop(set);
    assert_eq!(Rc::strong_count(&kept), 1);
}

#[test]
#[should_panic(expected = "called from outside of a `task::LocalSet`")]
fn spawning_outside_of_a_set_names_the_cure() {
    task::spawn_local(async {});
}

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

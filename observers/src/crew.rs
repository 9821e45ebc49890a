//! Work whose figures are known: a given number of tasks, each polled a given number of times.

use tokio::task::{JoinSet, yield_now};

/// The name of each task of a crew, as tokio-console shows it.
pub const NAME: &str = "crew";

/// Runs `tasks` tasks that yield `yields` times each. So a task is polled `yields + 1` times.
pub async fn work(tasks: usize, yields: usize) {
    let mut crew = JoinSet::new();
    for _ in 0..tasks {
        let spawned = crew.build_task().name(NAME).spawn(give_turns(yields));
        spawned.expect("a task is spawned within a runtime");
    }
    while crew.join_next().await.is_some() {}
}

/// Yields so many times.
pub async fn give_turns(yields: usize) {
    for _ in 0..yields {
        yield_now().await;
    }
}

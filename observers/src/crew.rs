//! Work whose figures are known: so many tasks, each polled so many times.

use tokio::task::{JoinSet, yield_now};

/// The name of each task of a crew, as tokio-console shows it.
pub const NAME: &str = "crew";

/// Runs `tasks` tasks that give up their turn `yields` times each. A task is polled `yields + 1` times.
pub async fn work(tasks: usize, yields: usize) {
    let mut crew = JoinSet::new();
    for _ in 0..tasks {
        let spawned = crew.build_task().name(NAME).spawn(give_turns(yields));
        spawned.expect("a task is spawned within a runtime");
    }
    while crew.join_next().await.is_some() {}
}

/// Gives up its turn so many times.
pub async fn give_turns(yields: usize) {
    for _ in 0..yields {
        yield_now().await;
    }
}

//! Spawns tasks and waits for their ends: `spawn many` spawns one task on two workers, `spawn again` four tasks one after another,
//! `spawn steal` two tasks from within a third, and `spawn one` one task on a single thread.

use selvedge::runtime::{Builder, Runtime};
use selvedge::task::JoinError;
use selvedge::time::sleep;
use std::error::Error;
use std::io;
use std::thread;
use std::time::Duration;

async fn greet() -> &'static str {
    sleep(Duration::from_millis(5)).await;
    "hello"
}

async fn spawn_one() -> Result<(), JoinError> {
    let greeting = selvedge::spawn(greet());
    println!("{}", greeting.await?);
    Ok(())
}

async fn spawn_two() -> Result<(), JoinError> {
    let first = selvedge::spawn(async { "first" });
    let second = selvedge::spawn(async { "second" });
    // The sleep stands for a computation.
    thread::sleep(Duration::from_millis(300));
    println!("{} {}", first.await?, second.await?);
    Ok(())
}

async fn spawn_again() -> Result<(), JoinError> {
    for _ in 0..4 {
        selvedge::spawn(async {}).await?;
    }
    Ok(())
}

fn runtime(what: &str) -> io::Result<Runtime> {
    match what {
        "one" => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build(),
    }
}

fn run(what: &str) -> Result<(), Box<dyn Error>> {
    let runtime = runtime(what)?;
    if what != "one" {
        until_they_sleep(&runtime);
    }
    match what {
        "steal" => runtime.block_on(runtime.spawn(spawn_two()))??,
        "again" => runtime.block_on(spawn_again())?,
        _ => spawn_in_main(&runtime)?,
    }
    Ok(())
}

/// Waits until the workers have found nothing to do.
fn until_they_sleep(runtime: &Runtime) {
    let metrics = runtime.metrics();
    let is_awake = |worker| metrics.worker_park_count(worker) == 0;
    while (0..metrics.num_workers()).any(is_awake) {
        thread::sleep(Duration::from_millis(1));
    }
    // A worker counts its sleep just before it begins to sleep.
    thread::sleep(Duration::from_millis(20));
}

fn spawn_in_main(runtime: &Runtime) -> Result<(), JoinError> {
    runtime.block_on(spawn_one())
}

fn main() -> Result<(), Box<dyn Error>> {
    run(&std::env::args()
        .nth(1)
        .ok_or("spawn many, again, steal or one")?)
}

#[cfg(test)]
mod tests {
    use selvedge::runtime::{RecordOptions, Runtime};
    use selvedge_trace::{EventKind, Queue, Recording};

    /// Returns the queue that the task spawned last was put into first.
    fn first_queue(runtime: &Runtime, run: impl FnOnce(&Runtime)) -> Option<Queue> {
        let recorder = runtime.handle().recorder();
        recorder.start(&RecordOptions::new()).unwrap();
        run(runtime);
        let recording = Recording::read(&recorder.snapshot().unwrap()).unwrap();
        recorder.stop();
        let events = recording.events.iter().map(|event| event.kind);
        let mut spawned = events.clone().filter_map(|kind| match kind {
            EventKind::Spawned { task, .. } => Some(task),
            _ => None,
        });
        let last = spawned.next_back()?;
        events.clone().find_map(|kind| match kind {
            EventKind::Queued { task, queue } if task == last => Some(queue),
            _ => None,
        })
    }

    #[test]
    fn what_main_spawns_goes_to_the_injector() {
        let runtime = super::runtime("many").unwrap();
        let queue = first_queue(&runtime, |runtime| super::spawn_in_main(runtime).unwrap());
        assert_eq!(queue, Some(Queue::Injector));
    }
}

//! `cargo run --release --bin insight`: what it costs to look into a runtime, as a table.
//!
//! An event of the recorder, on one thread; HTTP with the recorder on and off, in turn; `Handle::tasks` with a hundred thousand tasks that
//! wait, while the workers go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use selvedge::runtime::{Builder, RecordOptions, Runtime};
use selvedge_benches::{Flavor, all_workers, on_selvedge};

/// Pairs of rounds, with and without.
const PAIRS: usize = 21;
/// A yield is recorded by three events: queued, poll begins, poll ends.
const EVENTS_OF_A_YIELD: f64 = 3.0;
const YIELDS: u32 = 300_000;
const REQUESTS: u64 = 40_000;
const TASKS: usize = 100_000;

fn main() {
    println!("| | |\n|---|---:|");
    event();
    http();
    tasks();
}

/// The median of pairs: with the recorder off, and on.
fn pairs(runtime: &Runtime, mut round: impl FnMut() -> Duration) -> (f64, f64, f64) {
    let recorder = runtime.handle().recorder();
    let (mut off, mut on, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    round();
    for _ in 0..PAIRS {
        let without = round().as_secs_f64();
        recorder.start(&RecordOptions::new()).expect("memory");
        let with = round().as_secs_f64();
        recorder.stop();
        off.push(without);
        on.push(with);
        ratios.push(without / with);
    }
    (median(off), median(on), median(ratios))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn event() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let (off, on, _) = pairs(&runtime, || {
        let start = Instant::now();
        runtime.block_on(async {
            let task = selvedge::spawn(async {
                for _ in 0..YIELDS {
                    selvedge::task::yield_now().await;
                }
            });
            task.await.expect("no panic");
        });
        start.elapsed()
    });
    let event = (on - off) / f64::from(YIELDS) / EVENTS_OF_A_YIELD * 1e9;
    println!("| an event, recorder on | {event:.1} ns |");
}

fn http() {
    let runtime = on_selvedge::suite::runtime(Flavor::Multi(all_workers()));
    let workload = on_selvedge::suite::all()
        .into_iter()
        .find(|workload| workload.name == "hyper_http1_64")
        .expect("a workload of that name");
    let (.., ratio) = pairs(&runtime, || workload.run(&runtime, REQUESTS));
    println!("| HTTP requests a second, recorder on, to those with it off | {ratio:.3} |");
}

fn tasks() {
    let runtime = on_selvedge::suite::runtime(Flavor::Multi(all_workers()));
    let is_over = Arc::new(AtomicBool::new(false));
    let entered = runtime.enter();
    for _ in 0..TASKS {
        runtime.spawn(selvedge::time::sleep(Duration::from_secs(600)));
    }
    drop(entered);
    // The longest time between two polls of a task that always has its next: it tells of a worker that is held.
    let yields = runtime.spawn({
        let is_over = is_over.clone();
        async move {
            let mut longest = Duration::ZERO;
            // Ordering: Relaxed; a flag.
            while !is_over.load(Ordering::Relaxed) {
                let before = Instant::now();
                selvedge::task::yield_now().await;
                longest = longest.max(before.elapsed());
            }
            longest
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    let (mut listed, mut json) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let start = Instant::now();
        let list = runtime.handle().tasks();
        listed.push(start.elapsed().as_secs_f64());
        assert!(list.len() >= TASKS);
        let start = Instant::now();
        std::hint::black_box(list.to_json());
        json.push(start.elapsed().as_secs_f64());
    }
    // Ordering: Relaxed; a flag.
    is_over.store(true, Ordering::Relaxed);
    let longest = runtime.block_on(yields).expect("no panic");
    println!(
        "| `Handle::tasks` of {TASKS} tasks | {:.1} ms |\n| their JSON | {:.1} ms |\n| longest time between two polls of a task that yields, meanwhile | {:.2} ms |",
        median(listed) * 1e3,
        median(json) * 1e3,
        longest.as_secs_f64() * 1e3
    );
}

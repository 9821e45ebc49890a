//! `cargo run --release --bin insight`: the cost of the recorder and of task lists, as a table.
//!
//! Measured are an event of the recorder on one thread, HTTP with the recorder on and off in turn, and `Handle::tasks` with a hundred
//! thousand waiting tasks while the workers go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use selvedge::runtime::{Builder, RecordOptions, Runtime};
use selvedge_benches::{Flavor, all_workers, on_selvedge};

/// Pairs of rounds: recorder off and recorder on.
const PAIRS: usize = 30;
/// Pairs of rounds where the times scatter more.
const MANY_PAIRS: usize = 200;
/// A yield is recorded by three events: queued, poll begins, poll ends.
const EVENTS_OF_A_YIELD: f64 = 3.0;
const YIELDS: u32 = 300_000;
const REQUESTS: u64 = 4_000;
const TASKS: usize = 100_000;

fn main() {
    println!("| | |\n|---|---:|");
    event();
    http();
    tasks();
}

/// Runs pairs of rounds; returns the median times with the recorder off and on, and the median ratio of off to on.
fn pairs(runtime: &Runtime, pairs: usize, mut round: impl FnMut() -> Duration) -> (f64, f64, f64) {
    let recorder = runtime.handle().recorder();
    let (mut off, mut on, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    round();
    for pair in 0..pairs {
        let mut time = |is_on: bool| {
            if is_on {
                recorder.start(&RecordOptions::new()).expect("memory");
            }
            let took = round().as_secs_f64();
            recorder.stop();
            took
        };
        // The order alternates, as the machine may slow down meanwhile.
        let is_first = pair % 2 == 1;
        let (first, second) = (time(is_first), time(!is_first));
        let (without, with) = match is_first {
            true => (second, first),
            false => (first, second),
        };
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
    let (off, on, _) = pairs(&runtime, PAIRS, || {
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
    let (.., ratio) = pairs(&runtime, MANY_PAIRS, || {
        // Before the measurement: the recorder's rings are allocated here.
        workload.run(&runtime, REQUESTS / 8);
        workload.run(&runtime, REQUESTS)
    });
    println!("| HTTP requests a second, recorder on, to those with it off | {ratio:.3} |");
}

fn tasks() {
    // One core is left to the thread that makes the lists; else a worker would wait for a core, and not for the list.
    let workers = all_workers().saturating_sub(1).max(1);
    let runtime = on_selvedge::suite::runtime(Flavor::Multi(workers));
    let is_over = Arc::new(AtomicBool::new(false));
    let entered = runtime.enter();
    for _ in 0..TASKS {
        runtime.spawn(selvedge::time::sleep(Duration::from_secs(600)));
    }
    drop(entered);
    // The longest time between two polls of a task that is always ready: it shows how long its worker was held up.
    let longest = Arc::new(AtomicU64::new(0));
    let yields = runtime.spawn({
        let (is_over, longest) = (is_over.clone(), longest.clone());
        async move {
            // Ordering: Relaxed, both; a flag and a figure.
            while !is_over.load(Ordering::Relaxed) {
                let before = Instant::now();
                selvedge::task::yield_now().await;
                let nanos = before.elapsed().as_nanos() as u64;
                longest.fetch_max(nanos, Ordering::Relaxed);
            }
        }
    });
    std::thread::sleep(Duration::from_millis(300));
    // Ordering: Relaxed; as above.
    let held = || longest.swap(0, Ordering::Relaxed) as f64 / 1e9;
    held();
    let (mut listed, mut json) = (Vec::new(), Vec::new());
    let (mut while_listed, mut while_busy) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let start = Instant::now();
        let list = runtime.handle().tasks();
        listed.push(start.elapsed().as_secs_f64());
        while_listed.push(held());
        assert!(list.len() >= TASKS);
        let start = Instant::now();
        std::hint::black_box(list.to_json());
        json.push(start.elapsed().as_secs_f64());
        held();
        // The same time without a list: delays of the worker that come from the machine.
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < median(listed.clone()) {
            std::hint::spin_loop();
        }
        while_busy.push(held());
    }
    // Ordering: Relaxed; a flag.
    is_over.store(true, Ordering::Relaxed);
    runtime.block_on(yields).expect("no panic");
    println!(
        "| `Handle::tasks` of {TASKS} tasks | {:.1} ms |\n| their JSON | {:.1} ms |",
        median(listed) * 1e3,
        median(json) * 1e3
    );
    for (times, meanwhile) in [
        (while_listed, "a list"),
        (while_busy, "a thread that computes"),
    ] {
        let most = times.iter().copied().fold(0.0, f64::max) * 1e3;
        let median = median(times) * 1e3;
        println!(
            "| longest time between two polls of a task that yields, beside {meanwhile}: median, most | {median:.2}, {most:.2} ms |"
        );
    }
}

//! `cargo run --release --bin lateness`: how late sleeps end on an idle runtime: on tokio, on selvedge with its default, and
//! on selvedge with a `Builder::timer_resolution` of 100 us. Their rounds take turns.

use std::time::{Duration, Instant};

/// Rounds; each has every sleep on every runtime.
const ROUNDS: usize = 40;
/// The sleeps, in microseconds.
const TIMES: [u64; 6] = [50, 300, 1_250, 7_700, 20_010, 110_333];
const RESOLUTION: Duration = Duration::from_micros(100);

/// How late each sleep ended, in microseconds.
type Late = Vec<u64>;

macro_rules! measured {
    ($rt:ident, $runtime:expr) => {{
        let runtime = $runtime;
        let mut late = Late::new();
        runtime.block_on(async {
            for micros in TIMES {
                let time = Duration::from_micros(micros);
                // In a task, so that a worker polls the sleep if the runtime has workers.
                let one = $rt::spawn(async move {
                    let begin = Instant::now();
                    $rt::time::sleep(time).await;
                    (begin.elapsed() - time).as_micros() as u64
                });
                late.push(one.await.expect("no panic"));
            }
        });
        late
    }};
}

/// The lateness of a plain thread's sleeps: the part that comes from the machine.
fn bare() -> Late {
    let late = TIMES.into_iter().map(|micros| {
        let (begin, time) = (Instant::now(), Duration::from_micros(micros));
        std::thread::sleep(time);
        (begin.elapsed() - time).as_micros() as u64
    });
    late.collect()
}

fn main() {
    println!("| sleeps, microseconds late | median | 99 % | most |\n|---|---:|---:|---:|");
    for workers in [0, 2] {
        let mut all = [Late::new(), Late::new(), Late::new(), Late::new()];
        for _ in 0..ROUNDS {
            let mut theirs = match workers {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            theirs.worker_threads(workers.max(1)).enable_all();
            all[0].extend(measured!(tokio, theirs.build().expect("a runtime")));
            for (late, is_fine) in all[1..].iter_mut().zip([false, true]) {
                let mut ours = match workers {
                    0 => selvedge::runtime::Builder::new_current_thread(),
                    _ => selvedge::runtime::Builder::new_multi_thread(),
                };
                ours.worker_threads(workers.max(1)).enable_all();
                if is_fine {
                    ours.timer_resolution(RESOLUTION);
                }
                late.extend(measured!(selvedge, ours.build().expect("a runtime")));
            }
            all[3].extend(bare());
        }
        let flavour = match workers {
            0 => "current thread",
            _ => "2 workers",
        };
        let names = [
            "tokio",
            "selvedge",
            "selvedge, 100 us",
            "a bare thread, beside",
        ];
        for (name, mut late) in names.into_iter().zip(all) {
            late.sort_unstable();
            let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
            println!(
                "| {name}, {flavour} | {} | {} | {} |",
                at(0.5),
                at(0.99),
                at(1.0)
            );
        }
    }
}

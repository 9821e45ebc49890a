//! Figures that criterion cannot measure: bytes per parked task, how late a timer fires while another task blocks
//! its worker, and how often an almost idle runtime wakes up.

use std::time::{Duration, Instant};

use super::rt;
use crate::Flavor;

/// Resident bytes per task, for `tasks` that are polled once and stay pending.
pub fn bytes_per_task(tasks: u64) -> f64 {
    let runtime = super::runtime(Flavor::Multi(2));
    runtime.block_on(async move {
        rt::spawn(async {}).await.unwrap();
        let before = resident();
        for i in 0..tasks {
            rt::spawn(std::future::pending::<()>());
            if i % 256 == 0 {
                rt::task::yield_now().await;
            }
        }
        rt::time::sleep(Duration::from_millis(200)).await;
        let after = resident();
        after.saturating_sub(before) as f64 / tasks as f64
    })
}

/// Two workers; one task blocks its worker for 200 ms, ten times. Returns the worst lateness of another task's 1 ms interval.
pub fn worst_lateness() -> Duration {
    let runtime = super::runtime(Flavor::Multi(2));
    runtime.block_on(async {
        let ticker = rt::spawn(async {
            let mut worst = Duration::ZERO;
            let mut interval = rt::time::interval(Duration::from_millis(1));
            interval.set_missed_tick_behavior(rt::time::MissedTickBehavior::Delay);
            let end = Instant::now() + Duration::from_secs(4);
            interval.tick().await;
            let mut due = Instant::now() + Duration::from_millis(1);
            while Instant::now() < end {
                interval.tick().await;
                let now = Instant::now();
                worst = worst.max(now.saturating_duration_since(due));
                due = now + Duration::from_millis(1);
            }
            worst
        });
        let blocker = rt::spawn(async {
            for _ in 0..10 {
                rt::time::sleep(Duration::from_millis(100)).await;
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        blocker.await.unwrap();
        ticker.await.unwrap()
    })
}

/// Voluntary context switches per second of a process with 1,000 tasks asleep for a minute.
pub fn idle_wakeups_per_second() -> f64 {
    let runtime = super::runtime(Flavor::Multi(2));
    runtime.block_on(async {
        for _ in 0..1_000 {
            rt::spawn(rt::time::sleep(Duration::from_secs(60)));
        }
        rt::time::sleep(Duration::from_millis(500)).await;
        let (before, start) = (voluntary_switches(), Instant::now());
        rt::time::sleep(Duration::from_secs(4)).await;
        (voluntary_switches() - before) as f64 / start.elapsed().as_secs_f64()
    })
}

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("statm");
    // SAFETY: sysconf has no preconditions.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64
}

fn voluntary_switches() -> i64 {
    // SAFETY: an all-zero rusage is a valid one.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is valid for writes.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    usage.ru_nvcsw
}

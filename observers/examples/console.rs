//! console-subscriber: `cargo run --example console [SECONDS]`, then `tokio-console` in another terminal.
//!
//! There is something to see of each kind: a task that a timer wakes, two with a channel between them, two that want the same lock, and
//! tasks that come and go.

use selvedge_observers::crew;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{interval, sleep};

#[tokio::main]
async fn main() {
    console_subscriber::init();
    let seconds = std::env::args()
        .nth(1)
        .map_or(60, |text| text.parse().expect("a number of seconds"));
    println!("look at it with tokio-console, for {seconds} s");
    start("ticks", ticks());
    let (sender, receiver) = mpsc::channel(16);
    start("sends", sends(sender));
    start("receives", receives(receiver));
    let lock = Arc::new(Mutex::new(()));
    start("holds the lock", holds(lock.clone(), 40));
    start("wants the lock", holds(lock, 1));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        crew::work(3, 100).await;
        sleep(Duration::from_millis(900)).await;
    }
}

/// The place that the console shows is that of the call.
#[track_caller]
fn start(name: &str, work: impl Future<Output = ()> + Send + 'static) {
    let spawned = tokio::task::Builder::new().name(name).spawn(work);
    spawned.expect("a task is spawned within a runtime");
}

async fn ticks() {
    let mut interval = interval(Duration::from_millis(10));
    loop {
        interval.tick().await;
    }
}

/// Five numbers at a time.
async fn sends(sender: mpsc::Sender<u64>) {
    for number in 0.. {
        if sender.send(number).await.is_err() {
            return;
        }
        if number % 5 == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The larger a number's remainder is, the longer it takes.
async fn receives(mut receiver: mpsc::Receiver<u64>) {
    while let Some(number) = receiver.recv().await {
        let steps = 1_000 << (number % 8);
        std::hint::black_box((0..steps).fold(number, |sum: u64, step| sum.rotate_left(7) ^ step));
    }
}

/// Has the lock for so many milliseconds at a time.
async fn holds(lock: Arc<Mutex<()>>, millis: u64) {
    loop {
        let guard = lock.lock().await;
        sleep(Duration::from_millis(millis)).await;
        drop(guard);
        sleep(Duration::from_millis(1)).await;
    }
}

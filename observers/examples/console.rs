//! console-subscriber: `cargo run --example console [SECONDS]`, then `tokio-console` in another terminal.

use selvedge_observers::crew;
use std::time::{Duration, Instant};

#[tokio::main]
async fn main() {
    console_subscriber::init();
    let seconds = std::env::args()
        .nth(1)
        .map_or(60, |text| text.parse().expect("a number of seconds"));
    println!("look at it with tokio-console, for {seconds} s");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        crew::work(10, 100).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

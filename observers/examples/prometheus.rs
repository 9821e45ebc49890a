//! Prometheus: `cargo run --example prometheus [ADDRESS]`, then `curl http://127.0.0.1:9100/metrics`.

use selvedge_observers::{crew, prometheus};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:9100".into());
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/metrics", listener.local_addr()?);
    let (registry, delay) = prometheus::registry(&Handle::current());
    tokio::spawn(prometheus::measure(delay));
    tokio::spawn(async {
        loop {
            crew::work(10, 100).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    prometheus::serve(listener, registry).await
}

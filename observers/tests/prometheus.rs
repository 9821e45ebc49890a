//! The server for Prometheus: a scraper can read its text, and the figures are right.

use prometheus_client::metrics::histogram::Histogram;
use selvedge_observers::crew::give_turns;
use selvedge_observers::prometheus;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

/// The result of a scrape: each line's name, labels included, with its value.
async fn scrape(address: SocketAddr) -> HashMap<String, f64> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("application/openmetrics-text"), "{head}");
    assert!(body.trim_end().ends_with("# EOF"), "{body}");
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[test]
fn a_scrape_has_the_figures_of_the_runtime() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (registry, delay) = prometheus::registry(&Handle::current());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(prometheus::serve(listener, registry));
        let before = scrape(address).await;
        assert_eq!(before["runtime_workers"], 1.0);
        assert_eq!(before["runtime_loop_delay_seconds_count"], 0.0);
        let waiting: Vec<_> = (0..5)
            .map(|_| tokio::spawn(std::future::pending::<()>()))
            .collect();
        for _ in 0..10 {
            tokio::spawn(give_turns(9)).await.unwrap();
        }
        let after = scrape(address).await;
        assert_eq!(after["runtime_tasks"] - before["runtime_tasks"], 5.0);
        // A hundred polls of the crew, one of each waiting task, and the server's own polls.
        assert!(after["runtime_polls_total"] - before["runtime_polls_total"] >= 105.0);
        assert_eq!(after["runtime_steals_total"], 0.0);
        waiting.iter().for_each(|task| task.abort());
        let late = a_blocked_loop_is_late(address, delay);
        // The limit is only against a hang.
        timeout(Duration::from_secs(60), late).await.unwrap();
    });
}

/// The only worker is blocked for 100 ms, so a sleep of 10 ms that began before that ends at least 80 ms late.
async fn a_blocked_loop_is_late(address: SocketAddr, delay: Histogram) {
    tokio::spawn(prometheus::measure(delay));
    while scrape(address).await["runtime_loop_delay_seconds_count"] < 1.0 {}
    std::thread::sleep(Duration::from_millis(100));
    let text = loop {
        let text = scrape(address).await;
        if text["runtime_loop_delay_seconds_sum"] >= 0.08 {
            break text;
        }
    };
    let count = text["runtime_loop_delay_seconds_count"];
    let at_most_half = text["runtime_loop_delay_seconds_bucket{le=\"0.0512\"}"];
    assert!(at_most_half < count, "{text:?}");
    assert_eq!(
        text["runtime_loop_delay_seconds_bucket{le=\"+Inf\"}"],
        count
    );
}

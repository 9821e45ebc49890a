//! A riddle for the reader of its recording: why does the task `heart` miss a beat?

use selvedge::runtime::Builder;
use selvedge::sync::{Mutex, mpsc, oneshot};
use selvedge::task;
use selvedge::time::{Instant, sleep};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

/// Numbers to sort, and a channel that tells when they are sorted.
type Batch = (Vec<u64>, oneshot::Sender<()>);

/// Prints the longest time between two beats.
async fn beat() {
    let mut longest = Duration::ZERO;
    for _ in 0..30 {
        let begin = Instant::now();
        sleep(Duration::from_millis(10)).await;
        longest = longest.max(begin.elapsed());
    }
    let longest = longest.as_millis();
    println!("the longest time between two beats was {longest} ms");
}

async fn sort(mut batches: mpsc::Receiver<Batch>) {
    while let Some((mut numbers, done)) = batches.recv().await {
        numbers.sort_unstable();
        // The feed may be gone.
        let _ = done.send(());
    }
}

/// Has its batches sorted one after another. Only the feed that holds `turn` may send a batch.
async fn feed(batches: Vec<Vec<u64>>, sorter: mpsc::Sender<Batch>, turn: Arc<Mutex<()>>) {
    for numbers in batches {
        let _turn = turn.lock().await;
        let (done, sorted) = oneshot::channel();
        if sorter.send((numbers, done)).await.is_err() || sorted.await.is_err() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Numbers in no order.
fn numbers(count: u64) -> Vec<u64> {
    (0..count)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .collect()
}

async fn run(feeds: Vec<(&str, Vec<Vec<u64>>)>) -> Result<(), Box<dyn Error>> {
    let (sorter, batches) = mpsc::channel(10);
    let turn = Arc::new(Mutex::new(()));
    task::Builder::new().name("sorter").spawn(sort(batches))?;
    for (name, batches) in feeds {
        let feed = feed(batches, sorter.clone(), turn.clone());
        task::Builder::new().name(name).spawn(feed)?;
    }
    let heart = task::Builder::new().name("heart").spawn(beat())?;
    Ok(heart.await?)
}

fn main() -> Result<(), Box<dyn Error>> {
    // The numbers are made here, where no task waits for them.
    let batches = |sizes: [u64; 3]| sizes.map(numbers).to_vec();
    let feeds = vec![
        ("north", batches([100, 100, 100])),
        ("east", batches([100, 100, 100])),
        ("south", batches([100, 300_000, 100])),
        ("west", batches([100, 100, 100])),
    ];
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(feeds))
}

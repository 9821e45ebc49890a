//! What not to do: a task that blocks its worker. The exercise on recordings uses this program.

use selvedge::time::sleep;
use std::time::Duration;

async fn hash_passwords() {
    for _ in 0..3 {
        // The sleep stands for long work: the worker can do nothing else meanwhile.
        std::thread::sleep(Duration::from_millis(100));
        sleep(Duration::from_millis(10)).await;
    }
}

#[selvedge::main]
async fn main() {
    let hashing = selvedge::spawn(hash_passwords());
    for _ in 0..20 {
        sleep(Duration::from_millis(10)).await;
    }
    hashing.await.expect("hashing does not panic");
}

//! Records more events than there is room for: `lost RECORDING`.

use selvedge::runtime::{Builder, RecordOptions};
use selvedge::task::yield_now;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("lost RECORDING")?;
    // The ring has room for the newest 1,024 events of the thread that polls.
    let options = RecordOptions::new().file(path).ring_bytes(1024 * 32);
    let runtime = Builder::new_current_thread().record(options).build()?;
    runtime.block_on(async {
        let task = selvedge::spawn(async {
            for _ in 0..10_000 {
                yield_now().await;
            }
        });
        Ok(task.await?)
    })
}

//! Lists the events of a recording, of the given tasks or of all: `events RECORDING [TASK..]`.

use seen::events::told;
use selvedge_trace::Recording;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("events RECORDING [TASK..]")?;
    let tasks = arguments
        .map(|id| id.parse())
        .collect::<Result<Vec<u64>, _>>()?;
    let recording = Recording::read(&Recording::bytes_of(path)?)?;
    for line in told(&recording, &tasks) {
        println!("{line}");
    }
    Ok(())
}

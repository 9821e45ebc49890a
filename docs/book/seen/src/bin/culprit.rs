//! Prints whose poll was the longest of a recording, and what woke the task for it: `culprit RECORDING`.

use selvedge_trace::{Analysis, PollKind, Recording, Waker};
use std::error::Error;

/// Finds the longest poll of a task. Returns the task's name, and what woke the task.
fn culprit(analysis: &Analysis) -> Option<(String, String)> {
    let polls = analysis.polls.iter();
    let polls = polls.filter(|poll| poll.kind == PollKind::Task);
    let longest = polls.max_by_key(|poll| poll.time.nanos())?;
    let wakes = analysis.wakes.iter().rev();
    let mut wakes = wakes.filter(|wake| wake.task == longest.task);
    let wake = wakes.find(|wake| wake.nanos <= longest.time.begin)?;
    let name = |id| {
        let name = analysis.tasks.get(&id)?.name.as_deref();
        Some(name.map_or_else(|| format!("task {id}"), |name| format!("task {name:?}")))
    };
    let waker = match wake.by {
        Waker::Task(id) => name(id)?,
        Waker::Timer => "a timer".into(),
        Waker::Io(descriptor) => format!("descriptor {descriptor}"),
        Waker::Thread(number) => format!("thread {number}, in no poll"),
    };
    Some((name(longest.task)?, waker))
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("culprit RECORDING")?;
    let recording = Recording::read(&Recording::bytes_of(path)?)?;
    let (task, waker) = culprit(&Analysis::of(&recording)).ok_or("no task was woken and polled")?;
    println!("the longest poll is one of {task}, which {waker} woke");
    Ok(())
}

//! What tasks do and wait for, as `Handle::tasks` and `Handle::findings` report it.

mod findings;
mod leaves;
mod list;
mod owners;
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
#[path = "../support/system.rs"]
mod system;
mod times;
mod told;

use selvedge::runtime::Handle;
use selvedge::runtime::tasks::{TaskInfo, TaskState};
use selvedge::task::{Id, JoinHandle};

/// The information on a task when it is idle.
async fn settled(id: Id) -> TaskInfo {
    settled_after(1, id).await
}

/// The information on a task when it is idle after so many polls.
async fn settled_after(polls: u32, id: Id) -> TaskInfo {
    loop {
        let tasks = Handle::current().tasks();
        match tasks.get(id) {
            Some(task) if task.state() == TaskState::Idle && task.polls() >= polls => {
                return task.clone();
            }
            _ => selvedge::task::yield_now().await,
        }
    }
}

/// Spawns the future as a task; returns the task's information when it waits.
async fn waiting<F>(future: F) -> (TaskInfo, JoinHandle<()>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let task = selvedge::spawn(future);
    (settled(task.id()).await, task)
}

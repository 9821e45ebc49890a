//! Shutdown: the list of tasks is walked while tasks' destructors spawn.

use std::sync::Mutex;

/// A task is its destructor here: user code that runs when the task is dropped.
pub type Task = Box<dyn FnOnce(&Owned) + Send>;

/// The tasks of a runtime.
#[derive(Default)]
pub struct Owned(Mutex<List>);

#[derive(Default)]
struct List {
    tasks: Vec<Task>,
    is_closed: bool,
}

impl Owned {
    /// Err: the list is closed, and the spawner must cancel the task.
    pub fn bind(&self, task: Task) -> Result<(), Task> {
        let mut list = self.0.lock().unwrap();
        if list.is_closed {
            return Err(task);
        }
        list.tasks.push(task);
        Ok(())
    }

    /// Takes the tasks out of the list, drops them, then closes the list.
    pub fn naive_shutdown(&self) {
        let tasks = std::mem::take(&mut self.0.lock().unwrap().tasks);
        tasks.into_iter().for_each(|task| task(self));
        self.0.lock().unwrap().is_closed = true;
    }

    /// Closes the list, then takes the tasks out of it and drops them.
    pub fn shutdown(&self) {
        let tasks = {
            let mut list = self.0.lock().unwrap();
            list.is_closed = true;
            std::mem::take(&mut list.tasks)
        };
        tasks.into_iter().for_each(|task| task(self)); // no lock is held
    }

    pub fn len(&self) -> usize {
        self.0.lock().unwrap().tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Binds the task to the list or cancels it at once, as the runtime's `spawn` does.
pub fn spawn(owned: &Owned, task: Task) {
    if let Err(task) = owned.bind(task) {
        task(owned);
    }
}

#[cfg(test)]
mod tests {
    use super::{Owned, spawn};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Shuts down a task whose destructor spawns another task. How many destructors run, and how many tasks are left?
    fn end_with(shutdown: fn(&Owned)) -> (usize, usize) {
        let (owned, ended) = (Owned::default(), Arc::new(AtomicUsize::new(0)));
        let (first, second) = (ended.clone(), ended.clone());
        spawn(
            &owned,
            Box::new(move |owned| {
                first.fetch_add(1, Ordering::Relaxed);
                let count = move |_: &Owned| {
                    second.fetch_add(1, Ordering::Relaxed);
                };
                spawn(owned, Box::new(count));
            }),
        );
        shutdown(&owned);
        (ended.load(Ordering::Relaxed), owned.len())
    }

    #[test]
    fn a_task_spawned_during_the_walk_is_stranded() {
        assert_eq!(end_with(Owned::naive_shutdown), (1, 1));
    }

    #[test]
    fn a_closed_list_strands_none() {
        assert_eq!(end_with(Owned::shutdown), (2, 0));
    }
}

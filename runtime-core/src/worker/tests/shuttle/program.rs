//! Tasks that do a few things at random.

use super::world::{Signal, World};
use crate::base::shim::explore::{below, one_in};
use crate::base::shim::thread;
use crate::runtime::Handle;
use crate::spawn::{self, JoinSet};
use crate::task::{self, JoinHandle};
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;

/// What the tasks of a scenario may do.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) world: World,
    /// May tasks block their worker in `block_in_place`?
    pub(super) has_workers: bool,
    /// May tasks be aborted?
    pub(super) aborts: bool,
    /// May the runtime end before its tasks do?
    pub(super) ends_early: bool,
}

type Program = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Plan {
    pub(super) fn may_be_cancelled(&self) -> bool {
        self.aborts || self.ends_early
    }

    /// A task of a few steps; it makes others down to `depth`.
    pub(super) fn task(&self, depth: usize) -> Program {
        let plan = self.clone();
        Box::pin(self.world.track(async move {
            for _ in 0..below(4) {
                plan.step(depth).await;
            }
        }))
    }

    async fn step(&self, depth: usize) {
        match below(10) {
            0 | 1 => task::yield_now().await,
            2 if self.has_workers => spawn::block_in_place(thread::yield_now),
            3 => self.block().await,
            // Without the panic hook's message.
            4 if one_in(4) => resume_unwind(Box::new(())),
            _ if depth == 0 => task::yield_now().await,
            5 => self.wait_for_a_child().await,
            6 => self.join_some(depth - 1).await,
            7 => drop(spawn::spawn(self.task(depth - 1))),
            _ => {
                let child = spawn::spawn(self.task(depth - 1));
                self.abort(&child);
                self.world.settle(child.await, self.may_be_cancelled());
            }
        }
    }

    /// Aborts the task in half of the cases, if the plan allows it.
    pub(super) fn abort<T>(&self, task: &JoinHandle<T>) {
        if self.aborts && one_in(2) {
            task.abort();
        }
    }

    async fn block(&self) {
        let entry = self.world.enter();
        let job = spawn::spawn_blocking(move || {
            thread::yield_now();
            entry.end();
        });
        self.abort(&job);
        self.world.settle(job.await, self.may_be_cancelled());
    }

    async fn wait_for_a_child(&self) {
        let signal = Signal::default();
        let (setter, plan) = (signal.setter(), self.clone());
        let child = spawn::spawn(self.world.track(async move {
            for _ in 0..below(2) {
                task::yield_now().await;
            }
            drop((setter, plan));
        }));
        self.abort(&child);
        signal.wait().await;
    }

    async fn join_some(&self, depth: usize) {
        let mut set = JoinSet::new();
        for _ in 0..3 {
            set.spawn(self.task(depth));
        }
        // The rest is aborted with the set, where that is allowed.
        let left = if self.aborts { below(3) } else { 0 };
        while set.len() > left {
            let end = set.join_next().await.expect("there are some left");
            self.world.settle(end, self.may_be_cancelled());
        }
    }

    /// What a thread outside of the runtime does with it.
    pub(super) fn use_from_outside(
        &self,
        handle: &Handle,
        join: impl Fn(JoinHandle<()>) -> Result<(), task::JoinError>,
    ) {
        for _ in 0..1 + below(4) {
            match below(4) {
                0 => drop(handle.spawn(self.task(1))),
                1 => {
                    let entry = self.world.enter();
                    drop(handle.spawn_blocking(move || entry.end()));
                }
                _ => {
                    let task = handle.spawn(self.task(2));
                    self.abort(&task);
                    self.world.settle(join(task), self.may_be_cancelled());
                }
            }
        }
    }
}

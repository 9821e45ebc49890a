//! The driver of a runtime without a reactor: its park ends only by an unpark or a time-out.

use super::{IoDriver, Unpark};
use crate::base::parker::ThreadParker;
use crate::record;
use std::sync::Arc;
use std::time::Duration;

struct ParkerDriver(Arc<ThreadParker>);

/// A driver whose park ends only by an unpark or a time-out, and what unparks it.
pub(super) fn create() -> (Box<dyn IoDriver>, Arc<dyn Unpark>) {
    let parker = Arc::new(ThreadParker::default());
    (Box::new(ParkerDriver(parker.clone())), parker)
}

impl IoDriver for ParkerDriver {
    fn park(&mut self, timeout: Option<Duration>) {
        record::park(true);
        match timeout {
            Some(timeout) => self.0.park_timeout(timeout),
            None => self.0.park(),
        }
        record::unpark(false);
    }
    fn turn(&mut self) {
        self.0.take_token();
    }
    fn shutdown(&mut self) {}
}

impl Unpark for ThreadParker {
    fn unpark(&self) {
        ThreadParker::unpark(self);
    }
}

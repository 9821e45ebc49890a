//! Amounts that are not allowed: the message names the argument.

use super::told;
use crate::support::current;
use std::time::Duration;
use tokio::io::{BufReader, duplex, empty};
use tokio::runtime::Builder;
use tokio::sync::{RwLock, Semaphore, broadcast, mpsc};

#[test]
fn nothing_where_something_is_needed() {
    let multi = Builder::new_multi_thread;
    told!(".worker_threads(0)", ["Worker threads"], || _ =
        multi().worker_threads(0));
    told!(".max_blocking_threads(0)", ["Max blocking threads"], || _ =
        multi().max_blocking_threads(0));
    told!(".event_interval(0)", ["event_interval"], || _ =
        multi().event_interval(0));
    told!(
        ".global_queue_interval(0)",
        ["global_queue_interval"],
        || _ = multi().global_queue_interval(0)
    );
    told!(
        ".max_io_events_per_tick(0)",
        ["max_io_events_per_tick"],
        || _ = multi().max_io_events_per_tick(0)
    );
    told!(".name(", ["name must not be blank"], || _ =
        multi().name(" "));
    told!("channel::<()>(0)", ["buffer > 0"], || {
        mpsc::channel::<()>(0)
    });
    told!(
        "channel::<()>(0)",
        ["broadcast channel capacity cannot be zero"],
        || { broadcast::channel::<()>(0) }
    );
    told!("with_max_readers(", ["0 readers"], || {
        RwLock::with_max_readers((), 0)
    });
    told!(
        "duplex(0)",
        ["max_buf_size must be greater than zero"],
        || { duplex(0) }
    );
    told!(
        "with_capacity(0",
        ["capacity must be greater than zero"],
        || { BufReader::with_capacity(0, empty()) }
    );
    told!("interval(", ["`period` must be non-zero"], || {
        current().block_on(async {
            tokio::time::interval(Duration::ZERO);
        })
    });
}

#[test]
fn more_than_there_may_be() {
    told!("Semaphore::new(", ["more than MAX_PERMITS"], || {
        Semaphore::new(Semaphore::MAX_PERMITS + 1)
    });
    told!("add_permits(", ["would overflow MAX_PERMITS"], || {
        Semaphore::new(1).add_permits(Semaphore::MAX_PERMITS)
    });
    told!(
        "broadcast::channel::<()>(",
        ["capacity exceeded `usize::MAX / 2`"],
        || broadcast::channel::<()>(usize::MAX)
    );
}

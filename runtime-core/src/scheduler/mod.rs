//! What the schedulers decide with: settings, counts, queues, and the protocols of who sleeps and who is woken.
//!
//! Everything here is state that any thread may look at, and knows no runtime; the loops that run tasks by it are in the
//! room `worker`.
//!
//! | file | owns |
//! |---|---|
//! | `config` | everything a runtime can be told |
//! | `counters` | what is counted for the runtime's figures |
//! | `current_thread` | the queue, the injector and the sleep of a current-thread runtime |
//! | `multi_thread` | queues, slots and the injector of several workers |
//! | `idle` | who sleeps, who searches, who is woken |
//! | `parker` | where one worker sleeps |
//! | `seat` | the driver, and sleeping with or without it |
//! | `ending` | who cancels the tasks at shutdown, and in which order |
//! | `steal` | taking tasks out of queues that others take from too |
//! | `watch` | when the thread that looks for stuck workers rests |

pub mod config;
pub(crate) mod countdown;
pub(crate) mod counters;
pub(crate) mod current_thread;
pub(crate) mod ending;
pub(crate) mod idle;
pub(crate) mod multi_thread;
pub(crate) mod parker;
pub(crate) mod seat;
pub(crate) mod steal;
pub(crate) mod watch;

#[cfg(all(test, runtime_loom, not(runtime_shuttle)))]
#[path = "tests/loom.rs"]
mod loom;

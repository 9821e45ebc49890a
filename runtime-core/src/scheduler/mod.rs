//! The state of the schedulers: settings, counters, queues, and the protocols by which workers sleep and are woken.
//!
//! Nothing here knows a runtime. The loops that run tasks are in the room `worker`.
//!
//! | file | owns |
//! |---|---|
//! | `config` | all settings of a runtime |
//! | `counters` | what is counted for the runtime's metrics |
//! | `countdown` | what is done every so many steps |
//! | `current_thread` | the queue, the injector and the sleep of a current-thread runtime |
//! | `multi_thread` | queues, slots and the injector of several workers |
//! | `idle` | which workers sleep, how many search, which one is woken |
//! | `parker` | where one worker sleeps |
//! | `seat` | the driver, and sleeping with or without it |
//! | `ending` | which worker cancels the tasks at shutdown, and in which order |
//! | `steal` | taking tasks out of queues from which other threads take too |
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

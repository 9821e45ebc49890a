//! Futures that are not Send: `cargo run --example local_set`
//!
//! `tokio::spawn` wants a `Send` future, because any worker may poll it. A future that holds an `Rc` across an
//! await must stay on one thread: a `LocalSet` runs it there, and all others reach it by a channel. What to look
//! at: the state is a plain `Rc<RefCell<_>>`, without a lock, and yet every worker can use it.

#[macro_use]
#[path = "support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use clap::Parser;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, LocalSet};

enum Request {
    Add(&'static str, i64),
    Get(&'static str, oneshot::Sender<i64>),
}

/// Keeps what is not Send on one thread, for all the others to use.
#[derive(Parser, Debug)]
#[command(name = "local_set")]
struct Arguments {}

fn main() -> std::io::Result<()> {
    let Arguments {} = Arguments::parse();
    let (requests, received) = mpsc::channel(32);
    let owner = std::thread::spawn(move || own(received));

    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async move {
        let mut clients = task::JoinSet::new();
        for i in 1..=10 {
            let requests = requests.clone();
            // Runs on any worker; only the request goes to the owner's thread.
            clients.spawn(async move { requests.send(Request::Add("sum", i)).await.is_ok() });
        }
        while clients.join_next().await.is_some() {}
        let (reply, answer) = oneshot::channel();
        if requests.send(Request::Get("sum", reply)).await.is_ok() {
            say!("sum = {:?}", answer.await);
        }
    });
    owner.join().expect("owner thread")
}

/// The thread that owns the state. It ends when the last sender is gone.
fn own(mut received: mpsc::Receiver<Request>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    local.block_on(&runtime, async move {
        let table = Rc::new(RefCell::new(HashMap::<&str, i64>::new()));
        while let Some(request) = received.recv().await {
            let table = table.clone();
            // The future is not Send, and need not be. It is awaited here, so that requests are handled in order.
            let handled = task::spawn_local(async move {
                task::yield_now().await;
                match request {
                    Request::Add(key, amount) => {
                        *table.borrow_mut().entry(key).or_default() += amount
                    }
                    Request::Get(key, reply) => {
                        let _ = reply.send(table.borrow().get(key).copied().unwrap_or_default());
                    }
                }
            });
            handled.await.expect("request");
        }
    });
    Ok(())
}

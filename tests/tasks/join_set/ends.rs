//! Strange ends of a `JoinSet`.

use std::future::pending;
use std::sync::{Arc, Mutex};

use crate::support::on_both;

#[test]
fn a_join_set_dropped_by_its_own_task() {
    on_both(|runtime| {
        runtime.block_on(async {
            let slot: Arc<Mutex<Option<tokio::task::JoinSet<()>>>> = Arc::default();
            let own = slot.clone();
            let (done, is_done) = tokio::sync::oneshot::channel();
            let mut set = tokio::task::JoinSet::new();
            let gate = Arc::new(tokio::sync::Notify::new());
            let gate2 = gate.clone();
            set.spawn(async move {
                gate2.notified().await;
                let set = own.lock().unwrap().take();
                drop(set);
                done.send(()).unwrap();
                pending::<()>().await;
            });
            set.spawn(pending());
            *slot.lock().unwrap() = Some(set);
            gate.notify_one();
            is_done.await.unwrap();
        });
    });
}

//! A lock that is handed to a future which its task does not poll, a remedy that fails, and two remedies that work.
//!
//! Oxide's RFD 609 describes the fault and gave it its name.

use selvedge::select;
use selvedge::sync::Mutex;
use selvedge::time::{sleep, timeout};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// What the lock guards.
pub type Sum = Arc<Mutex<u32>>;

/// Adds `number` once the lock is free.
pub async fn add(sum: Sum, number: u32) {
    *sum.lock().await += number;
}

/// Adds 1. If that takes long, it adds a fee of 10 first. It may never end.
pub async fn add_with_fee(sum: Sum) {
    let mut adding = pin!(add(sum.clone(), 1));
    select! {
        () = &mut adding => return,
        () = sleep(Duration::from_millis(50)) => println!("it takes long: there is a fee"),
    }
    add(sum, 10).await;
    adding.await;
}

/// Gives the fee up if that takes long too, and writes a letter. All other tasks wait for the lock until the letter is written.
pub async fn add_with_timeout(sum: Sum) {
    let mut adding = pin!(add(sum.clone(), 1));
    select! {
        () = &mut adding => return,
        () = sleep(Duration::from_millis(50)) => {}
    }
    if timeout(Duration::from_secs(1), add(sum, 10)).await.is_err() {
        sleep(Duration::from_secs(3600)).await;
    }
    adding.await;
}

/// Drops the first future before the second is awaited. The first leaves the lock's queue, so its 1 is added with the fee.
pub async fn add_with_fee_dropping(sum: Sum) {
    let mut adding = Box::pin(add(sum.clone(), 1));
    select! {
        () = &mut adding => return,
        () = sleep(Duration::from_millis(50)) => {}
    }
    drop(adding);
    add(sum, 11).await;
}

/// Spawns the first future as a task. The task is polled whatever this function waits for.
pub async fn add_with_fee_spawning(sum: Sum) {
    let mut adding = selvedge::spawn(add(sum.clone(), 1));
    select! {
        _ = &mut adding => return,
        () = sleep(Duration::from_millis(50)) => {}
    }
    add(sum, 10).await;
    // The task does not panic, and nobody cancels it.
    let _ = adding.await;
}

/// Holds the lock for a while.
pub async fn audit(sum: Sum) {
    let sum = sum.lock().await;
    sleep(Duration::from_secs(1)).await;
    println!("the sum is {sum}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge::task::yield_now;

    /// Longer than anything here takes if it ends. The clock is paused, and moves on while all tasks wait.
    const LONG: Duration = Duration::from_secs(60);

    /// Begins to add while the lock is held. Returns the sum once the lock is free, `None` if that takes too long.
    async fn sum_after<F>(add: fn(Sum) -> F) -> Option<u32>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let sum = Sum::default();
        selvedge::spawn(audit(sum.clone()));
        yield_now().await;
        let adding = selvedge::spawn(add(sum.clone()));
        sleep(LONG / 2).await;
        let sum = timeout(LONG, sum.lock()).await.ok().map(|sum| *sum);
        adding.abort();
        sum
    }

    #[selvedge::test(start_paused = true)]
    async fn the_lock_is_never_free_again() {
        assert_eq!(sum_after(add_with_fee).await, None);
    }

    #[selvedge::test(start_paused = true)]
    async fn a_timeout_of_the_second_lock_frees_nobody() {
        assert_eq!(sum_after(add_with_timeout).await, None);
    }

    #[selvedge::test(start_paused = true)]
    async fn a_timeout_of_the_whole_frees_all_but_adds_nothing() {
        let whole = |sum| async move {
            let _ = timeout(Duration::from_secs(1), add_with_fee(sum)).await;
        };
        assert_eq!(sum_after(whole).await, Some(0));
    }

    #[selvedge::test(start_paused = true)]
    async fn who_drops_the_first_future_goes_on() {
        assert_eq!(sum_after(add_with_fee_dropping).await, Some(11));
    }

    #[selvedge::test(start_paused = true)]
    async fn who_spawns_the_first_future_goes_on() {
        assert_eq!(sum_after(add_with_fee_spawning).await, Some(11));
    }
}

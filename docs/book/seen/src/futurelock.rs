//! A lock that is handed to a future which its task does not poll; a mend that is none, and two ways out.
//!
//! After Oxide's RFD 609, which gave it the name.

use selvedge::select;
use selvedge::sync::Mutex;
use selvedge::time::{sleep, timeout};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// What the lock guards.
pub type Sum = Arc<Mutex<u32>>;

/// Adds, once the lock is free.
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

/// Gives the fee up if that takes long too, and writes a letter. All others wait for the lock until the letter is written.
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

/// The first future goes before the second is awaited. It leaves the line for the lock, so its 1 is added with the fee.
pub async fn add_with_fee_dropping(sum: Sum) {
    let mut adding = Box::pin(add(sum.clone(), 1));
    select! {
        () = &mut adding => return,
        () = sleep(Duration::from_millis(50)) => {}
    }
    drop(adding);
    add(sum, 11).await;
}

/// The first future is a task. It is polled whatever this one waits for.
pub async fn add_with_fee_spawning(sum: Sum) {
    let mut adding = selvedge::spawn(add(sum.clone(), 1));
    select! {
        _ = &mut adding => return,
        () = sleep(Duration::from_millis(50)) => {}
    }
    add(sum, 10).await;
    // It does not panic, and nobody cancels it.
    let _ = adding.await;
}

/// Has the lock for a while.
pub async fn audit(sum: Sum) {
    let sum = sum.lock().await;
    sleep(Duration::from_secs(1)).await;
    println!("the sum is {sum}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge::task::yield_now;

    /// How long everything takes here if it ends: the clock is paused, and goes on while all wait.
    const LONG: Duration = Duration::from_secs(60);

    /// Begins to add while the lock is held, and gives the sum once it is free.
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

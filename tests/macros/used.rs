//! The macros as users write them: attributes with their arguments, and `select!` under strict lints.
#![forbid(unsafe_code)]
#![deny(warnings)]

use std::future::pending;
use std::time::Duration;

#[selvedge::main(flavor = "current_thread")]
async fn on_one_thread(n: u32) -> u32 {
    selvedge::spawn(async move { n + 1 }).await.unwrap()
}

#[selvedge::main(worker_threads = 2)]
async fn on_two_workers() -> Result<u32, std::num::ParseIntError> {
    let n: u32 = "41".parse()?;
    Ok(selvedge::spawn(async move { n + 1 }).await.unwrap())
}

#[test]
fn main_runs_its_body_on_a_runtime() {
    assert_eq!(42, on_one_thread(41));
    assert_eq!(Ok(42), on_two_workers());
}

#[selvedge::test(flavor = "local")]
async fn a_local_runtime_runs_the_body() {
    let not_send = std::rc::Rc::new(1);
    let task = selvedge::spawn(async { 1 });
    assert_eq!(*not_send, task.await.unwrap());
}

#[selvedge::test(start_paused = true)]
async fn a_paused_clock_jumps() {
    selvedge::time::sleep(Duration::from_secs(3600)).await;
}

#[selvedge::test]
async fn control_flow_leaves_a_handler() -> Result<(), u8> {
    let mut rounds = 0;
    loop {
        selvedge::select! {
            biased;
            () = async {}, if rounds < 3 => {
                rounds += 1;
                continue;
            }
            else => break,
        }
    }
    assert_eq!(3, rounds);
    let value = selvedge::select! {
        result = async { Ok::<u8, u8>(1) } => result?,
        () = pending() => unreachable!(),
    };
    assert_eq!(1, value);
    Ok(())
}

#[selvedge::test]
async fn a_missed_pattern_disables_its_branch() {
    let got = selvedge::select! {
        Some(&5) = async { Some(&4) } => "five",
        else => "none",
    };
    assert_eq!("none", got);
}

#[selvedge::test]
async fn a_handler_uses_what_the_futures_borrowed() {
    let mut text = String::from("a");
    selvedge::select! {
        () = async { text.push('b') } => text.push('c'),
        () = pending() => {}
    }
    assert_eq!("abc", text);
}

#[selvedge::test]
#[should_panic(expected = "all branches are disabled and there is no else branch")]
async fn nothing_left_to_wait_for() {
    selvedge::select! { () = async {}, if false => {} }
}

#[selvedge::test]
async fn try_join_stops_at_the_first_error() {
    let result = selvedge::try_join!(async { Err::<(), _>("no") }, pending::<Result<(), _>>());
    assert_eq!(Err("no"), result);
    assert_eq!((1, "two"), selvedge::join!(async { 1 }, async { "two" }));
}

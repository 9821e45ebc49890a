//! A program that deadlocks: `futurelock`. Ctrl-C ends it.

use seen::futurelock::{Sum, add, add_with_fee, audit};
use selvedge::runtime::Handle;
use selvedge::signal::ctrl_c;
use selvedge::time::sleep;
use std::io;
use std::time::Duration;

#[selvedge::main]
async fn main() -> io::Result<()> {
    let sum = Sum::default();
    selvedge::spawn(audit(sum.clone()));
    sleep(Duration::from_millis(20)).await;
    selvedge::spawn(add_with_fee(sum.clone()));
    sleep(Duration::from_millis(1500)).await;
    selvedge::spawn(add(sum.clone(), 100));
    sleep(Duration::from_millis(20)).await;
    tell();
    ctrl_c().await
}

/// Prints what the tasks wait for, and what is wrong.
fn tell() {
    let runtime = Handle::current();
    print!("{}", runtime.tasks());
    for finding in runtime.findings() {
        println!("{finding}");
    }
}

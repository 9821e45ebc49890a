//! A server whose dependency blocks: `stall`, or `stall cured`.

use seen::server::{LookUp, ask, serve};
use selvedge::net::TcpListener;
use selvedge::runtime::tasks::FindingKind;
use selvedge::runtime::{Builder, Runtime};
use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Builds a runtime with two workers. The runtime's stalls are counted in `stalls`.
fn runtime(stalls: Arc<AtomicUsize>) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all();
    builder.on_finding(move |finding| {
        if finding.kind() == FindingKind::Stall {
            // Ordering: Relaxed; a count, which publishes nothing.
            stalls.fetch_add(1, Ordering::Relaxed);
        }
    });
    builder.build()
}

fn run(look_up: LookUp) -> Result<(), Box<dyn Error>> {
    let stalls = Arc::new(AtomicUsize::new(0));
    let runtime = runtime(stalls.clone())?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    runtime.spawn(serve(listener, look_up));
    let longest = ask(address)?.as_millis();
    println!("the longest wait for a PONG was {longest} ms");
    // Ordering: Relaxed; a count.
    println!("stalls: {}", stalls.load(Ordering::Relaxed));
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        None => run(LookUp::InTheTask),
        Some("cured") => run(LookUp::OnThePool),
        Some(_) => Err("stall, or stall cured".into()),
    }
}

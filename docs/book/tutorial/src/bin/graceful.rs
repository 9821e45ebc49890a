//! The whole server: `graceful ADDRESS JOURNAL`. Ctrl-C stops it in order.

use kv::graceful::serve;
use kv::limits::Limits;
use kv::pressure::{Server, write_journal};
use kv::store::Store;
use selvedge::fs::File;
use selvedge::io::{self, BufWriter};
use selvedge::net::TcpListener;
use selvedge::signal::ctrl_c;
use selvedge::sync::{Semaphore, mpsc};
use std::sync::Arc;
use std::time::Duration;

#[selvedge::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:4000".into());
    let journal = arguments.next().unwrap_or("kv.journal".into());
    let (sender, changes) = mpsc::channel(64);
    let file = BufWriter::new(File::create(journal).await?);
    let writing = selvedge::spawn(write_journal(changes, file));
    let server = Server {
        store: Store::default(),
        limits: Limits::default(),
        connections: Arc::new(Semaphore::new(100)),
        journal: sender,
    };
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    let ended = serve(listener, server, ctrl_c(), Duration::from_secs(5)).await?;
    println!("{} drained, {} cut off", ended.drained, ended.aborted);
    // The last sender was dropped with the server, so the task ends when the journal is written.
    let lines = writing.await??;
    println!("the journal has {lines} lines");
    Ok(())
}

//! The server with a journal and a bound on connections: `pressure ADDRESS JOURNAL`.

use kv::limits::Limits;
use kv::pressure::{Server, serve, write_journal};
use kv::store::Store;
use selvedge::fs::File;
use selvedge::io::{self, BufWriter};
use selvedge::net::TcpListener;
use selvedge::sync::{Semaphore, mpsc};
use std::sync::Arc;

#[selvedge::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:4000".into());
    let journal = arguments.next().unwrap_or("kv.journal".into());
    let (sender, changes) = mpsc::channel(64);
    let file = BufWriter::new(File::create(journal).await?);
    selvedge::spawn(write_journal(changes, file));
    let server = Server {
        store: Store::default(),
        limits: Limits::default(),
        connections: Arc::new(Semaphore::new(100)),
        journal: sender,
    };
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, server).await
}

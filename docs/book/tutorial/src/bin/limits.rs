//! The server with limits: `limits ADDRESS [SECONDS]`. A client may be silent for SECONDS.

use kv::limits::{Limits, serve};
use kv::store::Store;
use selvedge::io;
use selvedge::net::TcpListener;
use std::time::Duration;

#[selvedge::main]
async fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:4000".into());
    let mut limits = Limits::default();
    if let Some(seconds) = arguments.next() {
        limits.idle = Duration::from_secs_f64(seconds.parse().map_err(io::Error::other)?);
    }
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, Store::default(), limits).await
}

//! The first key-value server: `shared ADDRESS`.

use kv::shared::serve;
use kv::store::Store;
use selvedge::io;
use selvedge::net::TcpListener;

#[selvedge::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:4000".into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, Store::default()).await
}

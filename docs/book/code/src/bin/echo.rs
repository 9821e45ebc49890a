//! `cargo run -p book-code --bin echo [ADDRESS]`: an echo server that closes a connection after ten silent seconds.

use book_code::echo;
use book_code::mini::Runtime;
use std::time::Duration;

fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7007".into());
    let mut runtime = Runtime::new()?;
    let handle = runtime.handle();
    let listener = handle.listen(address.parse().map_err(std::io::Error::other)?)?;
    println!("listening on {}", listener.address()?);
    runtime.block_on(echo::serve(handle, listener, Duration::from_secs(10)))
}

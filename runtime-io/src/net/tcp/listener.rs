//! `TcpListener`. Accepted streams start out assumed readable and writable, on the listener's own
//! reactor.

use super::TcpStream;
use crate::net::ToSocketAddrs;
use crate::net::addr::{first_ok, resolve};
use crate::net::kind::Kind;
use crate::reactor::{PollEvented, on_reactor};
use std::convert::identity;
use std::future::Future;
use std::io;
use std::net::SocketAddr;

/// Accepts TCP connections.
///
/// ```
/// use selvedge::net::{TcpListener, TcpStream};
///
/// async fn serve(stream: TcpStream, peer: std::net::SocketAddr) {
///     println!("{peer} came and is sent away");
/// }
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// # let address = listener.local_addr()?;
/// # let client = selvedge::spawn(TcpStream::connect(address));
/// loop {
///     let (stream, peer) = listener.accept().await?;
///     selvedge::spawn(serve(stream, peer));
///     # client.await??;
///     # break;
/// }
/// # Ok(())
/// # }
/// ```
pub struct TcpListener {
    pub(super) io: PollEvented<mio::net::TcpListener>,
    /// The kind of the streams it gives.
    kind: Kind,
}

impl TcpListener {
    /// Binds to the first of the addresses that works, with address reuse on and a backlog of
    /// 1024, and listens. Port 0 lets the OS choose.
    ///
    /// # Panics
    /// When it is awaited outside of a runtime, or on one without I/O (`enable_io`).
    ///
    /// # Examples
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let listener = selvedge::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// println!("listening on {}", listener.local_addr().unwrap());
    /// # }
    /// ```
    pub fn bind<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpListener>> {
        on_reactor(async move {
            let addrs = resolve(&addr).await?;
            first_ok(addrs, async |addr| {
                TcpListener::from_mio(mio::net::TcpListener::bind(addr)?, Kind::Tcp)
            })
            .await
        })
    }

    /// The address it is bound to.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let listener = selvedge::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    /// assert_ne!(listener.local_addr().unwrap().port(), 0);
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.local_addr()
    }
}

listener_methods!(
    TcpListener,
    mio::net::TcpListener,
    TcpStream,
    SocketAddr,
    identity
);
options! { TcpListener; "the IP time-to-live of what it sends" ttl, set_ttl: u32 = ttl_v4, set_ttl_v4; }
std_conversions!(TcpListener, mio::net::TcpListener, std::net::TcpListener);

//! Addresses from the forms in which users write them: literals are parsed at once, names are
//! looked up on the blocking pool (the OS's resolver blocks).

use runtime_core::spawn;
use runtime_core::task::JoinHandle;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

/// Anything that stands for one or more socket addresses: an address, a slice of them, an address
/// and a port, `"host:port"`, `("host", port)`.
///
/// The trait is sealed; its lookup is asynchronous, unlike that of its namesake in `std::net`.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::net::{TcpListener, ToSocketAddrs};
/// async fn listen(on: impl ToSocketAddrs) -> std::io::Result<TcpListener> {
///     TcpListener::bind(on).await
/// }
/// listen("127.0.0.1:0").await.unwrap();
/// listen(("127.0.0.1", 0)).await.unwrap();
/// # }
/// ```
pub trait ToSocketAddrs: sealed::Resolve {}

mod sealed {
    pub trait Resolve {
        fn resolve(&self, internal: super::Internal) -> super::Lookup;
    }
}

/// Only this module can make one, so no other code can call `resolve`.
#[derive(Debug)]
pub struct Internal(());

type List = vec::IntoIter<SocketAddr>;

/// Addresses one by one.
#[derive(Debug)]
pub enum Addrs {
    #[doc(hidden)]
    One(Option<SocketAddr>),
    #[doc(hidden)]
    Many(List),
}

impl Iterator for Addrs {
    type Item = SocketAddr;

    fn next(&mut self) -> Option<SocketAddr> {
        match self {
            Addrs::One(one) => one.take(),
            Addrs::Many(many) => many.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Addrs::One(one) => one.iter().size_hint(),
            Addrs::Many(many) => many.size_hint(),
        }
    }
}

/// The future of a lookup.
#[derive(Debug)]
pub enum Lookup {
    #[doc(hidden)]
    Known(Option<io::Result<Addrs>>),
    #[doc(hidden)]
    OnPool(JoinHandle<io::Result<List>>),
}

impl Lookup {
    fn one(addr: SocketAddr) -> Lookup {
        Lookup::Known(Some(Ok(Addrs::One(Some(addr)))))
    }

    fn on_pool(f: impl FnOnce() -> io::Result<List> + Send + 'static) -> Lookup {
        match spawn::try_spawn_blocking(f) {
            Ok(task) => Lookup::OnPool(task),
            Err(error) => Lookup::Known(Some(Err(error))),
        }
    }
}

impl Future for Lookup {
    type Output = io::Result<Addrs>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Lookup::Known(result) => {
                Poll::Ready(result.take().expect("a lookup polled after its end"))
            }
            Lookup::OnPool(handle) => {
                let joined = ready!(Pin::new(handle).poll(cx));
                Poll::Ready(match joined {
                    Ok(result) => result.map(Addrs::Many),
                    Err(error) => Err(io::Error::other(error)),
                })
            }
        }
    }
}

pub(crate) fn resolve<T: ToSocketAddrs + ?Sized>(addrs: &T) -> Lookup {
    addrs.resolve(Internal(()))
}

/// Runs `f` on the addresses in turn until it succeeds; else the last error.
pub(crate) async fn first_ok<R, F>(
    addrs: Addrs,
    mut f: impl FnMut(SocketAddr) -> F,
) -> io::Result<R>
where
    F: Future<Output = io::Result<R>>,
{
    let mut last = None;
    for addr in addrs {
        match f(addr).await {
            Ok(result) => return Ok(result),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            "could not resolve to any address",
        )
    }))
}

/// Looks a host up.
///
/// ```
/// use selvedge::net;
///
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// for addr in net::lookup_host("localhost:80").await? {
///     assert_eq!(addr.port(), 80);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When the name is malformed or the resolver does not know it, or the system gives no thread to ask it on.
pub async fn lookup_host<T: ToSocketAddrs>(
    host: T,
) -> io::Result<impl Iterator<Item = SocketAddr>> {
    resolve(&host).await
}

impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

impl<T: ToSocketAddrs + ?Sized> sealed::Resolve for &T {
    fn resolve(&self, internal: Internal) -> Lookup {
        (**self).resolve(internal)
    }
}

/// One-address types: `$addr` is an expression of `SocketAddr` in `$this`.
macro_rules! known {
    ($($type:ty, |$this:ident| $addr:expr;)*) => {$(
        impl ToSocketAddrs for $type {}

        impl sealed::Resolve for $type {
            fn resolve(&self, _internal: Internal) -> Lookup {
                let $this = self;
                Lookup::one($addr)
            }
        }
    )*};
}

known! {
    SocketAddr, |this| *this;
    SocketAddrV4, |this| SocketAddr::V4(*this);
    SocketAddrV6, |this| SocketAddr::V6(*this);
    (IpAddr, u16), |this| SocketAddr::from(*this);
    (Ipv4Addr, u16), |this| SocketAddr::from(*this);
    (Ipv6Addr, u16), |this| SocketAddr::from(*this);
}

impl ToSocketAddrs for [SocketAddr] {}

impl sealed::Resolve for [SocketAddr] {
    fn resolve(&self, _internal: Internal) -> Lookup {
        let owned = Vec::from(self);
        Lookup::Known(Some(Ok(Addrs::Many(owned.into_iter()))))
    }
}

impl ToSocketAddrs for str {}

impl sealed::Resolve for str {
    fn resolve(&self, _internal: Internal) -> Lookup {
        if let Ok(addr) = self.parse::<SocketAddr>() {
            return Lookup::one(addr);
        }
        let name = self.to_owned();
        Lookup::on_pool(move || std::net::ToSocketAddrs::to_socket_addrs(&name))
    }
}

impl ToSocketAddrs for String {}

impl sealed::Resolve for String {
    fn resolve(&self, internal: Internal) -> Lookup {
        self.as_str().resolve(internal)
    }
}

impl ToSocketAddrs for (&str, u16) {}

impl sealed::Resolve for (&str, u16) {
    fn resolve(&self, _internal: Internal) -> Lookup {
        let (host, port) = *self;
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Lookup::one(SocketAddr::new(ip, port));
        }
        let host = host.to_owned();
        Lookup::on_pool(move || std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)))
    }
}

impl ToSocketAddrs for (String, u16) {}

impl sealed::Resolve for (String, u16) {
    fn resolve(&self, internal: Internal) -> Lookup {
        (self.0.as_str(), self.1).resolve(internal)
    }
}

//! Macros for socket options (getters and setters that pass through), and for sockets that are to be configured.

/// Pairs of a getter and a setter, ours and socket2's.
macro_rules! options {
    ($type:ty; $($(#[$attribute:meta])* $doc:literal $get:ident, $set:ident: $value:ty = $inner_get:ident, $inner_set:ident;)*) => {
        impl $type {$(
            #[doc = concat!("Reads ", $doc, ".")]
            ///
            /// ```
            /// # #![allow(deprecated)]
            #[doc = concat!(" fn tell(socket: &selvedge::net::", stringify!($type), ") -> std::io::Result<()> {")]
            #[doc = concat!("     println!(\"{:?}\", socket.", stringify!($get), "()?);")]
            ///     Ok(())
            /// }
            /// ```
            $(#[$attribute])*
            pub fn $get(&self) -> std::io::Result<$value> {
                socket2::SockRef::from(self).$inner_get()
            }

            #[doc = concat!("Sets ", $doc, ".")]
            ///
            /// ```
            /// # #![allow(deprecated)]
            #[doc = concat!(" fn copy(from: &selvedge::net::", stringify!($type), ", to: &selvedge::net::", stringify!($type), ") -> std::io::Result<()> {")]
            #[doc = concat!("     to.", stringify!($set), "(from.", stringify!($get), "()?)")]
            /// }
            /// ```
            $(#[$attribute])*
            pub fn $set(&self, value: $value) -> std::io::Result<()> {
                socket2::SockRef::from(self).$inner_set(value)
            }
        )*}
    };
}

/// How long closing waits.
macro_rules! linger_options {
    ($type:ty) => {
        impl $type {
            /// How long closing waits for unsent data.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use selvedge::net::TcpSocket;
            /// assert_eq!(TcpSocket::new_v4().unwrap().linger().unwrap(), None);
            /// # }
            /// ```
            pub fn linger(&self) -> std::io::Result<Option<std::time::Duration>> {
                socket2::SockRef::from(self).linger()
            }

            /// Sets how long closing waits for unsent data.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// # #[allow(deprecated)] {
            /// use std::time::Duration;
            /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
            /// socket.set_linger(Some(Duration::ZERO)).unwrap();
            /// # }
            /// # }
            /// ```
            #[deprecated(
                note = "a closing socket that lingers blocks the thread; see `set_zero_linger` for resets"
            )]
            pub fn set_linger(&self, linger: Option<std::time::Duration>) -> std::io::Result<()> {
                socket2::SockRef::from(self).set_linger(linger)
            }

            /// Makes closing reset the connection and throw unsent data away.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// use std::time::Duration;
            /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
            /// socket.set_zero_linger().unwrap();
            /// assert_eq!(socket.linger().unwrap(), Some(Duration::ZERO));
            /// # }
            /// ```
            pub fn set_zero_linger(&self) -> std::io::Result<()> {
                socket2::SockRef::from(self).set_linger(Some(std::time::Duration::ZERO))
            }
        }
    };
}

/// The type of service, the traffic class, and the network device.
macro_rules! route_options {
    ($type:ty) => {
        options! { $type;
            "the type-of-service field of IPv4 packets" tos_v4, set_tos_v4: u32 = tos_v4, set_tos_v4;
            #[deprecated(note = "use `tos_v4` and `set_tos_v4`")]
            "the type-of-service field of IPv4 packets" tos, set_tos: u32 = tos_v4, set_tos_v4;
            "the traffic class of IPv6 packets" tclass_v6, set_tclass_v6: u32 = tclass_v6, set_tclass_v6;
        }

        #[cfg(any(target_os = "linux", target_os = "android"))]
        impl $type {
            /// The network device it is bound to (`SO_BINDTODEVICE`).
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
            /// assert_eq!(socket.device().unwrap(), None);
            /// # }
            /// ```
            pub fn device(&self) -> std::io::Result<Option<Vec<u8>>> {
                socket2::SockRef::from(self).device()
            }

            /// Binds to a network device, or with `None` to none.
            ///
            /// ```
            /// # #[selvedge::main(flavor = "current_thread")]
            /// # async fn main() {
            /// let socket = selvedge::net::TcpSocket::new_v4().unwrap();
            /// socket.bind_device(None).unwrap(); // any device
            /// # }
            /// ```
            pub fn bind_device(&self, interface: Option<&[u8]>) -> std::io::Result<()> {
                socket2::SockRef::from(self).bind_device(interface)
            }
        }
    };
}

/// How a socket to be configured is made and taken over; its descriptor.
macro_rules! config_methods {
    ($type:ident, $kind:expr) => {
        impl $type {
            fn new(
                domain: socket2::Domain,
                r#type: socket2::Type,
                protocol: Option<socket2::Protocol>,
            ) -> std::io::Result<$type> {
                let inner = socket2::Socket::new(domain, r#type, protocol)?;
                inner.set_nonblocking(true)?;
                let kind = $kind;
                Ok($type { inner, kind })
            }

            /// Takes over a socket of a kind that is not known.
            fn adopt(fd: std::os::fd::OwnedFd) -> $type {
                let kind = crate::net::kind::Kind::of(&fd);
                let inner = fd.into();
                $type { inner, kind }
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.inner.fmt(f)
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.inner.as_raw_fd()
            }
        }

        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.inner.as_fd()
            }
        }

        impl std::os::fd::FromRawFd for $type {
            /// Takes over a descriptor.
            ///
            /// # Safety
            /// It is an open, non-blocking socket of this family that nobody else owns.
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> $type {
                // SAFETY: the caller gives up ownership of an open descriptor.
                $type::adopt(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) })
            }
        }

        impl std::os::fd::IntoRawFd for $type {
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                self.inner.into_raw_fd()
            }
        }
    };
}

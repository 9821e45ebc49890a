//! Socket options, as getters and setters that only pass through.

/// Pairs of a getter and a setter, ours and socket2's.
macro_rules! options {
    ($type:ty; $($(#[$attribute:meta])* $doc:literal $get:ident, $set:ident: $value:ty = $inner_get:ident, $inner_set:ident;)*) => {
        impl $type {$(
            #[doc = concat!("Reads ", $doc, ".")]
            $(#[$attribute])*
            pub fn $get(&self) -> std::io::Result<$value> {
                socket2::SockRef::from(self).$inner_get()
            }

            #[doc = concat!("Sets ", $doc, ".")]
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
            pub fn linger(&self) -> std::io::Result<Option<std::time::Duration>> {
                socket2::SockRef::from(self).linger()
            }

            /// Sets how long closing waits for unsent data.
            #[deprecated(
                note = "a closing socket that lingers blocks the thread; see `set_zero_linger` for resets"
            )]
            pub fn set_linger(&self, linger: Option<std::time::Duration>) -> std::io::Result<()> {
                socket2::SockRef::from(self).set_linger(linger)
            }

            /// Makes closing reset the connection and throw unsent data away.
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
            pub fn device(&self) -> std::io::Result<Option<Vec<u8>>> {
                socket2::SockRef::from(self).device()
            }

            /// Binds to a network device, or with `None` to none.
            pub fn bind_device(&self, interface: Option<&[u8]>) -> std::io::Result<()> {
                socket2::SockRef::from(self).bind_device(interface)
            }
        }
    };
}

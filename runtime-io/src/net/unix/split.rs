//! Halves of a `UnixStream`.

use super::{SocketAddr, UnixStream};

halves!(UnixStream, SocketAddr);

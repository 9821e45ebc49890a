//! This module stands for a package that somebody else wrote. Its function is `async`, so its callers do not expect it to block.

use std::net::IpAddr;
use std::time::Duration;

/// How long the file takes to read.
pub const READ: Duration = Duration::from_millis(500);

/// The country of an address.
pub async fn country(address: IpAddr) -> &'static str {
    // The sleep stands for a read of a large file, by functions of std.
    std::thread::sleep(READ);
    match address.is_loopback() {
        true => "here",
        false => "elsewhere",
    }
}

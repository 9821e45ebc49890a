//! Out of descriptors, a server's accept fails and works again once some are free. A binary of its own,
//! because the limit is the process's.

mod support;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[test]
fn server_outlives_the_descriptor_limit() {
    support::within(30, || {
        support::multi(2).block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = TcpStream::connect(address).await.unwrap();
            let limit = libc::rlimit {
                rlim_cur: support::open_fds() as u64 + 16,
                rlim_max: 4096,
            };
            // SAFETY: `limit` is valid.
            assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
            let mut spare = Vec::new();
            while let Ok(file) = std::fs::File::open("/dev/null") {
                spare.push(file);
            }

            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            // Timers and tasks do not care.
            tokio::spawn(tokio::time::sleep(Duration::from_millis(5)))
                .await
                .unwrap();

            drop(spare);
            let (mut served, _) = tokio::time::timeout(Duration::from_secs(5), listener.accept())
                .await
                .expect("accepts again")
                .unwrap();
            let mut client = client;
            client.write_all(b"ping").await.unwrap();
            let mut seen = [0; 4];
            served.read_exact(&mut seen).await.unwrap();
            assert_eq!(&seen, b"ping");
        });
    });
}

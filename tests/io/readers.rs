//! Readers whose bytes are no text, or that claim more bytes than they gave.

use crate::support::{current, panic_message};

/// A line that is not UTF-8 is an error; the next line is read.
#[test]
fn lines_that_are_not_utf8() {
    use tokio::io::{AsyncBufReadExt, AsyncReadExt};
    current().block_on(async {
        let mut lines = (&b"good\nbad \xff\xfe\nagain\n"[..]).lines();
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "good");
        let error = lines.next_line().await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert_eq!(lines.next_line().await.unwrap().unwrap(), "again");
        assert_eq!(lines.next_line().await.unwrap(), None);

        let mut text = String::from("kept ");
        let error = (&b"\xc3"[..]).read_to_string(&mut text).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert_eq!(text, "kept ");
    });
}

/// A reader that claims more bytes than there is room for makes the read panic, through a `BufReader` too.
#[test]
fn readers_that_claim_too_much() {
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

    struct Boasts;
    impl AsyncRead for Boasts {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            buf.advance(buf.remaining() + 1);
            Poll::Ready(Ok(()))
        }
    }

    let runtime = current();
    panic_message(|| runtime.block_on(async { Boasts.read(&mut [0; 8]).await }));
    panic_message(|| runtime.block_on(async { Boasts.read_to_end(&mut Vec::new()).await }));
    panic_message(|| {
        runtime.block_on(async {
            let mut inner = tokio::io::BufReader::new(Boasts);
            inner.read_u8().await
        })
    });
    panic_message(|| runtime.block_on(async { Boasts.take(3).read(&mut [0; 8]).await }));
    assert_eq!(runtime.block_on(async { 1 }), 1);
}

//! Batches between two sockets of this machine.

use selvedge::net::UdpSocket;
use selvedge::time::timeout;
use selvedge_udp::{Received, UdpBatches, UdpSocketExt};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

async fn socket(addr: &str) -> (UdpBatches, SocketAddr) {
    let socket = UdpSocket::bind(addr).await.unwrap();
    let addr = socket.local_addr().unwrap();
    (socket.into_batches().unwrap(), addr)
}

/// The next `count` datagrams, with their senders.
async fn next(
    socket: &UdpBatches,
    received: &mut Received,
    count: usize,
) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut all = Vec::new();
    while all.len() < count {
        let came = timeout(LONG, socket.recv_from(received)).await;
        let came = came.expect("datagrams on their way").unwrap();
        assert_eq!(came, received.iter().count());
        all.extend(received.iter().map(|d| (d.contents.to_vec(), d.from)));
    }
    all
}

fn datagrams(contents: &[u8], size: usize, from: SocketAddr) -> Vec<(Vec<u8>, SocketAddr)> {
    contents
        .chunks(size)
        .map(|part| (part.to_vec(), from))
        .collect()
}

#[selvedge::test]
async fn datagrams_come_as_they_were_sent() {
    for addr in ["127.0.0.1:0", "[::1]:0"] {
        let ((near, from), (far, to)) = (socket(addr).await, socket(addr).await);
        let mut received = Received::new();
        for (length, size) in [
            (1, 1),
            (10, 3),
            (1_000, 1_000),
            (20_000, 1_200),
            (90_000, 1_200),
            (64, 1),
        ] {
            let contents: Vec<u8> = (0..length).map(|n: u32| (n % 251) as u8).collect();
            near.send_to(&contents, size, to).await.unwrap();
            let expected = datagrams(&contents, size, from);
            assert_eq!(
                next(&far, &mut received, expected.len()).await,
                expected,
                "{length} {size}"
            );
        }
    }
}

#[selvedge::test]
async fn an_empty_datagram_is_one() {
    let ((near, from), (far, to)) = (socket("127.0.0.1:0").await, socket("127.0.0.1:0").await);
    near.send_to(&[], 100, to).await.unwrap();
    near.send_to(b"after", 100, to).await.unwrap();
    let came = next(&far, &mut Received::new(), 2).await;
    assert_eq!(came, [(Vec::new(), from), (b"after".to_vec(), from)]);
}

#[selvedge::test]
async fn plain_sockets_and_batches_understand_each_other() {
    let plain = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let from = plain.local_addr().unwrap();
    let (batches, to) = socket("127.0.0.1:0").await;
    for n in 0..20 {
        plain.send_to(&[n; 10], to).await.unwrap();
    }
    let expected: Vec<_> = (0..20).map(|n| (vec![n; 10], from)).collect();
    assert_eq!(next(&batches, &mut Received::new(), 20).await, expected);
    batches.send_to(b"onetwo", 3, from).await.unwrap();
    for expected in [b"one", b"two"] {
        let mut buf = [0; 8];
        let (length, sender) = plain.recv_from(&mut buf).await.unwrap();
        assert_eq!((&buf[..length], sender), (&expected[..], to));
    }
}

/// With more senders than buffers, and buffers of one datagram.
#[selvedge::test]
async fn few_and_small_buffers_lose_nothing() {
    let (far, to) = socket("127.0.0.1:0").await;
    let mut senders = Vec::new();
    for n in 0..5_u8 {
        let (near, from) = socket("127.0.0.1:0").await;
        near.send_to(&[n; 100], 100, to).await.unwrap();
        senders.push((near, from));
    }
    let mut came = next(&far, &mut Received::with_buffers(2, 100), 5).await;
    came.sort();
    let mut expected: Vec<_> = (0..5)
        .map(|n| (vec![n; 100], senders[usize::from(n)].1))
        .collect();
    expected.sort();
    assert_eq!(came, expected);
    // Zero means one, and too many mean as many as a call fills.
    for buffers in [0, 1_000] {
        senders[0].0.send_to(b"data", 4, to).await.unwrap();
        let mut received = Received::with_buffers(buffers, 10);
        assert_eq!(next(&far, &mut received, 1).await[0].0, b"data");
    }
}

#[selvedge::test]
async fn what_cannot_be_sent_is_an_error() {
    let (near, to) = socket("127.0.0.1:0").await;
    let error = near.send_to(b"data", 0, to).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("size in bytes"), "{error}");
    assert!(near.send_to(&[0; 70_000], 70_000, to).await.is_err());
    let other_family = "[::1]:9".parse().unwrap();
    assert!(near.send_to(b"data", 4, other_family).await.is_err());
    // It goes on after that.
    near.send_to(b"data", 4, to).await.unwrap();
    assert_eq!(next(&near, &mut Received::new(), 1).await[0].0, b"data");
}

#[selvedge::test]
async fn a_receive_that_is_dropped_loses_nothing() {
    let ((near, from), (far, to)) = (socket("127.0.0.1:0").await, socket("127.0.0.1:0").await);
    let mut received = Received::new();
    assert!(
        timeout(Duration::from_millis(5), far.recv_from(&mut received))
            .await
            .is_err()
    );
    assert_eq!(received.iter().count(), 0);
    near.send_to(b"data", 4, to).await.unwrap();
    assert_eq!(
        next(&far, &mut received, 1).await,
        [(b"data".to_vec(), from)]
    );
    let told = format!("{far:?} {received:?}");
    assert!(
        told.contains("max_segments") && told.contains("datagrams: 1"),
        "{told}"
    );
}

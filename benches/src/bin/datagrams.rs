//! `cargo run --release --bin datagrams`: datagrams per second between two sockets of this machine, sent one by one and in batches.

use std::net::SocketAddr;
use std::time::Instant;

use selvedge::net::UdpSocket;
use selvedge::runtime::Builder;
use selvedge_udp::{Received, UdpBatches, UdpSocketExt};

/// Pairs of rounds: datagrams one by one, then in batches.
const PAIRS: usize = 15;
const ROUNDS: usize = 400;
/// Datagrams sent before the first is received; the socket's buffer has room for so many.
const AT_ONCE: usize = 50;
const BYTES: usize = 1_200;

fn main() {
    let runtime = Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (near, far) = (socket().await, socket().await);
        let to = far.local_addr().expect("an address");
        let (near_batches, far_batches) = (batches().await, batches().await);
        let to_batches = far_batches.get_ref().local_addr().expect("an address");
        let (mut single, mut batched, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..PAIRS {
            let one_by_one = one_by_one(&near, &far, to).await;
            let in_batches = in_batches(&near_batches, &far_batches, to_batches).await;
            single.push(one_by_one);
            batched.push(in_batches);
            ratios.push(in_batches / one_by_one);
        }
        println!("| datagrams of {BYTES} bytes a second | |\n|---|---:|");
        println!("| one by one | {:.0} |", median(single));
        println!("| in batches | {:.0} |", median(batched));
        println!("| ratio | {:.2} |", median(ratios));
    });
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a socket")
}

async fn batches() -> UdpBatches {
    socket().await.into_batches().expect("options")
}

async fn one_by_one(near: &UdpSocket, far: &UdpSocket, to: SocketAddr) -> f64 {
    let (contents, mut buf) = ([1; BYTES], [0; BYTES]);
    let start = Instant::now();
    for _ in 0..ROUNDS {
        for _ in 0..AT_ONCE {
            near.send_to(&contents, to).await.expect("sent");
        }
        for _ in 0..AT_ONCE {
            far.recv_from(&mut buf).await.expect("received");
        }
    }
    (ROUNDS * AT_ONCE) as f64 / start.elapsed().as_secs_f64()
}

async fn in_batches(near: &UdpBatches, far: &UdpBatches, to: SocketAddr) -> f64 {
    let (contents, mut received) = ([1; BYTES * AT_ONCE], Received::new());
    let start = Instant::now();
    for _ in 0..ROUNDS {
        near.send_to(&contents, BYTES, to).await.expect("sent");
        let mut count = 0;
        while count < AT_ONCE {
            count += far.recv_from(&mut received).await.expect("received");
        }
    }
    (ROUNDS * AT_ONCE) as f64 / start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

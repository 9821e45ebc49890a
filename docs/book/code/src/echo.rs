//! An echo server on the runtime of `mini`.

use crate::mini::{Handle, Socket};
use mio::net::TcpListener;
use std::io;
use std::time::Duration;

/// Sends every byte back. Closes a connection that is silent for `patience`.
pub async fn serve(
    handle: Handle,
    listener: Socket<TcpListener>,
    patience: Duration,
) -> io::Result<()> {
    loop {
        let stream = listener.accept().await?;
        let own = handle.clone();
        handle.spawn(async move {
            let mut buffer = [0; 1024];
            while let Some(Ok(read)) = own.timeout(patience, stream.read(&mut buffer)).await {
                if read == 0 || stream.write_all(&buffer[..read]).await.is_err() {
                    break;
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::mini::Runtime;
    use crate::mini::tests::{SECOND, within};
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn the_echo_server_answers_many_and_gives_up_the_silent() {
        within(60 * SECOND, || {
            let mut runtime = Runtime::new().unwrap();
            let handle = runtime.handle();
            let listener = handle.listen("127.0.0.1:0".parse().unwrap()).unwrap();
            let address = listener.address().unwrap();
            let server = handle.clone();
            handle.spawn(async move { super::serve(server, listener, SECOND / 5).await.unwrap() });
            let clients: Vec<_> = (0..32u8)
                .map(|client| {
                    thread::spawn(move || {
                        let mut stream = TcpStream::connect(address).unwrap();
                        for round in 0..20u8 {
                            let sent = [client, round, client ^ round];
                            stream.write_all(&sent).unwrap();
                            let mut answer = [0; 3];
                            stream.read_exact(&mut answer).unwrap();
                            assert_eq!(sent, answer);
                        }
                        // The client is silent from here on: the server hangs up.
                        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
                    })
                })
                .collect();
            runtime.block_on(async move {
                while !clients.iter().all(|client| client.is_finished()) {
                    handle.sleep(Duration::from_millis(5)).await;
                }
                clients
                    .into_iter()
                    .for_each(|client| client.join().unwrap());
            });
        });
    }
}

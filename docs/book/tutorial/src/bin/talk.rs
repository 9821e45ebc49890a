//! Sends lines and prints the answers: `talk ADDRESS LINE..`. Blocking calls are enough for this.

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("an address");
    let mut stream = TcpStream::connect(address)?;
    let mut answers = BufReader::new(stream.try_clone()?).lines();
    for line in arguments {
        stream.write_all((line + "\n").as_bytes())?;
        match answers.next() {
            Some(answer) => println!("{}", answer?),
            None => println!("the server has hung up"),
        }
    }
    Ok(())
}

//! The client: `kv ADDRESS get KEY`, `set KEY VALUE`, `del KEY`, or `fill N`, which sets N keys from eight connections.

use kv::client::Client;
use selvedge::io;
use selvedge::task::JoinSet;

#[selvedge::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [address, command @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("kv ADDRESS COMMAND"));
    };
    let mut client = Client::connect(*address).await?;
    match command {
        ["get", key] => match client.get(key).await? {
            Some(value) => println!("{value}"),
            None => println!("(none)"),
        },
        ["set", key, value] => client.set(key, value).await?,
        ["del", key] => println!("{}", client.delete(key).await?),
        ["fill", count] => fill(address, count.parse().map_err(io::Error::other)?).await?,
        _ => return Err(io::Error::other("get KEY, set KEY VALUE, del KEY, fill N")),
    }
    Ok(())
}

/// Sets `count` keys, an eighth of them from each of eight connections.
async fn fill(address: &str, count: usize) -> io::Result<()> {
    let mut clients = JoinSet::new();
    for id in 0..8 {
        let address = address.to_owned();
        clients.spawn(async move {
            let mut client = Client::connect(address).await?;
            for number in (id..count).step_by(8) {
                client.set(&format!("key-{number}"), "value").await?;
            }
            io::Result::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.expect("a client does not panic")?;
    }
    println!("{count} keys are set");
    Ok(())
}

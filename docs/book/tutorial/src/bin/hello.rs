//! Does two things at the same time: it makes coffee and tea.

use selvedge::time::sleep;
use std::time::Duration;

async fn brew(what: &str, milliseconds: u64) -> String {
    sleep(Duration::from_millis(milliseconds)).await;
    println!("{what} is ready");
    format!("a cup of {what}")
}

async fn breakfast() -> String {
    let coffee = selvedge::spawn(brew("coffee", 100));
    let tea = brew("tea", 200).await;
    let coffee = coffee.await.expect("brewing does not panic");
    format!("{tea} and {coffee}")
}

#[selvedge::main]
async fn main() {
    println!("{}", breakfast().await);
}

#[cfg(test)]
mod tests {
    use selvedge::time::Instant;

    #[selvedge::test(start_paused = true)]
    async fn both_take_as_long_as_the_longer_one() {
        let start = Instant::now();
        super::breakfast().await;
        assert_eq!(start.elapsed().as_millis(), 200);
    }
}

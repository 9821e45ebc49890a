//! Misuses of the `test` attribute.
#[tokio::test]
fn not_async() {}

#[tokio::test]
async fn with_an_argument(_n: u8) {}

#[tokio::test]
#[test]
async fn twice() {}

#[tokio::test(foo)]
async fn a_word() {}

#[tokio::test(foo::bar)]
async fn a_path() {}

fn main() {}

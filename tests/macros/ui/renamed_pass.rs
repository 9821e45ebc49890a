//! The crate under another name, and names of the user's that the expansions must not run into.
#![deny(warnings)]
#![no_implicit_prelude]

extern crate tokio as elsewhere;

mod deep {
    pub mod inner {
        pub use ::tokio as renamed;
    }
}

#[allow(dead_code)]
mod core {}
#[allow(dead_code)]
mod std {}

#[allow(non_camel_case_types, dead_code)]
struct tokio;
#[allow(dead_code)]
struct Poll;
#[allow(dead_code)]
enum Option {
    Some,
    None,
}

async fn select_and_join(output: u8, futures: u8, disabled: u8) -> u8 {
    let (a, b) = elsewhere::join!(async move { output }, async move { futures });
    let both = elsewhere::try_join!(
        async move { ::std::result::Result::Ok::<_, u8>(a) },
        async move { ::std::result::Result::Ok(b) },
    );
    let both = match both {
        ::std::result::Result::Ok((a, b)) => a + b,
        ::std::result::Result::Err(error) => error,
    };
    let cx = 1;
    elsewhere::select! {
        biased;
        n = async move { disabled + cx } => both + n,
        _ = async {} => cx,
        else => 0,
    }
}

#[elsewhere::main(flavor = "current_thread", crate = "deep::inner::renamed")]
async fn main() {
    let sum = select_and_join(1, 2, 3).await;
    if sum != 7 {
        ::std::process::exit(1);
    }
}

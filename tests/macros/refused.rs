//! The compiler's errors for wrong uses of macros: one sentence, at the place of the mistake.
//!
//! `TRYBUILD=overwrite cargo test --test macros` rewrites the expected output. The text around our sentences is the
//! compiler's: after an update of the compiler, check the difference and accept it.

#[test]
fn messages_of_the_macros() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/macros/ui/*_errors.rs");
    cases.pass("tests/macros/ui/*_pass.rs");
}

//! What the compiler says when a macro is used wrongly: one sentence, at the place that is wrong.
//!
//! `TRYBUILD=overwrite cargo test --test macros` writes the expectations anew. The wording around ours is the
//! compiler's: after an update of it, look at the difference and take it.

#[test]
fn messages_of_the_macros() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/macros/ui/*_errors.rs");
    cases.pass("tests/macros/ui/*_pass.rs");
}

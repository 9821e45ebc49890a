//! Functions of at most 70 lines, from `fn` to the closing brace.

use super::paths::File;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

const MAX_LINES: usize = 70;

/// Functions that are tables written as macros or matches.
const EXCEPTED: [&str; 0] = [];

struct Lengths(Vec<(usize, String)>);

pub fn check(file: &File) -> Vec<(usize, String)> {
    let mut lengths = Lengths(Vec::new());
    match syn::parse_file(&file.text) {
        Ok(syntax) => lengths.visit_file(&syntax),
        Err(error) => lengths.0.push((1, format!("cannot be read: {error}"))),
    }
    lengths.0
}

impl Lengths {
    fn function(&mut self, sig: &syn::Signature, block: &syn::Block) {
        let first = sig.span().start().line;
        let lines = block.span().end().line + 1 - first;
        let name = sig.ident.to_string();
        if lines > MAX_LINES && !EXCEPTED.contains(&name.as_str()) {
            let problem = format!("fn {name} has {lines} lines, more than {MAX_LINES}");
            self.0.push((first, problem));
        }
    }
}

impl<'ast> Visit<'ast> for Lengths {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_LINES, check};
    use crate::tidy::paths::read;

    #[test]
    fn a_function_of_one_line_too_many_is_found() {
        let of = |lines: usize| {
            let body = "    a();\n".repeat(lines - 2);
            read(
                "x.rs",
                &format!("impl X {{\n/// Docs.\nfn f() {{\n{body}}}\n}}"),
            )
            .unwrap()
        };
        assert_eq!(check(&of(MAX_LINES)), []);
        let found = check(&of(MAX_LINES + 1));
        assert_eq!(found, [(3, "fn f has 71 lines, more than 70".to_owned())]);
    }
}

//! Finds the paths that a file names: in `use`, in expressions and types, and in arguments and definitions of macros.
//!
//! Reads tokens, not a syntax tree, as the contents of macros have no syntax yet. Modules within the file are read too;
//! modules for tests are left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeMap;

/// A path as it is written, with the module that it is written in (relative to the file's own module).
#[derive(Clone, Debug, PartialEq)]
pub struct Named {
    pub line: usize,
    pub inner: Vec<String>,
    pub parts: Vec<String>,
    /// The path is in a `pub use`.
    pub is_export: bool,
}

pub struct File {
    pub name: String,
    pub text: String,
    pub paths: Vec<Named>,
    /// The names that `use` binds, with their paths; globs under `*`.
    pub bound: BTreeMap<String, Vec<Vec<String>>>,
}

pub fn read(name: &str, text: &str) -> Result<File, String> {
    let tokens: TokenStream = text
        .parse()
        .map_err(|e: proc_macro2::LexError| format!("{name}: {e}"))?;
    let mut file = File {
        name: name.to_owned(),
        text: text.to_owned(),
        paths: Vec::new(),
        bound: BTreeMap::new(),
    };
    let mut inner = Vec::new();
    file.stream(tokens, &mut inner);
    Ok(file)
}

impl File {
    fn stream(&mut self, tokens: TokenStream, inner: &mut Vec<String>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let (mut at, mut is_for_tests, mut is_public) = (0, false, false);
        while let Some(token) = tokens.get(at) {
            match token {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    let attribute = tokens.get(at + 1).map(ToString::to_string);
                    let attribute = attribute.unwrap_or_default().replace(' ', "");
                    is_for_tests |= attribute.starts_with("[cfg(") && attribute.contains("test");
                    at += 1;
                }
                TokenTree::Ident(word) if *word == "mod" => {
                    let (Some(name), Some(TokenTree::Group(body))) =
                        (tokens.get(at + 1), tokens.get(at + 2))
                    else {
                        is_for_tests = false;
                        at += 1;
                        continue;
                    };
                    if !is_for_tests {
                        inner.push(name.to_string());
                        self.stream(body.stream(), inner);
                        inner.pop();
                    }
                    is_for_tests = false;
                    at += 2;
                }
                TokenTree::Ident(word) if *word == "use" => {
                    let rest = tokens[at + 1..].iter();
                    let is_end =
                        |t: &&TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == ';');
                    let tree: Vec<TokenTree> = rest.take_while(|t| !is_end(t)).cloned().collect();
                    at += tree.len() + 1;
                    self.tree(&tree, &[], inner, is_public);
                    (is_for_tests, is_public) = (false, false);
                }
                TokenTree::Ident(_) => {
                    is_public = match token {
                        TokenTree::Ident(word) if *word == "pub" => true,
                        // `pub(in path)` and similar.
                        _ => {
                            is_public
                                && tokens
                                    .get(at + 1)
                                    .is_some_and(|t| matches!(t, TokenTree::Group(_)))
                        }
                    };
                    let (parts, next) = path(&tokens, at);
                    if parts.len() > 1 {
                        self.name(token, parts, inner, false);
                    }
                    at = next;
                    continue;
                }
                TokenTree::Group(group) => {
                    let is_visibility = is_public && group.delimiter() == Delimiter::Parenthesis;
                    self.stream(group.stream(), inner);
                    is_public &= is_visibility;
                    if group.delimiter() == Delimiter::Brace {
                        is_for_tests = false;
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// A tree of imports: `a::{b, c as d, e::*}`.
    fn tree(&mut self, tree: &[TokenTree], above: &[String], inner: &[String], is_export: bool) {
        let is_comma = |t: &TokenTree| matches!(t, TokenTree::Punct(p) if p.as_char() == ',');
        for branch in tree.split(is_comma).filter(|b| !b.is_empty()) {
            let mut parts = above.to_vec();
            let mut alias = None;
            let mut words = branch.iter();
            while let Some(token) = words.next() {
                match token {
                    TokenTree::Ident(word) if *word == "as" => {
                        alias = words.next().map(ToString::to_string);
                    }
                    TokenTree::Ident(word) => parts.push(word.to_string()),
                    TokenTree::Punct(p) if p.as_char() == '*' => parts.push("*".to_owned()),
                    TokenTree::Group(group) => {
                        let tree: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.tree(&tree, &parts, inner, is_export);
                        parts.clear();
                    }
                    _ => {}
                }
            }
            if parts.is_empty() {
                continue;
            }
            if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
                parts.pop();
            }
            let bound = alias.unwrap_or_else(|| parts[parts.len() - 1].clone());
            if inner.is_empty() {
                self.bound.entry(bound).or_default().push(parts.clone());
            }
            self.name(&branch[0], parts, inner, is_export);
        }
    }

    fn name(&mut self, token: &TokenTree, parts: Vec<String>, inner: &[String], is_export: bool) {
        self.paths.push(Named {
            line: token.span().start().line,
            inner: inner.to_vec(),
            parts,
            is_export,
        });
    }
}

/// The path that begins at a token, and where it ends.
fn path(tokens: &[TokenTree], from: usize) -> (Vec<String>, usize) {
    let is_colon =
        |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
    let mut parts = vec![tokens[from].to_string()];
    let mut at = from + 1;
    while is_colon(at) && is_colon(at + 1) {
        let Some(TokenTree::Ident(word)) = tokens.get(at + 2) else {
            break;
        };
        parts.push(word.to_string());
        at += 3;
    }
    (parts, at)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn reads_trees_inline_paths_and_macros() {
        let text = "
            use crate::a::{self, b::C as D, e::*};
            pub(crate) use super::f;
            fn g() { crate::h::i(); m!(super::j); let x: std::time::Instant; }
            mod inner { use super::k; }
            #[cfg(test)]
            mod tests { use crate::unseen; }
            #[cfg(test)]
            mod other;
            use crate::seen;
        ";
        let file = read("x.rs", text).unwrap();
        let named: Vec<String> = file.paths.iter().map(|p| p.parts.join("::")).collect();
        for path in [
            "crate::a",
            "crate::a::b::C",
            "crate::a::e::*",
            "super::f",
            "crate::h::i",
            "super::j",
            "std::time::Instant",
            "super::k",
            "crate::seen",
        ] {
            assert!(
                named.iter().any(|n| n == path),
                "{path} is not in {named:?}"
            );
        }
        assert!(!named.iter().any(|n| n.contains("unseen")), "{named:?}");
        assert_eq!(file.bound["D"], [["crate", "a", "b", "C"]]);
        let export = |name: &str| {
            file.paths
                .iter()
                .find(|p| p.parts.join("::") == name)
                .unwrap()
                .is_export
        };
        assert!(export("super::f") && !export("crate::seen"));
    }
}

//! Compares panics with docs/panics.md: every message is on the page, also internal ones, and every message of the page is in the sources.
//!
//! The texts of `panic!`, `assert!` and similar macros, and of `expect` with a literal, are read, in macros' bodies too, but not in tests and
//! models. `unreachable!` is internal by its name, and `debug_assert!` as releases do not have it. A message without a text of its own
//! (`panic!("{error}")`) is the text of an error; for errors, only the other direction is checked: a text of the page must be in the
//! sources. Backticks, line breaks and inserted values (`{error}`, in the page `..`) are ignored.

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};

/// The page's section of messages that no user can cause, one message a line.
const INTERNAL: &str = "## Internal";

/// A panic's message, and its line.
#[derive(Debug, PartialEq)]
pub struct Message {
    pub line: usize,
    pub text: String,
}

/// The panic messages of a file, and all its string literals.
#[derive(Debug, Default)]
pub struct Told {
    pub panics: Vec<Message>,
    pub texts: Vec<String>,
}

pub fn read(text: &str) -> Told {
    let mut told = Told::default();
    if let Ok(tokens) = text.parse::<TokenStream>() {
        stream(tokens, &mut told);
    }
    told
}

fn stream(tokens: TokenStream, told: &mut Told) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if is_punct(Some(token), '#') {
            if let Some(TokenTree::Group(attribute)) = tokens.get(at + 1) {
                at += 2;
                if is_for_tests(attribute) {
                    // Skips the item, up to the end of its body or to its `;` or `,`.
                    let ends = |t: &TokenTree| match t {
                        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                        other => is_punct(Some(other), ';') || is_punct(Some(other), ','),
                    };
                    let left = tokens[at..].iter().position(ends);
                    at += left.map_or(tokens.len(), |items| items + 1);
                }
                continue;
            }
        }
        if let TokenTree::Ident(word) = token {
            let line = word.span().start().line;
            if let Some(text) = message(&word.to_string(), &tokens[..at], &tokens[at + 1..]) {
                told.panics.push(Message { line, text });
            }
        }
        match token {
            TokenTree::Group(group) => stream(group.stream(), told),
            TokenTree::Literal(literal) => told.texts.extend(text_of(literal)),
            _ => {}
        }
        at += 1;
    }
}

/// Is it a `cfg` for tests, models or mutants?
fn is_for_tests(attribute: &Group) -> bool {
    let text = attribute.to_string().replace(' ', "");
    let words = ["test", "runtime_loom", "runtime_shuttle"];
    let is_meant = |word: &&str| text.replace(&format!("not({word})"), "").contains(*word);
    text.starts_with("[cfg(") && words.iter().any(is_meant)
}

/// The message of a panic by the macro or method `word`.
fn message(word: &str, before: &[TokenTree], after: &[TokenTree]) -> Option<String> {
    let is_method = is_punct(before.last(), '.');
    let (arguments, skipped) = match word {
        "expect" if is_method => (after.first()?, 0),
        "panic" if is_punct(after.first(), '!') => (after.get(1)?, 0),
        "assert" if is_punct(after.first(), '!') => (after.get(1)?, 1),
        "assert_eq" | "assert_ne" if is_punct(after.first(), '!') => (after.get(1)?, 2),
        _ => return None,
    };
    let TokenTree::Group(arguments) = arguments else {
        return None;
    };
    let arguments: Vec<TokenTree> = arguments.stream().into_iter().collect();
    let mut parts = arguments.split(|token| is_punct(Some(token), ','));
    match parts.nth(skipped)?.first()? {
        TokenTree::Literal(literal) => plain(&text_of(literal)?),
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// What a string literal holds.
fn text_of(literal: &Literal) -> Option<String> {
    syn::parse_str::<syn::LitStr>(&literal.to_string())
        .ok()
        .map(|text| text.value())
}

/// The message in the form that is compared; `None` if nothing is left of it.
fn plain(message: &str) -> Option<String> {
    let mut text = String::new();
    let (mut depth, mut letters) = (0, 0);
    for c in message.chars() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                text.push_str("..");
            }
            '`' => {}
            _ if depth > 0 => {}
            _ => {
                letters += usize::from(c.is_alphabetic());
                text.push(c);
            }
        }
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (letters > 2).then_some(text)
}

/// The messages of the page: the first cells of its tables, and the lines of its internal part.
struct Page {
    public: Vec<Message>,
    internal: Vec<Message>,
}

fn page(text: &str) -> Page {
    let mut page = Page {
        public: Vec::new(),
        internal: Vec::new(),
    };
    let (mut is_internal, mut is_head) = (false, true);
    for (number, line) in text.lines().enumerate() {
        is_internal |= line == INTERNAL;
        let message = match is_internal {
            true => line.strip_prefix("- "),
            false => line.strip_prefix("| ").and_then(|l| l.split(" | ").next()),
        };
        // A table's first line names its columns.
        let is_first = std::mem::replace(&mut is_head, !line.starts_with('|'));
        let Some(text) = message.filter(|_| is_internal || !is_first).and_then(plain) else {
            continue;
        };
        let line = number + 1;
        match is_internal {
            true => page.internal.push(Message { line, text }),
            false => page.public.push(Message { line, text }),
        }
    }
    page
}

/// Compares the files (their names and texts) with the page.
pub fn check(files: &[(String, Told)], page_name: &str, page_text: &str) -> Vec<String> {
    let page = page(page_text);
    let mut problems = Vec::new();
    let listed: Vec<&Message> = page.public.iter().chain(&page.internal).collect();
    for (name, told) in files {
        for panic in &told.panics {
            if !listed.iter().any(|message| message.text == panic.text) {
                problems.push(format!(
                    "{name}:{}: {page_name} does not hold the message {:?}",
                    panic.line, panic.text
                ));
            }
        }
    }
    let said: Vec<String> = files
        .iter()
        .flat_map(|(_, told)| told.texts.iter().filter_map(|text| plain(text)))
        .collect();
    for message in listed {
        if !said.contains(&message.text) {
            problems.push(format!(
                "{page_name}:{}: no text of the sources is {:?}",
                message.line, message.text
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{check, read};

    const PAGE: &str = "# Panics\n\n| message | cause |\n|---|---|\n| no `x` is there: .. | y |\n\n## Internal\n\n- never\n";
    const SOURCE: &str = "fn f() { panic!(\"no `x` is \\\n there: {e}\"); x.expect(\"never\"); }\n";

    fn problems(source: &str, page: &str) -> Vec<String> {
        check(&[("a.rs".to_owned(), read(source))], "page", page)
    }

    #[test]
    fn each_message_is_on_the_page_and_each_on_the_page_is_a_message() {
        assert!(problems(SOURCE, PAGE).is_empty());
        let more = format!("{SOURCE}fn g() {{ assert!(a > 0, \"more than {{b}}\"); }}");
        let found = problems(&more, PAGE);
        assert_eq!(
            found,
            ["a.rs:3: page does not hold the message \"more than ..\""]
        );
        let found = problems("fn f() { x.expect(\"never\"); }", PAGE);
        assert_eq!(
            found,
            ["page:5: no text of the sources is \"no x is there: ..\""]
        );
    }

    #[test]
    fn tests_and_what_has_no_words_are_left_out() {
        let source = "#[cfg(test)]\nmod tests { fn f() { panic!(\"of a test\"); } }\nfn g() { panic!(\"{error}\"); assert!(a); }\n#[cfg(runtime_shuttle)]\nfn h() { assert!(a, \"at rest\") }";
        assert!(read(source).panics.is_empty());
        let source = "#[cfg(not(test))]\nfn g() { assert_eq!(a, b, \"a is {b}\"); quote! { panic!(\"in a macro\") } }\n#[cfg(all(test, not(runtime_loom)))]\nmod t { fn f() { panic!(\"no\"); } }";
        let texts: Vec<String> = read(source).panics.into_iter().map(|m| m.text).collect();
        assert_eq!(texts, ["a is ..", "in a macro"]);
    }
}

//! A request: a line with a JSON object whose members are texts, numbers, `true`, `false` or `null`.
//!
//! Unknown members are ignored, so that later clients may send more.

use std::iter::Peekable;
use std::str::Chars;

/// The protocol's version.
pub(super) const PROTOCOL: u64 = 1;
/// The longest request, in bytes.
pub(super) const MAX_REQUEST: usize = 4096;
/// The largest ring that a client may ask for, in bytes.
pub(super) const MAX_RING: usize = 16 * 1024 * 1024;

/// See the module's page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) protocol: Option<u64>,
    pub(super) request: String,
    pub(super) action: String,
    pub(super) ring_bytes: Option<u64>,
}

enum Value {
    Text(String),
    Number(Option<u64>),
    Other,
}

impl Request {
    /// `None`: the line is no such object.
    pub(super) fn read(line: &str) -> Option<Request> {
        let mut text = line.chars().peekable();
        let mut request = Request::default();
        expect(&mut text, '{')?;
        if next(&mut text)? == '}' {
            text.next();
        } else {
            loop {
                let name = string(&mut text)?;
                expect(&mut text, ':')?;
                request.set(&name, value(&mut text)?);
                match next(&mut text)? {
                    ',' => text.next(),
                    _ => break expect(&mut text, '}')?,
                };
            }
        }
        next(&mut text).is_none().then_some(request)
    }

    fn set(&mut self, name: &str, value: Value) {
        match (name, value) {
            ("protocol", Value::Number(number)) => self.protocol = number,
            ("ring_bytes", Value::Number(number)) => self.ring_bytes = number,
            ("request", Value::Text(text)) => self.request = text,
            ("action", Value::Text(text)) => self.action = text,
            _ => {}
        }
    }
}

/// The next character that is no space; it is not taken.
fn next(text: &mut Peekable<Chars<'_>>) -> Option<char> {
    while text.next_if(|c| matches!(c, ' ' | '\t' | '\r')).is_some() {}
    text.peek().copied()
}

fn expect(text: &mut Peekable<Chars<'_>>, wanted: char) -> Option<()> {
    (next(text)? == wanted).then(|| {
        text.next();
    })
}

fn value(text: &mut Peekable<Chars<'_>>) -> Option<Value> {
    if next(text)? == '"' {
        return string(text).map(Value::Text);
    }
    let is_word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.');
    let word: String = std::iter::from_fn(|| text.next_if(is_word)).collect();
    match word.as_str() {
        "true" | "false" | "null" => Some(Value::Other),
        // No member that is known has a number of another form than `u64`.
        number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            Some(Value::Number(number.parse().ok()))
        }
        _ => None,
    }
}

fn string(text: &mut Peekable<Chars<'_>>) -> Option<String> {
    expect(text, '"')?;
    let mut string = String::new();
    loop {
        string.push(match text.next()? {
            '"' => return Some(string),
            '\\' => escaped(text)?,
            c => c,
        });
    }
}

fn escaped(text: &mut Peekable<Chars<'_>>) -> Option<char> {
    Some(match text.next()? {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\x08',
        'f' => '\x0c',
        'u' => {
            let mut code = 0;
            for _ in 0..4 {
                code = code * 16 + text.next()?.to_digit(16)?;
            }
            // Half of a surrogate pair is in no word that is known.
            char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        c @ ('"' | '\\' | '/') => c,
        _ => return None,
    })
}

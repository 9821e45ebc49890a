//! A writer of JSON into a string, for tools. A library for it would be in every program.

use std::fmt::Write;

/// A document that is being written.
pub(crate) struct Json(String);

/// An object of the document, being written.
pub(crate) struct Object<'a> {
    json: &'a mut Json,
    is_empty: bool,
}

impl Json {
    pub(crate) fn new() -> Json {
        Json(String::new())
    }

    /// For a document of about this length.
    pub(crate) fn with_capacity(bytes: usize) -> Json {
        Json(String::with_capacity(bytes))
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }

    /// An object with what `fill` puts in.
    pub(crate) fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        self.0.push('{');
        fill(&mut Object {
            json: self,
            is_empty: true,
        });
        self.0.push('}');
    }

    #[inline(never)]
    fn text(&mut self, text: &str) {
        self.0.push('"');
        // Without an early exit the compiler can test many bytes at once.
        match text.bytes().fold(false, |any, byte| any | is_special(byte)) {
            false => self.0.push_str(text),
            true => text.chars().for_each(|c| self.escaped(c)),
        }
        self.0.push('"');
    }

    fn escaped(&mut self, c: char) {
        match c {
            '"' => self.0.push_str("\\\""),
            '\\' => self.0.push_str("\\\\"),
            c if u32::from(c) < 0x20 => {
                let _ = write!(self.0, "\\u{:04x}", u32::from(c));
            }
            c => self.0.push(c),
        }
    }

    #[inline(never)]
    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        let digits = std::str::from_utf8(&digits[at..]);
        self.0.push_str(digits.unwrap_or_default());
    }

    fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Json, &T)) {
        self.0.push('[');
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            write(self, item);
        }
        self.0.push(']');
    }
}

/// Must this byte be escaped in a text?
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

impl Object<'_> {
    /// Names are the program's own, and hold nothing special.
    #[inline(never)]
    fn name(&mut self, name: &str) -> &mut Json {
        debug_assert!(!name.bytes().any(is_special), "{name}");
        if !self.is_empty {
            self.json.0.push(',');
        }
        self.is_empty = false;
        self.json.0.push('"');
        self.json.0.push_str(name);
        self.json.0.push_str("\":");
        self.json
    }

    #[inline(never)]
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.name(name).text(text);
    }

    #[inline(never)]
    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name).number(number);
    }

    #[inline(never)]
    pub(crate) fn boolean(&mut self, name: &str, is: bool) {
        self.name(name)
            .0
            .push_str(if is { "true" } else { "false" });
    }

    #[inline(never)]
    pub(crate) fn optional_text(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.name(name).0.push_str("null"),
        }
    }

    #[inline(never)]
    pub(crate) fn optional_number(&mut self, name: &str, number: Option<u64>) {
        match number {
            Some(number) => self.number(name, number),
            None => self.name(name).0.push_str("null"),
        }
    }

    #[inline(never)]
    pub(crate) fn numbers(&mut self, name: &str, numbers: &[u64]) {
        self.name(name)
            .list(numbers, |json, number| json.number(*number));
    }

    pub(crate) fn texts(&mut self, name: &str, texts: &[String]) {
        self.name(name).list(texts, |json, text| json.text(text));
    }

    pub(crate) fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name).object(fill);
    }

    /// A list with an object for each item.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        items: &[T],
        mut fill: impl FnMut(&T, &mut Object<'_>),
    ) {
        self.name(name)
            .list(items, |json, item| json.object(|object| fill(item, object)));
    }
}

/// For the inspector, whose answers contain JSON that was written elsewhere.
#[cfg(any(test, all(unix, not(runtime_loom))))]
impl Object<'_> {
    /// A value that is JSON already.
    pub(crate) fn document(&mut self, name: &str, document: &str) {
        self.name(name).0.push_str(document);
    }

    /// A list of values that are JSON already.
    pub(crate) fn documents(&mut self, name: &str, documents: &[String]) {
        self.name(name)
            .list(documents, |json, document| json.0.push_str(document));
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn what_is_special_is_escaped_and_what_is_not_there_is_null() {
        let mut json = Json::new();
        json.object(|object| {
            object.text("ab", "\\ \n \u{1} ä \"");
            object.optional_text("c", None);
            object.optional_number("d", None);
            object.numbers("e", &[1, 20, 0, u64::MAX]);
            object.numbers("f", &[]);
            object.boolean("g", true);
            object.object("h", |_| ());
            object.objects("i", &[3, 4], |n, object| object.number("n", *n));
            object.document("j", "{}");
            object.documents("k", &["1".to_owned(), "[]".to_owned()]);
        });
        let expected = r#"{"ab":"\\ \u000a \u0001 ä \"","c":null,"d":null,"e":[1,20,0,18446744073709551615],"f":[],"g":true,"h":{},"i":[{"n":3},{"n":4}],"j":{},"k":[1,[]]}"#;
        assert_eq!(json.finish(), expected);
    }
}

//! Finds the sites of ordering mutants, line by line: calls of atomic operations, fences, handshakes and notifies.

/// A call of an atomic operation, a fence or a notify.
pub struct Call {
    /// The place of the name, counted from 1.
    pub line: usize,
    pub column: usize,
    name: String,
    /// The whole call on one line, with its receiver if that is on the same line.
    pub text: String,
    orderings: Vec<String>,
}

const OPERATIONS: [&str; 14] = [
    "load",
    "store",
    "swap",
    "compare_exchange",
    "compare_exchange_weak",
    "fetch_add",
    "fetch_sub",
    "fetch_and",
    "fetch_or",
    "fetch_update",
    "fence",
    "handshake::store_load",
    "notify_one",
    "notify_all",
];

pub fn calls(source: &str) -> Vec<Call> {
    let mut found = Vec::new();
    let mut start = 0;
    for (number, line) in source.split_inclusive('\n').enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for name in OPERATIONS {
            for (column, _) in code.match_indices(&format!("{name}(")) {
                let before = code[..column].trim_end();
                let is_method = before.ends_with('.');
                let is_call = match name {
                    "fence" | "handshake::store_load" => before.is_empty(),
                    _ => is_method,
                };
                if !is_call {
                    continue;
                }
                let arguments = arguments(&source[start + column + name.len()..]);
                let receiver = before.rsplit([' ', '(']).next().unwrap_or_default();
                let text = format!("{receiver}{name}{arguments}");
                found.push(Call {
                    line: number + 1,
                    column: column + 1,
                    name: name.to_owned(),
                    text: text.split_whitespace().collect::<Vec<_>>().join(" "),
                    orderings: orderings(arguments),
                });
            }
        }
        start += line.len();
    }
    found
}

/// From the opening parenthesis to the one that closes it.
fn arguments(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..=at];
        }
    }
    text
}

/// The orderings among the arguments, not those of calls within them.
fn orderings(arguments: &str) -> Vec<String> {
    let mut depth = 0;
    let mut found = Vec::new();
    for (at, c) in arguments.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            'O' if depth == 1 => {
                if let Some(rest) = arguments[at..].strip_prefix("Ordering::") {
                    let end = rest.find(|c: char| !c.is_alphanumeric());
                    found.push(rest[..end.unwrap_or(rest.len())].to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

impl Call {
    /// Every way to weaken one ordering by a step: its index, a name for the change, the weaker ordering.
    pub fn weakened(&self) -> Vec<(usize, String, &'static str)> {
        let whole = ["fence", "handshake::store_load", "notify_one", "notify_all"];
        if whole.contains(&self.name.as_str()) {
            let name = self.name.replace("handshake::store_load", "fence");
            return vec![(0, format!("{name} left out"), "None")];
        }
        let mut found = Vec::new();
        for (at, order) in self.orderings.iter().enumerate() {
            let steps: &[&'static str] = match (order.as_str(), self.name.as_str()) {
                ("AcqRel", _) => &["Acquire", "Release"],
                ("Acquire" | "Release", _) | ("SeqCst", "load" | "store") => &["Relaxed"],
                // loom treats a SeqCst access as AcqRel, so the mutant goes a step further.
                ("SeqCst", _) => &["Acquire", "Release"],
                _ => &[],
            };
            for &weaker in steps {
                let side = if at == 1 { " on failure" } else { "" };
                found.push((at, format!("{order} -> {weaker}{side}"), weaker));
            }
        }
        found
    }
}

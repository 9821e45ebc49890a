//! `cargo xtask docs`: counts the public items without an example.
//!
//! Reads rustdoc's JSON of the library's crates, and walks from the facade's root through its re-exports. An
//! item is anything that a user can name: functions, types, traits, macros and constants of modules, and methods and constants
//! of types and traits. Implementations of traits, fields, variants and hidden items need no example.
//!
//! rustdoc's JSON is not stable; `RUSTC_BOOTSTRAP` makes the stable compiler write it. Its format is checked.

use crate::{Outcome, env};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Packages, and the names of their libraries.
const CRATES: [(&str, &str); 5] = [
    ("selvedge-core", "runtime_core"),
    ("selvedge-io", "runtime_io"),
    ("selvedge-macros", "runtime_macros"),
    ("selvedge-time", "runtime_time"),
    ("selvedge", "selvedge"),
];
const FEATURES: &str =
    "selvedge/full,selvedge/test-util,selvedge/io-uring,selvedge/taskdump,selvedge/tracing";
/// The greatest depth of a path.
const MOST_DEPTH: usize = 8;
/// The formats of the JSON that can be read here.
const FORMATS: std::ops::RangeInclusive<u64> = 45..=60;

#[derive(clap::Args)]
pub struct Args {
    /// List the items without an example whose path contains one of these; `.` for all.
    #[arg(long, value_name = "TEXT")]
    list: Vec<String>,
    /// Hold if at most so many items have none.
    #[arg(long, default_value_t = 0)]
    at_most: usize,
}

pub fn run(args: &Args) -> Outcome {
    let mut walk = Walk {
        crates: read("docs-json", "")?,
        ..Walk::default()
    };
    walk.visit_root("selvedge");
    let mut rooms: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let mut without = 0;
    for item in &walk.items {
        let room: Vec<&str> = item.path.split("::").take(2).collect();
        let counts = rooms.entry(room.join("::")).or_default();
        counts[0] += 1;
        counts[1] += usize::from(item.has_example);
        without += usize::from(!item.has_example);
        let is_listed = |text: &String| text == "." || item.path.contains(text.as_str());
        if !item.has_example && args.list.iter().any(is_listed) {
            println!("{} {}", item.kind, item.path);
        }
    }
    println!("  items  with an example  room");
    for (room, [items, with]) in rooms {
        println!("{items:7}  {with:15}  {room}");
    }
    for path in &walk.ignored {
        println!("the example of {path} is not compiled (`ignore`)");
    }
    println!("{} items, {without} without an example", walk.items.len());
    Ok(without <= args.at_most && walk.ignored.is_empty())
}

/// Runs rustdoc on the crates, and reads the JSON that it writes.
///
/// The files lie in `folder` below the target directory; `flags` are more flags for rustdoc.
pub fn read(
    folder: &str,
    flags: &str,
) -> Result<BTreeMap<String, Value>, Box<dyn std::error::Error>> {
    let target = env::target_dir().join(folder);
    let mut command = env::cargo();
    command.args(["doc", "--no-deps", "--features", FEATURES, "--target-dir"]);
    command.arg(&target);
    for (package, _) in CRATES {
        command.args(["-p", package]);
    }
    command.env("RUSTC_BOOTSTRAP", "1");
    let json = "-Z unstable-options --output-format json";
    command.env("RUSTDOCFLAGS", format!("{json} {flags}"));
    if !command.status()?.success() {
        return Err("rustdoc failed".into());
    }
    let mut crates = BTreeMap::new();
    for (_, name) in CRATES {
        let value = parse(&target.join(format!("doc/{name}.json")))?;
        crates.insert(name.to_owned(), value);
    }
    Ok(crates)
}

/// Reads a JSON file of rustdoc. Fails if the format is not known.
pub fn parse(path: &Path) -> Result<Value, Box<dyn std::error::Error>> {
    let value: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let format = value["format_version"].as_u64().unwrap_or_default();
    match FORMATS.contains(&format) {
        true => Ok(value),
        false => Err(format!("rustdoc's JSON has format {format}, which is not known here").into()),
    }
}

struct Item {
    kind: String,
    path: String,
    has_example: bool,
}

/// A walk over the public items of crates, from a root through its re-exports.
#[derive(Default)]
pub struct Walk {
    crates: BTreeMap<String, Value>,
    /// Crate, number, and path if `every_path`: without it, each item counts once, wherever it is re-exported.
    seen: BTreeSet<(String, String, String)>,
    /// Each item counts once for each of its paths.
    every_path: bool,
    items: Vec<Item>,
    ignored: Vec<String>,
}

impl Walk {
    /// A walk that finds each item by every path that it has.
    pub fn by_every_path(crates: BTreeMap<String, Value>) -> Walk {
        Walk {
            crates,
            every_path: true,
            ..Walk::default()
        }
    }

    /// Visits all that users of the crate called `name` can reach.
    pub fn visit_root(&mut self, name: &str) {
        let root = self.crates[name]["root"].clone();
        self.visit(name, &root, name);
    }

    /// The paths of what was found.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.path.as_str())
    }

    /// Visits the item `id` of the crate `home`; users reach it by `path`.
    fn visit(&mut self, home: &str, id: &Value, path: &str) {
        let key = number(id);
        // A module that re-exports one of its parents has paths without end.
        if path.matches("::").count() > MOST_DEPTH {
            return;
        }
        let which = if self.every_path { path } else { "" };
        let Some(item) = self
            .crates
            .get(home)
            .map(|docs| docs["index"][&key].clone())
        else {
            return;
        };
        if item.is_null() || !is_public(&item) {
            return;
        }
        let key = (home.to_owned(), key, which.to_owned());
        if !self.seen.insert(key) {
            return;
        }
        let Some((kind, inner)) = item["inner"]
            .as_object()
            .and_then(|inner| inner.iter().next())
        else {
            return;
        };
        match kind.as_str() {
            "module" => self.visit_all(home, &inner["items"], path),
            "use" => self.follow(home, inner, path),
            "function" | "macro" | "proc_macro" | "constant" | "static" | "assoc_const"
            | "type_alias" => self.note(kind, &item, path),
            "struct" | "enum" | "union" => {
                self.note(kind, &item, path);
                for of in list(&inner["impls"]) {
                    self.visit_inherent(home, of, path);
                }
            }
            "trait" => {
                self.note(kind, &item, path);
                self.visit_all(home, &inner["items"], path);
            }
            _ => {}
        }
    }

    fn visit_all(&mut self, home: &str, ids: &Value, parent: &str) {
        for id in list(ids) {
            let name = &self.crates[home]["index"][&number(id)]["name"];
            let path = match name.as_str() {
                Some(name) => format!("{parent}::{name}"),
                None => parent.to_owned(),
            };
            self.visit(home, id, &path);
        }
    }

    fn visit_inherent(&mut self, home: &str, id: &Value, path: &str) {
        let block = self.crates[home]["index"][&number(id)]["inner"]["impl"].clone();
        if block["trait"].is_null() {
            self.visit_all(home, &block["items"], path);
        }
    }

    /// Visits the item that a re-export names, in the crate that defines it.
    fn follow(&mut self, home: &str, inner: &Value, path: &str) {
        let id = &inner["id"];
        let is_glob = inner["is_glob"] == true;
        let path = match inner["name"].as_str() {
            Some(name) if !is_glob => format!("{path}::{name}"),
            _ => path.to_owned(),
        };
        let own = &self.crates[home]["index"][&number(id)];
        if is_glob && own["inner"]["module"].is_object() {
            // The module itself may be private.
            let items = own["inner"]["module"]["items"].clone();
            self.visit_all(home, &items, &path);
            return;
        }
        if !own.is_null() {
            self.visit(home, id, &path);
            return;
        }
        let place = self.crates[home]["paths"][&number(id)]["path"].clone();
        let Some(foreign) = place[0].as_str() else {
            return;
        };
        let Some(docs) = self.crates.get(foreign) else {
            return;
        };
        let found = docs["paths"].as_object().and_then(|paths| {
            let mut own = paths.iter().filter(|(_, it)| it["crate_id"] == 0);
            own.find(|(_, it)| it["path"] == place)
        });
        if let Some((id, _)) = found {
            let (foreign, id) = (foreign.to_owned(), Value::from(id.as_str()));
            self.visit(&foreign, &id, &path);
        }
    }

    fn note(&mut self, kind: &str, item: &Value, path: &str) {
        let docs = item["docs"].as_str().unwrap_or_default();
        let examples = examples(docs);
        if examples.ignored {
            self.ignored.push(path.to_owned());
        }
        self.items.push(Item {
            kind: kind.to_owned(),
            path: path.to_owned(),
            has_example: examples.any,
        });
    }
}

struct Examples {
    any: bool,
    ignored: bool,
}

/// Finds the code blocks of a doc comment; the blocks that rustdoc compiles are examples.
fn examples(docs: &str) -> Examples {
    let mut found = Examples {
        any: false,
        ignored: false,
    };
    let mut is_open = false;
    for line in docs.lines() {
        let Some(info) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        is_open = !is_open;
        if is_open {
            let words: Vec<&str> = info.split(',').map(str::trim).collect();
            let is_ignored = words.iter().any(|word| word.starts_with("ignore"));
            let is_other = words
                .iter()
                .any(|word| ["text", "toml", "console"].contains(word));
            found.ignored |= is_ignored;
            found.any |= !is_ignored && !is_other;
        }
    }
    found
}

/// Items of traits have no visibility of their own.
fn is_public(item: &Value) -> bool {
    ["public", "default"]
        .iter()
        .any(|what| item["visibility"] == *what)
}

/// An identifier as text. In the JSON it is a number as a value, and text as a key.
fn number(id: &Value) -> String {
    match id.as_str() {
        Some(text) => text.to_owned(),
        None => id.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Walk, examples};
    use serde_json::json;

    #[test]
    fn only_what_is_compiled_is_an_example() {
        assert!(examples("Text.\n```\nlet a = 1;\n```\n").any);
        assert!(examples("```no_run\nlet a = 1;\n```").any);
        assert!(examples("```compile_fail,E0277\nx\n```").any);
        assert!(!examples("```text\n1 -> 2\n```").any);
        let ignored = examples("```ignore (why)\nx\n```");
        assert!(ignored.ignored && !ignored.any);
        assert!(!examples("Text with `code`.").any);
    }

    /// A facade that re-exports a type of another crate, whose method has no example.
    #[test]
    fn reexports_are_followed_and_each_item_counts_once() {
        let facade = json!({
            "index": {
                "0": {"name": "facade", "visibility": "public", "inner": {"module": {"items": [1, 2, 3, 10]}}},
                "10": {"name": null, "visibility": "public", "inner": {"use": {"name": "private", "id": 11, "is_glob": true}}},
                "11": {"name": "private", "visibility": "crate", "inner": {"module": {"items": [12]}}},
                "12": {"name": "f", "visibility": "public", "docs": "", "inner": {"function": {}}},
                "1": {"name": null, "visibility": "public", "inner": {"use": {"name": "T", "id": 9, "is_glob": false}}},
                "2": {"name": null, "visibility": "public", "inner": {"use": {"name": "U", "id": 9, "is_glob": false}}},
                "3": {"name": "hidden", "visibility": "crate", "docs": "", "inner": {"function": {}}},
            },
            "paths": {"9": {"crate_id": 5, "path": ["core", "inner", "T"]}},
        });
        let core = json!({
            "index": {
                "7": {"name": "T", "visibility": "public", "docs": "```\n1\n```", "inner": {"struct": {"impls": [4, 5]}}},
                "4": {"name": null, "visibility": "default", "inner": {"impl": {"trait": null, "items": [6]}}},
                "5": {"name": null, "visibility": "default", "inner": {"impl": {"trait": {}, "items": [8]}}},
                "6": {"name": "get", "visibility": "public", "docs": "Gets.", "inner": {"function": {}}},
                "8": {"name": "fmt", "visibility": "default", "docs": "", "inner": {"function": {}}},
            },
            "paths": {"7": {"crate_id": 0, "path": ["core", "inner", "T"]}},
        });
        let mut walk = Walk {
            crates: [("facade".into(), facade), ("core".into(), core)].into(),
            ..Walk::default()
        };
        walk.visit("facade", &json!(0), "facade");
        let found: Vec<(&str, bool)> = walk
            .items
            .iter()
            .map(|item| (item.path.as_str(), item.has_example))
            .collect();
        let expected = [
            ("facade::T", true),
            ("facade::T::get", false),
            ("facade::f", false),
        ];
        assert_eq!(found, expected);
    }
}

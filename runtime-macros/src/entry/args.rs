//! The arguments of `#[main]` and `#[test]`: `name = value`, each at most once.
//!
//! Reading is in two steps. Each argument is read by itself first; then the combination is checked
//! (`worker_threads` wants several threads, a paused clock wants one). Both point at the argument.

use super::{Attribute, Kind, span_of};
use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::punctuated::Punctuated;
use syn::{Expr, ExprLit, Lit, Meta};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    CurrentThread,
    MultiThread,
    Local,
}

/// A value and where the user wrote it.
type Given<T> = Option<(T, Span)>;

/// What the generated code builds.
pub(crate) struct Config {
    pub(crate) flavor: Flavor,
    pub(crate) krate: Option<TokenStream>,
    worker_threads: Option<usize>,
    start_paused: Option<bool>,
    unhandled_panic: Option<&'static str>,
    name: Option<String>,
    /// The limit of a test's time, in milliseconds.
    pub(crate) timeout: Option<u64>,
}

#[derive(Default)]
struct Raw {
    flavor: Given<Flavor>,
    worker_threads: Given<usize>,
    start_paused: Given<bool>,
    unhandled_panic: Given<&'static str>,
    name: Given<String>,
    krate: Given<TokenStream>,
    timeout: Given<u64>,
}

impl Config {
    /// The runtime that is built when the arguments are in error.
    pub(crate) fn fallback(attribute: Attribute) -> Config {
        Config {
            flavor: match attribute.kind {
                Kind::Main if attribute.multi_thread => Flavor::MultiThread,
                _ => Flavor::CurrentThread,
            },
            krate: None,
            worker_threads: None,
            start_paused: None,
            unhandled_panic: None,
            name: None,
            timeout: None,
        }
    }

    pub(crate) fn read(
        attribute: Attribute,
        args: Punctuated<Meta, syn::Token![,]>,
    ) -> syn::Result<Config> {
        let mut raw = Raw::default();
        for meta in &args {
            raw.take(attribute, meta)?;
        }
        raw.combine(attribute)
    }

    /// Calls on the builder, in the order of the table in the docs.
    pub(crate) fn settings(&self, krate: &TokenStream, span: Span) -> TokenStream {
        let mut calls = TokenStream::new();
        if let Some(n) = self.worker_threads {
            calls.extend(quote_spanned!(span=> .worker_threads(#n)));
        }
        if let Some(paused) = self.start_paused {
            calls.extend(quote_spanned!(span=> .start_paused(#paused)));
        }
        if let Some(variant) = self.unhandled_panic {
            let variant = syn::Ident::new(variant, span);
            calls.extend(quote_spanned!(span=>
                .unhandled_panic(#krate::runtime::UnhandledPanic::#variant)));
        }
        if let Some(name) = &self.name {
            calls.extend(quote_spanned!(span=> .name(#name)));
        }
        calls
    }
}

const NAMES: &str =
    "`flavor`, `worker_threads`, `start_paused`, `crate`, `unhandled_panic`, `name`";

impl Raw {
    fn take(&mut self, attribute: Attribute, meta: &Meta) -> syn::Result<()> {
        let Some(ident) = meta.path().get_ident() else {
            return Err(syn::Error::new_spanned(meta, "Must have specified ident"));
        };
        let key = ident.to_string().to_lowercase();
        let Meta::NameValue(pair) = meta else {
            return Err(not_a_pair(attribute, meta, &key));
        };
        let (value, span) = (&pair.value, span_of(&pair.value));
        match key.as_str() {
            "flavor" => set(
                &mut self.flavor,
                &key,
                flavor(&string(value, &key)?, span)?,
                span,
            ),
            "worker_threads" => set(&mut self.worker_threads, &key, integer(value, &key)?, span),
            "start_paused" => set(&mut self.start_paused, &key, boolean(value, &key)?, span),
            "unhandled_panic" => set(
                &mut self.unhandled_panic,
                &key,
                on_panic(&string(value, &key)?, span)?,
                span,
            ),
            "name" => set(&mut self.name, &key, string(value, &key)?, span),
            "crate" => set(&mut self.krate, &key, path(value, &key)?, span),
            "timeout" if attribute.kind == Kind::Test => {
                set(&mut self.timeout, &key, timeout(value)?, span)
            }
            "timeout" => Err(syn::Error::new_spanned(
                meta,
                "`timeout` is an argument of `test`; in `main`, put `time::timeout` around what may take too long",
            )),
            "core_threads" => Err(syn::Error::new_spanned(
                meta,
                "Attribute `core_threads` is renamed to `worker_threads`",
            )),
            _ => Err(unknown(meta, &key)),
        }
    }

    fn combine(self, attribute: Attribute) -> syn::Result<Config> {
        let name = attribute.name();
        let flavor = match (self.flavor, attribute.kind) {
            (Some((Flavor::MultiThread, at)), _) if !attribute.multi_thread => {
                let message =
                    "The runtime flavor `multi_thread` requires the `rt-multi-thread` feature.";
                return Err(syn::Error::new(at, message));
            }
            (Some((flavor, _)), _) => flavor,
            (None, Kind::Test) => Flavor::CurrentThread,
            (None, Kind::Main) if attribute.multi_thread => Flavor::MultiThread,
            (None, Kind::Main) => {
                let message = "The default runtime flavor is `multi_thread`, \
                               but the `rt-multi-thread` feature is disabled.";
                return Err(syn::Error::new(Span::call_site(), message));
            }
        };
        let wants = |option: &str, wanted: &str, at: Span| {
            let message = format!(
                "The `{option}` option requires the `{wanted}` runtime flavor. \
                 Use `#[{name}(flavor = \"{wanted}\")]`"
            );
            Err(syn::Error::new(at, message))
        };
        let multi = flavor == Flavor::MultiThread;
        match (self.worker_threads, self.start_paused, self.unhandled_panic) {
            (Some((0, at)), ..) if multi => {
                return Err(syn::Error::new(at, "`worker_threads` may not be 0."));
            }
            (Some((_, at)), ..) if !multi => return wants("worker_threads", "multi_thread", at),
            (_, Some((_, at)), _) if multi => return wants("start_paused", "current_thread", at),
            (.., Some((_, at))) if multi => return wants("unhandled_panic", "current_thread", at),
            _ => {}
        }
        Ok(Config {
            flavor,
            krate: self.krate.map(|(path, _)| path),
            worker_threads: self.worker_threads.map(|(n, _)| n),
            start_paused: self.start_paused.map(|(paused, _)| paused),
            unhandled_panic: self.unhandled_panic.map(|(variant, _)| variant),
            name: self.name.map(|(name, _)| name),
            timeout: self.timeout.map(|(millis, _)| millis),
        })
    }
}

fn set<T>(slot: &mut Given<T>, key: &str, value: T, span: Span) -> syn::Result<()> {
    if slot.is_some() {
        return Err(syn::Error::new(
            span,
            format!("`{key}` set multiple times."),
        ));
    }
    *slot = Some((value, span));
    Ok(())
}

/// `#[main(current_thread)]` and other arguments without `=`.
fn not_a_pair(attribute: Attribute, meta: &Meta, key: &str) -> syn::Error {
    let name = attribute.name();
    let flavor = match key {
        "threaded_scheduler" | "multi_thread" => "multi_thread",
        "basic_scheduler" | "current_thread" | "single_threaded" => "current_thread",
        "local" => "local",
        "flavor" | "worker_threads" | "start_paused" | "crate" | "unhandled_panic" | "name"
        | "timeout" => {
            let message = format!("The `{key}` attribute requires an argument.");
            return syn::Error::new_spanned(meta, message);
        }
        _ => return unknown(meta, key),
    };
    let message = format!("Set the runtime flavor with #[{name}(flavor = \"{flavor}\")].");
    syn::Error::new_spanned(meta, message)
}

/// The list is tokio's: its published tests compare the message.
fn unknown(meta: &Meta, key: &str) -> syn::Error {
    let message = format!("Unknown attribute {key} is specified; expected one of: {NAMES}");
    syn::Error::new_spanned(meta, message)
}

fn flavor(text: &str, span: Span) -> syn::Result<Flavor> {
    let message = match text {
        "current_thread" => return Ok(Flavor::CurrentThread),
        "multi_thread" => return Ok(Flavor::MultiThread),
        "local" => return Ok(Flavor::Local),
        "single_thread" => "The single threaded runtime flavor is called `current_thread`.".into(),
        "basic_scheduler" => {
            "The `basic_scheduler` runtime flavor has been renamed to `current_thread`.".into()
        }
        "threaded_scheduler" => {
            "The `threaded_scheduler` runtime flavor has been renamed to `multi_thread`.".into()
        }
        _ => format!(
            "No such runtime flavor `{text}`. \
             The runtime flavors are `current_thread`, `local`, and `multi_thread`."
        ),
    };
    Err(syn::Error::new(span, message))
}

fn on_panic(text: &str, span: Span) -> syn::Result<&'static str> {
    match text {
        "ignore" => Ok("Ignore"),
        "shutdown_runtime" => Ok("ShutdownRuntime"),
        _ => Err(syn::Error::new(
            span,
            format!(
                "No such unhandled panic behavior `{text}`. \
                 The unhandled panic behaviors are `ignore` and `shutdown_runtime`."
            ),
        )),
    }
}

/// Milliseconds. The grammar is that of `SELVEDGE_TEST_TIMEOUT`.
fn timeout(value: &Expr) -> syn::Result<u64> {
    let (text, span) = match literal(value) {
        Some(Lit::Str(text)) => (text.value(), text.span()),
        Some(Lit::Int(number)) => (number.base10_digits().to_owned(), number.span()),
        Some(Lit::Float(number)) => (number.base10_digits().to_owned(), number.span()),
        _ => return Err(cannot_parse(value, "timeout", "time")),
    };
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => Some(1000.0),
        "ms" => Some(1.0),
        "m" => Some(60_000.0),
        _ => None,
    };
    let millis = unit.and_then(|unit| Some(digits.parse::<f64>().ok()? * unit));
    match millis.filter(|millis| (0.0..u64::MAX as f64).contains(millis)) {
        Some(millis) => Ok(millis.ceil() as u64),
        None => Err(syn::Error::new(
            span,
            "`timeout` is seconds (`30`, `1.5`), or a text with their unit (`\"500ms\"`, `\"2m\"`)",
        )),
    }
}

/// The literal in `value`, also through the invisible groups that `macro_rules` leave.
fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        Expr::Group(group) => literal(&group.expr),
        _ => None,
    }
}

fn cannot_parse(value: &Expr, key: &str, as_what: &str) -> syn::Error {
    syn::Error::new(
        span_of(value),
        format!("Failed to parse value of `{key}` as {as_what}."),
    )
}

fn string(value: &Expr, key: &str) -> syn::Result<String> {
    match literal(value) {
        Some(Lit::Str(text)) => Ok(text.value()),
        _ => Err(cannot_parse(value, key, "string")),
    }
}

fn integer(value: &Expr, key: &str) -> syn::Result<usize> {
    match literal(value) {
        Some(Lit::Int(number)) => number.base10_parse().map_err(|error| {
            syn::Error::new(
                number.span(),
                format!("Failed to parse value of `{key}` as integer: {error}"),
            )
        }),
        _ => Err(cannot_parse(value, key, "integer")),
    }
}

fn boolean(value: &Expr, key: &str) -> syn::Result<bool> {
    match literal(value) {
        Some(Lit::Bool(truth)) => Ok(truth.value),
        _ => Err(cannot_parse(value, key, "bool")),
    }
}

/// `crate = "a::b"` or `crate = a::b`.
fn path(value: &Expr, key: &str) -> syn::Result<TokenStream> {
    match (literal(value), value) {
        (Some(Lit::Str(text)), _) => match text.parse::<syn::Path>() {
            Ok(path) => Ok(path.into_token_stream()),
            Err(_) => {
                let what = format!("path: \"{}\"", text.value());
                let message = format!("Failed to parse value of `{key}` as {what}");
                Err(syn::Error::new(text.span(), message))
            }
        },
        (_, Expr::Path(path)) => Ok(quote!(#path)),
        _ => Err(cannot_parse(value, key, "path")),
    }
}

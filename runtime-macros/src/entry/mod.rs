//! `#[main]` and `#[test]`.
//!
//! ```text
//! arguments ──▶ args::Config ─┐
//! function  ──▶ Function ─────┴─▶ expand: fn without `async` { runtime.block_on(async body) }
//! ```
//!
//! The body is kept as tokens: only the signature is parsed. When the arguments are wrong the
//! function is still emitted, with a default runtime, so that the user sees the one error and not a
//! `main` that has gone missing.

mod args;

use args::{Config, Flavor};
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{Parse, ParseStream, Parser};
use syn::spanned::Spanned;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Main,
    Test,
}

/// One attribute macro of the crate.
#[derive(Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) kind: Kind,
    /// The crate that generated code names unless the user gives one.
    pub(crate) default_crate: &'static str,
    /// Whether the multi-threaded runtime is compiled in.
    pub(crate) multi_thread: bool,
}

/// A function whose body is not parsed.
struct Function {
    attributes: Vec<syn::Attribute>,
    visibility: syn::Visibility,
    signature: syn::Signature,
    body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        Ok(Function {
            attributes: input.call(syn::Attribute::parse_outer)?,
            visibility: input.parse()?,
            signature: input.parse()?,
            body: input.parse()?,
        })
    }
}

impl Attribute {
    /// The path that messages show for this attribute.
    pub(crate) fn name(self) -> &'static str {
        match self.kind {
            Kind::Main => "tokio::main",
            Kind::Test => "tokio::test",
        }
    }

    pub(crate) fn expand(self, args: TokenStream, item: TokenStream) -> TokenStream {
        let function: Function = match syn::parse2(item.clone()) {
            Ok(function) => function,
            // Half-typed code: leave the error to rustc, and keep the tokens so that editors can complete them.
            Err(error) => return with_error(item, &error),
        };
        let parsed = self.check(&function).and_then(|()| {
            let metas = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            // `crate` is a keyword, which `Meta` reads as a path all the same.
            Config::read(self, metas.parse2(args)?)
        });
        match parsed {
            Ok(config) => self.write(function, &config),
            Err(error) => {
                let fallback = Config::fallback(self);
                let function = self.write(function, &fallback);
                with_error(function, &error)
            }
        }
    }

    fn check(self, function: &Function) -> syn::Result<()> {
        let signature = &function.signature;
        if signature.asyncness.is_none() {
            let message = "the `async` keyword is missing from the function declaration";
            return Err(syn::Error::new_spanned(signature.fn_token, message));
        }
        match self.kind {
            Kind::Main if signature.ident == "main" && !signature.inputs.is_empty() => {
                let message = "the main function cannot accept arguments";
                Err(syn::Error::new_spanned(&signature.ident, message))
            }
            Kind::Test if function.attributes.iter().any(is_test_attribute) => {
                let second = function.attributes.iter().find(|a| is_test_attribute(a));
                let message = "second test attribute is supplied, \
                               consider removing or changing the order of your test attributes";
                Err(syn::Error::new_spanned(second, message))
            }
            Kind::Test if !signature.inputs.is_empty() => {
                let message = "the test function cannot accept arguments";
                Err(syn::Error::new_spanned(&signature.inputs, message))
            }
            _ => Ok(()),
        }
    }

    fn write(self, function: Function, config: &Config) -> TokenStream {
        let Function {
            attributes,
            visibility,
            mut signature,
            body,
        } = function;
        signature.asyncness = None;

        // Mismatched types are reported where the value comes from: the end of the body.
        let last = body
            .stream()
            .into_iter()
            .last()
            .map_or(body.span_close(), |t| t.span());
        let last = last.resolved_at(Span::mixed_site());
        let krate = config.krate.clone().unwrap_or_else(|| {
            Ident::new(self.default_crate, Span::call_site()).into_token_stream()
        });
        let constructor = match config.flavor {
            Flavor::MultiThread => quote_spanned!(last=> new_multi_thread()),
            Flavor::CurrentThread | Flavor::Local => quote_spanned!(last=> new_current_thread()),
        };
        let settings = config.settings(&krate, last);
        let build = match config.flavor {
            Flavor::Local => {
                quote_spanned!(last=> build_local(::core::default::Default::default()))
            }
            _ => quote_spanned!(last=> build()),
        };
        let runtime = quote_spanned! {last=>
            #krate::runtime::Builder::#constructor #settings .enable_all().#build
                .expect("failed to build the runtime")
        };
        let header = match self.kind {
            Kind::Main => quote!(),
            Kind::Test => quote!(#[::core::prelude::v1::test]),
        };
        let future = Ident::new("body", Span::mixed_site());
        let erase = erased(self.kind, &signature.output, &future);
        let mut inner = quote_spanned!(body.span()=> async);
        body.to_tokens(&mut inner);
        let (begin, bounded) = self.limited(config, &krate, &future, last);
        let call = quote_spanned!(last=> return #runtime.block_on(#bounded););
        quote! {
            #header
            #(#attributes)*
            #visibility #signature {
                #begin
                let #future = #inner;
                #erase
                #[allow(
                    clippy::expect_used,
                    clippy::diverging_sub_expression,
                    clippy::needless_return,
                    clippy::unwrap_in_result
                )]
                {
                    #call
                }
            }
        }
    }
}

impl Attribute {
    /// For tests: the statement before the body, and the future that keeps the time limit.
    fn limited(
        self,
        config: &Config,
        krate: &TokenStream,
        future: &Ident,
        span: Span,
    ) -> (Option<TokenStream>, TokenStream) {
        if self.kind == Kind::Main {
            return (None, future.to_token_stream());
        }
        let limit = Ident::new("limit", Span::mixed_site());
        let timeout = match config.timeout {
            Some(millis) => quote!(::core::option::Option::Some(#millis)),
            None => quote!(::core::option::Option::None),
        };
        let new = quote_spanned!(span=> #krate::macros::support::Limit::new);
        // Before the runtime, so that it is dropped after it.
        let begin = quote_spanned!(span=> let #limit = #new(#timeout););
        (Some(begin), quote_spanned!(span=> #limit.around(#future)))
    }
}

/// For tests: hides the future's type behind `dyn`, so that a thousand tests do not instantiate the
/// scheduler a thousand times. Not if the output's type cannot be written.
fn erased(kind: Kind, output: &syn::ReturnType, future: &Ident) -> Option<TokenStream> {
    if kind == Kind::Main {
        return None;
    }
    let output = match output {
        syn::ReturnType::Default => quote!(()),
        syn::ReturnType::Type(_, ty) if matches!(**ty, syn::Type::Never(_)) => return None,
        syn::ReturnType::Type(_, ty) => quote!(#ty),
    };
    if names_impl(output.clone()) {
        return None;
    }
    Some(quote! {
        let #future: ::core::pin::Pin<&mut dyn ::core::future::Future<Output = #output>> =
            ::core::pin::pin!(#future);
    })
}

fn names_impl(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == "impl",
        TokenTree::Group(group) => names_impl(group.stream()),
        _ => false,
    })
}

/// `#[test]`, or the standard library's by its full path.
fn is_test_attribute(attribute: &syn::Attribute) -> bool {
    let syn::Meta::Path(path) = &attribute.meta else {
        return false;
    };
    let names: Vec<String> = path.segments.iter().map(|s| s.ident.to_string()).collect();
    match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["test"] => path.leading_colon.is_none(),
        ["core" | "std", "prelude", _, "test"] => true,
        _ => false,
    }
}

fn with_error(mut tokens: TokenStream, error: &syn::Error) -> TokenStream {
    tokens.extend(error.to_compile_error());
    tokens
}

/// The span to report for a whole argument.
pub(crate) fn span_of(tokens: &impl ToTokens) -> Span {
    tokens.span()
}

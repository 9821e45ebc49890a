//! A ring driven by hand and, under `--cfg runtime_loom`, its models on a model of the kernel.

#[cfg(runtime_loom)]
mod loom;
#[cfg(runtime_loom)]
mod loom_errors;
#[cfg(runtime_loom)]
mod loom_source;
#[cfg(not(runtime_loom))]
mod source;
#[cfg(not(runtime_loom))]
mod unit;

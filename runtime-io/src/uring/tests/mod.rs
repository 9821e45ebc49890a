//! A ring driven by hand and, under `--cfg runtime_loom`, its models on a model of the kernel.

#[cfg(runtime_loom)]
mod loom;
#[cfg(not(runtime_loom))]
mod unit;

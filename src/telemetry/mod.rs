//! What an operator sees of a running service.

pub(crate) mod access;
#[cfg(test)]
pub(crate) mod capture;
pub(crate) mod escape;
mod identity;
#[cfg(feature = "cli")]
pub(crate) mod log;
pub(crate) mod metrics;
#[cfg(feature = "cli")]
pub(crate) mod panics;
#[cfg(feature = "admin")]
pub(crate) mod remembered;
pub(crate) mod sample;

pub(crate) use self::sample::Sampler;

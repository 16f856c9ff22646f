//! The configuration, loaded as the command line and the environment say.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use crate::config::AdHoc;
use crate::{Builder, Overrides, Problems, Ready};

use super::failure::Failure;

/// Where the configuration comes from, beside the environment.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) configuration: Configuration,
    /// Assignments in the order in which they were typed.
    pub(super) set: Vec<String>,
}

/// What all else is laid over.
#[derive(Debug)]
pub(super) enum Configuration {
    File(PathBuf),
    /// One listener, as it was typed; with `once`, for one connection.
    AdHoc {
        listener: AdHoc,
        once: bool,
    },
}

/// As a message names it.
impl Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::AdHoc { .. } => f.write_str("the command line"),
        }
    }
}

/// There is no such file.
pub(super) fn missing(file: &Path) -> Failure {
    Failure::usage(
        format!("there is no {}", file.display()),
        "name the configuration with --config FILE, or in TERIMA_CONFIG; `terima init` writes one",
    )
}

/// Loads and checks the configuration; binds nothing.
pub(super) fn load(builder: Builder, source: &Source) -> Result<Ready, Failure> {
    let Source { configuration, set } = source;
    let builder = builder.overrides(overrides(set));
    let loaded = match configuration {
        Configuration::File(file) => {
            // `Problems` would say so too, but not how to name another one.
            if let Ok(false) = file.try_exists() {
                return Err(missing(file));
            }
            builder.load(file)
        }
        Configuration::AdHoc { listener, once: false } => builder.ad_hoc(listener),
        Configuration::AdHoc { listener, once: true } => builder.ad_hoc(listener).map(Ready::once),
    };
    let failed = |problems: Problems| Failure::Configuration { origin: configuration.to_string(), problems };
    loaded.map_err(failed)
}

/// The environment, and above it what was typed.
pub(super) fn overrides(set: &[String]) -> Overrides {
    // A name or value that is not Unicode can't be a key of the configuration.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    set.iter().fold(Overrides::default().env(environment), |overrides, assignment| overrides.set(assignment))
}

//! The configuration, loaded as the command line and the environment say.

use crate::{Builder, Overrides, Ready};

use super::args::Source;
use super::failure::Failure;

/// Loads and checks the configuration; binds nothing.
pub(super) fn load(builder: Builder, source: &Source) -> Result<Ready, Failure> {
    let file = &source.file;
    // `Problems` would say so too, but not how to name another one.
    if let Ok(false) = file.try_exists() {
        return Err(Failure::Usage(format!(
            "there is no {}\n  help: name the configuration with --config FILE, or in TERIMA_CONFIG",
            file.display()
        )));
    }
    builder
        .overrides(overrides(source))
        .load(file)
        .map_err(|problems| Failure::Configuration { file: file.clone(), problems })
}

fn overrides(source: &Source) -> Overrides {
    // A name or value that is not Unicode can't be a key of the configuration.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    source
        .set
        .iter()
        .fold(Overrides::default().env(environment), |overrides, assignment| overrides.set(assignment))
}

//! What is logged.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing::{error, info, warn};
use tracing_subscriber::{EnvFilter, Registry, reload};

/// `log.level`, to be changed while the service runs.
#[derive(Debug)]
pub(super) struct Level {
    /// As configured.
    configured: String,
    /// The level that everything is logged at instead.
    raised: Mutex<Option<LevelFilter>>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Level {
    /// # Errors
    ///
    /// What is wrong with `configured`.
    pub(super) fn new(configured: &str) -> Result<(Self, reload::Layer<EnvFilter, Registry>), String> {
        let (layer, filter) = reload::Layer::new(parse(configured)?);
        Ok((Self { configured: configured.to_owned(), raised: Mutex::new(None), filter }, layer))
    }

    /// As configured.
    pub(super) fn configured(&self) -> &str {
        &self.configured
    }

    /// As it is now.
    pub(super) fn now(&self) -> String {
        self.filter.with_current(ToString::to_string).unwrap_or_else(|_| self.configured.clone())
    }

    /// Logs something else.
    ///
    /// # Errors
    ///
    /// What is wrong with `level`.
    pub(super) fn replace(&self, level: &str) -> Result<(), String> {
        let filter = parse(level)?;
        // From there on it is raised step by step.
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = filter.max_level_hint();
        self.set(filter, &level);
        Ok(())
    }

    /// Logs everything one step more detailed than the most detailed part of it was.
    pub(super) fn raise(&self) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let now = raised.or_else(|| parse(&self.configured).ok()?.max_level_hint());
        let next = more_detailed(now.unwrap_or(LevelFilter::TRACE));
        *raised = Some(next);
        self.set(EnvFilter::default().add_directive(next.into()), &next);
    }

    /// Back to what is configured.
    pub(super) fn restore(&self) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Ok(filter) = parse(&self.configured) {
            self.set(filter, &self.configured);
        }
    }

    fn set(&self, filter: EnvFilter, level: &dyn fmt::Display) {
        let most = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
        if let Err(error) = self.filter.reload(filter) {
            warn!(%error, "the log level can't be changed");
            return;
        }
        // Whoever changed it wants to see that.
        match most {
            LevelFilter::OFF => {}
            LevelFilter::ERROR => error!(%level, "the log level is another"),
            LevelFilter::WARN => warn!(%level, "the log level is another"),
            _ => info!(%level, "the log level is another"),
        }
    }
}

fn more_detailed(level: LevelFilter) -> LevelFilter {
    match level {
        LevelFilter::OFF => LevelFilter::ERROR,
        LevelFilter::ERROR => LevelFilter::WARN,
        LevelFilter::WARN => LevelFilter::INFO,
        LevelFilter::INFO => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    }
}

/// Reads a `log.level`.
///
/// # Errors
///
/// What is wrong with it, for a message that already names the key.
pub(super) fn parse(level: &str) -> Result<EnvFilter, String> {
    // EnvFilter takes a lone word that is no level for a target: "wran" would silence everything but that.
    if let Some(word) = level.split(',').find(|word| !is_directive(word)) {
        return Err(format!(
            "`{word}` is no level (off, error, warn, info, debug or trace), nor a `target=level`"
        ));
    }
    EnvFilter::builder().parse(level).map_err(|error| error.to_string())
}

fn is_directive(word: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    word.contains(['=', '[']) || LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
}

#[cfg(test)]
mod tests {
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn levels_and_filters() {
        for good in ["info", "WARN", "off", "terima=debug,info", "terima[conn{id=1}]=trace"] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "wran", "info,terima", "terima=loud", "info,,debug", "info, debug", "3", "[conn"] {
            assert!(parse(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn it_is_raised_step_by_step_and_restored() {
        use LevelFilter as L;
        let table: [(&str, &[L]); 4] = [
            ("info", &[L::INFO, L::DEBUG, L::TRACE, L::TRACE]),
            ("off", &[L::OFF, L::ERROR, L::WARN, L::INFO]),
            ("warn,terima=debug", &[L::DEBUG, L::TRACE, L::TRACE]),
            ("error,other=info", &[L::INFO, L::DEBUG]),
        ];
        for (configured, levels) in table {
            let (level, layer) = Level::new(configured).unwrap();
            let hint = || level.filter.with_current(EnvFilter::max_level_hint).unwrap().unwrap();
            with_default(Registry::default().with(layer), || {
                for (step, expected) in levels.iter().enumerate() {
                    assert_eq!(hint(), *expected, "{configured}, step {step}");
                    level.raise();
                }
                level.restore();
                assert_eq!(hint(), levels[0], "{configured}");
            });
        }
    }
}

//! What a scrape says, and what has moved since another.

use std::collections::BTreeMap;

use terima::Server;

use super::within;

/// The samples of one scrape, by series as it writes them: `name{label="value"}`.
#[derive(Debug, Clone)]
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    pub(crate) fn of(server: &Server) -> Self {
        Self::parse(&server.metrics())
    }

    pub(crate) fn parse(text: &str) -> Self {
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            (series.to_owned(), value.parse().unwrap_or_else(|_| panic!("no number: {line}")))
        };
        Self(text.lines().filter(|line| !line.starts_with('#')).map(sample).collect())
    }

    /// The value of a series, which has to be there.
    #[track_caller]
    pub(crate) fn get(&self, series: &str) -> f64 {
        *self.0.get(series).unwrap_or_else(|| panic!("no {series} in {:#?}", self.0))
    }

    /// The sum of all series of a listener in a family.
    pub(crate) fn sum(&self, family: &str, listener: &str) -> f64 {
        let start = format!("{family}{{listener=\"{listener}\"");
        self.0.iter().filter(|(series, _)| series.starts_with(&start)).map(|(_, value)| value).sum()
    }

    /// What has moved since `before`, and by how much. What moves by itself is left out: times, the runtime, the process.
    pub(crate) fn moved_since(&self, before: &Self) -> BTreeMap<String, f64> {
        let by_itself = |series: &str| {
            ["process_", "terima_runtime_", "terima_heartbeat_age_", "terima_accept_queue_overflows_"]
                .iter()
                .any(|start| series.starts_with(start))
                || series.contains("_seconds_bucket{")
                || series.contains("_seconds_sum{")
        };
        self.0
            .iter()
            .map(|(series, value)| (series.clone(), value - before.0.get(series).unwrap_or(&0.0)))
            .filter(|(series, moved)| *moved != 0.0 && !by_itself(series))
            .collect()
    }
}

/// Waits until a scrape is as wanted.
pub(crate) async fn scraped(server: &Server, what: &str, wanted: impl Fn(&Scrape) -> bool) -> Scrape {
    let scrape = async {
        loop {
            let scrape = Scrape::of(server);
            if wanted(&scrape) {
                return scrape;
            }
            tokio::task::yield_now().await;
        }
    };
    within(what, scrape).await
}

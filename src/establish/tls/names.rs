//! Which certificate a client is shown: SNI (RFC 6066, section 3).

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificates of a listener, by the names that clients ask for.
#[derive(Debug)]
pub(super) struct Certificates {
    named: ByName,
    /// For whoever asks for none of these names.
    default: Arc<CertifiedKey>,
    /// The names that he has to ask for then; `None` = he need not ask for any.
    strictly: Option<ByName>,
}

#[derive(Debug, Default)]
struct ByName {
    exact: HashMap<Box<str>, Arc<CertifiedKey>>,
    /// Those with a `*`, by what follows its point.
    below: HashMap<Box<str>, Arc<CertifiedKey>>,
}

impl Certificates {
    /// `strictly` are the names that `default` is for; `None` = it is for all.
    pub(super) fn new(default: &Arc<CertifiedKey>, strictly: Option<&[String]>) -> Self {
        let strictly = strictly.map(|names| {
            let mut own = ByName::default();
            own.add(default, names);
            own
        });
        Self { named: ByName::default(), default: Arc::clone(default), strictly }
    }

    /// Adds a certificate for some names.
    pub(super) fn add(&mut self, key: &Arc<CertifiedKey>, names: &[String]) {
        self.named.add(key, names);
    }

    fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| self.named.find(name));
        named.or_else(|| match &self.strictly {
            None => Some(&self.default),
            Some(own) => own.find(name?),
        })
    }
}

impl ByName {
    fn add(&mut self, key: &Arc<CertifiedKey>, names: &[String]) {
        for name in names {
            let (map, name) = match name.strip_prefix("*.") {
                Some(below) => (&mut self.below, below),
                None => (&mut self.exact, name.as_str()),
            };
            map.insert(name.into(), Arc::clone(key));
        }
    }

    /// The name itself goes before a `*`, which stands for one label and no more (RFC 9525, section 6.3).
    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let below = || self.below.get(name.split_once('.')?.1);
        self.exact.get(name).or_else(below)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        self.find(name.as_deref()).cloned()
    }
}

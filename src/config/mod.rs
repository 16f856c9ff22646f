//! STUB
pub(crate) mod meant;
pub(crate) use meant::*;
pub(crate) mod options {
    pub(crate) use super::Choice;
}
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) name: String,
    pub(crate) span: std::ops::Range<usize>,
    pub(crate) options: Options,
}
#[derive(Debug, Clone)]
pub(crate) struct Options;
impl Options {
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self, _: &mut Faults) -> Option<T> {
        toml::from_str("").ok()
    }
}
#[derive(Default)]
pub(crate) struct Faults;
pub(crate) struct Noted;
impl Noted {
    pub(crate) fn help(self, _: impl Into<String>) {}
}
impl Faults {
    pub(crate) fn at(&mut self, _: std::ops::Range<usize>, _: impl Into<String>) -> Noted {
        Noted
    }
    pub(crate) fn is_empty(&self) -> bool {
        true
    }
    pub(crate) fn into_problems(self) -> Problems {
        Problems
    }
}
/// x
#[derive(Debug)]
pub struct Problems;
impl std::fmt::Display for Problems {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
impl std::error::Error for Problems {}
impl Problems {
    pub(crate) fn len(&self) -> usize {
        1
    }
    pub(crate) fn render(&self, _: bool) -> String {
        String::new()
    }
}
impl Overrides {
    /// x
    pub fn set(self, _: &str) -> Self {
        self
    }
    /// x
    pub fn env(self, _: impl IntoIterator<Item = (String, String)>) -> Self {
        self
    }
}
/// x
#[derive(Debug, Default, Clone)]
pub struct Overrides;
/// x
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub struct ByteSize(usize);
impl ByteSize {
    pub(crate) const fn new(n: usize) -> Self {
        Self(n)
    }
    pub(crate) fn bytes(self) -> usize {
        self.0
    }
}
/// x
#[derive(Debug, serde::Deserialize)]
pub struct NoOptions {}
pub(crate) fn suggest<'a>(_: &str, _: impl Iterator<Item = &'a str>) -> String {
    String::new()
}
pub(crate) fn read(_: &str, _: &str, _: &Overrides) -> (Config, Faults) {
    let l = |n: &str, p: u16, c: Option<&str>, h: &str| ListenerConfig {
        name: n.into(),
        addresses: vec![([127, 0, 0, 1], p).into()],
        codec: c.map(choice),
        handler: choice(h),
        limits: Limits::default(),
        timeouts: Timeouts::default(),
    };
    (
        Config {
            server: ServerConfig::default(),
            log: LogConfig::default(),
            listeners: vec![
                l("echo", 27015, Some("lines"), "echo"),
                l("raw", 27016, None, "echo"),
                l("discard", 27017, None, "discard"),
            ],
        },
        Faults,
    )
}
fn choice(n: &str) -> Choice {
    Choice { name: n.into(), span: 0..0, options: Options }
}
pub(crate) fn read_file(_: &std::path::Path, o: &Overrides) -> (Config, Faults) {
    read("", "", o)
}

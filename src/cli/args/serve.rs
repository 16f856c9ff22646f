//! `terima serve`, as typed.

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Error, Parser};

use crate::config::{AdHoc, Typed, TypedOption};

use super::{Arguments, Assignments, notes};
use crate::cli::load::{Configuration, Source};

/// Serve one listener, without a configuration file
///
/// It runs until a signal ends it, as `terima run` does.
#[derive(Debug, Args)]
#[command(after_long_help = notes::SERVE)]
pub(super) struct Serve {
    /// What answers the frames
    handler: String,

    /// Where to listen, as the key `address` has it: 127.0.0.1:7, :7, localhost:7, unix:/run/echo.sock
    address: String,

    #[command(flatten)]
    known: Known,

    /// Options of the handler, as --KEY VALUE; those of the codec, as --codec-KEY VALUE
    #[arg(value_name = "--KEY VALUE", trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<String>,
}

/// The options that are the same for every handler.
#[derive(Debug, Args)]
struct Known {
    /// What cuts the bytes into frames; without it, the handler's own
    #[arg(long, value_name = "CODEC", overrides_with = "codec")]
    codec: Option<String>,

    /// Serve one connection and end with it; no other is accepted
    #[arg(long, overrides_with = "once")]
    once: bool,

    #[command(flatten)]
    assignments: Assignments,
}

/// The same, where they stand among a handler's.
#[derive(Debug, Parser)]
#[command(name = "terima serve", no_binary_name = true, disable_help_flag = true)]
struct Again {
    #[command(flatten)]
    known: Known,
}

impl Serve {
    /// The configuration that this stands for; `set` was typed before the subcommand.
    pub(super) fn into_source(self, mut set: Vec<String>) -> Result<Source, Error> {
        let Self { handler, address, known, rest } = self;
        let Split { known: more, handler_options, codec_options } = Split::new(rest)?;
        set.extend(known.assignments.set);
        set.extend(more.assignments.set);
        let codec = match (more.codec.or(known.codec), codec_options.first()) {
            (Some(name), _) => Some(Typed { name, options: codec_options }),
            (None, Some(option)) => {
                return Err(wrong(format!("{} needs a codec: add --codec CODEC", option.flag)));
            }
            (None, None) => None,
        };
        let listener = AdHoc { handler: Typed { name: handler, options: handler_options }, address, codec };
        let configuration = Configuration::AdHoc { listener, once: known.once || more.once };
        Ok(Source { configuration, set })
    }
}

/// What stands behind the address, from the first option on that is not the same for every handler.
struct Split {
    known: Known,
    handler_options: Vec<TypedOption>,
    codec_options: Vec<TypedOption>,
}

impl Split {
    fn new(rest: Vec<String>) -> Result<Self, Error> {
        let (mut known, mut handler_options, mut codec_options) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = rest.into_iter().peekable();
        while let Some(typed) = rest.next() {
            let (flag, value) = match typed.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => (typed.as_str(), None),
            };
            match flag {
                "-h" | "--help" => return Err(help(flag)),
                "--codec" | "--set" | "-s" if value.is_none() => {
                    known.push(typed);
                    known.extend(rest.next());
                }
                "--codec" | "--set" | "--once" => known.push(typed),
                _ if flag.starts_with("-s") => known.push(typed),
                _ => {
                    let key = flag.strip_prefix("--").filter(|key| !key.is_empty());
                    let key = key.ok_or_else(|| unexpected(&typed))?;
                    let (options, key) = match key.strip_prefix("codec-") {
                        Some(key) => (&mut codec_options, key),
                        None => (&mut handler_options, key),
                    };
                    let (flag, key_at) = (flag.to_owned(), flag.len() - key.len());
                    let value = value.or_else(|| rest.next_if(|next| is_value(next)));
                    options.push(TypedOption { flag, key_at, value });
                }
            }
        }
        let Again { known } = Again::try_parse_from(known)?;
        Ok(Self { known, handler_options, codec_options })
    }
}

/// `-` alone, `-5` and what has no `-` in front.
fn is_value(typed: &str) -> bool {
    typed
        .strip_prefix('-')
        .is_none_or(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()))
}

fn unexpected(typed: &str) -> Error {
    wrong(format!("unexpected argument '{typed}' found: options of a handler are written --KEY VALUE"))
}

fn wrong(message: String) -> Error {
    let mut command = Arguments::command();
    command.build();
    match command.find_subcommand_mut("serve") {
        Some(serve) => serve.error(ErrorKind::UnknownArgument, message),
        None => command.error(ErrorKind::UnknownArgument, message),
    }
}

/// The help that was asked for behind an option of the handler.
fn help(flag: &str) -> Error {
    match Arguments::try_parse_from(["terima", "serve", flag]) {
        Err(answer) => answer,
        Ok(_) => wrong(format!("unexpected argument '{flag}' found")),
    }
}

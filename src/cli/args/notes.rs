//! What stands in the help and in the manual page beside the options.

use std::fmt::Write;

/// Variables of the environment.
pub(in crate::cli) const ENVIRONMENT: [(&str, &str); 5] = [
    ("TERIMA_CONFIG", "the configuration, where --config is not given"),
    ("TERIMA_LOG", "log.level, in the filter syntax of tracing: info, terima=debug,info"),
    ("TERIMA__KEY__NAME", "any other key, like TERIMA__LISTENER__ECHO__ADDRESS=127.0.0.1:7"),
    ("NO_COLOR", "no colour, even on a terminal"),
    ("RUST_BACKTRACE", "1: the log shows where a panic came from"),
];

/// How the process ends; see [`Exit`](crate::cli::exit::Exit).
pub(in crate::cli) const EXIT_CODES: [(&str, &str); 5] = [
    ("0", "ended as asked"),
    ("1", "failure"),
    ("64", "wrong usage or configuration"),
    ("69", "a listener could not be bound"),
    ("75", "the drain timed out or was cut short: connections were aborted"),
];

/// Files.
pub(in crate::cli) const FILES: [(&str, &str); 1] = [(
    "config/server.toml",
    "the configuration, where neither --config nor TERIMA_CONFIG names another; `terima init` writes one that explains \
     every key",
)];

/// The end of the long help.
pub(super) fn after_help() -> String {
    let mut text = String::from("Environment:\n");
    for (name, meaning) in ENVIRONMENT {
        // Writing to a string can't fail.
        let _ = writeln!(text, "  {name:<18}  {meaning}");
    }
    text.push_str("\nExit codes:\n");
    for (code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "  {code:>2}  {meaning}");
    }
    text.trim_end().to_owned()
}

/// The end of the long help of `check`.
pub(super) const CHECK_JSON: &str = "\
The answer of --json is one object:
  file       the configuration, as it was named
  ok         whether there is no problem; the exit code is 0, else 64
  problems   if not ok: a list of what is wrong
  warnings   if ok: a list of what does nothing, in the same form
  process    if ok: the sections `server` and `log`
  listeners  if ok: a list of the listeners

A problem has origin (the file, `--set KEY`, or `environment variable NAME`), line and column in it, from 1, message \
and help; line, column and help are null where there is none.

A listener has name, addresses, codec (null: the handler's own), handler, socket, limits and timeouts. Codec and handler \
are tables with their type and the options that are written. Keys and values are those of server.toml, defaults filled \
in; null is a key that has no default and is not written. Keys may be added.";

/// The end of the long help of `serve`.
pub(super) const SERVE: &str = "\
Handlers:
  echo     sends every frame back (RFC 862)
  discard  reads all and answers nothing (RFC 863)
  chargen  sends lines without end (RFC 864)
  quote    sends one quote, chosen at random, and closes (RFC 865)
             --file FILE               as fortune(6) has them [a few proverbs]
  daytime  sends the date and the time of day, and closes (RFC 867)
  time     sends the seconds since 1900, and closes (RFC 868)

Codecs:
  bytes          what has arrived, as it comes; what these handlers have without --codec
  lines          lines that end with LF or CRLF
  delimited      what ends with a delimiter, or lies between two marks
                   --codec-delimiter TEXT    what a frame ends with, as '\"\\r\\n\"' or [255,217]
                   --codec-start TEXT        or what it begins with,
                   --codec-end TEXT          and ends with then
                   --codec-keep-marks        the handler is given them too
  length         frames behind a header with their length
                   --codec-width N           bytes of the length, 1 to 8 [4]
                   --codec-order WORD        big or little [big]
                   --codec-offset N          bytes of the header before the length [0]
                   --codec-counts WORD       payload or frame [payload]
                   --codec-adjust N          added to the length [0]
                   --codec-keep-header       the handler is given the header too
  fixed          frames of one length
                   --codec-size SIZE         how long each is, as 512B
  netstring      5:hello,
  varint         messages of protobuf, each behind its length
  octet_counted  messages of syslog, each behind its length (RFC 6587)
                   --codec-non-transparent   those that end with LF too
  mllp           messages of HL7
  slip           packets between two C0 (RFC 1055)
  cobs           packets that end with a 00 and have no other
  all:             --codec-max-frame SIZE    the longest frame [64KiB]

Options of the handler are written --KEY VALUE, --KEY=VALUE, or --KEY alone for true; those of the codec \
--codec-KEY. A `-` in a key stands for `_`. They come behind ADDRESS. A value is TOML where it is a number, a boolean, a \
string in quotes or a list, and else a text. Write --KEY=VALUE where the value begins with `-`.

The listener is called as its handler: --set listener.echo.timeouts.idle=5s sets any other key of it. An option of a \
handler that is called like one above, as `codec`, is set so as well: --set listener.NAME.handler.codec=VALUE. No file is \
read; TERIMA_LOG and TERIMA__KEY__NAME hold.

Examples:
  terima serve echo 127.0.0.1:7007 --codec lines
  terima serve echo 127.0.0.1:0 --codec lines --codec-max-frame 4KiB
  terima serve quote :17 --file quotes.txt
  terima serve discard :9 --once --set defaults.timeouts.idle=5s";

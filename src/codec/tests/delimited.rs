//! Codec `delimited`.

use super::{CASES, Row, TOO_LONG, TRUNCATED, encode, harness, hold, of_length};
use crate::Server;
use crate::codec::{Delimited, DelimitedOptions, Framing, Mark};
use crate::config::Size;

fn mark(bytes: impl AsRef<[u8]>) -> Option<Mark> {
    Some(Mark::new(bytes.as_ref()).unwrap())
}

/// The options with a delimiter.
fn delimiter(delimiter: &str) -> DelimitedOptions {
    DelimitedOptions { delimiter: mark(delimiter), max_frame: Size::of(4), ..DelimitedOptions::default() }
}

/// The options with two marks.
fn between(start: &str, end: &str) -> DelimitedOptions {
    DelimitedOptions {
        start: mark(start),
        end: mark(end),
        max_frame: Size::of(4),
        ..DelimitedOptions::default()
    }
}

fn keeping(options: DelimitedOptions) -> DelimitedOptions {
    DelimitedOptions { keep_marks: true, ..options }
}

fn codec(options: &DelimitedOptions) -> Delimited {
    Delimited::new(options.clone()).unwrap()
}

fn framing(options: DelimitedOptions) -> impl Fn() -> Framing {
    move || Framing::new(codec(&options))
}

#[test]
fn a_delimiter() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b";", &[b""], None),
        (b"a;;bc;", &[b"a", b"", b"bc"], None),
        (b"1234;12345", &[b"1234"], TOO_LONG),
        (b"12345;", &[], TOO_LONG),
        // What was cut short is no frame.
        (b"a;b", &[b"a"], TRUNCATED),
        (b"a;1234", &[b"a"], TRUNCATED),
    ];
    hold(framing(delimiter(";")), table);

    let table: &[Row] = &[
        (b"\r\n", &[b""], None),
        (b"a\r\nb\r\n", &[b"a", b"b"], None),
        (b"a\rb\n\r\n", &[b"a\rb\n"], None),
        (b"a\r\r\n", &[b"a\r"], None),
        // The longest, with a part of the delimiter: it may be one.
        (b"1234\r", &[], TRUNCATED),
        (b"1234\r\n", &[b"1234"], None),
        (b"1234\rx", &[], TOO_LONG),
        (b"123\r", &[], TRUNCATED),
        (b"123\r\r\n", &[b"123\r"], None),
        (b"12345", &[], TOO_LONG),
    ];
    hold(framing(delimiter("\r\n")), table);

    let table: &[Row] =
        &[(b"aaaba", &[], TRUNCATED), (b"aaab", &[b"aa"], None), (b"a+aba+b+ab", &[b"a+", b"a+b+"], None)];
    hold(framing(delimiter("ab")), &table[1..]);
    let table: &[Row] = &[(b"--x---", &[b"", b"x"], TRUNCATED), (b"x-y--", &[b"x-y"], None)];
    hold(framing(delimiter("--")), table);
}

#[test]
fn two_marks() {
    let table: &[Row] = &[
        (b"", &[], None),
        (b"<>", &[b""], None),
        (b"<a><><bc>", &[b"a", b"", b"bc"], None),
        // A start inside means nothing.
        (b"<<a>", &[b"<a"], None),
        (b"<1234>", &[b"1234"], None),
        (b"<12345", &[], TOO_LONG),
        (b"<a>b", &[b"a"], Some("a frame begins with \"<\", not with \"b\"")),
        (b"<a>\n", &[b"a"], Some("a frame begins with \"<\", not with \"\\n\"")),
        (b"<a", &[], TRUNCATED),
    ];
    hold(framing(between("<", ">")), table);

    let table: &[Row] = &[
        (b"/*a*//**/", &[b"a", b""], None),
        // One byte is not both.
        (b"/*/", &[], TRUNCATED),
        (b"/*/*/", &[b"/"], None),
        (b"/*1234*", &[], TRUNCATED),
        (b"/*1234**/", &[], TOO_LONG),
        (b"/a", &[], Some("a frame begins with \"/*\", not with \"/a\"")),
        (b"/", &[], TRUNCATED),
    ];
    hold(framing(between("/*", "*/")), table);

    let table: &[Row] = &[
        (b"~a~~~~b~", &[b"a", b"", b"b"], None),
        (b"~a~b~", &[b"a"], Some("a frame begins with \"~\", not with \"b\"")),
    ];
    hold(framing(between("~", "~")), table);
}

#[test]
fn marks_are_kept() {
    let table: &[Row] =
        &[(b"a;;", &[b"a;", b";"], None), (b"123;", &[b"123;"], None), (b"1234", &[], TOO_LONG)];
    hold(framing(keeping(delimiter(";"))), table);
    let table: &[Row] = &[(b"<a><12>", &[b"<a>", b"<12>"], None), (b"<123", &[], TOO_LONG)];
    hold(framing(keeping(between("<", ">"))), table);
}

#[test]
fn what_would_be_cut_elsewhere_is_not_sent() {
    let found = |end: &str, length: usize| {
        Err(format!("the end \"{end}\" is found inside of a frame of {length} bytes"))
    };
    let table = [
        (delimiter("\r\n"), "a\rb\n", Ok("a\rb\n\r\n")),
        (delimiter("\r\n"), "a\r\nb", found("\\r\\n", 4)),
        (delimiter("\r\n"), "a\r", Ok("a\r\r\n")),
        // "x-" and "--" begin with "x" and "--".
        (delimiter("--"), "x-", found("--", 2)),
        (delimiter("aab"), "a", Ok("aaab")),
        (between("<", ">"), "a", Ok("<a>")),
        (between("<", ">"), "a<b", Ok("<a<b>")),
        (between("<", ">"), "a>b", found(">", 3)),
        (between("/*", "*/"), "/", Ok("/*/*/")),
        (between("~", "~"), "", Ok("~~")),
        (keeping(delimiter(";")), "a;", Ok("a;")),
        (keeping(between("<", ">")), "<a>", Ok("<a>")),
    ];
    for (options, frame, expected) in table {
        let expected = expected.map(|wire| wire.as_bytes().to_vec());
        assert_eq!(encode(codec(&options), frame.as_bytes()), expected, "{options:?} {frame:?}");
    }
    for (options, frame) in [
        (delimiter(";"), ""),
        (delimiter(";"), "a"),
        (delimiter(";"), "a;b;"),
        (between("<", ">"), "a>"),
        (between("<", ">"), "<a"),
        (between("<", ">"), "<a>b>"),
        (between("~", "~"), "~"),
    ] {
        let refused = format!("a frame of {} bytes does not lie between its marks", frame.len());
        assert_eq!(encode(codec(&keeping(options)), frame.as_bytes()), Err(refused), "{frame:?}");
    }
}

#[test]
fn there_is_a_delimiter_or_two_marks() {
    let options = |delimiter: &str, start: &str, end: &str| {
        let of = |text: &str| (!text.is_empty()).then(|| Mark::new(text.as_bytes()).unwrap());
        let (delimiter, start, end) = (of(delimiter), of(start), of(end));
        Delimited::new(DelimitedOptions { delimiter, start, end, ..DelimitedOptions::default() })
    };
    for (delimiter, start, end, error) in [
        ("", "", "", "codec `delimited` needs a `delimiter`, as \"\\r\\n\", or a `start` and an `end`"),
        ("", "<", "", "`start` needs an `end`"),
        ("", "", ">", "`end` needs a `start`; where frames have but an end, it is their `delimiter`"),
        (";", "<", "", "`delimiter` stands alone: remove it, or `start` and `end`"),
        (";", "<", ">", "`delimiter` stands alone: remove it, or `start` and `end`"),
    ] {
        assert_eq!(options(delimiter, start, end).unwrap_err().to_string(), error);
    }
    assert!(options(";", "", "").is_ok() && options("", "<", ">").is_ok());
    assert!(Mark::new(&b""[..]).is_err());
}

/// What is wrong with a codec as the file writes it.
fn problems(codec: &str) -> Vec<String> {
    let listener = format!("[[listener]]\nname = 'a'\naddress = ':7'\nhandler = 'echo'\ncodec = {codec}");
    match Server::builder().parse(&listener) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn marks_are_strings_or_lists_of_bytes() {
    for good in ["delimiter = \"\\u0000\"", "delimiter = [0]", "start = '<', end = [0xff, 255]"] {
        assert_eq!(problems(&format!("{{ type = 'delimited', {good} }}")), [""; 0], "{good}");
    }
    for (bad, reason) in [
        (
            "''",
            "without a byte it would be found everywhere \
             (write a string, as \"\\r\\n\", or a list of bytes, as [0x0d, 0x0a])",
        ),
        ("[]", "without a byte it would be found everywhere"),
        ("[256]", "256 is no byte (a byte is a number from 0 to 255)"),
        ("[0, -1, 'a']", "-1 is no byte"),
        ("['a']", "\"a\" is no byte"),
        ("0", "the number `0` is no string (a single byte is a list too: [0])"),
        ("true", "expected bytes, as \"\\r\\n\" or [0x0d, 0x0a], found the boolean `true`"),
    ] {
        let found = problems(&format!("{{ type = 'delimited', delimiter = {bad} }}"));
        assert!(found.len() == 1 && found[0].contains(reason), "{bad}: {found:?}");
    }
    assert!(problems("'delimited'")[0].contains("needs a `delimiter`"));
}

#[test]
fn harnessed() {
    let kinds = [
        delimiter(";"),
        delimiter("\r\n"),
        delimiter("abab"),
        between("<", ">"),
        between("/*", "*/"),
        between("~", "~"),
    ];
    let each = CASES / kinds.len() as u64 + 1;
    for options in kinds {
        let special: Vec<u8> = [&options.delimiter, &options.start, &options.end]
            .into_iter()
            .flatten()
            .flat_map(|mark| mark.bytes().to_vec())
            .collect();
        let options = DelimitedOptions { max_frame: Size::of(100), ..options };
        harness(move || codec(&options))
            .special(special)
            .at_most(100)
            .limit(of_length(100), of_length(101))
            .limit(of_length(100), of_length(10_000))
            .always(|frame| frame.len() <= 100)
            .cases(each)
            .check();
    }
}

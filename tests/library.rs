//! The library as a program of one's own uses it: handlers and codecs registered, files checked, servers started.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::net::TcpListener;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use serde::Deserialize;
use terima::codec::FrameError;
use terima::{
    BoxError, Builder, Connection, Framing, Handler, HandlerError, ListenAddress, ListenerState, NoOptions,
    Server, StartError, handler_fn,
};
use tokio_util::codec::{AnyDelimiterCodec, Decoder, Encoder, LinesCodec};

use common::{Client, assert_same, ended, listener, on_both_runtimes, start};

// === handlers and codecs of a program's own ===

/// The handler of README.md.
struct Shout {
    mark: String,
}

impl Handler for Shout {
    type Codec = LinesCodec;

    async fn handle(&self, mut conn: Connection<LinesCodec>) -> Result<(), HandlerError> {
        while let Some(line) = conn.recv().await? {
            conn.send(line.to_uppercase() + &self.mark).await?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ShoutOptions {
    mark: String,
}

/// A typed codec: numbers of two bytes, counted from a base.
#[derive(Debug, Clone, Default)]
struct Numbers {
    base: u16,
}

impl Decoder for Numbers {
    type Item = u16;
    type Error = std::io::Error;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<u16>, Self::Error> {
        Ok((src.len() >= 2).then(|| src.get_u16().wrapping_sub(self.base)))
    }
}

impl Encoder<u16> for Numbers {
    type Error = std::io::Error;

    fn encode(&mut self, number: u16, dst: &mut BytesMut) -> Result<(), Self::Error> {
        dst.put_u16(self.base.wrapping_add(number));
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NumbersOptions {
    #[serde(default)]
    base: u16,
}

/// A byte codec: frames of anything but a delimiter, and that after it.
#[derive(Clone)]
struct Separated {
    delimiter: u8,
}

impl Decoder for Separated {
    type Item = Bytes;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, FrameError> {
        let Some(end) = src.iter().position(|byte| *byte == self.delimiter) else { return Ok(None) };
        let frame = src.split_to(end).freeze();
        src.advance(1);
        if frame == "malformed" {
            return Err(FrameError::Malformed("as asked".into()));
        }
        Ok(Some(frame))
    }
}

impl Encoder<Bytes> for Separated {
    type Error = FrameError;

    fn encode(&mut self, frame: Bytes, dst: &mut BytesMut) -> Result<(), FrameError> {
        dst.extend_from_slice(&frame);
        dst.put_u8(self.delimiter);
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SeparatedOptions {
    delimiter: char,
}

/// A handler whose codec has no default: it answers each piece between its delimiters.
struct Pieces {
    at: u8,
}

impl Handler for Pieces {
    type Codec = AnyDelimiterCodec;

    async fn handle(&self, mut conn: Connection<AnyDelimiterCodec>) -> Result<(), HandlerError> {
        while let Some(piece) = conn.recv().await? {
            conn.send(String::from_utf8_lossy(&piece)).await?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PiecesOptions {
    at: char,
}

/// All of the above.
fn builder() -> Builder {
    let double = |_: NoOptions| {
        Ok(handler_fn(|mut conn: Connection<Numbers>| async move {
            while let Some(number) = conn.recv().await? {
                conn.send(2 * number).await?;
            }
            Ok(())
        }))
    };
    let separated = |options: SeparatedOptions| {
        let delimiter = u8::try_from(options.delimiter).map_err(|_| "the delimiter must be one byte")?;
        Ok(Separated { delimiter })
    };
    let silent = |_: NoOptions| Ok(handler_fn(|_: Connection<Framing>| async { Ok(()) }));
    let full = |_: NoOptions| {
        Ok(handler_fn(|mut conn: Connection<Framing>| async move {
            conn.send("no more of you").await?;
            Err(HandlerError::end("shop_is_full"))
        }))
    };
    Server::builder()
        .handler("shout", |options: ShoutOptions| Ok(Shout { mark: options.mark }))
        .handler("double", double)
        .handler("silent", silent)
        .handler("full", full)
        .handler_over(
            "pieces",
            |options: PiecesOptions| {
                Ok(Pieces { at: u8::try_from(options.at).map_err(|_| "`at` must be one byte")? })
            },
            |pieces| AnyDelimiterCodec::new(vec![pieces.at], vec![b'|', pieces.at]),
        )
        .codec("numbers", |options: NumbersOptions| Ok(Numbers { base: options.base }))
        .byte_codec("separated", separated)
}

/// What a client that sends `input` reads.
async fn answer(server: &Server, listener: &str, input: &[u8]) -> Vec<u8> {
    Client::connect(server.addresses(listener)[0]).await.exchange([input]).await
}

/// A listener whose handler, and codec if any, are written out.
fn written(name: &str, handler: &str, keys: &str) -> String {
    format!("[[listener]]\nname = \"{name}\"\naddress = \"127.0.0.1:0\"\nhandler = {handler}\n{keys}\n")
}

on_both_runtimes! {
    async fn the_handler_of_the_readme() {
        let server = start(builder(), &written("shout", r#"{ type = "shout", mark = "!" }"#, "")).await;
        assert_same(&answer(&server, "shout", b"halo\ndunia\n").await, b"HALO!\nDUNIA!\n");
    }

    async fn a_typed_codec_with_its_options_or_by_default() {
        let text = [
            written("typed", "\"double\"", r#"codec = { type = "numbers", base = 256 }"#),
            written("default", "\"double\"", ""),
        ];
        let server = start(builder(), &text.concat()).await;
        assert_same(&answer(&server, "typed", &[1, 3, 1, 200]).await, &[1, 6, 2, 144]);
        assert_same(&answer(&server, "default", &[1, 3]).await, &[2, 6]);
    }

    async fn a_byte_codec_serves_the_built_in_handlers() {
        let codec = r#"codec = { type = "separated", delimiter = ";" }"#;
        let server = start(builder(), &written("separated", "\"echo\"", codec)).await;
        assert_same(&answer(&server, "separated", b"a;\n;;").await, b"a;\n;;");

        let mut client = Client::connect(server.addresses("separated")[0]).await;
        client.send("a;half").await;
        client.finish().await;
        assert_same(&client.rest().await.unwrap(), b"a;");
        assert_eq!(&ended("separated", client.address()).await["reason"], "client_truncated");

        let mut client = Client::connect(server.addresses("separated")[0]).await;
        client.send("a;malformed;b;").await;
        assert_same(&client.rest().await.unwrap(), b"a;");
        let peer = client.address();
        drop(client);
        assert_eq!(&ended("separated", peer).await["reason"], "bad_frame");
    }

    async fn a_handler_makes_its_codec_itself() {
        let text = [
            written("semicolons", r#"{ type = "pieces", at = ";" }"#, ""),
            written("commas", r#"{ type = "pieces", at = "," }"#, ""),
        ];
        let server = start(builder(), &text.concat()).await;
        assert_same(&answer(&server, "semicolons", b"a;b,c;").await, b"a|;b,c|;");
        assert_same(&answer(&server, "commas", b"a;b,c,").await, b"a;b|,c|,");
    }

    async fn a_handler_has_a_word_of_its_own() {
        let server = start(builder(), &written("full", "\"full\"", "")).await;
        let mut client = Client::connect(server.addresses("full")[0]).await;
        assert_same(&client.rest().await.unwrap(), b"no more of you");
        let peer = client.address();
        drop(client);
        let line = ended("full", peer).await;
        assert_eq!([&line["reason"], &line["error"]], ["shop_is_full", ""]);
    }
}

// === files that are refused ===

/// Every problem of a file with one listener, and of its remedy, in a line each.
fn problems(handler: &str, keys: &str) -> Vec<String> {
    let problems = builder().parse(&written("x", handler, keys)).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn options_are_checked_where_they_stand() {
    for (handler, keys, expected) in [
        (r#"{ type = "shout", mark = 7 }"#, "", "server.toml:4:36: expected a string, found the number `7`"),
        ("\"shout\"", "", "server.toml:4:11: the option `mark` is missing"),
        (
            r#"{ type = "shout", mark = "!", marks = "" }"#,
            "",
            "server.toml:4:41: unknown option `marks` (did you mean `mark`?)",
        ),
        (
            "\"double\"",
            r#"codec = { type = "numbers", base = -1 }"#,
            "server.toml:5:36: expected u16, found the number `-1`",
        ),
        (
            "\"echo\"",
            r#"codec = { type = "separated", delimiter = "→" }"#,
            "server.toml:5:18: the delimiter must be one byte",
        ),
        (
            "\"echo\"",
            r#"codec = { type = "lines", max_frame = "64K" }"#,
            "server.toml:5:39: `64K` is no size",
        ),
    ] {
        let problems = problems(handler, keys);
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with(expected), "{problems:#?}");
    }
}

#[test]
fn names_that_there_are_not() {
    for (handler, keys, expected) in [
        ("\"ehco\"", "", "server.toml:4:11: there is no handler `ehco` (did you mean `echo`?)"),
        (
            "\"teleport\"",
            "",
            "server.toml:4:11: there is no handler `teleport` (known handlers: `chargen`, `daytime`, `discard`, `double`, `echo`, \
             `full`, `pieces`, `quote`, `shout`, `silent`, `time`)",
        ),
        (
            "\"echo\"",
            "codec = \"lnies\"",
            "server.toml:5:9: there is no codec `lnies` (did you mean `lines`?)",
        ),
        (
            "\"echo\"",
            "codec = \"json\"",
            "server.toml:5:9: there is no codec `json` (known codecs: `bytes`, `cobs`, `delimited`, `fixed`, \
             `length`, `lines`, `mllp`, `netstring`, `numbers`, `octet_counted`, `separated`, `slip`, `varint`)",
        ),
    ] {
        assert_eq!(problems(handler, keys), [expected]);
    }
    // Both at once, and whatever else is wrong.
    assert_eq!(problems("\"ehco\"", "codec = \"lnies\"\ncolour = 1").len(), 3);
}

#[test]
fn a_codec_must_suit_the_handler() {
    for (handler, codec, expected) in [
        (
            r#"{ type = "shout", mark = "!" }"#,
            "\"lines\"",
            "server.toml:5:9: handler `shout` speaks LinesCodec, codec `lines` is Lines (bytes) (remove `codec`: the \
             handler has one of its own)",
        ),
        (
            "\"double\"",
            "\"bytes\"",
            "server.toml:5:9: handler `double` speaks Numbers, codec `bytes` is Chunks (bytes) (remove `codec`, or \
             name one of: `numbers`)",
        ),
        (
            "\"echo\"",
            r#"{ type = "numbers" }"#,
            "server.toml:5:18: handler `echo` speaks Framing, codec `numbers` is Numbers (remove `codec`, or name one \
             of: `bytes`, `cobs`, `delimited`, `fixed`, `length`, `lines`, `mllp`, `netstring`, `octet_counted`, \
             `separated`, `slip`, `varint`)",
        ),
    ] {
        assert_eq!(problems(handler, &format!("codec = {codec}")), [expected]);
    }
}

#[test]
fn who_makes_the_codec_is_not_given_one() {
    let handler = r#"{ type = "pieces", at = ";" }"#;
    assert_eq!(
        problems(handler, "codec = \"lines\""),
        ["server.toml:5:9: handler `pieces` makes its own codec, AnyDelimiterCodec (remove `codec`)"]
    );
    assert_eq!(problems(r#"{ type = "pieces", at = "→" }"#, ""), ["server.toml:4:20: `at` must be one byte"]);
}

#[test]
fn a_name_that_is_registered_again_is_the_later_one() {
    let again = builder().handler("echo", |options: ShoutOptions| Ok(Shout { mark: options.mark }));
    let problems = again.parse(&listener("x", "echo", "")).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().reason(), "the option `mark` is missing");
}

// === a server that runs ===

on_both_runtimes! {
    async fn it_tells_where_it_listens_and_how_it_is() {
        let two = "[[listener]]\nname = \"two\"\naddress = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\nhandler = \"silent\"\n";
        let server = start(builder(), &[listener("one", "echo", ""), two.to_owned()].concat()).await;
        let [one, two] = ["one", "two"].map(|name| server.addresses(name).to_vec());
        assert_eq!((one.len(), two.len()), (1, 2));
        for address in one.iter().chain(&two) {
            assert!(address.ip().is_loopback() && address.port() != 0, "{address}");
        }
        assert_ne!(two[0], two[1]);
        assert!(server.addresses("three").is_empty());

        let mut client = Client::connect(one[0]).await;
        client.is_echoed("here").await;
        for address in &two {
            Client::connect(*address).await.expect_end().await;
        }
        let status = server.listeners();
        assert_eq!(status.iter().map(|listener| listener.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        for (status, addresses) in status.iter().zip([&one, &two]) {
            assert_eq!(status.addresses, addresses.iter().copied().map(ListenAddress::Tcp).collect::<Vec<_>>());
        }
        assert_eq!((status[0].connections, !server.connections().is_empty()), (1, true));
        for listener in status {
            assert!(listener.healthy && listener.state == ListenerState::Accepting, "{listener:?}");
            assert!(listener.heartbeat_age < Duration::from_secs(10), "{listener:?}");
        }
        assert!(server.is_ready());
        // A handle is no owner.
        drop(server);
        client.is_echoed("still here").await;
    }

    async fn a_start_that_fails_leaves_nothing_bound() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let [taken_at, free_at] = [&taken, &free].map(|listener| listener.local_addr().unwrap());
        let text = listener("x", "echo", "").replace("\"127.0.0.1:0\"", &format!("[\"{free_at}\", \"{taken_at}\"]"));
        drop(free);
        let Err(StartError::Bind { listener, address, source }) = builder().parse(&text).unwrap().start().await else {
            panic!("it starts, or fails in another way");
        };
        assert_eq!((listener.as_str(), address), ("x", ListenAddress::Tcp(taken_at)));
        assert_eq!(source.kind(), std::io::ErrorKind::AddrInUse);

        // The one that was bound before it is free again.
        drop(TcpListener::bind(free_at).unwrap());
        drop(taken);
        let server = start(builder(), &text).await;
        assert_eq!(server.addresses("x"), [free_at, taken_at]);
        Client::connect(free_at).await.is_echoed("here").await;
    }
}

#[tokio::test]
async fn a_start_error_has_its_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let text = listener("x", "echo", "").replace("127.0.0.1:0", &address.to_string());
    let error: BoxError = builder().parse(&text).unwrap().start().await.unwrap_err().into();
    assert_eq!(error.to_string(), format!("listener `x` cannot listen on {address}"));
    assert!(error.source().is_some());
}

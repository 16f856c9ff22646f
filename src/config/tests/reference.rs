//! `docs/configuration.md` is what `config/server.toml` says, for reading.
//!
//! With `TERIMA_UPDATE_FIXTURES` set, it is written anew.

use std::fs;
use std::path::Path;

use crate::config::shipped::{Block, Key, SHIPPED, blocks, prose};

const HEAD: &str = "\
# server.toml

Every key, its default and what it means. The same text stands as comments in [`config/server.toml`](../config/server.toml),
which this page is made from; `terima init` writes that file, `terima check` tells what a file of yours means, and an
[editor](#in-an-editor) can complete and check it.
";

const TAIL: &str = "
## In an editor

`terima schema` prints a [JSON Schema](https://json-schema.org) (draft 07) of the file. With it an editor completes keys, words,
handlers, codecs and the options of each, shows what a key means and its default, and marks what is wrong while it is typed:

```sh
terima schema > server.schema.json
```

The line that names it is the first of `server.toml`. terima takes it for a comment:

```toml
#:schema ./server.schema.json
```

[Taplo](https://taplo.tamasfe.dev) and [Tombi](https://tombi-toml.github.io/tombi) know this line. They are the language servers
of *Even Better TOML* and *Tombi* for Visual Studio Code, and of Zed, Helix, Neovim and Emacs. Where the file is to stay as it is,
they are told in one of their own beside it:

```toml
# .taplo.toml
[[rule]]
include = [\"**/server.toml\"]
schema.path = \"server.schema.json\"
```

```toml
# tombi.toml
[[schemas]]
include = [\"server.toml\"]
path = \"server.schema.json\"
```

`taplo check server.toml` and `tombi lint server.toml` check without an editor. The Debian package has the schema as
`/usr/share/terima/server.schema.json`. It is that of one version of terima: write it anew with the next one.

`terima check` goes on to be the judge. What is wrong by the schema is wrong, unless a key comes from outside the file. But it
can't tell that a name or an address is there twice, that a duration is longer than a year, or that one key does not fit another,
as a codec and its handler.

A program with handlers of its own has them in its schema: `PROGRAM schema` prints it, or `Builder::schema` makes it; and
`Builder::describe` adds what is known of their options.
";

#[test]
fn the_reference_says_what_the_file_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let expected = reference();
    if std::env::var_os("TERIMA_UPDATE_FIXTURES").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap().replace("\r\n", "\n");
    assert!(found == expected, "run the tests once with TERIMA_UPDATE_FIXTURES=1");
}

fn reference() -> String {
    let mut blocks = blocks();
    // The first line and the empty one below it are the file's own title.
    blocks[0].comment.drain(..2);
    let mut page = HEAD.to_owned();
    for block in blocks.iter().take_while(|block| block.table != "listener") {
        if let Some(title) = block.title {
            page += &format!("\n## {title}\n");
        }
        page += &section(block);
    }
    let (_, listeners) = SHIPPED.split_once("\n# Sends every line back.").unwrap();
    page += "\nThe listeners of the shipped file:\n\n```toml\n# Sends every line back.";
    page += listeners.trim_end();
    page += "\n```\n";
    page + TAIL
}

fn section(block: &Block) -> String {
    // What stands in [defaults] is for listeners.
    let path = |key: &Key| match block.table {
        "defaults" => format!("`{}`", key.name),
        table => format!("`{table}.{}`", key.name),
    };
    let default = |key: &Key| match key.marked {
        true => format!("none; for example `{}`", key.value),
        false => format!("`{}`", key.value),
    };
    let mut page = String::new();
    if !block.keys.is_empty() {
        let paths: Vec<_> = block.keys.iter().map(path).collect();
        let mut defaults: Vec<_> = block.keys.iter().map(default).collect();
        defaults.dedup();
        page += &format!("\n### {}\n\nDefault: {}\n", paths.join(", "), defaults.join(", "));
    }
    page + &prose(&block.comment)
}

//! YAML and JSON as a tree with places; bounds; what a scalar without quotes means.

use std::fmt::Write as _;

use iam_bridge::diagnostic::Diagnostic;
use iam_bridge::document::{self, Format, Node, Plain, Scalar, Value};
use proptest::prelude::*;

/// A tree as one line of text, with the place of every scalar where asked.
fn shown(node: Node<'_>) -> String {
    match node.value() {
        Value::List(items) => format!("[{}]", items.map(shown).collect::<Vec<_>>().join(",")),
        Value::Map(members) => {
            let members: Vec<String> =
                members.map(|member| format!("{}:{}", member.key, shown(member.value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Scalar(Scalar { text, quoted }) => {
            if quoted {
                format!("{text:?}")
            } else {
                text.to_owned()
            }
        }
    }
}

fn yaml(text: &str) -> String {
    match document::parse("f", text, Format::Yaml) {
        Ok(document) => shown(document.root()),
        Err(faults) => faults
            .iter()
            .map(|fault| format!("{}@{}:{}", fault.code, fault.at.unwrap().line, fault.at.unwrap().column))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

fn json(text: &str) -> String {
    match document::parse("f", text, Format::Json) {
        Ok(document) => shown(document.root()),
        Err(faults) => faults
            .iter()
            .map(|fault| format!("{}@{}:{}", fault.code, fault.at.unwrap().line, fault.at.unwrap().column))
            .collect::<Vec<_>>()
            .join(" "),
    }
}

#[test]
fn yaml_reads_as_it_is_meant() {
    for (text, expected) in [
        ("", "{}"),
        ("# nothing\n", "{}"),
        ("--- \n...\n", "{}"),
        ("a: 1\nb: [x, 'y', \"z\\n\"]\n", r#"{a:1,b:[x,"y","z\n"]}"#),
        ("a: |\n  two\n  lines\n", r#"{a:"two\nlines\n"}"#),
        ("a: &x {k: v}\nb: *x\nc: [*x, *x]\n", "{a:{k:v},b:{k:v},c:[{k:v},{k:v}]}"),
        ("base: &b {k: 1, l: 2}\nd:\n  <<: *b\n  l: 3\n", "{base:{k:1,l:2},d:{l:3,k:1}}"),
        ("d:\n  <<: [{a: 1}, {a: 2, b: 3}]\n", "{d:{a:1,b:3}}"),
        ("&k key: v\n*k : w\n", "duplicate-key@1:4"),
        ("a: 1\nA: 2\n", "duplicate-key@2:1"),
        ("x:\n- a: 1\n  b: 2\n  a: 3\n", "duplicate-key@4:3"),
        ("a: !!str 1\nb: !foo {}\n", "yaml-tag@1:4 yaml-tag@2:4"),
        ("a: {{SessionName}}\n", "yaml-key@1:5"),
        ("a:\n\tb: 1\n", "yaml-syntax@2:2"),
        ("- a: b\n  \tc: 1\n", "yaml-syntax@2:3"),
        ("a: *nowhere\n", "yaml-syntax@1:4"),
        ("a: &a [*a]\n", "yaml-alias@1:8"),
        ("a: 1\n---\nb: 2\n", "{a:1}"),
        ("a: 1\n---\n{{{ nonsense\n", "{a:1}"),
    ] {
        let seen = yaml(text);
        assert_eq!(seen, expected, "{text:?}");
    }
    let document = document::parse("f", "a: 1\n---\nb: 2\n", Format::Yaml).unwrap();
    assert_eq!(document.second().unwrap().line, 2);
}

#[test]
fn json_keeps_to_its_own_rules() {
    for (text, expected) in [
        (" \n", "{}"),
        (r#"{"a":[1,true,null,"x\ud83d\ude00\/"],"b":{}}"#, r#"{a:[1,true,null,"x😀/"],b:{}}"#),
        ("{\"a\": 1,\n \"é\": {\"b\": \"é\", \"B\": 2}}", "duplicate-key@2:18"),
        ("{\"é\": x}", "json-syntax@1:7"),
        ("{'a': 1}", "json-syntax@1:2"),
        ("{\"a\": 1,}", "json-syntax@1:9"),
        ("{\"a\": 01}", "json-syntax@1:8"),
        ("{\"a\": 1} x", "json-syntax@1:10"),
        ("a: 1", "json-syntax@1:1"),
        ("{\"a\": 1} // no", "json-syntax@1:10"),
    ] {
        assert_eq!(json(text), expected, "{text:?}");
    }
}

#[test]
fn places_count_characters_from_one() {
    let document = document::parse("f", "é: [ü, x]\nk:\n  - 'v'\n", Format::Yaml).unwrap();
    let at = |path: &[&str]| path.iter().fold(document.root(), |node, key| node.member(key).unwrap()).at();
    assert_eq!((at(&["é"]).line, at(&["é"]).column), (1, 4));
    let Value::List(items) = document.root().member("é").unwrap().value() else { panic!() };
    assert_eq!(items.map(|item| item.at().column).collect::<Vec<_>>(), [5, 8]);
    let Value::List(items) = document.root().member("K").unwrap().value() else { panic!("keys have no case") };
    assert_eq!(items.map(|item| (item.at().line, item.at().column)).collect::<Vec<_>>(), [(3, 5)]);
}

/// FS-7: an alias bomb and 10⁶ nested collections are refused at their bounds, whatever would follow.
#[test]
fn bombs_are_refused_at_their_bounds() {
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        writeln!(bomb, "a{level}: &a{level} [{}]", vec![below; 10].join(",")).unwrap();
    }
    assert!(yaml(&bomb).starts_with("yaml-alias-budget@4:"), "{}", yaml(&bomb));
    for text in ["[".repeat(1_000_000), "{a: ".repeat(1_000_000), "- ".repeat(1_000_000)] {
        assert!(yaml(&text).starts_with("too-deep@1:"), "{}", yaml(&text));
    }
    let nested = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(json(&nested).starts_with("too-deep@1:33"), "{}", json(&nested));
    assert!(!yaml(&format!("{}{}", "[".repeat(32), "]".repeat(32))).contains("too-deep"));
    let keys: String = (0..200_000).map(|number| format!("k{number}: 1\n")).collect();
    assert!(yaml(&keys).starts_with("{k0:1,"), "many keys are no bomb");
}

#[test]
fn scalars_without_quotes_are_what_the_reference_makes_of_them() {
    for (text, expected) in [
        ("012345678901", "12345678901"),
        ("012345670123", "1402433619"),
        ("123456789012", "123456789012"),
        ("0x10", "16"),
        ("0o17", "15"),
        ("0b101", "5"),
        ("-0x10", "-16"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("1.50", "1.5"),
        (".5", "0.5"),
        ("1.2.3", "1.2.3"),
        ("1e", "1e"),
        ("+", "+"),
        ("-", "-"),
        (".inf", ".inf"),
        ("true", "1"),
        ("False", "0"),
        ("yes", "yes"),
        ("y", "y"),
        ("~", ""),
        ("null", ""),
        ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        ("0xZZ", "0xZZ"),
        ("18446744073709551616", "18446744073709552000"),
    ] {
        assert_eq!(Scalar { text, quoted: false }.to_mapping_text(), expected, "{text}");
        assert_eq!(Scalar { text, quoted: true }.plain(), Plain::Text(text));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(text) = document::utf8("f", &bytes) {
            let _ = document::parse("f", text, Format::Yaml);
            let several = document::parse_all("f", text, Format::Yaml);
            several.documents.iter().for_each(|(document, _)| drop(shown(document.root())));
            let _ = document::parse("f", text, Format::Json);
        }
    }

    #[test]
    fn no_near_yaml_makes_anything_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        let several = document::parse_all("f", &text, Format::Yaml);
        several.documents.iter().for_each(|(document, _)| drop(shown(document.root())));
        for (name, text) in [("f.yaml", format!("clusterID: c\nserver:\n  mapRoles:\n  - {text}")), ("f.yaml", text.clone()), ("f.json", text)] {
            let _ = super::config::load(name, &text, &[]);
        }
    }

    #[test]
    fn json_is_read_as_serde_reads_it(value in json_value(4)) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let document = document::parse("f", &text, Format::Json).unwrap();
        prop_assert_eq!(read_back(document.root()), value);
    }

    #[test]
    fn json_read_as_yaml_is_the_same(value in json_value(3)) {
        let text = serde_json::to_string(&value).unwrap();
        if let Ok(document) = document::parse("f", &text, Format::Yaml) {
            prop_assert_eq!(read_back(document.root()), value);
        }
    }
}

/// Fragments that config files are made of, and what breaks them.
fn piece() -> impl Strategy<Value = String> {
    let fixed = prop::sample::select(vec![
        "rolearn: ",
        "userarn: ",
        "userid: ",
        "username: ",
        "groups: ",
        "sso: ",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "'",
        "\"",
        "|\n",
        "null",
        "012",
        "server:",
        "deny:",
        "---\n",
        "\t",
        "{{",
        "arn:aws:iam::111122223333:role/A",
        "mapRoles:",
        "\\u0000",
        "# ",
    ]);
    prop_oneof![8 => fixed.prop_map(str::to_owned), 1 => any::<String>()]
}

fn json_value(depth: u32) -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i32>().prop_map(Into::into),
        "[ -~é😀]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(depth, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            // A prefix by number keeps keys apart without case.
            proptest::collection::vec(("[a-zé\"\\\\ ]{0,4}", inner), 0..5).prop_map(|members| {
                let members = members.into_iter().enumerate();
                serde_json::Value::Object(
                    members.map(|(number, (key, value))| (format!("{number}{key}"), value)).collect(),
                )
            }),
        ]
    })
    // A document that is null reads as an empty map.
    .prop_filter("null alone", |value| !value.is_null())
}

fn read_back(node: Node<'_>) -> serde_json::Value {
    match node.value() {
        Value::List(items) => items.map(read_back).collect(),
        Value::Map(members) => {
            serde_json::Value::Object(members.map(|member| (member.key.to_owned(), read_back(member.value))).collect())
        }
        Value::Scalar(scalar) => match scalar.plain() {
            Plain::Bool(value) => value.into(),
            Plain::Int(number) => i64::try_from(number).unwrap().into(),
            Plain::Null => serde_json::Value::Null,
            Plain::Float(_) => panic!("no floats were made"),
            Plain::Text(text) => text.into(),
        },
    }
}

#[test]
fn every_document_of_a_text_is_read_as_far_as_it_can_be() {
    let text = "# first\n---\na: 1\n---\n\n---\nb: 1\nB: 2\n---\nc: !x 3\n---\nd: &x [1]\ne: *x\n---\nf: 1\n? [k]\n: v\n---\ng: 1\n";
    let seen = |text: &str| {
        let several = document::parse_all("f.yaml", text, Format::Yaml);
        let told = |faults: &[Diagnostic]| -> Vec<String> {
            faults.iter().map(|fault| format!("{}@{}", fault.code, fault.at.unwrap().line)).collect()
        };
        let documents: Vec<String> = several
            .documents
            .iter()
            .map(|(document, faults)| format!("{} {}", shown(document.root()), told(faults).join(" ")))
            .collect();
        (documents, told(&several.end))
    };
    let (documents, end) = seen(text);
    let expected =
        ["{a:1} ", "{b:1,B:2} duplicate-key@8", "{c:3} yaml-tag@10", "{d:[1],e:[1]} ", "{f:1} yaml-key@16", "{g:1} "];
    assert_eq!((documents, end), (expected.map(str::to_owned).into(), vec![]));

    let deep = format!("kind: X\na: {}{}\n---\nb: 1\n", "[".repeat(33), "]".repeat(33));
    let (documents, end) = seen(&deep);
    assert!(documents[0].ends_with("too-deep@2") && documents[0].starts_with("{kind:X,"), "{documents:?}");
    assert_eq!((documents[1].as_str(), end), ("{b:1} ", vec![]));
    assert_eq!(
        seen("a: 1\n---\nb:\n\t- 1\n---\nc: 1\n"),
        (vec!["{a:1} ".to_owned()], vec!["yaml-syntax@4".to_owned()])
    );
    for empty in ["", "---\n---\n", "# words\n", "~\n"] {
        assert_eq!(seen(empty), (vec![], vec![]), "{empty:?}");
    }
    assert_eq!(document::parse_all("f.json", "{\"a\": 1}", Format::Json).documents.len(), 1);
    assert_eq!(document::parse_all("f.json", " ", Format::Json).documents.len(), 0);
    let (documents, end) = seen(&"---\na\n".repeat(document::MAX_DOCUMENTS + 1));
    assert_eq!((documents.len(), end.len()), (document::MAX_DOCUMENTS, 1));
}

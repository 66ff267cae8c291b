//! Command lines of the AWS CLI, quoted for a shell.

use serde_json::{Map, Value};

use super::{NamedEntry, policy_arn, type_of};

/// The commands that make the entries, each as its words.
#[must_use]
pub fn commands(entries: &[NamedEntry], cluster: &str) -> Vec<Vec<String>> {
    entries.iter().flat_map(|entry| entry_commands(entry, cluster)).collect()
}

/// Words as one line of a POSIX shell.
#[must_use]
pub fn shell(words: &[String]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

fn entry_commands(entry: &NamedEntry, cluster: &str) -> Vec<Vec<String>> {
    let text = &entry.text;
    let mut create = words(&["aws", "eks", "create-access-entry", "--cluster-name", cluster]);
    let names = text.username.iter().chain(&text.kubernetes_groups);
    if names.into_iter().all(|name| is_taken_as_written(name)) {
        create.extend(words(&["--principal-arn", &text.principal_arn, "--type", type_of(text)]));
        if let Some(username) = &text.username {
            create.extend(words(&["--username", username]));
        }
        if !text.kubernetes_groups.is_empty() {
            create.push("--kubernetes-groups".to_owned());
            create.extend(text.kubernetes_groups.iter().cloned());
        }
    } else {
        // The CLI would take one of the names for a flag, a file, or a list: JSON leaves nothing to guess.
        let mut input = Map::new();
        input.insert("principalArn".to_owned(), text.principal_arn.as_str().into());
        input.insert("type".to_owned(), type_of(text).into());
        if let Some(username) = &text.username {
            input.insert("username".to_owned(), username.as_str().into());
        }
        if !text.kubernetes_groups.is_empty() {
            input.insert("kubernetesGroups".to_owned(), text.kubernetes_groups.iter().map(String::as_str).collect());
        }
        create.extend(words(&["--cli-input-json", &Value::Object(input).to_string()]));
    }
    let mut all = vec![create];
    for association in &text.associations {
        let policy = policy_arn(&association.policy, &text.principal_arn);
        let scope = if association.namespaces.is_empty() {
            format!("type={}", association.scope_type)
        } else {
            format!("type={},namespaces={}", association.scope_type, association.namespaces.join(","))
        };
        let mut associate = words(&["aws", "eks", "associate-access-policy", "--cluster-name", cluster]);
        associate.extend(words(&["--principal-arn", &text.principal_arn, "--policy-arn", &policy]));
        associate.extend(words(&["--access-scope", &scope]));
        all.push(associate);
    }
    all
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Whether the CLI passes a name on as it stands, as a value of a flag and as an item of a list.
fn is_taken_as_written(name: &str) -> bool {
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric() || matches!(first, ':' | '_'));
    begins && !name.contains("://") && !name.chars().any(|c| matches!(c, ',' | '=' | '"' | '\'' | '[' | ']'))
}

/// A word that a shell reads as it is.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_./:@+=-".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

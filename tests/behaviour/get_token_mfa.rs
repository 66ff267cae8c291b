//! get-token where a role wants the code of an MFA device: who is asked, where, how often, and what is said otherwise.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use secrecy::ExposeSecret;

use crate::harness::aws::{ACCOUNT, Aws, presigned_url};
use crate::harness::process::{Said, run, say_aloud, variable};

const PROMPT: &str = "Assume Role MFA token code: ";
const DEVICE: &str = "arn:aws:iam::111122223333:mfa/phone";
const NOT_INTERACTIVE: &str =
    r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}}"#;

/// An account with a user, whose role `Ops` wants a code: by a profile, and by a profile that builds upon it.
struct Account {
    aws: Aws,
}

impl Account {
    fn start() -> Self {
        let aws = Aws::start();
        let user = aws.user("dev");
        aws.write_config(&format!(
            "[profile base]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
             [profile ops]\nrole_arn = {}\nsource_profile = base\nmfa_serial = {DEVICE}\nrole_session_name = dev\n\
             [profile top]\nrole_arn = {}\nsource_profile = ops\nrole_session_name = dev\n",
            user.access_key_id,
            user.secret_access_key.expose_secret(),
            role("Ops"),
            role("Top"),
        ));
        aws.require_mfa(&role("Ops"), DEVICE, "123456");
        Self { aws }
    }

    fn command(&self, more: &[&str]) -> Command {
        self.aws.iam_bridge(&[&["get-token", "-i", "c"], more].concat())
    }

    /// The same at a terminal, where a person types `lines`; `None` where there is no program that makes terminals.
    fn at_terminal(&self, more: &[&str], lines: &str) -> Option<Said> {
        self.at_terminal_of(&self.command(&[&["--no-cache"], more].concat()), "one", lines)
    }

    fn at_terminal_of(&self, command: &Command, name: &str, lines: &str) -> Option<Said> {
        let [typed, out, err] = ["in", "out", "err"].map(|stream| self.aws.at(&format!("{name}.{stream}")));
        std::fs::write(&typed, lines).unwrap();
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let mut line: String = std::iter::once(command.get_program())
            .chain(command.get_args())
            .map(|word| quoted(word.to_str().unwrap()) + " ")
            .collect();
        line.push_str(&format!(">{} 2>{}", quoted(out.to_str().unwrap()), quoted(err.to_str().unwrap())));
        let mut script = wrapped(Path::new("script"), command)?;
        script.args(["-q", "-e", "-c", &line, "/dev/null"]);
        let code = run(script.stdin(File::open(typed).unwrap())).code;
        let read = |path| std::fs::read_to_string(path).unwrap();
        Some(Said { code, stdout: read(out), stderr: read(err) })
    }

    /// The same without a terminal, with `lines` on standard input.
    fn without_terminal(&self, more: &[&str], lines: &str, environment: &[(&str, &str)]) -> Option<Said> {
        let command = self.command(&[&["--no-cache"], more].concat());
        let mut detached = wrapped(Path::new("setsid"), &command)?;
        detached.arg("-w").arg(command.get_program()).args(command.get_args());
        let typed = File::open(self.aws.write("typed", lines)).unwrap();
        Some(run(detached.envs(environment.iter().copied()).stdin(typed)))
    }

    fn assume_role(&self, name: &str) -> Option<String> {
        let form = self.aws.last_form("AssumeRole");
        form.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

fn role(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// `program` with the environment of `command`; `None`, and a word about it, where it is not installed.
fn wrapped(program: &Path, command: &Command) -> Option<Command> {
    let path = variable("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        say_aloud(&format!("not run, there is no {}", program.display()));
        return None;
    }
    let mut wrapped = Command::new(program);
    wrapped.env_clear().env("SHELL", "/bin/sh");
    wrapped.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(wrapped)
}

#[test]
fn a_code_is_asked_for_at_the_terminal() {
    let account = Account::start();
    for (profile, calls) in [("ops", 1), ("top", 3)] {
        let Some(said) = account.at_terminal(&["--token-only", "--profile", profile], "123456\n") else { return };
        presigned_url(&said);
        assert_eq!(said.stderr, PROMPT, "{profile}");
        assert_eq!(account.aws.calls("AssumeRole"), calls, "{profile}");
    }
    let flags = ["--token-only", "--profile", "base", "-r", &role("Ops"), "--mfa-serial", DEVICE, "-s", "dev"];
    let said = account.at_terminal(&flags, "123456\n").unwrap();
    presigned_url(&said);
    assert_eq!(account.assume_role("SerialNumber").as_deref(), Some(DEVICE));
    assert_eq!(account.assume_role("TokenCode").as_deref(), Some("123456"));
}

#[test]
fn what_is_no_code_is_asked_for_once_more() {
    let account = Account::start();
    let Some(said) = account.at_terminal(&["--token-only", "--profile", "ops"], "12345x\n 123456 \n") else { return };
    presigned_url(&said);
    assert_eq!(said.stderr, PROMPT.repeat(2));

    let said = account.at_terminal(&["--token-only", "--profile", "ops"], "\n1234567\n123456\n").unwrap();
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
    assert!(said.stderr.contains("profile `ops` needs a code of MFA device"), "{}", said.stderr);
    assert!(said.stderr.contains("what was typed is not six digits"), "{}", said.stderr);
    assert_eq!(account.aws.calls("AssumeRole"), 1);
}

#[test]
fn a_wrong_code_is_told_with_the_roles_and_the_devices_part_in_it() {
    let account = Account::start();
    let Some(said) = account.at_terminal(&["--profile", "ops"], "654321\n") else { return };
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
    for words in [role("Ops").as_str(), "invalid MFA one time pass code", "(AccessDenied)", "hint: ", "fresh MFA code"]
    {
        assert!(said.stderr.contains(words), "{words}: {}", said.stderr);
    }
    assert!(!said.stderr.contains("654321"), "{}", said.stderr);
}

#[test]
fn many_kubectls_at_once_ask_for_one_code() {
    let account = Account::start();
    let said: Vec<Option<Said>> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..6)
            .map(|number| {
                let command = account.command(&["--token-only", "--profile", "ops"]);
                let account = &account;
                scope.spawn(move || account.at_terminal_of(&command, &number.to_string(), "123456\n"))
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let Some(said) = said.into_iter().collect::<Option<Vec<Said>>>() else { return };
    let urls: Vec<String> = said.iter().map(presigned_url).collect();
    assert!(urls.iter().all(|url| *url == urls[0]), "one token");
    assert_eq!(said.iter().filter(|said| said.stderr.contains(PROMPT)).count(), 1);
    assert_eq!(account.aws.calls("AssumeRole"), 1, "AWS takes a code once");
}

#[test]
fn keys_that_a_code_brought_can_be_cached_for_those_who_cannot_ask() {
    let account = Account::start();
    let flags = ["--token-only", "--no-cache", "--cache", "--profile", "ops"];
    let Some(said) = account.at_terminal_of(&account.command(&flags), "one", "123456\n") else { return };
    presigned_url(&said);
    let said = account.without_terminal(&flags[2..], "", &[("KUBERNETES_EXEC_INFO", NOT_INTERACTIVE)]).unwrap();
    presigned_url(&said);
    assert_eq!((said.stderr.as_str(), account.aws.calls("AssumeRole")), ("", 1));
}

#[test]
fn without_a_terminal_standard_input_is_read() {
    let account = Account::start();
    let Some(said) = account.without_terminal(&["--token-only", "--profile", "ops"], "123456\n", &[]) else { return };
    presigned_url(&said);
    assert_eq!(said.stderr, format!("{PROMPT}\n"), "what is said next begins a line of its own");
}

#[test]
fn nobody_is_asked_who_is_not_there_or_must_not_be() {
    let account = Account::start();
    let flags = ["--profile", "base", "-r", &role("Ops"), "--mfa-serial", DEVICE];
    for (more, lines, environment, words) in [
        (
            &["--profile", "ops"][..],
            "",
            &[][..],
            &["profile `ops` needs a code", "no terminal", "get-token --cache", "--profile ops"][..],
        ),
        (
            &["--profile", "top"],
            "123456\n",
            &[("KUBERNETES_EXEC_INFO", NOT_INTERACTIVE)],
            &[
                "profile `ops` needs a code",
                "interactive: false",
                "hint: run once in a terminal: `iam-bridge get-token",
            ],
        ),
        (
            &flags,
            "123456\n",
            &[("KUBERNETES_EXEC_INFO", NOT_INTERACTIVE)],
            &[
                "needs a code of MFA device `arn:aws:iam::111122223333:mfa/phone`",
                "role/Ops` needs",
                "--mfa-serial arn:aws",
                "--cache-credentials",
            ],
        ),
    ] {
        let Some(said) = account.without_terminal(more, lines, environment) else { return };
        assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{}", said.stderr);
        for word in words {
            assert!(said.stderr.contains(word), "{word}: {}", said.stderr);
        }
        assert_eq!(said.stderr.contains(PROMPT), environment.is_empty(), "{}", said.stderr);
    }
    assert_eq!((account.aws.calls("AssumeRole"), account.aws.calls("GetCallerIdentity")), (0, 0));
}

//! What the exec entries of kubeconfigs in the wild mean.

use iam_bridge::config::exec_entry::{ExecEntryError, Plugin, PluginCall, parse, write_args};

fn read(command: &str, args: &str) -> Result<PluginCall, ExecEntryError> {
    parse(command, &args.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

#[track_caller]
fn understood(command: &str, args: &str, plugin: Plugin, ours: &str) -> PluginCall {
    let call = read(command, args).unwrap_or_else(|error| panic!("{command} {args}: {error}"));
    assert_eq!(call.plugin, plugin, "{command} {args}");
    assert_eq!(write_args(&call.global, &call.flags).join(" "), ours, "{command} {args}");
    call
}

#[test]
fn entries_of_the_aws_cli_are_understood_as_it_understands_them() {
    const ROLE: &str = "arn:aws:iam::111122223333:role/Dev";
    for (args, ours) in [
        ("eks get-token --cluster-name prod", "get-token --cluster-id prod"),
        ("--region eu-west-1 eks get-token --cluster-name prod", "get-token --cluster-id prod --region eu-west-1"),
        (
            "--region eu-west-1 eks get-token --cluster-name prod --output json",
            "get-token --cluster-id prod --region eu-west-1",
        ),
        ("eks --region=eu-west-1 get-token --cluster prod", "get-token --cluster-id prod --region eu-west-1"),
        ("eks get-token --cluster-id=0a1b --profile dev", "get-token --cluster-id 0a1b --profile dev"),
        ("eks get-token --cluster-n prod --role R", "get-token --cluster-id prod --role R"),
        (
            "eks get-token --cluster-name prod --role-arn R --session-name s",
            "get-token --cluster-id prod --role R --session-name s",
        ),
        (
            "--prof dev --reg r eks get-token --cluster-name a --cluster-name b",
            "get-token --cluster-id b --region r --profile dev",
        ),
    ] {
        let (args, ours) = (args.replace(" R", &format!(" {ROLE}")), ours.replace(" R", &format!(" {ROLE}")));
        assert!(understood("aws", &args, Plugin::AwsCli, &ours).notes.is_empty(), "{args}");
    }
    for command in ["/usr/local/bin/aws", "aws.exe", r"C:\Program Files\Amazon\AWSCLIV2\aws.EXE", "./aws"] {
        understood(command, "eks get-token --cluster-name prod", Plugin::AwsCli, "get-token --cluster-id prod");
    }
}

#[test]
fn flags_of_the_aws_cli_that_mean_nothing_to_us_are_told() {
    for (flags, told) in [
        ("--debug", "--debug"),
        ("--output text", "--output"),
        ("--no-verify-ssl", "AWS_CA_BUNDLE"),
        ("--ca-bundle /x.pem", "AWS_CA_BUNDLE"),
        ("--cli-read-timeout 5", "--cli-read-timeout"),
        ("--color=off", "--color"),
    ] {
        let args = format!("{flags} eks get-token --cluster-name prod");
        let call = understood("aws", &args, Plugin::AwsCli, "get-token --cluster-id prod");
        assert!(call.notes.len() == 1 && call.notes[0].contains(told), "{flags}: {:?}", call.notes);
    }
}

#[test]
fn entries_of_the_reference_and_of_ours_are_understood() {
    for (command, plugin) in [
        ("aws-iam-authenticator", Plugin::Reference),
        ("/opt/bin/aws-iam-authenticator", Plugin::Reference),
        ("aws-iam-authenticator.exe", Plugin::Reference),
        ("heptio-authenticator-aws", Plugin::Reference),
        ("iam-bridge", Plugin::Ours),
        (r"C:\bin\iam-bridge.exe", Plugin::Ours),
    ] {
        understood(command, "token -i prod", plugin, "get-token --cluster-id prod");
        understood(command, "token -i prod -r R -e x", plugin, "get-token --cluster-id prod --role R --external-id x");
        understood(
            command,
            "-i prod get-token --cache --no-cache=false",
            plugin,
            "get-token --cluster-id prod --cache --no-cache=false",
        );
        understood(
            command,
            "token --cluster-id a -i b --forward-session-name",
            plugin,
            "get-token --cluster-id b --forward-session-name",
        );
    }
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    let all = "get-token --cluster-id=-prod --region r --profile p --role R --external-id e --mfa-serial m \
               --session-name name --session-name-from random --cache-dir /c --config /f --log-format json \
               --log-verbosity debug --feature-gates A=true,B=false --cache --cache-credentials=false --no-cache";
    understood("iam-bridge", all, Plugin::Ours, &all.split_whitespace().collect::<Vec<_>>().join(" "));
}

#[test]
fn what_cannot_stand_in_an_exec_entry_is_left_out() {
    let args = "token -i prod --token-only --output token --force-refresh";
    understood("iam-bridge", args, Plugin::Ours, "get-token --cluster-id prod");
}

#[test]
fn what_is_not_understood_is_refused_with_words() {
    for (command, args, words) in [
        ("kubelogin", "get-token", "`kubelogin get-token` is not a plugin"),
        ("aws-vault", "exec dev -- aws eks get-token", "`aws-vault exec dev` is not a plugin"),
        ("aws", "s3 ls", "`aws s3 ls` is not a plugin"),
        ("aws", "eks describe-cluster --cluster-name x", "`aws eks describe-cluster` is not a plugin"),
        ("aws", "eks get-token", "neither `--cluster-name` nor `--cluster-id`"),
        ("aws", "eks get-token --cluster-name a --cluster-id b", "exclude each other"),
        ("aws", "eks get-token --cluster-name", "`--cluster-name` has no value"),
        ("aws", "eks get-token --cluster-name --debug", "`--cluster-name` has no value"),
        ("aws", "eks get-token --cluster-name a --c x", "`--c` may be"),
        ("aws", "eks get-token --cluster-name a --frobnicate", "has no flag `--frobnicate`"),
        ("aws", "eks get-token --cluster-name a extra", "`extra` belongs to no flag"),
        ("aws", "--no-sign-request eks get-token --cluster-name a", "no token to sign"),
        ("iam-bridge", "version", "`iam-bridge version` is not a plugin"),
        ("iam-bridge", "get-token --frobnicate", "--frobnicate"),
        ("iam-bridge", "get-token --help", "cannot be read"),
    ] {
        let error = read(command, args).unwrap_err().to_string();
        assert!(error.contains(words), "{command} {args}: {error}");
    }
}

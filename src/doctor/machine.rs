//! Check 2: the environment holds nothing that gets in its own way, and caches have a private place.

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::Check;
use super::finding::Finding;
use super::scene::Scene;
use crate::config::env::{AwsEnv, Env};
use crate::config::get_token::cache_directory;
use crate::private_file;

/// The check.
pub(super) fn environment(scene: &Scene<'_>) -> Check {
    let mut finding = Finding::new("environment");
    let env = &scene.options.env;
    match &env.home {
        Some(home) if home.is_dir() => {}
        Some(home) => finding.warn(
            format!("HOME is `{}`, which is no directory: AWS's files and the caches are not found", home.display()),
            "set HOME to the directory that holds .aws and .kube",
        ),
        None => finding.warn(
            "HOME is not set: AWS's files and the caches are not found",
            "set HOME, or AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE and KUBECACHEDIR",
        ),
    }
    keys(&mut finding, scene, &env.aws);
    places(&mut finding, &env.aws);
    caches(&mut finding, scene, env);
    finding.end()
}

fn keys(finding: &mut Finding, scene: &Scene<'_>, aws: &AwsEnv) {
    let has_keys = match (&aws.access_key_id, &aws.secret_access_key) {
        (Some(_), Some(_)) => true,
        (Some(_), None) => {
            finding.warn(
                "AWS_ACCESS_KEY_ID stands without AWS_SECRET_ACCESS_KEY and counts for nothing",
                "export both, or neither: `unset AWS_ACCESS_KEY_ID`",
            );
            false
        }
        (None, Some(_)) => {
            finding.warn(
                "AWS_SECRET_ACCESS_KEY stands without AWS_ACCESS_KEY_ID and counts for nothing",
                "export both, or neither: `unset AWS_SECRET_ACCESS_KEY`",
            );
            false
        }
        (None, None) => {
            if aws.session_token.is_some() {
                finding
                    .warn("AWS_SESSION_TOKEN stands without keys and counts for nothing", "`unset AWS_SESSION_TOKEN`");
            }
            false
        }
    };
    let flag = scene.keys.as_ref().ok().and_then(|keys| keys.profile.as_deref());
    let unset = "`unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN`, if they are left over";
    match (has_keys, flag, &aws.profile) {
        (true, Some(flag), _) => finding.warn(
            format!("keys of the environment stand beside `--profile {flag}`: the profile wins here, with other programs the keys may"),
            unset,
        ),
        (true, None, Some(profile)) => finding.warn(
            format!("keys of the environment stand beside AWS_PROFILE=`{profile}`, and win"),
            format!("{unset}; or name the profile by flag: `--profile {profile}`"),
        ),
        (true, None, None) => finding.good("AWS keys stand in the environment"),
        (false, Some(flag), Some(profile)) if flag != profile => {
            finding.good(format!("`--profile {flag}` wins over AWS_PROFILE=`{profile}`"));
        }
        (false, None, Some(profile)) => finding.good(format!("AWS_PROFILE is `{profile}`")),
        (false, ..) => {}
    }
    match (value(aws, "AWS_WEB_IDENTITY_TOKEN_FILE"), value(aws, "AWS_ROLE_ARN")) {
        (Some(file), Some(_)) if !PathBuf::from(file).is_file() => finding.warn(
            format!("AWS_WEB_IDENTITY_TOKEN_FILE names `{file}`, which is no file"),
            "check the pod's service account and its projected token",
        ),
        (Some(_), None) => finding.warn(
            "AWS_WEB_IDENTITY_TOKEN_FILE stands without AWS_ROLE_ARN",
            "export both, or neither: `unset AWS_WEB_IDENTITY_TOKEN_FILE`",
        ),
        _ => {}
    }
}

fn places(finding: &mut Finding, aws: &AwsEnv) {
    if let (Some(region), Some(other)) = (value(aws, "AWS_REGION"), value(aws, "AWS_DEFAULT_REGION"))
        && region != other
    {
        finding.warn(
            format!("AWS_REGION is `{region}` and AWS_DEFAULT_REGION `{other}`: programs differ in which they take"),
            "set both to the cluster's region, or name it by flag: `--region R`",
        );
    }
    let ignored = aws.ignore_endpoint_urls.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let endpoint = aws.endpoint_url_sts.as_ref().map(|_| "AWS_ENDPOINT_URL_STS");
    let endpoint = endpoint.or_else(|| aws.endpoint_url.as_ref().map(|_| "AWS_ENDPOINT_URL"));
    if let Some(name) = endpoint.filter(|_| !ignored) {
        finding.warn(
            format!("{name} is set: tokens are signed for it, and servers accept STS's own hosts only"),
            format!("`unset {name}`"),
        );
    }
    for (name, file) in [
        ("AWS_CONFIG_FILE", aws.config_file.clone()),
        ("AWS_SHARED_CREDENTIALS_FILE", aws.credentials_file.clone()),
        ("AWS_CA_BUNDLE", aws.ca_bundle.as_ref().map(PathBuf::from)),
        ("SSL_CERT_FILE", aws.ssl_cert_file.as_ref().map(PathBuf::from)),
    ] {
        if let Some(file) = file.filter(|file| !file.exists()) {
            finding.warn(
                format!("{name} names `{}`, which is not there", file.display()),
                format!("`unset {name}`, or name another file"),
            );
        }
    }
}

/// The directory itself is left as it is: neither made nor mended.
fn caches(finding: &mut Finding, scene: &Scene<'_>, env: &Env) {
    let flags = scene.call.as_ref().and_then(|call| call.as_ref().ok()).map(|call| &call.flags.token_cache);
    let Some(directory) = cache_directory(flags.and_then(|flags| flags.cache_dir.as_ref()), env) else {
        return finding.warn("there is no place for caches", "set HOME, KUBECACHEDIR or IAM_BRIDGE_CACHE_DIR");
    };
    if flags.and_then(|flags| flags.no_cache).unwrap_or_default() || env.no_cache.is_some() {
        return finding.good("tokens are not cached, as was asked for");
    }
    let shown = directory.display();
    match private_file::is_directory(&directory) {
        Ok(true) => finding.good(format!("caches are in `{shown}`")),
        Ok(false) => finding.good(format!("caches will be in `{shown}`")),
        Err(fault) => finding.warn(
            format!("the cache directory `{shown}` {fault}, so nothing is cached"),
            format!("`chmod 700 {shown}`, or name another directory with IAM_BRIDGE_CACHE_DIR"),
        ),
    }
}

fn value<'e>(aws: &'e AwsEnv, name: &str) -> Option<&'e str> {
    let found = aws.key_variables.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.expose_secret()).filter(|value| !value.is_empty())
}

//! FS-3 to FS-6, and memory: the real binary where disk, descriptors and watches run out.
//!
//! Disks and limits of a test are its own: they live in namespaces that end with its process.

use std::ffi::OsStr;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use std::process::Command;

use tempfile::TempDir;

use super::server::wire::{Wire, eventually};
use super::sources_stage::{Files, HANG, config_text, dynamic_text, modes_text, put};
use crate::harness::authority::Authority;
use crate::harness::process::{Server, binary, clean, iam_bridge, run, say_aloud};
use crate::harness::waiting;

/// A server in a process of its own.
struct Process {
    server: Server,
    address: SocketAddr,
    ca: String,
    files: Files,
}

impl Process {
    /// Starts the binary on config file, dynamic file and backend-mode file, behind what a shell does first.
    fn start(files: Files, before: &str) -> Self {
        Self::start_at_level(files, before, "info")
    }

    fn start_at_level(files: Files, before: &str, level: &str) -> Self {
        let keys = format!(
            "  port: 0\n  healthAddress: 127.0.0.1:0\n  stateDir: {0}\n  generateKubeconfig: {0}/kubeconfig.yaml\n\
            \x20 backendMode: [MountedFile]\n  dynamicfilepath: {1}\n  dynamicBackendModePath: {2}\n",
            files.0.path().display(),
            files.dynamic().display(),
            files.modes().display(),
        );
        put(&files.config(), &(config_text("of-the-config-file") + &keys));
        let config = files.config();
        let server: [&OsStr; 4] = [binary().as_ref(), "server".as_ref(), "-c".as_ref(), config.as_ref()];
        let mut command = isolated(&files, before, &server);
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_IAM_AUTHENTICATOR_LOG_VERBOSITY", level);
        let log = files.at("log");
        let server = Server::start(&command, log);
        let address = waiting::until("the address", HANG, || {
            let log = server.log();
            let line = log.lines().find(|line| line.contains("listening for token reviews"))?;
            line.split("address=").nth(1)?.split_whitespace().next()?.trim_matches('"').parse().ok()
        });
        let ca = fs::read_to_string(files.at("ca.pem")).unwrap();
        Self { server, address, ca, files }
    }

    async fn connect(&self) -> Wire {
        Wire::connect(self.address, &self.ca).await
    }

    fn until_logged(&self, words: &str) {
        let has = || self.server.log().contains(words).then_some(());
        waiting::until(&format!("{words} in {}", self.server.log()), HANG, has);
    }
}

/// `program` behind a line of shell, in a namespace of its own if the line wants one (`unshare`).
fn isolated(files: &Files, before: &str, program: &[&OsStr]) -> Command {
    let mut command = clean(if before.starts_with("unshare") { "unshare" } else { "bash" });
    let script = match before.strip_prefix("unshare ") {
        Some(rest) => {
            let (flags, script) = rest.split_once(' ').unwrap();
            command.args([flags, "bash"]);
            script
        }
        None => before,
    };
    command.arg("-c").arg(format!("set -e; {script} exec \"$@\"")).arg("isolated").args(program);
    command.current_dir(files.0.path());
    command
}

/// Whether this machine gives namespaces; says so aloud if not, since the test then proves nothing.
fn has_namespaces(flags: &str) -> bool {
    let given = clean("unshare").args([flags, "true"]).status().is_ok_and(|status| status.success());
    if !given {
        say_aloud("a test of full disks and spent watches did not run: this machine gives no namespaces");
    }
    given
}

fn good_files() -> Files {
    let files = Files::new();
    put(&files.dynamic(), &dynamic_text("of-the-dynamic-file"));
    put(&files.modes(), &modes_text("DynamicFile MountedFile"));
    files
}

async fn sample(wire: &mut Wire, name: &str) -> f64 {
    let text = wire.ask("GET", "/metrics", "").await.body;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no sample {name}: {text}")).parse().unwrap()
}

/// Certificate and kubeconfig of `init` on a disk of 64 KiB that something else fills.
#[test]
fn fs_3_a_full_disk_leaves_certificate_and_kubeconfig_as_they_were_and_is_named() {
    if !has_namespaces("-Urm") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("disk")).unwrap();
    fs::create_dir(at("seen")).unwrap();
    let script = r#"
        mount -t tmpfs -o size=64k tmpfs disk; cd disk
        "$1" init -i c >/dev/null 2>&1; mkdir ../seen/before; cp -a . ../seen/before
        cat /dev/zero > fill 2>/dev/null || true
        again() { code=0; "$bin" init -i c --port 4711 > "../seen/$1.out" 2> "../seen/$1.err" || code=$?; echo $code > "../seen/$1.code"; }
        bin=$1
        again kubeconfig
        mv cert.pem ../cert.pem; cat /dev/zero >> fill 2>/dev/null || true
        again certificate
        mv ca.pem ../ca.pem; cat /dev/zero >> fill 2>/dev/null || true
        again authority
        mkdir ../seen/after; rm fill; cp -a . ../seen/after"#;
    let mut command = clean("unshare");
    command.args(["-Urm", "bash", "-ec", script, "full"]).arg(binary()).current_dir(folder.path());
    let said = run(&mut command);
    assert_eq!(said.code, Some(0), "{said:?}");
    for (step, file) in
        [("kubeconfig", "aws-iam-authenticator.kubeconfig"), ("certificate", ".pem"), ("authority", ".pem")]
    {
        let told = fs::read_to_string(at(&format!("seen/{step}.err"))).unwrap();
        assert_eq!(fs::read_to_string(at(&format!("seen/{step}.code"))).unwrap(), "1\n", "{step}: {told}");
        assert!(told.contains(file) && told.contains("No space left") && told.contains("as it was"), "{step}: {told}");
    }
    let names = |folder: &str| -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(at(folder)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    // Nothing half-written is left, and what was there is as it was.
    let (before, after) = (names("seen/before"), names("seen/after"));
    let kept: Vec<_> = before.iter().filter(|name| !["cert.pem", "ca.pem"].contains(&name.as_str())).collect();
    assert_eq!(after.iter().collect::<Vec<_>>(), kept);
    for name in &after {
        let bytes = |folder: &str| fs::read(at(folder).join(name)).unwrap();
        assert_eq!(bytes("seen/before"), bytes("seen/after"), "{name}");
    }
}

#[tokio::test]
async fn fs_4_a_server_without_descriptors_keeps_serving_and_catches_up() {
    let process = Process::start(good_files(), "ulimit -n 64;");
    let mut wire = process.connect().await;
    assert_eq!(wire.post("{}").await.status, 403);
    let crowd: Vec<TcpStream> = (0..80).map(|_| TcpStream::connect(process.address).unwrap()).collect();
    // The file is read anew until there is no descriptor left to read it with.
    waiting::until("Too many open files", HANG, || {
        put(&process.files.dynamic(), &dynamic_text("newer"));
        process.server.log().contains("Too many open files").then_some(())
    });
    let log = process.server.log();
    assert!(log.contains("the last good mappings stay") && !log.contains("the file is gone"), "{log}");
    let authority = Authority::new("new");
    let (certificate, key) = authority.leaf("127.0.0.1");
    fs::write(process.files.at("key.pem"), key).unwrap();
    fs::write(process.files.at("cert.pem"), certificate).unwrap();
    process.until_logged("certificate files cannot be used");
    for _ in 0..20 {
        assert_eq!(wire.post("{}").await.status, 403, "an open connection is served");
    }
    put(&process.files.dynamic(), &dynamic_text("newest"));
    drop(crowd);
    process.until_logged("the source is good again");
    process.until_logged("serving another certificate");
    let mut later = Wire::connect(process.address, authority.pem()).await;
    assert_eq!(later.post("{}").await.status, 403, "new connections are taken again");
    eventually("nothing is stale", async || {
        sample(&mut later, "iam_bridge_source_stale{source=\"DynamicFile\"}").await < 0.5
    })
    .await;
}

#[tokio::test]
async fn fs_4_a_server_on_a_read_only_disk_serves_what_is_there() {
    if !has_namespaces("-Urm") {
        return;
    }
    let process = Process::start(
        good_files(),
        "unshare -Urm mount --bind \"$PWD\" \"$PWD\"; cd \"$PWD\"; \"$1\" init -i c >/dev/null 2>&1; \
         sed -i 's/^  port: 0/  kubeconfigPregenerated: true\\n  port: 0/' config.yaml; \
         mount -o remount,bind,ro \"$PWD\"; if touch here; then exit 9; fi;",
    );
    let mut wire = process.connect().await;
    assert_eq!(wire.post("{}").await.status, 403);
    assert_eq!(wire.ask("GET", "/readyz", "").await.body, "ok");
}

#[tokio::test]
async fn fs_5_without_a_watch_to_have_files_are_polled_and_a_gauge_says_so() {
    if !has_namespaces("-Ur") {
        return;
    }
    let process = Process::start(good_files(), "unshare -Ur echo 0 > /proc/sys/user/max_inotify_instances;");
    let mut wire = process.connect().await;
    for source in ["MountedFile", "DynamicFile", "BackendMode"] {
        let polled = sample(&mut wire, &format!("iam_bridge_source_polled{{source=\"{source}\"}}")).await;
        assert!(polled > 0.5, "{source}");
    }
    assert!(sample(&mut wire, "aws_iam_authenticator_dynamicfile_failures_total").await > 1.5);
    process.until_logged("file is polled each second");
    put(&process.files.dynamic(), &dynamic_text("newer"));
    process.until_logged("generation=2");
    put(&process.files.modes(), &modes_text("MountedFile"));
    process.until_logged("the list of sources has changed");
    eventually("it is polled no more", async || {
        sample(&mut wire, "iam_bridge_source_polled{source=\"DynamicFile\"}").await < 0.5
    })
    .await;
}

#[tokio::test]
async fn fs_6_a_key_that_others_may_read_is_refused_aloud_and_the_old_pair_serves() {
    let process = Process::start(good_files(), "");
    let key = process.files.at("key.pem");
    let before = process.connect().await.certificate();
    let set_mode = |mode| fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    set_mode(0o644);
    process.until_logged("has mode 0644");
    let mut wire = process.connect().await;
    assert_eq!(wire.certificate(), before);
    let seen = wire.ask("GET", "/readyz", "").await;
    assert!(seen.status == 200 && seen.body.contains("certificate"), "{seen:?}");
    let log = process.server.log();
    let alarm = log.lines().find(|line| line.contains("has mode 0644")).unwrap();
    assert!(alarm.contains("level=error") && alarm.contains("what was served before still is"), "{alarm}");
    // At a start there is no old pair: the key is not used at all.
    let mut command = iam_bridge();
    command.args(["server", "-c"]).arg(process.files.config()).env("AWS_EC2_METADATA_DISABLED", "true");
    let said = run(&mut command);
    assert!(said.code == Some(1) && said.stderr.contains("has mode 0644"), "{said:?}");
}

#[test]
fn the_log_of_a_dynamic_file_counts_entries_and_names_versions_and_tells_no_content() {
    let files = good_files();
    put(&files.dynamic(), &dynamic_text("secret-first"));
    let process = Process::start_at_level(files, "", "trace");
    let path = process.files.dynamic();
    put(&path, &dynamic_text("secret-second"));
    process.until_logged("generation=2");
    put(&path, "{\"mapRoles\": [{\"username\": \"secret-third\"}]}");
    process.until_logged("the last good mappings stay");
    fs::remove_file(&path).unwrap();
    process.until_logged("generation=3 gone");
    let log = process.server.log();
    let of_the_file = |line: &&str| line.contains("mappings loaded") && line.contains("dynamic.json");
    let loads: Vec<&str> = log.lines().filter(of_the_file).collect();
    assert_eq!(loads.len(), 3, "{log}");
    for (line, words) in loads.into_iter().zip(["generation=1 sha256=", "generation=2 sha256=", "generation=3 gone"]) {
        assert!(line.contains(words) && line.contains("entries="), "{line}");
    }
    assert!(!log.contains("secret") && !log.contains("of-the-dynamic-file"), "{log}");
}

#[tokio::test]
async fn many_reloads_and_switches_grow_neither_memory_nor_descriptors() {
    let entries = |edition: usize| {
        let entry = |number: usize| {
            format!(r#"{{"rolearn": "arn:aws:iam::111122223333:role/r{number}", "username": "u{number}-{edition}"}}"#)
        };
        format!(r#"{{"mapRoles": [{}]}}"#, (0..4_000).map(entry).collect::<Vec<_>>().join(","))
    };
    let files = good_files();
    put(&files.dynamic(), &entries(0));
    let process = Process::start(files, "");
    let mut reloaded = 0;
    let mut reload = async |times: usize| {
        for _ in 0..times {
            reloaded += 1;
            put(&process.files.dynamic(), &entries(reloaded));
            let version = format!("generation={}", reloaded + 1);
            waiting::until(&version, HANG, || process.server.log().contains(&version).then_some(()));
        }
        // A connection is not idle for as long as reloading may take.
        let mut wire = process.connect().await;
        (sample(&mut wire, "process_resident_memory_bytes").await, sample(&mut wire, "process_open_fds").await)
    };
    let early = reload(10).await;
    let late = reload(30).await;
    assert!(late.0 < early.0 + 12.0 * 1024.0 * 1024.0, "after 10 reloads {early:?}, after 40 {late:?}");
    for number in 0..20 {
        let names = if number % 2 == 0 { "MountedFile" } else { "DynamicFile MountedFile" };
        put(&process.files.modes(), &modes_text(names));
        let changes = || process.server.log().matches("the list of sources has changed").count();
        waiting::until(names, HANG, || (changes() > number).then_some(()));
    }
    let fds = sample(&mut process.connect().await, "process_open_fds").await;
    assert!(fds <= early.1 + 2.0, "descriptors: {early:?}, {fds} after the switches");
}

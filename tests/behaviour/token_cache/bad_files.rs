//! What must not be used: told once, never given out, never written through; and the token comes all the same.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

use super::*;

/// Someone else.
const NOBODY: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The words of the one note; the token is new.
fn noted(command: &mut Command) -> String {
    let said = run(command);
    let token = token(&said);
    assert!(token.len() > 200 && token.starts_with("k8s-aws-v1."), "{token}");
    assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
    said.stderr.strip_prefix("warning: ").unwrap_or_else(|| panic!("{}", said.stderr)).trim_end().to_owned()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_bad_file_is_told_of_not_used_and_replaced() {
    type Spoil = fn(&Path);
    let cases: [(&str, Spoil); 12] = [
        ("is not what iam-bridge writes", |file| fs::write(file, "{").unwrap()),
        ("is not what iam-bridge writes", |file| fs::write(file, "").unwrap()),
        ("is not what iam-bridge writes", |file| fs::write(file, b"\xff\x00").unwrap()),
        ("is not what iam-bridge writes", |file| edit(file, |entry| entry["token"] = "eyJhbGciOi".into())),
        ("is not what iam-bridge writes", |file| edit(file, |entry| entry["token"] = "k8s-aws-v1.a\nb".into())),
        ("is not what iam-bridge writes", |file| edit(file, |entry| entry["expiration"] = i64::MAX.into())),
        ("is of another version", |file| edit(file, |entry| entry["v"] = 2.into())),
        ("was made for something else", |file| edit(file, |entry| entry["key"] = "0".repeat(64).into())),
        ("is longer than", |file| edit(file, |entry| entry["more"] = "x".repeat(16 * 1024).into())),
        ("is open to others (mode 0644)", |file| set_mode(file, 0o644)),
        ("is open to others (mode 0620)", |file| set_mode(file, 0o620)),
        ("is open to others (mode 0601)", |file| set_mode(file, 0o601)),
    ];
    for (words, spoil) in cases {
        let desk = Desk::new();
        let file = desk.marked();
        spoil(&file);
        let note = noted(&mut desk.command(&BARE));
        assert!(note.contains(words) && note.contains(file.to_str().unwrap()), "{words}: {note}");
        assert!(!note.contains("k8s-aws-v1"), "{note}");
        assert_eq!(mode(&file), 0o600, "{words}: replaced");
        mark(&file);
        assert!(hits(&mut desk.command(&BARE)), "{words}: a good one is there");
    }
}

#[test]
fn a_link_is_not_followed_and_its_target_not_written() {
    let desk = Desk::new();
    let file = desk.marked();
    let target = desk.home().join("target");
    fs::rename(&file, &target).unwrap();
    symlink(&target, &file).unwrap();
    let before = fs::read(&target).unwrap();
    let note = noted(&mut desk.command(&BARE));
    assert!(note.contains("is a symbolic link"), "{note}");
    assert_eq!(fs::read(&target).unwrap(), before);
    assert!(file.symlink_metadata().unwrap().is_file(), "a file stands in the link's place");
    mark(&file);
    assert!(hits(&mut desk.command(&BARE)));

    fs::remove_file(&file).unwrap();
    symlink(desk.home().join("nowhere"), &file).unwrap();
    let note = noted(&mut desk.command(&BARE));
    assert!(note.contains("is a symbolic link"), "a dangling one: {note}");
    assert!(!desk.home().join("nowhere").exists());
}

#[test]
fn pipes_and_directories_are_no_cached_tokens() {
    let desk = Desk::new();
    let file = desk.marked();
    fs::remove_file(&file).unwrap();
    run(Command::new("mkfifo").args(["-m", "600"]).arg(&file));
    assert!(noted(&mut desk.command(&BARE)).contains("is not a regular file"), "and nobody waits for a writer");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let said = run(&mut desk.command(&BARE));
    assert_ne!(token(&said), MARK);
    assert!(said.stderr.contains("is not a regular file"), "{}", said.stderr);
}

#[test]
fn a_file_of_someone_else_is_not_used() {
    if !is_root() {
        return say_aloud("not run: giving files away needs root (a_file_of_someone_else_is_not_used)");
    }
    let desk = Desk::new();
    let file = desk.marked();
    chown(&file, Some(NOBODY), None).unwrap();
    let note = noted(&mut desk.command(&BARE));
    assert!(note.contains("belongs to user 65534"), "{note}");
    mark(&file);
    assert!(hits(&mut desk.command(&BARE)), "replaced by one of ours");

    // As under sudo, with HOME still the other person's.
    let home = Desk::new();
    chown(home.home(), Some(NOBODY), None).unwrap();
    let note = noted(&mut home.command(&BARE));
    assert!(note.contains("belongs to user 65534"), "{note}");
    assert_eq!(names_in(home.home()), [""; 0], "nothing of root's in it");

    let desk = Desk::new();
    desk.marked();
    chown(desk.cache(), Some(NOBODY), None).unwrap();
    let note = noted(&mut desk.command(&BARE));
    assert!(note.contains("belongs to user 65534") && note.contains("KUBECACHEDIR"), "{note}");
}

#[test]
fn an_unsafe_directory_is_not_used() {
    for bits in [0o755, 0o770, 0o701, 0o777] {
        let desk = Desk::new();
        let file = desk.marked();
        let before = fs::read(&file).unwrap();
        set_mode(&desk.cache(), bits);
        let note = noted(&mut desk.command(&BARE));
        assert!(note.contains("is open to others") && note.contains("chmod 700"), "{note}");
        assert_eq!((fs::read(&file).unwrap(), mode(&desk.cache())), (before, bits), "left as it is");
    }
    let desk = Desk::new();
    desk.marked();
    let (there, link) = (desk.cache(), desk.home().join("link"));
    symlink(&there, &link).unwrap();
    for end in ["", "/"] {
        let place = format!("{}{end}", link.display());
        let note = noted(desk.command(&BARE).env("IAM_BRIDGE_CACHE_DIR", place));
        assert!(note.contains("is a symbolic link"), "{note}");
    }
    let file = desk.home().join("file");
    fs::write(&file, "").unwrap();
    let note = noted(desk.command(&BARE).env("IAM_BRIDGE_CACHE_DIR", &file));
    assert!(note.contains("is not a directory"), "{note}");
}

#[test]
fn a_machine_without_a_place_for_it_is_quiet() {
    let desk = Desk::new();
    for (name, value, why) in [
        ("HOME", "", "no home"),
        ("HOME", "/nonexistent", "a home that is not there"),
        ("IAM_BRIDGE_CACHE_DIR", "/proc/iam-bridge", "no directory can be made"),
        ("IAM_BRIDGE_CACHE_DIR", "/proc/self/fd", "private, and nothing can be written"),
    ] {
        assert!(!hits(desk.command(&BARE).env(name, value)), "{why}");
    }
    assert!(!Path::new("/nonexistent").exists());
}

#[test]
fn a_disk_that_takes_nothing_costs_a_note() {
    let desk = Desk::new();
    desk.marked();
    let file = only_token_in(&desk.cache());
    fs::remove_file(&file).unwrap();
    // Writing to a file fails, as on a full disk; pipes are not affected.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]);
    let program = desk.command(&BARE);
    command.arg(program.get_program()).args(program.get_args()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let note = noted(&mut command);
    assert!(note.starts_with("the token cannot be kept"), "{note}");
    assert!(!names_in(&desk.cache()).iter().any(|name| !name.ends_with(".lock")), "nothing half written stays");
}

//! A real etcd, kube-apiserver and kubectl.

#[test]
fn zz_probe() {
    let Some(bin) = crate::harness::cluster::binaries() else { return };
    let dir = tempfile::tempdir().unwrap();
    let kubeconfig = dir.path().join("webhook");
    std::fs::write(&kubeconfig, "clusters:\n- name: a\n  cluster: {server: 'https://127.0.0.1:9/authenticate'}\nusers:\n- name: u\ncurrent-context: c\ncontexts:\n- name: c\n  context: {cluster: a, user: u}\n").unwrap();
    let began = std::time::Instant::now();
    let cluster = crate::harness::cluster::Cluster::start(&bin, &kubeconfig);
    crate::harness::process::say_aloud(&format!("ready {:?}", began.elapsed()));
    let who = crate::harness::process::run_ok(cluster.as_user("admin").args(["auth", "whoami", "-o", "json"]));
    assert!(who.contains("e2e-admin"));
}

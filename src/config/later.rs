//! Settings of sources and look-ups that do not exist yet: read, checked, kept.

use super::file::{Given, ServerKeys};
use super::flags;
use super::server::text_of;

/// Settings that are read and checked as in the reference, and used once the sources they belong to exist.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LaterSettings {
    /// `backendMode`, names as written.
    pub backend_mode: Vec<String>,
    /// `kubeconfig`; empty when not given, as the texts below.
    pub kubeconfig: String,
    /// `master`
    pub master: String,
    /// `ec2DescribeInstancesQps`; 15
    pub ec2_describe_instances_qps: i64,
    /// `ec2DescribeInstancesBurst`; 5
    pub ec2_describe_instances_burst: i64,
    /// `ec2DescribeInstancesRoleARN`
    pub ec2_describe_instances_role_arn: String,
    /// `sourceARN`
    pub source_arn: String,
    /// `dynamicfilepath`
    pub dynamic_file_path: String,
    /// `dynamicfileUserIDStrict`
    pub dynamic_file_user_id_strict: bool,
    /// `dynamicBackendModePath`
    pub dynamic_backend_mode_path: String,
}

pub(super) fn settings(typed: &flags::Server, server: &ServerKeys, backend_mode: Vec<String>) -> LaterSettings {
    let text = |given: &Option<Given<String>>| text_of(given).unwrap_or_default();
    let number = |typed: Option<u32>, given: Option<Given<i64>>, default| {
        typed.map(i64::from).or_else(|| given.map(|given| given.value)).unwrap_or(default)
    };
    let kubeconfig = typed.kubeconfig.as_ref().map(|path| path.display().to_string());
    LaterSettings {
        backend_mode,
        kubeconfig: kubeconfig.unwrap_or_else(|| text(&server.kubeconfig)),
        master: typed.master.clone().unwrap_or_else(|| text(&server.master)),
        ec2_describe_instances_qps: number(typed.ec2_describe_instances_qps, server.ec2_describe_instances_qps, 15),
        ec2_describe_instances_burst: number(
            typed.ec2_describe_instances_burst,
            server.ec2_describe_instances_burst,
            5,
        ),
        ec2_describe_instances_role_arn: text(&server.ec2_describe_instances_role_arn),
        source_arn: text(&server.source_arn),
        dynamic_file_path: text(&server.dynamic_file_path),
        dynamic_file_user_id_strict: server.dynamic_file_user_id_strict.is_some_and(|given| given.value),
        dynamic_backend_mode_path: text(&server.dynamic_backend_mode_path),
    }
}

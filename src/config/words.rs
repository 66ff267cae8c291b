//! Values that are one word of a few.

use std::path::PathBuf;

use crate::aws::NodeName;
use crate::mapping::RolePaths;
use crate::server::{DecisionLog, DenyStatus};

pub(super) fn role_paths(text: &str) -> Result<RolePaths, String> {
    match text {
        "exact" => Ok(RolePaths::Exact),
        "ignore" => Ok(RolePaths::Ignore),
        _ => Err(format!("`{text}` is neither `exact` nor `ignore`")),
    }
}

pub(super) fn deny_status(text: &str) -> Result<DenyStatus, String> {
    match text {
        "403" => Ok(DenyStatus::Forbidden),
        "200" => Ok(DenyStatus::Ok),
        _ => Err(format!("`{text}` is neither 403 nor 200")),
    }
}

pub(super) fn metrics_address(text: &str) -> Result<bool, String> {
    match text {
        "health" => Ok(true),
        "webhook" => Ok(false),
        _ => Err(format!("`{text}` is neither `health` nor `webhook`")),
    }
}

pub(super) fn decision_log(text: &str) -> Result<DecisionLog, String> {
    match text {
        "" => Err("the value is empty; write stderr, off or a path".to_owned()),
        "off" => Ok(DecisionLog::Off),
        "stderr" => Ok(DecisionLog::Stderr),
        path => Ok(DecisionLog::File(PathBuf::from(path))),
    }
}

pub(super) fn node_name(text: &str) -> Result<NodeName, String> {
    match text {
        "privateDns" => Ok(NodeName::PrivateDns),
        "resourceName" => Ok(NodeName::ResourceName),
        "instanceId" => Ok(NodeName::InstanceId),
        _ => Err(format!("`{text}` is none of `privateDns`, `resourceName` and `instanceId`")),
    }
}

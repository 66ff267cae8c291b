//! Values that are one word of a few.

use std::path::PathBuf;

use crate::aws::NodeName;
use crate::mapping::{AccessPolicyMode, AuthenticationMode, RolePaths};
use crate::server::{DecisionLog, DenyStatus};
use crate::sources::{ModeFrom, Pins};

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

pub(super) fn authentication_mode(text: &str) -> Result<ModeFrom, String> {
    use AuthenticationMode::{Api, ApiAndConfigMap, ConfigMap};
    if text == "mirror" {
        return Ok(ModeFrom::Mirror);
    }
    let mut all = [ConfigMap, ApiAndConfigMap, Api].into_iter();
    let mode = all.find(|mode| mode.as_str() == text).map(ModeFrom::Config);
    mode.ok_or_else(|| format!("`{text}` is none of `CONFIG_MAP`, `API_AND_CONFIG_MAP`, `API` and `mirror`"))
}

pub(super) fn policy_mode(text: &str) -> Result<AccessPolicyMode, String> {
    match text {
        "rbac" => Ok(AccessPolicyMode::Rbac),
        "off" => Ok(AccessPolicyMode::Off),
        _ => Err(format!("`{text}` is neither `rbac` nor `off`")),
    }
}

pub(super) fn pins(text: &str) -> Result<Pins, String> {
    match text {
        "iam" => Ok(Pins::Iam),
        "none" => Ok(Pins::None),
        _ => Err(format!("`{text}` is neither `iam` nor `none`")),
    }
}

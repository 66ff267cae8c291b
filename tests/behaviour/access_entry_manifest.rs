//! The CRD of access entries as it is shipped, and what is shipped around it.

use std::fs;
use std::path::Path;

use iam_bridge::kubernetes::{API_GROUP, AccessEntryManifest};
use iam_bridge::rbac::AccessPolicy;
use kube::{CustomResourceExt as _, Resource as _};
use serde_json::{Value, json};

use super::architecture::read;
use crate::harness::process::variable;

const SHIPPED: &str = "deploy/accessentry.yaml";

/// What the API server is to judge, but for the descriptions.
const SCHEMA: &str = r#"
type: object
required: [principalArn]
x-kubernetes-validations:
- {message: a node type needs a role ARN, rule: "self.type == 'STANDARD' || self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:role/')"}
- message: username, kubernetesGroups and policyAssociations are only allowed with type STANDARD
  rule: "self.type == 'STANDARD' || (!has(self.username) && (!has(self.kubernetesGroups) || size(self.kubernetesGroups) == 0) && (!has(self.policyAssociations) || size(self.policyAssociations) == 0))"
- {message: only a role has a session name, rule: "!has(self.username) || !self.username.contains('{{SessionName') || self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:role/')"}
- message: principalId must be AROA... for a role, AIDA... for a user, the account id for root
  rule: "!has(self.principalId) || (self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:role/') ? self.principalId.startsWith('AROA') : self.principalArn.matches('^arn:[^:]+:iam::[0-9]{12}:user/') ? self.principalId.startsWith('AIDA') : self.principalArn == 'arn:' + self.principalArn.split(':')[1] + ':iam::' + self.principalId + ':root')"
- {message: notBefore must be earlier than expiresAt, rule: "!has(self.notBefore) || !has(self.expiresAt) || timestamp(self.notBefore) < timestamp(self.expiresAt)"}
properties:
  principalArn:
    type: string
    maxLength: 700
    pattern: '^arn:aws(-[a-z]+){0,3}:iam::[0-9]{12}:(root|(user|role)/([!-~]{1,510}/)?[A-Za-z0-9_+=,.@-]{1,64})$'
    x-kubernetes-validations:
    - {rule: self == oldSelf, message: principalArn is immutable}
    - {rule: "!self.contains(':role/aws-service-role/')", message: service-linked roles cannot have an access entry}
  type:
    type: string
    default: STANDARD
    enum: [STANDARD, EC2_LINUX, EC2_WINDOWS, FARGATE_LINUX, HYBRID_LINUX]
    x-kubernetes-validations: [{rule: self == oldSelf, message: type is immutable}]
  username:
    type: string
    minLength: 1
    maxLength: 512
    pattern: '^([^{}\x00-\x1f\x7f]|\{\{(SessionName|SessionNameRaw|AccountID|AccessKeyID)\}\})+$'
    x-kubernetes-validations:
    - {rule: "!['system:', 'eks:', 'aws:', 'amazon:', 'iam:'].exists(p, self.startsWith(p))", message: "username must not start with system:, eks:, aws:, amazon: or iam:"}
    - {rule: "!self.contains('{{SessionName') || (self.indexOf(':') >= 0 && self.indexOf(':') < self.indexOf('{{SessionName'))", message: a colon must come before the session name}
  kubernetesGroups:
    type: array
    maxItems: 100
    x-kubernetes-list-type: set
    items:
      type: string
      minLength: 1
      maxLength: 253
      pattern: '^[^{}\x00-\x1f\x7f]+$'
      x-kubernetes-validations: [{rule: "!['system:', 'iam-bridge.dev:'].exists(p, self.startsWith(p))", message: "group must not start with system: or iam-bridge.dev:"}]
  principalId: {type: string, maxLength: 128, pattern: '^((AROA|AIDA)[A-Z0-9]{12,124}|[0-9]{12})$'}
  notBefore: {type: string, format: date-time}
  expiresAt: {type: string, format: date-time}
  reason: {type: string, maxLength: 256}
  policyAssociations:
    type: array
    maxItems: 16
    x-kubernetes-list-type: map
    x-kubernetes-list-map-keys: [policy]
    items:
      type: object
      required: [accessScope, policy]
      properties:
        policy: {type: string, enum: [AmazonEKSAdminPolicy, AmazonEKSAdminViewPolicy, AmazonEKSClusterAdminPolicy, AmazonEKSEditPolicy, AmazonEKSSecretReaderPolicy, AmazonEKSViewPolicy]}
        expiresAt: {type: string, format: date-time}
        accessScope:
          type: object
          required: [type]
          x-kubernetes-validations:
          - {rule: "self.type == 'namespace' ? (has(self.namespaces) && size(self.namespaces) > 0) : (!has(self.namespaces) || size(self.namespaces) == 0)", message: namespaces are required with type namespace and forbidden with type cluster}
          properties:
            type: {type: string, enum: [cluster, namespace]}
            namespaces:
              type: array
              maxItems: 100
              x-kubernetes-list-type: set
              items: {type: string, minLength: 1, maxLength: 63, pattern: '^[a-z0-9*]([a-z0-9*-]{0,61}[a-z0-9*])?$'}
"#;

/// `IAM_BRIDGE_REGENERATE=1` writes the file instead.
#[test]
fn the_shipped_crd_of_access_entries_is_what_the_types_say() {
    let generated = format!(
        "# The kind that the source `AccessEntry` reads. Made of the types in src/kubernetes/access_entry.rs; after a change\n\
         # there: IAM_BRIDGE_REGENERATE=1 cargo test the_shipped_crd_of_access_entries_is_what_the_types_say\n{}",
        serde_saphyr::to_string(&AccessEntryManifest::crd()).unwrap()
    );
    if variable("IAM_BRIDGE_REGENERATE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED), &generated).unwrap();
    }
    assert_eq!(read(SHIPPED), generated, "{SHIPPED} is not what the types say; its first lines say what to do");
}

#[test]
fn the_shipped_crd_of_access_entries_has_every_rule_and_no_other() {
    let crd: Value = serde_saphyr::from_str(&read(SHIPPED)).unwrap();
    let mut spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone();
    let mut described = 0;
    undescribed(&mut spec, &mut described);
    let wanted: Value = serde_saphyr::from_str(SCHEMA).unwrap();
    assert_eq!(spec, wanted, "{spec:#}");
    assert_eq!(described, 16, "each member is described");
}

/// Takes the descriptions out.
fn undescribed(schema: &mut Value, described: &mut usize) {
    match schema {
        Value::Object(members) => {
            *described += usize::from(members.get("description").is_some_and(Value::is_string));
            members.retain(|key, value| key != "description" || !value.is_string());
            members.values_mut().for_each(|member| undescribed(member, described));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| undescribed(item, described)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn the_shipped_crd_of_access_entries_has_its_names_and_columns() {
    let crd: Value = serde_saphyr::from_str(&read(SHIPPED)).unwrap();
    assert_eq!(crd["metadata"]["name"], format!("accessentries.{API_GROUP}"));
    assert_eq!(AccessEntryManifest::group(&()), API_GROUP);
    assert_eq!((&crd["spec"]["group"], &crd["spec"]["scope"]), (&json!(API_GROUP), &json!("Cluster")));
    let names = json!({
        "kind": "AccessEntry", "plural": "accessentries", "singular": "accessentry", "shortNames": ["iae"],
    });
    assert_eq!(crd["spec"]["names"], names, "in no category: `kubectl get all` shows what is in a namespace");
    let version = &crd["spec"]["versions"][0];
    assert_eq!(
        (&version["name"], &version["served"], &version["storage"]),
        (&json!("v1alpha1"), &json!(true), &json!(true))
    );
    assert!(version["subresources"]["status"].is_object());
    let columns: Vec<&str> = version["additionalPrinterColumns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|column| column["name"].as_str().unwrap())
        .collect();
    assert_eq!(columns, ["principalArn", "type", "Accepted", "expiresAt", "age"]);
    let status = &version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
    assert_eq!(status.as_object().unwrap().keys().collect::<Vec<_>>(), ["conditions", "groups", "observedGeneration"]);
    assert_eq!(status["conditions"]["x-kubernetes-list-map-keys"], json!(["type"]));
    for policy in AccessPolicy::ALL {
        assert!(policy.object_name().starts_with(&format!("{API_GROUP}:")), "{policy}");
    }
}

//! The CRD as it is shipped, and objects made for it and for the reference's.

use std::fs;
use std::path::Path;

use iam_bridge::kubernetes::{IAMIdentityMapping, IamIdentityMappingSpec, MappingObject, SpecFault};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::architecture::read;
use crate::harness::process::variable;

const SHIPPED: &str = "deploy/iamidentitymapping.yaml";
const EXAMPLE: &str = "deploy/example-iamidentitymapping.yaml";

/// `IAM_BRIDGE_REGENERATE=1` writes the file instead.
#[test]
fn the_shipped_crd_is_what_the_types_say() {
    let generated = format!(
        "# The kind that the source `CRD` reads. Made of the types in src/kubernetes/iam_identity_mapping.rs; after a\n\
         # change there: IAM_BRIDGE_REGENERATE=1 cargo test the_shipped_crd_is_what_the_types_say\n{}",
        serde_saphyr::to_string(&IAMIdentityMapping::crd()).unwrap()
    );
    if variable("IAM_BRIDGE_REGENERATE").is_some() {
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(SHIPPED), &generated).unwrap();
    }
    assert_eq!(read(SHIPPED), generated, "{SHIPPED} is not what the types say; its first lines say what to do");
}

#[test]
fn the_shipped_crd_has_the_references_names_and_takes_its_objects() {
    let crd: CustomResourceDefinition = serde_saphyr::from_str(&read(SHIPPED)).unwrap();
    assert_eq!(crd.metadata.name.as_deref(), Some("iamidentitymappings.iamauthenticator.k8s.aws"));
    let spec = crd.spec;
    assert_eq!((spec.group.as_str(), spec.scope.as_str()), ("iamauthenticator.k8s.aws", "Cluster"));
    assert_eq!((spec.names.kind.as_str(), spec.names.plural.as_str()), ("IAMIdentityMapping", "iamidentitymappings"));
    assert_eq!(spec.names.singular.as_deref(), Some("iamidentitymapping"));
    assert_eq!(spec.names.categories, Some(vec!["all".to_owned()]));
    let [version] = &spec.versions[..] else { panic!("one version: {:?}", spec.versions) };
    assert!(version.name == "v1alpha1" && version.served && version.storage);
    assert!(version.subresources.as_ref().is_some_and(|subresources| subresources.status.is_some()));
    let schema = serde_json::to_value(&version.schema).unwrap();
    let of_spec = &schema["openAPIV3Schema"]["properties"]["spec"];
    assert_eq!(of_spec["required"], json!(["arn", "username"]));
    let keys: Vec<&String> = of_spec["properties"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["arn", "groups", "notAfter", "notBefore", "reason", "userid", "username"]);
    for (key, property) in of_spec["properties"].as_object().unwrap() {
        assert!(property["description"].is_string(), "{key} is described");
        assert!(property.get("default").is_none(), "the API server writes {key}'s default into objects");
    }
    let of_status = &schema["openAPIV3Schema"]["properties"]["status"]["properties"];
    assert_eq!(of_status.as_object().unwrap().keys().collect::<Vec<_>>(), ["canonicalARN", "userID"]);
}

#[test]
fn the_shipped_example_holds_objects_of_the_shipped_kind() {
    let objects: Vec<IAMIdentityMapping> = serde_saphyr::from_multiple(&read(EXAMPLE)).unwrap();
    assert_eq!(objects.len(), 2);
    for object in objects {
        let spec = read_spec(&json!({"metadata": {}, "spec": object.spec})).unwrap();
        assert_eq!(spec, object.spec);
        assert!(spec.arn.starts_with("arn:aws:iam::") && !spec.username.is_empty() && !spec.groups.is_empty());
    }
}

#[test]
fn objects_made_for_the_references_crd_are_read() {
    let spec = |groups: &[&str]| IamIdentityMappingSpec {
        arn: "arn:aws:iam::111122223333:role/Dev".to_owned(),
        username: "dev".to_owned(),
        groups: groups.iter().map(ToString::to_string).collect(),
        ..IamIdentityMappingSpec::default()
    };
    let written = |members: Value| {
        let mut object = json!({
            "apiVersion": "iamauthenticator.k8s.aws/v1alpha1",
            "kind": "IAMIdentityMapping",
            "metadata": {
                "name": "dev",
                "uid": "u1",
                "creationTimestamp": "2024-01-01T00:00:00Z",
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"arn": "arn:aws:iam::111122223333:role/Dev", "username": "dev"},
        });
        let members = members.as_object().unwrap().clone();
        object["spec"].as_object_mut().unwrap().extend(members);
        object
    };
    for (what, object, groups) in [
        ("no groups, no status", written(json!({})), &[][..]),
        ("null groups", written(json!({"groups": null})), &[]),
        ("groups", written(json!({"groups": ["a", "b"]})), &["a", "b"]),
        ("unknown members", written(json!({"groups": [], "color": {"deep": [1, null]}})), &[]),
    ] {
        assert_eq!(read_spec(&object), Ok(spec(groups)), "{what}");
        let typed: IAMIdentityMapping = serde_json::from_value(object).unwrap();
        assert_eq!((typed.spec, typed.status), (spec(groups), None), "{what}");
    }
    let object: MappingObject = serde_json::from_value(written(json!({}))).unwrap();
    assert_eq!((object.name(), object.uid(), object.created()), ("dev", "u1", 1_704_067_200));
}

#[test]
fn an_odd_object_is_read_and_its_faults_are_told() {
    let good = json!({"arn": "a", "username": "u"});
    let with = |members: Value| {
        let mut spec = good.clone();
        spec.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        spec
    };
    for (spec, keys) in [
        (json!(null), &["spec.arn", "spec.username"][..]),
        (json!([1]), &["spec"]),
        (json!({"username": "u"}), &["spec.arn"]),
        (with(json!({"arn": 5, "username": true})), &["spec.arn", "spec.username"]),
        (with(json!({"groups": "g"})), &["spec.groups"]),
        (with(json!({"groups": ["g", 7, null]})), &["spec.groups[1]", "spec.groups[2]"]),
        (with(json!({"userid": null})), &["spec.userid"]),
        (with(json!({"notAfter": null, "notBefore": 1})), &["spec.notBefore", "spec.notAfter"]),
    ] {
        let faults: Vec<SpecFault> = read_spec(&json!({"metadata": {"name": "n"}, "spec": spec})).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), keys, "{spec}");
    }
    for status in [json!(null), json!(5), json!({"canonicalARN": 5}), json!({"canonicalARN": null})] {
        let mut object: MappingObject = serde_json::from_value(json!({"spec": good, "status": status})).unwrap();
        assert_eq!(object.take_canonical_arn(), None, "{status}");
    }
}

fn read_spec(object: &Value) -> Result<IamIdentityMappingSpec, Vec<SpecFault>> {
    serde_json::from_value::<MappingObject>(object.clone()).unwrap().into_spec()
}

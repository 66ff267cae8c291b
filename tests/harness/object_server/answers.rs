//! What each request is answered with.

use std::convert::Infallible;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::apply::apply;
use super::selector::Selector;
use super::store::{Refusal, key_of, merge};
use super::watches::{Wish, follow};
use super::{Asked, Desk, Manners, ROLE_BINDINGS};

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// Where the schemas of groups are.
const OPENAPI: &str = "/openapi/v3/apis/";

/// Where RoleBindings are written.
const RBAC_NAMESPACES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/";

/// Answers a request, after it was written down.
pub(super) async fn answer(desk: Arc<Desk>, request: Request<Incoming>) -> Answer {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let header = |name: &str| {
        let value = parts.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let asked = Asked {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        content_type: header("content-type"),
        accept: header("accept"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    desk.asked.send_modify(|all| all.push(asked.clone()));
    let mut manners = desk.manners.subscribe();
    let manners = manners.wait_for(|manners| !manners.hang).await.unwrap().clone();
    let refused = manners.refuse_path.filter(|(path, _)| asked.path.contains(path)).map(|(_, code)| code);
    if let Some(code) = refused.or(manners.refuse).or_else(|| manners.refuse_writes.filter(|_| asked.writes())) {
        return failure(code, "refused by the manners of the test");
    }
    let answer = match asked.path.as_str() {
        "/version" => response(200, &json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"})),
        path if path.starts_with(OPENAPI) => match &*desk.openapi.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(described) => response(200, described),
            None => failure(404, "the server could not find the requested resource"),
        },
        _ => on_objects(&desk, &asked, &manners),
    };
    desk.tell();
    answer
}

fn on_objects(desk: &Arc<Desk>, asked: &Asked, manners: &Manners) -> Answer {
    let bindings = asked.path.strip_prefix(RBAC_NAMESPACES).and_then(|rest| rest.split_once("/rolebindings/"));
    let key = bindings.map(|(namespace, name)| format!("{namespace}/{name}"));
    let place = key.as_deref().map(|key| (ROLE_BINDINGS, Some(key), None)).or_else(|| place(desk, &asked.path));
    let Some((collection, name, part)) = place else {
        return failure(404, "the server could not find the requested resource");
    };
    let mut store = desk.store();
    let outcome = match (&asked.method, name, part) {
        (&Method::GET, None, None) => {
            drop(store);
            return many(desk, asked, collection, manners);
        }
        (&Method::GET, Some(name), _) => {
            store.object(collection, name).map(|object| Value::clone(&object)).ok_or(Refusal::NotFound)
        }
        (&Method::POST, None, None) => {
            let created = store.create(collection, asked.body.clone());
            return created.map_or_else(refusal, |object| response(201, &object));
        }
        (&Method::PUT, Some(name), None) => store.change(collection, name, |object| *object = asked.body.clone()),
        (&Method::PATCH, Some(name), None) if collection == ROLE_BINDINGS => {
            let force = parameter(&asked.query, "force").as_deref() == Some("true");
            let manager = parameter(&asked.query, "fieldManager").unwrap_or_default();
            apply(&mut store, name, &asked.body, &manager, force)
        }
        (&Method::PATCH, Some(name), None) => match store.change(collection, name, |object| merge(object, &asked.body))
        {
            // Server-side apply makes what is not there.
            Err(Refusal::NotFound) if asked.content_type == "application/apply-patch+yaml" => {
                store.create(collection, asked.body.clone())
            }
            changed => changed,
        },
        (&Method::PUT | &Method::PATCH, Some(name), Some("status")) => store.change(collection, name, |object| {
            if !asked.body["metadata"]["resourceVersion"].is_null() {
                object["metadata"]["resourceVersion"] = asked.body["metadata"]["resourceVersion"].clone();
            }
            if asked.method == Method::PUT {
                object["status"] = asked.body["status"].clone();
            } else {
                merge(object, &json!({"status": asked.body["status"]}));
            }
        }),
        (&Method::DELETE, Some(name), None) => store.delete_if(collection, name, &asked.body["preconditions"]),
        _ => return failure(405, "the server does not allow this method on the requested resource"),
    };
    outcome.map_or_else(refusal, |object| response(200, &object))
}

/// A list or a watch.
fn many(desk: &Arc<Desk>, asked: &Asked, collection: &str, manners: &Manners) -> Answer {
    let of_query = |key: &str| parameter(&asked.query, key);
    let (fields, labels) = (of_query("fieldSelector"), of_query("labelSelector"));
    let selector = Selector::new(fields.as_deref(), labels.as_deref(), &asked.accept);
    let version = of_query("resourceVersion").filter(|version| !version.is_empty() && version != "0");
    if of_query("watch").as_deref() == Some("true") {
        let wish = Wish {
            collection: collection.to_owned(),
            types: if selector.metadata_only { partial("PartialObjectMetadata") } else { types_of(collection) },
            selector,
            since: version.map(|version| version.parse().unwrap()),
            bookmarks: of_query("allowWatchBookmarks").as_deref() == Some("true"),
        };
        return Response::builder()
            .header("content-type", "application/json")
            .body(StreamBody::new(follow(Arc::clone(desk), wish)).boxed_unsync())
            .unwrap();
    }
    let going_on = of_query("continue").filter(|token| !token.is_empty());
    if going_on.is_some() && manners.list_half {
        return failure(500, "the rest of the list cannot be had");
    }
    let store = desk.store();
    let (at, after) = match going_on.as_deref().and_then(|token| token.split_once('/')) {
        Some((version, after)) => (version.to_owned(), after.to_owned()),
        None => (store.newest().to_string(), String::new()),
    };
    let mut limit =
        of_query("limit").and_then(|limit| limit.parse().ok()).filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    limit = limit.min(manners.page.unwrap_or(usize::MAX));
    if manners.list_half {
        limit = limit.min(store.objects(collection).len().div_ceil(2).max(1));
    }
    let (items, more) = store.page(collection, &selector, &after, limit);
    let mut metadata = json!({"resourceVersion": at});
    if let Some(last) = items.last().filter(|_| more) {
        metadata["continue"] = Value::from(format!("{at}/{}", key_of(collection, last)));
    }
    let types = types_of(collection);
    let kind = format!("{}List", types["kind"].as_str().unwrap());
    let types = if selector.metadata_only { partial("PartialObjectMetadataList") } else { types };
    let kind = if selector.metadata_only { "PartialObjectMetadataList".to_owned() } else { kind };
    let items: Vec<Value> = items.iter().map(|object| selector.shown(object)).collect();
    response(200, &json!({"apiVersion": types["apiVersion"], "kind": kind, "metadata": metadata, "items": items}))
}

/// The collection of a path, and the object and subresource in it.
fn place<'p>(desk: &Desk, path: &'p str) -> Option<(&'p str, Option<&'p str>, Option<&'p str>)> {
    let store = desk.store();
    if store.has(path) {
        return Some((path, None, None));
    }
    let (above, last) = path.rsplit_once('/')?;
    if store.has(above) {
        return Some((above, Some(last), None));
    }
    let (collection, name) = above.rsplit_once('/')?;
    store.has(collection).then_some((collection, Some(name), Some(last)))
}

fn partial(kind: &str) -> Value {
    json!({"apiVersion": "meta.k8s.io/v1", "kind": kind})
}

fn types_of(collection: &str) -> Value {
    let mut parts = collection.split('/').skip(1);
    let version = match (parts.next(), parts.next(), parts.next()) {
        (Some("apis"), Some(group), Some(version)) => format!("{group}/{version}"),
        (_, version, _) => version.unwrap_or_default().to_owned(),
    };
    let kind = match collection.rsplit('/').next() {
        Some("accessentries") => "AccessEntry",
        Some("configmaps") => "ConfigMap",
        Some("events") => "Event",
        Some("iamidentitymappings") => "IAMIdentityMapping",
        Some("leases") => "Lease",
        Some("namespaces") => "Namespace",
        Some("rolebindings") => "RoleBinding",
        Some("clusterroles") => "ClusterRole",
        Some("clusterrolebindings") => "ClusterRoleBinding",
        _ => "Unknown",
    };
    json!({"apiVersion": version, "kind": kind})
}

fn parameter(query: &str, key: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(name, _)| *name == key)?;
    Some(percent_decode_str(&value.replace('+', " ")).decode_utf8().unwrap().into_owned())
}

fn refusal(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Conflict => failure_with(
            409,
            "Conflict",
            "the object has been modified; please apply your changes to the latest version",
        ),
        Refusal::Exists => failure_with(409, "AlreadyExists", "the object already exists"),
        Refusal::Invalid => failure(422, "cannot change roleRef"),
        Refusal::NotFound => failure(404, "the object is not found"),
        Refusal::Terminating => {
            let mut status = status(403, "unable to create new content in a namespace that is being terminated");
            status["details"] = json!({"causes": [{"reason": "NamespaceTerminating", "message": "it ends"}]});
            response(403, &status)
        }
    }
}

/// A `Status` that tells of a failure.
pub(super) fn status(code: u16, message: &str) -> Value {
    let reason = match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        405 => "MethodNotAllowed",
        409 => "Conflict",
        410 => "Expired",
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        _ => "InternalError",
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

fn failure(code: u16, message: &str) -> Answer {
    response(code, &status(code, message))
}

fn failure_with(code: u16, reason: &str, message: &str) -> Answer {
    let mut status = status(code, message);
    status["reason"] = Value::from(reason);
    response(code, &status)
}

fn response(status: u16, body: &Value) -> Answer {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()).boxed_unsync())
        .unwrap()
}

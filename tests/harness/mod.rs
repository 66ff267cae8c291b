//! What tests stand on.

pub(crate) mod api_server;
pub(crate) mod authority;
pub(crate) mod aws;
pub(crate) mod bridge;
pub(crate) mod cluster;
pub(crate) mod desk;
pub(crate) mod h1;
pub(crate) mod object_server;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod review_server;
pub(crate) mod vectors;
pub(crate) mod waiting;
pub(crate) mod webhook_server;
pub(crate) mod wire;

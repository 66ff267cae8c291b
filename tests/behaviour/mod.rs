//! Behaviour through the public face; no outside program is needed.

mod architecture;
mod arn;
mod authenticate;
mod certificate;
mod cli;
mod config;
mod demo;
mod denial;
mod deny;
mod explain;
mod get_token;
mod get_token_aws;
mod identity;
mod identity_cache;
mod imds;
mod mapping;
mod mapping_entries;
mod mapping_properties;
mod packaging;
mod secrets;
mod server;
mod sources;
mod sts;
mod template;
mod token;
mod user_asks;

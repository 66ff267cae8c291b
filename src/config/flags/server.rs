//! Flags of what runs beside the API server: `server` and `init`.

use std::path::PathBuf;

use clap::Args;

use super::switch;

/// Flags of `server`.
#[derive(Args, Clone, Debug, Default)]
pub struct Server {
    /// AWS partition of the tokens [default: aws]
    #[arg(long, value_name = "NAME")]
    pub partition: Option<String>,

    /// Port of the webhook, with TLS; 0 takes a free one [default: 21362]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,

    /// IP address of the webhook [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub address: Option<String>,

    /// Host name in the certificate and the webhook kubeconfig [default: localhost]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,

    /// Directory of certificate and key [default: /var/aws-iam-authenticator]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Where the webhook kubeconfig is written [default: /etc/kubernetes/aws-iam-authenticator/kubeconfig.yaml]
    #[arg(long, value_name = "FILE")]
    pub generate_kubeconfig: Option<PathBuf>,

    /// The webhook kubeconfig is there already: do not write it
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub kubeconfig_pregenerated: Option<bool>,

    /// Kubeconfig for the Kubernetes sources
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// URL of the API server for the Kubernetes sources
    #[arg(long, value_name = "URL")]
    pub master: Option<String>,

    /// Sources of mappings, in the order they are asked [default: MountedFile]
    #[arg(long, value_name = "MODES", value_delimiter = ',')]
    pub backend_mode: Vec<String>,

    /// EC2 DescribeInstances calls a second [default: 15]
    #[arg(long = "ec2-describeInstances-qps", value_name = "N")]
    pub ec2_describe_instances_qps: Option<u32>,

    /// EC2 DescribeInstances calls at once [default: 5]
    #[arg(long = "ec2-describeInstances-burst", value_name = "N")]
    pub ec2_describe_instances_burst: Option<u32>,

    /// Refuse a config file with a key that is not known
    #[arg(long, value_name = "BOOL", value_parser = switch, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict_config: Option<bool>,
}

/// Flags of `init`.
#[derive(Args, Clone, Debug, Default)]
pub struct Init {
    /// Host name in certificate and kubeconfig [default: localhost]
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,

    /// IP address in the certificate [default: 127.0.0.1]
    #[arg(long, value_name = "IP")]
    pub address: Option<String>,

    /// Port in the kubeconfig [default: 21362]
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Directory of certificate and key, with the gate ConfiguredInitDirectories
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Where the kubeconfig is written, with the gate ConfiguredInitDirectories
    #[arg(long, value_name = "FILE")]
    pub generate_kubeconfig: Option<PathBuf>,

    /// Make a client certificate for the API server too, and put it into the kubeconfig
    #[arg(long)]
    pub client_cert: bool,

    /// Write an access entry too that makes this role or user an administrator of the cluster: the way back in
    #[arg(long, value_name = "ARN")]
    pub bootstrap_admin: Option<String>,
}

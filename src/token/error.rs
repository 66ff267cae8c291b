//! The rules a token can break, one variant each.

/// The first rule a token breaks. Holds no byte of the caller's text.
///
/// All are class format, and none of them touches the network. Numbers are those of `docs/token-rules.md`; where one
/// rule is broken in two ways, both stand here.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// Rule 1: over 4096 bytes.
    #[error("token is too large")]
    TooLarge,
    /// Rule 2: does not begin with `k8s-aws-v1.`.
    #[error("token is missing expected `k8s-aws-v1.` prefix")]
    BadPrefix,
    /// Rule 3: no unpadded URL-safe base64.
    #[error("token is no unpadded URL-safe base64 after its prefix")]
    BadBase64,
    /// Rule 4: no URL, or one with a byte that is not printable ASCII.
    #[error("presigned URL cannot be parsed")]
    UnparsableUrl,
    /// Rule 5: not https.
    #[error("presigned URL does not begin with `https://`")]
    BadScheme,
    /// Rule 6: a host that is not STS's in this partition, or a port, or a user name before the host.
    #[error("host of the presigned URL is none of STS in this partition; a port or user name is refused too")]
    BadHost,
    /// Rule 7: a path other than `/`.
    #[error("path of the presigned URL is not `/`")]
    BadPath,
    /// Rule 8: a bad percent-escape or a raw semicolon.
    #[error("query of the presigned URL is malformed")]
    BadQuery,
    /// Rule 9: two spellings of one parameter.
    #[error("presigned URL has one parameter in two spellings")]
    NamesCollide,
    /// Rule 10: a parameter that is not on the list.
    #[error("presigned URL has a parameter that is not allowed")]
    ParameterNotAllowed,
    /// Rule 10: one parameter twice.
    #[error("presigned URL has one parameter twice")]
    ParameterRepeated,
    /// Rule 11: another action, or none.
    #[error("presigned URL asks for another action than `GetCallerIdentity`")]
    BadAction,
    /// Rule 12: the cluster header is not signed.
    #[error("header `x-k8s-aws-id` is not signed; make the token for a cluster id")]
    ClusterHeaderNotSigned,
    /// Rule 13: no integer from 0 to 900.
    #[error("X-Amz-Expires is no whole number from 0 to 900")]
    BadExpires,
    /// Rule 14: absent or empty.
    #[error("X-Amz-Date is missing")]
    DateMissing,
    /// Rule 16: not `yyyymmddThhmmssZ`.
    #[error("X-Amz-Date is no date of the form yyyymmddThhmmssZ")]
    BadDate,
    /// Rule 17: older than 15 minutes.
    #[error("token is expired; X-Amz-Date is more than 15 minutes ago")]
    Expired,
    /// Preflight: absent, or not 64 lower-case hex digits.
    #[error("X-Amz-Signature is not 64 lower-case hex digits")]
    SignatureShape,
    /// Preflight: not `<key id>/<day of X-Amz-Date>/<region of the host>/sts/aws4_request`.
    #[error(
        "X-Amz-Credential is not `KEYID/DAY/REGION/sts/aws4_request` with the day of X-Amz-Date and the host's region"
    )]
    CredentialScope,
    /// Preflight: not 16 to 128 of letters, digits and `_`.
    #[error("access key id in X-Amz-Credential is not 16 to 128 of letters, digits and `_`")]
    AccessKeyIdShape,
    /// Preflight: another algorithm, or none.
    #[error("X-Amz-Algorithm is not `AWS4-HMAC-SHA256`")]
    Algorithm,
    /// Preflight: another version, or none.
    #[error("Version is not `2011-06-15`")]
    Version,
    /// Preflight: more than 5 minutes ahead.
    #[error("X-Amz-Date is more than 5 minutes in the future; compare the clocks of client and server")]
    DateInFuture,
    /// `server.sts.allowedRegions` does not name the host's region.
    #[error("the host's region is not among server.sts.allowedRegions")]
    RegionNotAllowed,
}

impl TokenError {
    /// Every rule, in the order they are checked.
    pub const ALL: [Self; 24] = [
        Self::TooLarge,
        Self::BadPrefix,
        Self::BadBase64,
        Self::UnparsableUrl,
        Self::BadScheme,
        Self::BadHost,
        Self::BadPath,
        Self::BadQuery,
        Self::NamesCollide,
        Self::ParameterNotAllowed,
        Self::ParameterRepeated,
        Self::BadAction,
        Self::ClusterHeaderNotSigned,
        Self::BadExpires,
        Self::DateMissing,
        Self::BadDate,
        Self::Expired,
        Self::SignatureShape,
        Self::CredentialScope,
        Self::AccessKeyIdShape,
        Self::Algorithm,
        Self::Version,
        Self::DateInFuture,
        Self::RegionNotAllowed,
    ];

    /// The detail beside the reason code: the spelling of the vectors.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::BadPrefix => "bad_prefix",
            Self::BadBase64 => "bad_base64",
            Self::UnparsableUrl => "unparsable_url",
            Self::BadScheme => "bad_scheme",
            Self::BadHost => "bad_host",
            Self::BadPath => "bad_path",
            Self::BadQuery => "bad_query",
            Self::NamesCollide | Self::ParameterRepeated => "parameter_repeated",
            Self::ParameterNotAllowed => "parameter_not_allowed",
            Self::BadAction => "bad_action",
            Self::ClusterHeaderNotSigned => "cluster_header_not_signed",
            Self::BadExpires => "bad_expires",
            Self::DateMissing => "date_missing",
            Self::BadDate => "bad_date",
            Self::Expired => "expired",
            Self::SignatureShape => "signature_shape",
            Self::CredentialScope => "credential_scope",
            Self::AccessKeyIdShape => "access_key_id_shape",
            Self::Algorithm => "algorithm",
            Self::Version => "version",
            Self::DateInFuture => "date_in_future",
            Self::RegionNotAllowed => "region_not_allowed",
        }
    }

    /// Whether age alone refuses it (reason code `token_expired`; every other is `token_format`).
    #[must_use]
    pub const fn is_expired(self) -> bool {
        matches!(self, Self::Expired)
    }
}

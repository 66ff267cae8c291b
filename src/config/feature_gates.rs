//! `--feature-gates`: the reference's gates, by its rules. The config key of that name is not read, as there.

/// The gates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FeatureGates {
    /// `ConfiguredInitDirectories`: `init` writes to `stateDir` and `generateKubeconfig`. Off by default.
    pub configured_init_directories: bool,
    /// `SSORoleMatch`: SSO entries match. On by default, unlike the reference's.
    pub sso_role_match: bool,
}

impl Default for FeatureGates {
    fn default() -> Self {
        Self { configured_init_directories: false, sso_role_match: true }
    }
}

/// Why an item of the list is bad.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FeatureGateError {
    /// No `=`.
    #[error("feature gate `{0}` has no value; write {0}=true or {0}=false")]
    NoValue(String),
    /// No boolean.
    #[error("feature gate `{name}` has the value `{value}`, which is not a boolean; write {name}=true or {name}=false")]
    NotABoolean {
        /// The gate.
        name: String,
        /// As written.
        value: String,
    },
    /// Not ours.
    #[error(
        "feature gate `{0}` is not known; the gates are ConfiguredInitDirectories, IAMIdentityMappingCRD, SSORoleMatch, AllAlpha, AllBeta"
    )]
    Unknown(String),
}

impl FeatureGates {
    /// From `Name=true` items; names are compared with case. `AllAlpha` sets every gate that is not named itself,
    /// wherever it stands; `AllBeta` and `IAMIdentityMappingCRD` change nothing.
    ///
    /// # Errors
    /// Every bad item.
    pub fn parse(items: &[String]) -> Result<Self, Vec<FeatureGateError>> {
        let (mut all_alpha, mut init, mut sso) = (None, None, None);
        let mut errors = Vec::new();
        for item in items.iter().map(|item| item.trim()).filter(|item| !item.is_empty()) {
            let (name, value) = match parse_item(item) {
                Ok(pair) => pair,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            match name {
                "AllAlpha" => all_alpha = Some(value),
                "AllBeta" | "IAMIdentityMappingCRD" => {}
                "ConfiguredInitDirectories" => init = Some(value),
                "SSORoleMatch" => sso = Some(value),
                _ => errors.push(FeatureGateError::Unknown(name.to_owned())),
            }
        }
        let default = Self::default();
        let gates = Self {
            configured_init_directories: init.or(all_alpha).unwrap_or(default.configured_init_directories),
            sso_role_match: sso.or(all_alpha).unwrap_or(default.sso_role_match),
        };
        if errors.is_empty() { Ok(gates) } else { Err(errors) }
    }
}

fn parse_item(item: &str) -> Result<(&str, bool), FeatureGateError> {
    let (name, value) = item.split_once('=').ok_or_else(|| FeatureGateError::NoValue(item.to_owned()))?;
    let (name, value) = (name.trim(), value.trim());
    super::flags::switch(value)
        .map(|value| (name, value))
        .map_err(|_| FeatureGateError::NotABoolean { name: name.to_owned(), value: value.to_owned() })
}

//! `server.mapRoles`, `mapUsers`, `mapAccounts`, `deny`, `reservedPrefixConfig` of the config file, re-read on change.

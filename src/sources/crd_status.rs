//! What one elected replica writes: `status.canonicalARN` of each IAMIdentityMapping, and the Event `Synced`.

//! Mappings of other formats as access entries.
//!
//! Every line of the input ends as converted, as changed (with what), or as not carried (with why and the cure);
//! nothing is lost in silence.

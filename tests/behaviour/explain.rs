//! Why a principal maps or not.

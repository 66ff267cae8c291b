//! Places, lanes and breakers: who may call STS now.

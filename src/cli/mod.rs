//! Arguments in, messages out.

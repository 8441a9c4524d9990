//! Repository metadata, parsed purely: `Release`, `Packages`.

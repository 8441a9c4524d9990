//! Lockfile ► the graph of edges that a build needs.

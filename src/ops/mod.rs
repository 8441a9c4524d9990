//! The verbs as library functions: stages put in order.

//! Requests + universe ► pins, or an explanation why there are none.

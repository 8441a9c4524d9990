//! Plan ► `build.ninja`; runs ninja.

//! What the emitters write, used: rules that must fire, scripts that must change a stand-in once and then nothing.

mod containers;
mod guests;
mod lab;
mod machine;
mod npm;
mod payload;
mod prometheus;
mod storage;
mod templates;

//! What the emitters write, used: rules that must fire, scripts that must change a stand-in once and then nothing.

mod containers;
mod lab;
mod machine;
mod npm;
mod prometheus;
mod templates;

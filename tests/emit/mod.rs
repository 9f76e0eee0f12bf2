//! Uses what the emitters write: rules must fire, and scripts must change a stand-in once and then
//! nothing.

mod alertmanager;
pub mod backup;
mod built;
mod choices;
mod cluster;
mod containers;
mod databases;
mod edge;
mod grafana;
mod guests;
mod health;
mod kept;
pub mod lab;
mod machine;
mod majors;
mod measured;
mod measures;
mod monitoring;
mod networks;
mod npm;
mod own_address;
pub mod payload;
mod profiles;
mod prometheus;
mod rclone;
mod repositories;
mod runbook;
mod shared_repository;
mod storage;
mod targets;
mod templates;
mod twice;
mod typed;
mod undeclared;
mod units;

#![doc = include_str!("../README.md")]

pub mod capture;
pub mod cli;
pub mod config;
pub mod demo;
pub mod enroll;
mod fetch;
mod join;
pub mod node;

#![allow(dead_code, reason = "each test program uses another part of it")]

pub mod ice_call;
pub mod two_addresses;

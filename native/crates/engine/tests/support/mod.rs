pub mod ice_call;
#[allow(dead_code, reason = "each test program uses another part of it")]
pub mod two_addresses;

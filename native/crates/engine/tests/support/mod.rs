pub mod ice_call;

//! Asking servers that answer, fail, stall, lie and vanish: no answer is lost, doubled or invented.

mod faults;
mod kill;
mod secrets;
mod stops;
mod support;

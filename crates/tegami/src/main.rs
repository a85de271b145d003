//! tegami
fn main() {}

//! Who keeps what when two want the same.

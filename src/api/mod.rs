//! The kinds: one file each, all alike. Fields, validation and CEL rules; no logic.

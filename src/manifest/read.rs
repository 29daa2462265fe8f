//! YAML in: as kubectl reads it (YAML 1.1 scalars), with line numbers, bounded.

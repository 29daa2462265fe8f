//! YAML out: deterministic, and read alike by YAML 1.1 and 1.2 readers.

//! Which destinations, and which paths there.

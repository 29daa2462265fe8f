//! One thread and one mailbox per engine. What arrives while a push is under way goes into the next
//! one; an owner's newer entry replaces its older one.

//! From files of responses, events and masks to a store.

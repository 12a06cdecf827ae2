//! GIFTI: surfaces and data on their vertices.

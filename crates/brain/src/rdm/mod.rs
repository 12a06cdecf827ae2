//! Dissimilarities of brain patterns, and their comparison with others.

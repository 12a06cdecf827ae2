//! Media: clips and pictures decoded to frames, checked, measured and cached.

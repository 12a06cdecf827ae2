//! HDF5 behind one narrow trait.

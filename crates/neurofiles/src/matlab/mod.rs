//! MATLAB files: version 4 to 7, and 7.3 over HDF5.

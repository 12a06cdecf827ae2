//! NIfTI-1 and NIfTI-2 volumes, single files and pairs, compressed or not.

//! Names of files that fMRIPrep, GLMsingle and BIDS give their derivatives.

//! CIFTI-2: matrices over grayordinates, series, scalars, labels and parcels.

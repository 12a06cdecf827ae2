//! Responses of one subject by voxel and stimulus.

//! What the dimensions of an embedding mean: the ratings that follow them, their names, how much of them
//! ratings explain, and maps of the stimuli.

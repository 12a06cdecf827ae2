//! What could have come by chance: permutations, bootstraps, clusters, ceilings, prevalence.

//! FreeSurfer's surfaces, curvatures, annotations, labels, patches and MGH volumes.

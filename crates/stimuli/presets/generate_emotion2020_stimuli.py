"""The stimuli of the 2020 emotion fMRI study, label by label: python generate_emotion2020_stimuli.py

Facts: 61 runs x 36 clips = 2,196 presentations, one per label. Labels 1 to 2185 are the file numbers of
Cowen & Keltner (2017); labels 2186 to 2196 show files 1 to 11 again (their captions say the same). Four more
pairs of files show the same clip. The published analysis (Horikawa et al. 2020) drops one label of each of
these 15 pairs, which leaves 2,181. Later studies report 2,180 and do not say which one more was dropped;
the pairs noted as near duplicates have the most similar captions of all others and are candidates.
"""

from pathlib import Path

AGAIN = {label: label - 2185 for label in range(2186, 2197)}
SAME = {859: 472, 866: 259, 1673: 846, 2184: 2157}
DROPPED = {1, 4, 5, 6, 7, 8, 11, 859, 866, 1673, 2157, 2187, 2188, 2194, 2195}
NEAR = [(1349, 1363), (910, 1874), (780, 1449), (1157, 1572), (1520, 1869)]

near = {a: b for pair in NEAR for a, b in (pair, pair[::-1])}
lines = ["label\tfile\tduplicate_of\tin_2185\tin_2181\tnear_duplicate"]
for label in range(1, 2197):
    shown = AGAIN.get(label, label)
    duplicate = AGAIN.get(label, SAME.get(label, "n/a"))
    lines.append(
        f"{label}\t{shown:04d}.mp4\t{duplicate}\t{int(label <= 2185)}\t{int(label not in DROPPED)}\t{near.get(label, 'n/a')}"
    )
Path(__file__).with_name("emotion2020_stimuli.tsv").write_text("\n".join(lines) + "\n")

"""Times `examples/extract` against the ffmpeg command line with the same frames, size and raw RGB out.

    against_ffmpeg.py EXTRACT CLIP ... [--rounds 5]

Runs alternate. Prints, for each clip and policy, the median user + system CPU seconds and the median wall seconds
of ffmpeg as a user would call it, of `extract` with both decoders, and of `extract` choosing by itself.
"""

import argparse
import json
import resource
import statistics
import subprocess
import time


def measured(command):
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - begun


def frames(clip):
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=nb_frames", "-of", "json"]
    return int(json.loads(subprocess.check_output([*command, clip]))["streams"][0]["nb_frames"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("extract")
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for clip in given.clips:
        n = frames(clip)
        chosen = [n * (2 * part + 1) // 6 for part in range(3)]
        for at, size, filters in [
            ("uniform:3", "original", "select='" + "+".join(f"eq(n,{frame})" for frame in chosen) + "'"),
            ("uniform:3", "224", "select='" + "+".join(f"eq(n,{frame})" for frame in chosen) + "',scale=224:-1"),
            ("fps:2", "original", "fps=2"),
            ("every", "original", "null"),
            ("every", "224", "scale=224:-1"),
        ]:
            theirs = ["ffmpeg", "-nostdin", "-v", "error", "-i", clip, "-vf", filters, "-vsync", "passthrough"]
            commands = {"ffmpeg alone": [*theirs, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]}
            for decoder in ["built-in", "ffmpeg", "auto"]:
                commands[decoder] = [given.extract, clip, at, size, decoder]
            runs = {name: [] for name in commands}
            for _ in range(given.rounds):
                for name, command in commands.items():
                    runs[name].append(measured(command))
            medians = {name: [statistics.median(one) for one in zip(*times)] for name, times in runs.items()}
            print(clip.split("/")[-1], at, size, *(f"| {name} {cpu:.2f} {wall:.2f}" for name, (cpu, wall) in medians.items()))


if __name__ == "__main__":
    main()

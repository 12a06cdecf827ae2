"""Times `examples/extract` against the ffmpeg command line with the same frames, size, threads (one) and raw RGB out.

    against_ffmpeg.py CLIP ... --extract NAME=PROGRAM ... [--rounds 5] [--decoder auto ...]

Runs alternate. Prints, for each clip and policy, the least user + system CPU seconds of the rounds: of ffmpeg with its
output thrown away, of ffmpeg with its output read by another process, as frames are that a program works with, and of
each `extract` with each decoder. A run is the clip so many times over, as a study has many, and is divided by as much;
`extract` does it in one process, which asks ffmpeg for its version once. CPU time, since it varies least on a machine
that others use.
"""

import argparse
import json
import resource
import subprocess

# How often a run goes over a clip.
TIMES = 4


def measured(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def frames(clip):
    command = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=nb_frames", "-of", "json"]
    return int(json.loads(subprocess.check_output([*command, clip]))["streams"][0]["nb_frames"])


def selection(at, n):
    """Filters that take the frames of a policy, and how many frames they are if that ends the work early."""
    name, _, count = at.partition(":")
    if name != "uniform":
        return ["fps=" + count] if name == "fps" else [], ""
    k = int(count)
    chosen = [n * (2 * part + 1) // (2 * k) for part in range(k)]
    return ["select='" + "+".join(f"eq(n\\,{frame})" for frame in chosen) + "'"], f"-frames:v {k}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--extract", nargs="+", required=True, type=lambda text: text.split("=", 1))
    parser.add_argument("--decoder", nargs="+", default=["auto"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--at", nargs="+", default=["uniform:1", "uniform:3", "uniform:8", "fps:2", "every"])
    given = parser.parse_args()
    for clip in given.clips:
        n = frames(clip)
        for at in given.at:
            for size in ["224", "original"]:
                filters, count = selection(at, n)
                filters += ["scale=224:-1"] if size == "224" else []
                theirs = f"ffmpeg -nostdin -v error -threads 1 -i {clip} -vf \"{','.join(filters) or 'null'}\" {count}"
                theirs += " -fps_mode passthrough -f rawvideo -pix_fmt rgb24 -"
                again = "for time in $(seq %d); do %s; done"
                commands = {"ffmpeg": again % (TIMES, theirs), "ffmpeg read": again % (TIMES, theirs + " | cat")}
                for name, program in given.extract:
                    for decoder in given.decoder:
                        commands[f"{name} {decoder}"] = f"{program} {clip} {at} {size} {decoder} {TIMES}"
                runs = {name: [] for name in commands}
                for _ in range(given.rounds):
                    for name, command in commands.items():
                        runs[name].append(measured(command) / TIMES)
                found = (f"{name} {min(times):.3f}" for name, times in runs.items())
                print(clip.split("/")[-1], at, size, *found, sep=" | ", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Kills one of three ranks of train_mlp, which save after every step, at random moments, and has all go on from there.

All must end within ten seconds, with one line that says which has ended and how to go on; no step that was saved is
lost, and in the end the network has the bytes of a run of one process that was never killed, whatever number of ranks
each part had. Arguments: mpirun, train_mlp, and how many times.
"""
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

mpirun, train_mlp, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
common = [train_mlp, *"--data iris --epochs 40 --batch 8 --dropout 0.1 --validation 0.2 --threads 1 --shards 4".split()]


def steps(checkpoint):
    with open(checkpoint, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        return int(json.loads(file.read(length))["__metadata__"]["fit.steps"])


def stamp(path):
    return os.stat(path).st_mtime_ns if os.path.exists(path) else 0


def children(process):
    """Those of the children of mpirun: each has one that does its work."""
    return sorted(child for parent in list_children(process) for child in list_children(parent))


def list_children(process):
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as file:
                name, rest = file.read().rsplit(")", 1)
        except (OSError, ValueError):
            continue
        if rest.split()[1] == str(process) and rest.split()[0] != "Z" and name.endswith("(train_mlp"):
            found.append(int(entry))
    return found


with tempfile.TemporaryDirectory() as folder:
    checkpoint, network, expected = (os.path.join(folder, name) for name in ("c", "network", "expected"))
    subprocess.run([*common, "--save", expected], check=True, stdout=subprocess.DEVNULL)
    random.seed()
    done = said = ends = last = 0
    slowest = 0.0
    while done < kills or ends == 0:
        ranks = random.choice((2, 3, 4)) if done < kills else random.choice((1, 3))
        command = [mpirun, "--oversubscribe", "-n", str(ranks), *common]
        command += ["--checkpoint", checkpoint, "--checkpoint-steps", "1", "--save", network]
        command += ["--resume"] if os.path.exists(checkpoint) else []
        was_killed = False
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done < kills:
            before = stamp(checkpoint)
            limit = time.monotonic() + (60 if done % 2 else 0)
            while run.poll() is None and stamp(checkpoint) == before and time.monotonic() < limit:
                time.sleep(0.002)  # until it trains
            time.sleep(random.random() * (0.2 if done % 2 else 0.8))
            alive = children(run.pid)
            if len(alive) == ranks:
                try:
                    os.kill(random.choice(alive), signal.SIGKILL)
                    was_killed = True
                    done += 1
                except ProcessLookupError:
                    pass
        killed = time.monotonic()
        try:
            errors = run.communicate(timeout=10 if was_killed else 120)[1]
        except subprocess.TimeoutExpired:
            alive = list_children(run.pid)
            run.kill()
            if alive or not was_killed:
                sys.exit("the ranks have not ended within ten seconds")
            errors = run.communicate()[1]  # Open MPI 4.1 may wait for itself once all have ended
        lines = [line for line in errors.splitlines() if line.startswith("train_mlp: ")]
        if run.returncode != 0:
            slowest = max(slowest, time.monotonic() - killed) if run.returncode > 0 else slowest
            # Killed before training began, or while it ended, there is nothing to say.
            if len(lines) > 1:
                sys.exit("more than one line says what happened:\n" + errors)
            if lines:
                if "has ended" not in lines[0] or "--resume" not in lines[0]:
                    sys.exit("the line says nothing of the rank or of how to go on: " + lines[0])
                said += 1
        if not os.path.exists(checkpoint):
            continue
        now = steps(checkpoint)
        if now < last:
            sys.exit("a step was lost")
        last = now
        if run.returncode == 0:
            ends += 1
            with open(network, "rb") as first, open(expected, "rb") as second:
                if first.read() != second.read():
                    sys.exit("the network is not that of a run that was never killed")
            os.remove(checkpoint), os.remove(network)
            last = 0
    print(f"killed {done} times, said {said} times; the slowest end took {slowest:.1f} s; {ends} runs came to their end")
    if kills >= 5 and said == 0:
        sys.exit("nobody said what had happened")

"""Bytes that change under the program: in what it wrote, in what it left unfinished, in what it reads."""

import os
import shutil
import signal
import subprocess
import time

from attacks.ground import Outcome, attack, files, flip, work_folder

FORMATS = {
    "megatron": ["--tp", 2],
    "ranks": ["--tp", 2, "--pp", 2],
    "fsdp_dtensor": ["--fsdp", 3],
    "mimo": ["--component", "language=tp=2", "--component", "images=tp=1"],
}


def made(ground, to, source):
    out = source.parent / to
    outcome = ground.run("convert", "--plugin", "Qwen3VL", "--to", to, *FORMATS[to], source, out)
    return out, outcome


@attack("F5", "a bit rots in a checkpoint that a report knows")
def rotten_output(ground):
    tries = 40 if ground.is_long else 6
    for to in FORMATS:
        source = ground.model()
        out, outcome = made(ground, to, source)
        if outcome.code:
            yield to, outcome.why
            continue
        good = source.parent / "good"
        ground.convert(out, good, to="hf")
        expected = {p.relative_to(good): p.read_bytes() for p in files(good) if p.name != "conversion_report.json"}
        # Trackers are rewritten by every trainer that goes on from here.
        apart = ("conversion_report.json", "latest_train_state.pt", "latest_checkpointed_iteration.txt")
        candidates = [p for p in files(out) if p.name not in apart and p.stat().st_size > 0]
        weights = [p for p in candidates if p.suffix in (".distcp", ".safetensors")]
        for number in range(tries):
            path = ground.random.choice(weights if number % 2 else candidates)
            at, bit = ground.random.randrange(path.stat().st_size), ground.random.randrange(8)
            what = f"{to}, {path.relative_to(out)} byte {at} bit {bit}"
            flip(path, at, bit)
            check = ground.run("verify", "--plugin", "Qwen3VL", out)
            yield what + ", verify", None if check.code not in (0,) else "verify does not see it"
            back = source.parent / "back"
            outcome = ground.convert(out, back, to="hf")
            if outcome.code:
                yield what, ground.expect_refusal(outcome, back)
            else:
                found = {p.relative_to(back): p.read_bytes() for p in files(back) if p.name != "conversion_report.json"}
                yield what, None if found == expected else "other bytes came out, exit 0"
            shutil.rmtree(back, ignore_errors=True)
            flip(path, at, bit)


@attack("F6", "a bit rots in an unfinished output")
def rotten_work(ground):
    for records in (4, 8, 16):
        source = ground.model()
        out = source.parent / "out"
        ground.stop_at(source, out, records)
        candidates = sorted((work_folder(out) / "out").rglob("*.distcp"))
        if not candidates:
            yield f"record {records}", "the run was not stopped where it should"
            continue
        for path in candidates:
            data = path.read_bytes()
            # Somewhere that was written.
            places = [place for place in range(len(data)) if data[place] != 0]
            if places:
                flip(path, ground.random.choice(places), ground.random.randrange(8))
        outcome = ground.convert(source, out)
        if outcome.code == 0:
            yield f"record {records}", ground.same(source, out)
        else:
            yield f"record {records}", ground.expect_refusal(outcome, out, "--restart")
            outcome = ground.convert(source, out, "--restart")
            yield f"record {records}, begun anew", outcome.why if outcome.code else ground.same(source, out)


@attack("F6", "a journal is cut, flipped or grown")
def rotten_journal(ground):
    source = ground.model()
    out = source.parent / "out"
    ground.stop_at(source, out, 12)
    kept = source.parent / "kept"
    shutil.copytree(work_folder(out), kept)
    data = (kept / "journal").read_bytes()
    changes = [("flipped", ground.random.randrange(len(data))) for _ in range(20 if ground.is_long else 6)]
    changes += [("cut", ground.random.randrange(len(data))) for _ in range(20 if ground.is_long else 6)]
    changes += [("grown", 0)]
    for how, place in changes:
        shutil.rmtree(work_folder(out), ignore_errors=True)
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(kept, work_folder(out))
        os.chmod(work_folder(out), 0o700)
        journal = work_folder(out) / "journal"
        if how == "flipped":
            flip(journal, place, ground.random.randrange(8))
        elif how == "cut":
            os.truncate(journal, place)
        else:
            with open(journal, "ab") as file:
                file.write(data[-200:])
        outcome = ground.convert(source, out)
        if outcome.code == 0:
            yield f"{how} at {place}", ground.same(source, out)
        else:
            yield f"{how} at {place}", ground.expect_refusal(outcome, out)


@attack("F7", "a source is written to in place, size and times kept")
def changed_source(ground):
    for number in (2, 10, 25):
        source = ground.model()
        out = source.parent / "out"
        stop = f"pwrite:.distcp:{number}:{int(signal.SIGSTOP)}"
        process = subprocess.Popen(
            [str(w) for w in ground.command("convert", "--plugin", "Qwen3VL", "--to", "megatron", "--jobs", 1, source, out)],
            env=ground.environment(stop), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        while process.poll() is None:
            with open(f"/proc/{process.pid}/stat") as file:
                if file.read().rsplit(")", 1)[1].split()[0] == "T":
                    break
            time.sleep(0.001)
        # ctime has a grain of some milliseconds: a change within one grain of the look before it can not be seen by anybody.
        time.sleep(0.02)
        for path in sorted(source.glob("*.safetensors")):
            size = path.stat().st_size
            for place in range(size // 3, size, 997):
                flip(path, place)
        process.send_signal(signal.SIGCONT)
        stdout, stderr = process.communicate(timeout=60)
        outcome = Outcome(process.returncode, stdout.decode(), stderr.decode())
        yield f"at write {number}", (
            ground.same(source, out) if outcome.code == 0 else ground.expect_refusal(outcome, out))
    source = ground.model()
    out = source.parent / "out"
    ground.stop_at(source, out, 10)
    for path in source.glob("*.safetensors"):
        flip(path, path.stat().st_size // 2)
        flip(path, path.stat().st_size - 10)
        flip(path, path.stat().st_size // 10)
        flip(path, 9 * path.stat().st_size // 10)
    outcome = ground.convert(source, out)
    yield "between stop and resume", (
        ground.same(source, out) if outcome.code == 0 else ground.expect_refusal(outcome, out))


@attack("F7", "only the ctime of a source moves")
def touched_source(ground):
    source = ground.model()
    out = source.parent / "out"
    ground.stop_at(source, out, 10)
    for path in source.iterdir():
        os.chmod(path, 0o640)
    outcome = ground.convert(source, out)
    yield "chmod between stop and resume", outcome.why if outcome.code else ground.same(source, out)

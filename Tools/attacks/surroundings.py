"""What an operator does around the program: closed descriptors, dumb terminals, values that are lost."""

import itertools
import os
import pty
import subprocess

from attacks.ground import FIXTURES, ROOT, Skip, attack


@attack("F2", "stdin, stdout and stderr are closed")
def closed_descriptors(ground):
    source = ground.model()
    for closed in itertools.chain.from_iterable(itertools.combinations((0, 1, 2), n) for n in (1, 2, 3)):
        out = ground.fresh() / "out"

        def close():
            for descriptor in closed:
                os.close(descriptor)

        command = [str(w) for w in ground.command("convert", "--plugin", "Qwen3VL", "--to", "megatron", source, out)]
        # Each look at the clock is six seconds later, so that there is progress to be told all the time.
        process = subprocess.run(
            command, env=ground.environment(clock=6), preexec_fn=close, timeout=120,
            stdin=subprocess.DEVNULL if 0 not in closed else None, stdout=subprocess.PIPE if 1 not in closed else None,
            stderr=subprocess.PIPE if 2 not in closed else None)
        # Where stdout is closed the report can not arrive, which is said by the exit code; OUT is whole all the same.
        expected = (0, 6) if 1 in closed else (0,)
        why = ground.same(source, out) if process.returncode in expected else f"exit {process.returncode}"
        yield f"{closed} closed", why


@attack("F17", "a dumb terminal gets escapes")
def dumb_terminal(ground):
    source = ground.model()
    for name, extra in (("TERM=dumb", {"TERM": "dumb"}), ("NO_COLOR", {"NO_COLOR": "1", "TERM": "xterm"})):
        out = ground.fresh() / "out"
        ours, theirs = pty.openpty()
        command = [str(w) for w in ground.command("convert", "--plugin", "Qwen3VL", "--to", "megatron", source, out)]
        process = subprocess.Popen(
            command, env=ground.environment(clock=6, **extra), stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        process.wait()
        os.close(ours)
        yield name, "it got ESC" if b"\x1b" in said else (f"exit {process.returncode}" if process.returncode else None)


@attack("F18", "values are lost without a word")
def lost_values(ground):
    shared = ROOT.parent / "shared/golden/qwen3_5_vl/hf"
    source = shared if shared.is_dir() else FIXTURES / "qwen3_5_vl/hf"
    out = ground.fresh() / "out"
    outcome = ground.convert(source, out, "-q")
    if outcome.code:
        yield "-q", outcome.why
        return
    import json
    lost = json.loads((out / "conversion_report.json").read_text())["lossy"]
    if not lost:
        raise Skip("this model loses nothing")
    said = [entry for entry in lost[:1] if entry["tensor"] in outcome.err]
    yield "-q", None if said else "nothing on stderr"
    strict = ground.fresh() / "out"
    outcome = ground.convert(source, strict, "--strict")
    yield "--strict", ground.expect_refusal(outcome, strict) if not outcome.code == 2 else "no such option"

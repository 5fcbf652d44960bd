"""A program that is killed, and a limit that it meets: each at a counted call."""

import resource
import signal

from attacks.ground import attack, files


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in files(folder) if p.name != "conversion_report.json"}


@attack("kill", "SIGKILL at a counted call, then the same command")
def killed(ground):
    source = ground.model()
    whole = source.parent / "whole"
    outcome = ground.convert(source, whole)
    yield "undisturbed", outcome.why if outcome.code else None
    expected = contents(whole)
    numbers = {"sync": range(1, 200, 3), "rename": (1, 2, 3), "pwrite": range(1, 400, 5)}
    for call, places in numbers.items():
        chosen = list(places) if ground.is_long else sorted(ground.random.sample(list(places), min(8, len(places))))
        for number in chosen:
            out = ground.fresh() / "out"
            # What names the run's own place may not differ: the paths of OUT are in run_config.yaml.
            first = ground.stop_at(source, out, number, call=call, part="mimo-attack", by=signal.SIGKILL)
            was_there = out.exists()
            if was_there and contents(out).keys() != expected.keys():
                yield f"{call} {number}", "OUT was there and not whole"
                continue
            if first.code == 0 or was_there:
                yield f"{call} {number}", ground.same(source, out)
                continue
            outcome = ground.convert(source, out)
            if outcome.code:
                yield f"{call} {number}", outcome.why
                continue
            found = contents(out)
            differing = [
                str(p) for p in expected
                if found.get(p) != expected[p] and p.name != "run_config.yaml"] + [str(p) for p in found if p not in expected]
            yield f"{call} {number}", f"{differing[:3]} differ" if differing else None


@attack("11", "few open files, many rank files")
def few_files(ground):
    source = ground.model()
    for limit in (24, 40, 64):
        out = ground.fresh() / "out"
        outcome = ground.convert(
            source, out, "--tp", 2, "--world-size", 96, to="ranks",
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        if outcome.code:
            yield f"ulimit -n {limit}, there", ground.expect_refusal(outcome, out, "ulimit -n")
            continue
        back = out.parent / "back"
        outcome = ground.convert(
            out, back, to="hf", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        yield f"ulimit -n {limit}, and back", outcome.why if outcome.code else ground.same(source, back)

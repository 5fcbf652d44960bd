"""Where attacks take place: a folder of their own, the program under attack, small models, and what is told of each try."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "Tests/Fixtures"
NOBODY = 65534
STRANGER = 1234

ATTACKS = []


def attack(fault, title):
    """Adds a function to the list; it takes a Ground and yields (what was tried, why it is broken or None)."""

    def add(function):
        ATTACKS.append((fault, title, function))
        return function

    return add


class Skip(Exception):
    """This attack can not be made here; says why."""


class Outcome:
    """How a run of the program ended, and what it said."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def is_one_line(self):
        """Whether it failed as it should: a documented code and one line that is no backtrace."""
        lines = [line for line in self.err.splitlines() if line.startswith("mimo-host: error: ")]
        return self.code in (2, 3, 4, 5, 6, 7, 8, 129, 130, 143) and len(lines) == 1

    @property
    def why(self):
        return f"exit {self.code}: {(self.err.strip().splitlines() or [''])[-1][:160]}"


class Ground:
    """A folder that goes away at the end, and the program."""

    def __init__(self, host, plugins, seed, is_long):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mimo-attack-"))
        os.chmod(self.folder, 0o755)
        # Other users must reach it, and `plugin list` looks beside it.
        self.host = self.folder / "bin/mimo-host"
        self.host.parent.mkdir()
        for file in [host] + sorted(plugins.glob("lib*.so")):
            shutil.copy(file, self.host.parent / file.name)
        self.random = random.Random(seed)
        self.is_long = is_long
        self.gate = self.folder / "bin/gate.so"
        compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
        if compiler is None:
            raise SystemExit("attack: needs a C compiler (Debian: apt-get install gcc)")
        source = pathlib.Path(__file__).with_name("gate.c")
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", self.gate, source, "-ldl"], check=True)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self, name="t"):
        """A new empty folder."""
        return pathlib.Path(tempfile.mkdtemp(prefix=name + "-", dir=self.folder))

    def model(self, name="qwen3_vl_moe"):
        """A copy of a fixture's Hugging Face folder; the plugin is Qwen3VL."""
        copy = self.fresh("hf") / "hf"
        shutil.copytree(FIXTURES / name / "hf", copy)
        return copy

    def command(self, *words, user=None):
        words = [str(self.host)] + [w if isinstance(w, bytes) else str(w) for w in words]
        if user is None:
            return words
        return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] + words

    def environment(self, stop=None, clock=None, **extra):
        environment = dict(os.environ, **extra)
        if stop or clock:
            environment["LD_PRELOAD"] = str(self.gate)
        if stop:
            environment["GATE_STOP"] = stop
        if clock:
            environment["GATE_CLOCK"] = str(clock)
        return environment

    def run(self, *words, user=None, stop=None, clock=None, timeout=120, **more):
        """Runs the program to its end."""
        environment = self.environment(stop, clock, **more.pop("extra", {}))
        process = subprocess.run(
            self.command(*words, user=user), capture_output=True, timeout=timeout, env=environment,
            stdin=subprocess.DEVNULL, **more)
        return Outcome(process.returncode, process.stdout.decode(errors="replace"), process.stderr.decode(errors="replace"))

    def convert(self, source, out, *words, to="megatron", plugin="Qwen3VL", **more):
        layout = ["--tp", 2] if to == "megatron" else []
        return self.run("convert", "--plugin", plugin, "--to", to, *layout, *words, source, out, **more)

    def stop_at(self, source, out, number, *words, call="sync", part="journal", by=signal.SIGINT, **more):
        """A conversion that is stopped before a counted call; each unit is recorded by itself."""
        return self.convert(
            source, out, "--jobs", 1, *words, stop=f"{call}:{part}:{number}:{int(by)}", clock=3, **more)

    def same(self, a, b):
        """None when the program finds the same weights in both, else what it says."""
        outcome = self.run("verify", "--plugin", "Qwen3VL", a, b)
        return None if outcome.code == 0 else outcome.why

    def expect_refusal(self, outcome, out, *words):
        """None for one line with these words, and no OUT."""
        if out is not None and os.path.lexists(out):
            return f"OUT is there, exit {outcome.code}"
        if not outcome.is_one_line:
            return outcome.why
        missing = [word for word in words if word not in outcome.err]
        return f"does not say {missing}: {outcome.err.strip()[:160]}" if missing else None


def work_folder(out):
    """The hidden folder next to OUT in which it is made."""
    return out.parent / f".{out.name}.mimo-host-work"


def flip(path, at, bit=0):
    """Turns one bit; the file's times stay."""
    status = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ (1 << bit)]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def files(folder):
    """All files below a folder, by relative path."""
    return sorted(p for p in pathlib.Path(folder).rglob("*") if p.is_file() and not p.is_symlink())


def needs_root():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        raise Skip("needs root and setpriv")


def report(out):
    return json.loads((pathlib.Path(out) / "conversion_report.json").read_text())

"""Plugins that do more than describe."""

import os
import shutil
import subprocess
import time

from attacks.ground import ROOT, Skip, attack

CONSTRUCTOR = """
#include <fcntl.h>
__attribute__((constructor)) static void run(void) { open("%s", O_CREAT | O_WRONLY, 0644); }
"""

ORPHAN = """
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void run(void) {
  if (fork() == 0) { setsid(); if (fork() == 0) { for (;;) pause(); } _exit(0); }
}
void mimo_plugin_entry(void) {}
"""


def build(source, library):
    code = library.with_suffix(".c")
    code.write_text(source)
    compiler = next(c for c in ("cc", "gcc", "clang") if shutil.which(c))
    subprocess.run([compiler, "-w", "-shared", "-fPIC", "-o", library, code], check=True)


@attack("F15", "plugin list runs code")
def listed(ground):
    place = ground.fresh("inst")
    for folder in ("bin", "lib", "lib/mimo-host"):
        (place / folder).mkdir()
    shutil.copy(ground.host, place / "bin")
    for folder in ("bin", "lib", "lib/mimo-host"):
        build(CONSTRUCTOR % (place / f"RAN-{folder.replace('/', '-')}"), place / folder / "libunrelated.so")
    outcome = subprocess.run([place / "bin/mimo-host", "plugin", "list"], capture_output=True, text=True)
    ran = sorted(p.name for p in place.glob("RAN*"))
    yield "three folders", f"{ran}" if ran else (f"exit {outcome.returncode}" if outcome.returncode else None)


@attack("15", "a plugin leaves a process behind")
def orphans(ground):
    library = ground.fresh("orphan") / "liborphan.so"
    build(ORPHAN, library)
    marker = f"MIMO_ATTACK={library.parent.name}"
    name, value = marker.split("=")
    source = ground.model()
    outcome = ground.run(
        "plan", "--plugin", library, "--to", "megatron", source, extra={name: value}, timeout=120)
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if marker.encode() in file.read().split(b"\0"):
                    left.append(int(pid))
        except OSError:
            continue
    for pid in left:
        os.kill(pid, 9)
    yield "fork, setsid, fork", f"{len(left)} processes are left" if left else (None if outcome.is_one_line else outcome.why)

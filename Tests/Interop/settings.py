#!/usr/bin/env python3
"""run_config.yaml as PyYAML reads it: paths of all characters, and numbers of all spellings. See README.md.

    settings.py HOST WORK      WORK: a folder for the conversions
"""
import json
import os
import shutil
import subprocess
import sys

import yaml

FIXTURE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Fixtures/qwen3_5_vl/hf")
# Of each kind of character: what YAML quotes, what it can not hold as it is, and both ends of each length in UTF-8.
FOLDERS = [
    "d \U0001f600", "\U00010000", "\U0010ffff", "\U0001f469\u200d\U0001f680", "\ud7ff\ue000\ufffd\uffff", "\x7f\x80\x85\xa0\u2028\ufeff",
    "quote\" back\\ tab\t line\n end: #", "null", "1e3", "é日本",
]
# As config.json may spell one and the same float.
SPELLINGS = ["2e-2", "2E-2", "2.0e-2", "2.0E-02", "0.02"]
failures = []


def expect(condition, text):
    if not condition:
        failures.append(text)


def settings(host, source, out):
    """The document, as the reference opens and reads it."""
    subprocess.run([host, "convert", "-q", "--plugin", "Qwen3VL", "--to", "megatron", source, out], check=True)
    with open(os.path.join(out, "iter_0000000/run_config.yaml")) as file:
        return yaml.safe_load(file)


def main():
    host, work = sys.argv[1:]
    work = os.path.realpath(work)
    for name in FOLDERS:
        out = os.path.join(work, name)
        read = settings(host, FIXTURE, out)["tokenizer"]["tokenizer_model"]
        expect(read == out + "/iter_0000000/tokenizer" and os.path.isdir(read), f"path {out!a}: {read!a}")
        shutil.rmtree(out)
    for number, spelling in enumerate(SPELLINGS):
        source, out = os.path.join(work, f"spelling-{number}"), os.path.join(work, f"spelled-{number}")
        shutil.copytree(FIXTURE, source)
        path = os.path.join(source, "config.json")
        config = json.load(open(path))
        config["text_config"].update(initializer_range="RANGE", rms_norm_eps="RANGE")
        with open(path, "w") as file:
            file.write(json.dumps(config).replace('"RANGE"', spelling))
        model = settings(host, source, out)["model"]
        for field in ("init_method_std", "layernorm_epsilon"):
            expect(model[field] == 0.02 and isinstance(model[field], float), f"{spelling}: {field} is {model[field]!r}")
    for failure in failures:
        print("  FAILED " + failure)
    print(f"  {'FAILED' if failures else 'ok'}: PyYAML {yaml.__version__}: {len(FOLDERS)} paths, {len(SPELLINGS)} spellings of a float")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

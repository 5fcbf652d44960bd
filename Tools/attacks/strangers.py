"""Another user of the machine: planted work folders, links, and files that come out more open than they went in."""

import os
import shutil
import stat

from attacks.ground import STRANGER, NOBODY, attack, needs_root, work_folder


def poison(folder):
    """Overwrites bytes in the middle of each unfinished output; what was poisoned."""
    poisoned = 0
    for path in sorted((folder / "out").rglob("*.distcp")):
        with open(path, "r+b") as file:
            size = os.fstat(file.fileno()).st_size
            for place in range(2000, size, max(1, size // 50)):
                file.seek(place)
                file.write(b"EVIL" * 20)
                poisoned += 1
    return poisoned


@attack("F1", "another user's work folder is continued")
def planted_work_folder(ground):
    needs_root()
    for records in (3, 9, 20):
        shared = ground.fresh("shared")
        os.chmod(shared, 0o1777)
        source, out = ground.model(), shared / "out"
        # What is stopped is the victim's own command, run by somebody else; all that it left is open to both.
        os.chmod(source, 0o755)
        os.chmod(source.parent, 0o755)
        ground.stop_at(source, out, records, user=STRANGER, umask=0)
        folder = work_folder(out)
        if not folder.is_dir():
            yield f"stopped at record {records}", "the run was not stopped where it should"
            continue
        poison(folder)
        before = sorted(p.name for p in folder.rglob("*"))
        outcome = ground.convert(source, out, user=NOBODY)
        if outcome.code == 0:
            yield f"stopped at record {records}", ground.same(source, out)
            strange = [p for p in out.rglob("*") if p.lstat().st_uid != NOBODY]
            yield "who owns OUT", f"{strange[0].name} is another user's" if strange else None
        else:
            yield f"stopped at record {records}", ground.expect_refusal(outcome, out, ".out.mimo-host-work")
            after = sorted(p.name for p in folder.rglob("*"))
            yield "the folder stays as it was", None if before == after else "it was emptied"


@attack("F1", "an empty folder, a link or a file waits where the work folder goes")
def waiting_place(ground):
    needs_root()
    elsewhere = ground.fresh("elsewhere")
    os.chmod(elsewhere, 0o777)
    (elsewhere / "precious").write_text("x")

    def folder(place):
        place.mkdir(mode=0o777)
        os.chmod(place, 0o777)
        os.chown(place, STRANGER, STRANGER)

    def link(place):
        place.symlink_to(elsewhere)
        os.lchown(place, STRANGER, STRANGER)

    def file(place):
        place.write_text("x")
        os.chown(place, STRANGER, STRANGER)

    for make in (folder, link, file):
        shared = ground.fresh("shared")
        os.chmod(shared, 0o1777)
        source, out = ground.model(), shared / "out"
        os.chmod(source.parent, 0o755)
        make(work_folder(out))
        outcome = ground.convert(source, out, user=NOBODY)
        yield make.__name__, ground.expect_refusal(outcome, out, ".out.mimo-host-work")
    yield "what a link led to", None if (elsewhere / "precious").exists() else "it is gone"


@attack("F9", "modes widen")
def modes(ground):
    for mode, to in ((0o600, "megatron"), (0o640, "ranks"), (0o600, "prime-like")):
        source = ground.model()
        for path in source.iterdir():
            os.chmod(path, mode)
        os.chmod(source, 0o700)
        out = source.parent / "out"
        if to == "ranks":
            outcome = ground.convert(source, out, "--tp", 2, to="ranks", umask=0o022)
        else:
            outcome = ground.convert(source, out, umask=0o022)
        if outcome.code:
            yield f"{mode:o}", outcome.why
            continue
        for top, _, names in os.walk(out):
            wide = stat.S_IMODE(os.stat(top).st_mode) & ~0o700
            yield f"{mode:o}, folder", f"{top} is {wide:o} wider" if wide else None
            for name in names:
                wide = stat.S_IMODE(os.stat(os.path.join(top, name)).st_mode) & ~mode
                yield f"{mode:o}, {name}", f"{name} is {wide:o} wider" if wide else None
        if to == "megatron":
            back = source.parent / "back"
            outcome = ground.convert(out, back, to="hf", umask=0o022)
            wide = [p.name for p in back.rglob("*") if p.is_file() and stat.S_IMODE(p.stat().st_mode) & ~mode]
            yield f"{mode:o}, on the way back", outcome.why if outcome.code else (f"{wide} are wider" if wide else None)


@attack("F9", "links lead out of the source")
def links(ground):
    for name in ("tokenizer.json", "config.json", "model-00001-of-00003.safetensors"):
        source = ground.model()
        secret = ground.fresh("secret") / "secret"
        shutil.move(source / name, secret)
        (source / name).symlink_to(secret)
        out = source.parent / "out"
        outcome = ground.convert(source, out)
        yield f"{name} outside", ground.expect_refusal(outcome, out, "--follow-links")
        outcome = ground.convert(source, out, "--follow-links")
        yield f"{name} outside, asked for", outcome.why if outcome.code else None
    # The hub's cache is made of links, and needs no word.
    plain = ground.model()
    cache = ground.fresh("hub") / "models--a--b"
    (cache / "snapshots").mkdir(parents=True)
    (cache / "blobs").mkdir()
    snapshot = cache / "snapshots/0123"
    snapshot.mkdir()
    for number, path in enumerate(sorted(plain.iterdir())):
        shutil.move(path, cache / f"blobs/{number}")
        (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    out = cache.parent / "out"
    outcome = ground.convert(snapshot, out)
    yield "a snapshot of the hub's cache", outcome.why if outcome.code else None

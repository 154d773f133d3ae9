#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The seeded bugs of bugs.toml, for the hosts that have to find them.

  seed.py list HOST [often] a line "ID TEST" for each bug that HOST can have,
                            or of these the ones that are tried often
  seed.py apply ID FOLDER   write the files that the bug changes under FOLDER,
                            by their paths from the root, and print these
"""
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/mutants"))
import mutantlist  # noqa: E402

HOSTS = ["user", "linux", "bare", "bsd"]
SPECIAL = ["kcsan"]  # has only the bugs that name it
NEEDED = {"id", "test", "why"}
KEYS = NEEDED | {"file", "old", "new", "edits", "hosts", "often"}


def check(b, where):
    if set(b) - KEYS:
        raise mutantlist.Wrong(f"{where}: unknown keys {sorted(set(b) - KEYS)}")
    if NEEDED - set(b):
        raise mutantlist.Wrong(f"{where}: {sorted(NEEDED - set(b))} missing")
    if ("edits" in b) == ("file" in b):
        raise mutantlist.Wrong(f"{where}: either file, old and new, or edits")
    if not re.fullmatch(r"[a-z0-9-]+", b["id"]):
        raise mutantlist.Wrong(f"{where}: an id of other letters")
    if set(b.get("hosts", [])) - set(HOSTS + SPECIAL):
        raise mutantlist.Wrong(f"{where}: unknown hosts")


def load(top=ROOT):
    bugs = tomllib.loads((top / "tests/kernel/bugs.toml").read_text())["bug"]
    seen = set()
    for b in bugs:
        where = f"tests/kernel/bugs.toml: {b.get('id', '?')}"
        check(b, where)
        if b["id"] in seen:
            raise mutantlist.Wrong(f"{where}: a second one of that name")
        seen.add(b["id"])
        if "file" in b:
            b["edits"] = [{k: b.pop(k) for k in ("file", "old", "new")}]
    return bugs


def seeded(b, top=ROOT):
    """{file: text with the bug}; mutantlist.Wrong if it does not fit."""
    files = {e["file"] for e in b["edits"]}
    return mutantlist.apply(b, {f: (top / f).read_text() for f in files})


def apply(name, folder):
    found = [b for b in load() if b["id"] == name]
    if not found:
        raise mutantlist.Wrong(f"no bug is called {name}")
    for file, text in seeded(found[0]).items():
        path = pathlib.Path(folder) / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(file)


def main(args):
    often = args[2:] == ["often"]
    if args[:1] == ["list"] and (len(args) == 2 or often) and \
            args[1] in HOSTS + SPECIAL:
        for b in load():
            if args[1] in b.get("hosts", HOSTS) and \
                    (b.get("often") or not often):
                print(b["id"], b["test"])
    elif len(args) == 3 and args[0] == "apply":
        apply(args[1], args[2])
    else:
        sys.exit(__doc__.strip())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (mutantlist.Wrong, OSError) as e:
        sys.exit(f"seed.py: {e}")

# SPDX-License-Identifier: BSD-2-Clause
"""The lists of seeded bugs: read, checked, applied to text, made a table.
Used by scripts/mutants.py and by tests/lint/mutants.py."""
import re
import tomllib

KEYS = {"id", "file", "old", "new", "edits", "killer", "expect", "why", "pair",
        "filter", "env", "tries", "timeout"}
NEEDED = {"id", "killer", "expect", "why"}
KILLER = re.compile(r"(?:(?:wsim|tsan|asan|model|lint):)?[\w+-]+$")
PAIRS = re.compile(r"^ \* Ordering pairs.*?(?=\n \*/|\n \* [A-Z][a-z])",
                   re.S | re.M)
PAIR = re.compile(r"^ \*   ([A-Z][A-Z0-9_]+)(?:  |$)", re.M)


class Wrong(Exception):
    """A list that is not as it must be."""


def check(m, where):
    if set(m) - KEYS:
        raise Wrong(f"{where}: unknown keys {sorted(set(m) - KEYS)}")
    if NEEDED - set(m):
        raise Wrong(f"{where}: {sorted(NEEDED - set(m))} missing")
    if not KILLER.match(m["killer"]):
        raise Wrong(f"{where}: no killer is written {m['killer']!r}")
    if ("edits" in m) == ("file" in m):
        raise Wrong(f"{where}: either file, old and new, or edits")
    re.compile(m["expect"])


def load(top):
    """All mutants of all lists, each with its module and a list of edits."""
    mutants, seen = [], set()
    for path in sorted((top / "tests/mutants").glob("*.toml")):
        for m in tomllib.loads(path.read_text()).get("mutant", []):
            where = f"{path.name}: {m.get('id', '?')}"
            check(m, where)
            if m["id"] in seen:
                raise Wrong(f"{where}: a second one of that name")
            seen.add(m["id"])
            m["module"] = path.stem
            if "file" in m:
                m["edits"] = [{k: m.pop(k) for k in ("file", "old", "new")}]
            mutants.append(m)
    return mutants


def apply(m, texts):
    """{file: text with the bug} of {file: text}"""
    texts = dict(texts)
    for e in m["edits"]:
        count = texts[e["file"]].count(e["old"])
        if count != 1:
            raise Wrong(f"{m['id']}: its old text occurs {count} times in "
                        f"{e['file']}, not once")
        texts[e["file"]] = texts[e["file"]].replace(e["old"], e["new"])
    return texts


def pairs(top):
    """Yield (file, pair) of every ordering pair that libsync declares."""
    for path in sorted((top / "libsync").glob("**/*.[ch]")):
        block = PAIRS.search(path.read_text())
        if block:
            for name in PAIR.findall(block.group(0)):
                yield path.relative_to(top).as_posix(), name


def covers(declared, names, m):
    """Does m weaken this pair?  A name that several files of a folder declare
    means, in a mutant, that of the file with the same stem."""
    file, name = declared
    folder, stem = file.rsplit("/", 1)[0], file.rsplit(".", 1)[0]
    alone = sum(f.rsplit("/", 1)[0] == folder and n == name
                for f, n in names) == 1
    return name in m.get("pair", "").split() and any(
        e["file"].rsplit("/", 1)[0] == folder
        and (alone or e["file"].rsplit(".", 1)[0] == stem)
        for e in m["edits"])


def uncovered(top, mutants):
    """The pairs that no mutant weakens."""
    names = list(pairs(top))
    return [d for d in names
            if not any(covers(d, names, m) for m in mutants)]


def table(top, mutants):
    """docs/mutants.md"""
    modules = sorted({m["module"] for m in mutants})
    lines = [
        "# Seeded bugs",
        "",
        "Written by `scripts/mutants --table`, after each of these bugs was "
        "put into a copy",
        "of the tree, and its killer, which passes without it, failed with "
        "the message",
        "that the list expects. The lists are `tests/mutants/*.toml`.",
        "",
        f"{len(mutants)} bugs in {len(modules)} lists, all killed.",
    ]
    for module in modules:
        lines += ["", f"## {module}", "",
                  "| bug | in | pair | killed by | what goes wrong |",
                  "|---|---|---|---|---|"]
        for m in mutants:
            if m["module"] == module:
                files = ", ".join(dict.fromkeys(
                    f"`{e['file']}`" for e in m["edits"]))
                why = " ".join(m["why"].split()).replace("|", "\\|")
                lines.append(f"| {m['id']} | {files} | {m.get('pair', '')} | "
                             f"`{m['killer']}` | {why} |")
    left = uncovered(top, mutants)
    if left:
        lines += ["", "## Ordering pairs without a bug of their own", "",
                  "No bug of these lists weakens:",
                  ""]
        lines += [f"* `{file}`: {name}" for file, name in left]
    return "\n".join(lines) + "\n"

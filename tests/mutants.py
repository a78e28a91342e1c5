"""What `make mutants` found: how many mutants of each file the tests killed, and those that nobody has looked at.

A survivor is known when docs/mutants.md has its function and its line, and says there why it is harmless.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

LISTED = Path("docs/mutants.md")
LEAST_SHARE = 0.90
KILLED = {"killed", "timeout", "segfault"}  # one that never ends, or ends the interpreter, was noticed


class Mutant(NamedTuple):
    """One change of one line, and what became of it."""

    path: Path
    name: str
    status: str

    @property
    def words(self) -> str:
        """As docs/mutants.md has it: the function and the changed line."""
        function, within = orig_function_and_class_names_from_key(self.name)
        lines = get_diff_for_mutant(self.name, path=self.path).splitlines()
        changed = [line[1:].strip() for line in lines if line.startswith("+") and not line.startswith("+++")]
        return f"`{f'{within}.' if within else ''}{function}`: `{' '.join(changed)}`"


def mutants() -> Iterator[Mutant]:
    """Every mutant of the last run."""
    for path in walk_mutatable_files():
        meta = Path("mutants", f"{path}.meta")
        codes = json.loads(meta.read_text())["exit_code_by_key"] if meta.exists() else {}
        yield from (Mutant(path, name, status_by_exit_code[code]) for name, code in codes.items())


def table(found: list[Mutant]) -> str:
    """The share of each file, in Markdown."""
    rows = ["| file | mutants | killed | survived | no test | share |", "|---|---|---|---|---|---|"]
    for path in [*dict.fromkeys(m.path for m in found), None]:
        count = Counter(m.status for m in found if path in (m.path, None))
        total, killed = count.total(), sum(count[status] for status in KILLED)
        name = "all" if path is None else path.name
        lost = total - killed - count["no tests"]
        rows.append(f"| {name} | {total} | {killed} | {lost} | {count['no tests']} | {killed / total:.1%} |")
    return "\n".join(rows)


def forget_survivors() -> int:
    """What survived, or did not end, is tried again in the next run, by the tests as they are then.

    The tool alone sees functions that changed and tests that are new, but none that looks at more than it did.
    """
    Path("mutants/mutmut-stats.json").unlink(missing_ok=True)
    shutil.rmtree("mutants/tests", ignore_errors=True)
    for path in walk_mutatable_files():
        if (meta := Path("mutants", f"{path}.meta")).exists():
            kept = json.loads(meta.read_text())
            codes = kept["exit_code_by_key"]
            kept["exit_code_by_key"] = {n: c if status_by_exit_code[c] == "killed" else None for n, c in codes.items()}
            meta.write_text(json.dumps(kept))
    return 0


def report() -> int:
    """Prints the table and the unknown survivors. 1 where one is unknown or too few were killed, else 0."""
    found = list(mutants())
    if not found or any(m.status == "not checked" for m in found):
        sys.stderr.write("mutants/: the run is not complete: `make mutants` goes on with it\n")
        return 1
    alive = sorted({f"{m.path.name} {m.words}" for m in found if m.status not in KILLED})
    listed = LISTED.read_text() if LISTED.exists() else ""
    unknown = [words for words in alive if words.partition(" ")[2] not in listed]
    share = sum(m.status in KILLED for m in found) / len(found)
    heading = f"\n{len(alive)} survivors, {len(unknown)} of them not in {LISTED}:"
    sys.stdout.write("\n".join([table(found), heading, *(f"- {words}" for words in unknown), ""]))
    return int(bool(unknown) or share < LEAST_SHARE)


if __name__ == "__main__":
    sys.exit(forget_survivors() if "--again" in sys.argv else report())

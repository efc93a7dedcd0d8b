"""Reads docs/FEATURE_EXAMPLE.md: which block goes into which file, and what the file is afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"^`(?P<path>[\w./]+)`:\n\n```(?P<kind>python|diff)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
HUNK = "@@\n"


@dataclass(frozen=True)
class Block:
    """`kind` python: the whole new file; diff: changes of a file that is there."""

    path: str
    kind: str
    text: str

    def apply(self, root: Path) -> None:
        """Raises ValueError when the document and the code have parted."""
        file = root / self.path
        if self.kind == "python":
            if file.exists():
                raise ValueError(f"{self.path} exists already")
            file.write_text(self.text, encoding="utf-8")
        else:
            file.write_text(_changed(file.read_text(encoding="utf-8"), self), encoding="utf-8")


def blocks(document: str) -> Iterator[Block]:
    for match in _BLOCK.finditer(document):
        yield Block(match["path"], match["kind"], match["text"])


def _changed(text: str, block: Block) -> str:
    for hunk in block.text.split(HUNK):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        if text.count(before) != 1:
            raise ValueError(f"{block.path} has {text.count(before)} places like this:\n{before}")
        text = text.replace(before, after)
    return text

"""A contract of our own for import-linter: what a package may import is listed, everything else is refused.

The contracts it ships with can only name what is forbidden, so the next framework somebody installs would be allowed.
"""

from __future__ import annotations

import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class AllowedImports(Contract):
    """`source_modules` import only each other, `allowed_modules` (packages included) and the standard library."""

    type_name = "allowed_imports"

    source_modules = fields.ListField(subfield=fields.ModuleField())
    allowed_modules = fields.ListField(subfield=fields.ModuleField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """`metadata["illegal"]` lists `importer -> imported`; a source module that does not exist breaks it too."""
        own: Any = self  # import-linter replaces the fields by their values
        names = [module.name for module in own.source_modules]
        allowed = [module.name for module in own.allowed_modules or ()]
        output.verbose_print(verbose, f"Comparing what {', '.join(names)} import with the list…")
        sources = {found for name in names for found in {name, *graph.find_descendants(name)}}
        illegal = sorted(
            f"{importer} -> {imported}"
            for importer in sources
            for imported in graph.find_modules_directly_imported_by(importer)
            if not _is_allowed(imported, [*names, *allowed])
        )
        return ContractCheck(kept=not illegal, metadata={"illegal": illegal})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for line in check.metadata["illegal"]:
            output.print_error(f"- {line}", bold=False)
        output.new_line()


def _is_allowed(imported: str, allowed: list[str]) -> bool:
    if imported.partition(".")[0] in sys.stdlib_module_names:
        return True
    return any(imported == name or imported.startswith(f"{name}.") for name in allowed)

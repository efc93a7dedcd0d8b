"""Small revisions for tests of the machinery that runs them."""

from __future__ import annotations

from pathlib import Path


def write_revision(
    folder: Path, number: int, *, up: str = "SELECT 1", down: str = "SELECT 1", title: str = "a step"
) -> str:
    """Statements are separated by a semicolon; returns the revision's id, such as 0002."""
    identity, parent = f"{number:04d}", f'"{number - 1:04d}"' if number > 1 else "None"
    text = f'''"""{title}"""
from alembic import op
revision = "{identity}"
down_revision = {parent}
def run(statements):
    for statement in statements.split(";"):
        op.execute(statement)
def upgrade():
    run("""{up}""")
def downgrade():
    run("""{down}""")
'''
    (folder / f"{identity}_step.py").write_text(text, encoding="utf-8")
    return identity


def write_table_revisions(folder: Path, count: int) -> list[str]:
    """Revision N makes table_N."""
    return [
        write_revision(
            folder, n, up=f"CREATE TABLE table_{n} (id int)", down=f"DROP TABLE table_{n}", title=f"table {n} [new]"
        )
        for n in range(1, count + 1)
    ]

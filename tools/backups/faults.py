"""What can go wrong with a backup, in one line an operator can act on."""

from __future__ import annotations

import errno

from app.shared.errors import AppError, Kind


class BackupFault(AppError):
    """A backup could not be made, read or restored. The message is for the operator."""

    code = "backup_fault"
    kind = Kind.UNAVAILABLE


def of_disk(what: str, error: OSError) -> BackupFault:
    """`what` names the file or folder that could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return BackupFault(f"The disk is full: {what} could not be written. Make room and try again.")
    return BackupFault(f"{what} could not be written ({error.strerror or type(error).__name__}).")

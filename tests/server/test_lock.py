"""The lock of a state directory: who is refused it, and what they are told."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from smpp_server.app import Lock, Refusal


def test_one_holds_it_and_the_next_is_told(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "state")
    with pytest.raises(Refusal, match=r"state is in use by another smppd; stop it"):
        Lock(tmp_path / "state")
    lock.release()
    Lock(tmp_path / "state").release()


def test_a_directory_of_another_user_is_not_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(path: Path, *more: Any) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(Refusal, match=r"/lock: Permission denied$"):
        Lock(tmp_path)

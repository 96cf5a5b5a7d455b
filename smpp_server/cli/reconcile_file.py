"""Reads the CSV a carrier sent as a stream: any delimiter, gzip or not, told by line and column."""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from routing.reconcile import LineFault
from smpp_server.cli.place import BadConfig, Sentence

SHOWN: Final = 20  # faults
DELIMITERS: Final = ",;\t|"

T = TypeVar("T")


def rows(
    path: Path, reader_of: Callable[[Sequence[str], bool], Callable[[Sequence[str]], T]]
) -> Iterator[T]:
    """What `reader_of(header, decimal comma)` makes of each line.

    Raises:
        Sentence: it cannot be read.
        BadConfig: some of its lines are wrong; they were told on stderr.
    """
    faults = 0
    try:
        with _opened(path) as lines:
            first = next((line for line in lines if line.strip()), "")
            if not first:
                raise BadConfig(f"{path}: the file is empty")
            delimiter = max(DELIMITERS, key=first.count)
            table = csv.reader(chain([first], lines), delimiter=delimiter)
            try:
                read = reader_of(next(table), delimiter != ",")
            except LineFault as fault:
                raise BadConfig(f"{path}: {fault}") from None
            for cells in table:
                if not cells:
                    continue
                try:
                    one = read(cells)
                except LineFault as fault:
                    faults += 1
                    if faults <= SHOWN:
                        click.echo(f"{path}:{table.line_num}: {fault}", err=True)
                    continue
                if not faults:
                    yield one
    except UnicodeDecodeError:
        raise BadConfig(f"{path} is not UTF-8 text") from None
    except csv.Error:
        raise BadConfig(f"{path} is not CSV") from None
    except (OSError, EOFError) as error:
        raise Sentence(f"{path} cannot be read: {error}") from None
    if faults:
        raise BadConfig(f"{path}: {faults:,} of its lines are wrong; nothing was changed")


def _opened(path: Path) -> Any:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")

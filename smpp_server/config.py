"""Reads the configuration: TOML and CSV files → one frozen Config, or all faults at once."""

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from routing.numbering import Plan
from routing.rate_card import RateCard
from smpp_server import config_build as build
from smpp_server.config_checks import Sight, all_checks, too_old_warnings, unused
from smpp_server.config_faults import check, without
from smpp_server.config_files import conf_dir, starter_files, template
from smpp_server.config_lines import ConfigError, Document, Fault, read_document
from smpp_server.config_model import RepliesFile, ServerFile
from smpp_server.config_rates import conversion_faults, price_faults, read_file, surcharges_of
from smpp_server.config_records import CardFile, Config, LinkConfig, Secret, ServerConfig, Source
from smpp_server.config_secrets import (
    SecretError,
    length_warning,
    read_password,
    refuse_open_file,
)
from smpp_server.config_texts import Replies, read_replies, stop_form
from smpp_server.numbering_plan import PlanError, read_plan

__all__ = [
    "Config",
    "ConfigError",
    "Fault",
    "LinkConfig",
    "Secret",
    "ServerConfig",
    "Source",
    "conf_dir",
    "load",
    "starter_files",
    "stop_form",
    "template",
]


def load(
    path: Path, *, state_dir: Path | None = None, environ: Mapping[str, str] | None = None
) -> Config:
    """Read server.toml and all the files it names.

    `state_dir` replaces that of the file; `environ` (the process's own when None) is where
    password_env and systemd credentials are looked for.

    Raises:
        ConfigError: something must be changed first; it tells everything at once.
    """
    reader = _Reader(path, os.environ if environ is None else environ)
    config = reader.read(state_dir)
    if config is None:
        raise ConfigError(reader.faults)
    return config


class _Reader:
    """One reading of a configuration; faults gather in `faults`."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self._path = path
        self._base = path.absolute().parent
        self._environ = environ

    def read(self, state_dir: Path | None) -> Config | None:
        """The configuration, or None when there are faults."""
        document = read_document(self._path, str(self._path))
        file = check(ServerFile, document, self.faults)
        judged = file or without(ServerFile, document, self.faults)
        replies = self._replies(document)
        if judged is None:
            return None
        plan = self._plan(judged)
        cards = self._cards(judged)
        rates = {
            carrier: RateCard.build(card.rows, card.version, card.surcharges)
            for carrier, card in cards.items()
        }
        if plan is None:
            return None
        sight = Sight(judged, document, self._base, replies.texts if replies else None, plan)
        passwords = self._across(sight, rates)
        if file is None or replies is None or self.faults:
            return None
        rules = build.rules(file, plan, replies)
        return Config(
            rules=rules,
            links={
                name: build.link(file, name, password, self._base)
                for name, password in passwords.items()
            },
            server=build.server(file, state_dir or self._base / file.server.state_dir),
            rates=rates,
            cards=cards,
            warnings=tuple(sorted([*self.warnings, *too_old_warnings(sight, rules)])),
            quiet=build.quiet(file),
            billing={carrier: build.billing(file, carrier) for carrier in file.carrier},
        )

    def _across(self, sight: Sight, rates: Mapping[str, RateCard]) -> dict[str, Secret]:
        """Judge the tables together, leaving out those whose own keys are wrong already."""
        wrong = {_table_of(fault) for fault in self.faults}
        found = [*all_checks(sight), *price_faults(sight, rates), *conversion_faults(sight)]
        passwords = {}
        for name, table in sight.file.link.items():
            where = ("link", name)
            password = read_password(table, sight.document, where, self._base, self._environ)
            if isinstance(password, Fault):
                found.append(password)
                continue
            passwords[name] = password
            long = length_warning(password, sight.document, where)
            self.warnings += [long] if long else []
        found += self._open_password(sight)
        self.faults += [fault for fault in found if _table_of(fault) not in wrong]
        self.warnings += unused(sight)
        return passwords

    def _open_password(self, sight: Sight) -> list[Fault]:
        """A fault for each password that others could read in server.toml itself."""
        held = [name for name, table in sight.file.link.items() if table.password is not None]
        try:
            if held:
                refuse_open_file(self._path)
        except SecretError as error:
            return [sight.fault("link", name, "password", says=str(error)) for name in held]
        return []

    def _named(self, value: str, bundled: str) -> tuple[Path, str]:
        """A file the configuration names (or ours when it names none), and how to write it."""
        if not value:
            path = conf_dir() / bundled
            return path, str(path)
        return self._base / value, str(self._path.parent / value)

    def _replies(self, document: Document) -> Replies | None:
        server: Any = document.data.get("server")
        value: Any = server.get("replies", "") if isinstance(server, dict) else ""
        path, name = self._named(value if isinstance(value, str) else "", "replies.toml")
        try:
            texts = read_document(path, name)
        except ConfigError as error:
            self.faults += error.faults
            return None
        file = check(RepliesFile, texts, self.faults)
        return read_replies(file, texts, self.faults) if file else None

    def _plan(self, file: ServerFile) -> Plan | None:
        path, name = self._named(file.server.numbering, "numbering.toml")
        try:
            return _compiled(path, path.stat().st_mtime_ns)
        except OSError as error:
            self.faults.append(Fault(name, 0, "", f"cannot be read: {error.strerror}"))
        except PlanError as error:
            for line in str(error).splitlines():
                self.faults.append(Fault(name, 0, "", line.removeprefix(f"{path.name}: ")))
        return None

    def _cards(self, file: ServerFile) -> dict[str, CardFile]:
        cards = {}
        for carrier, table in file.carrier.items():
            path, name = self._named(table.rate_card, "rate_card.csv")
            try:
                cards[carrier] = read_file(
                    path,
                    name,
                    table.currency or file.money.currency,
                    {str(ours): theirs for ours, theirs in table.columns.items()},
                    surcharges_of(table),
                )
            except ConfigError as error:
                self.faults += error.faults
        return cards


@lru_cache(maxsize=4)
def _compiled(path: Path, _changed_ns: int) -> Plan:
    return read_plan(path)


def _table_of(fault: Fault) -> tuple[str, ...]:
    return (fault.file, *fault.key.split(".")[:2])

"""The house rules as a test: who imports whom, sizes, names, and what may not appear where."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE_LINES, FUNCTION_LINES, COLUMNS = 400, 60, 100

# A module imports from lower levels only. What a comma sets apart is one room: its parts may
# import each other, never in a circle. Names without "routing" stand in smpp_server.
LEVELS = {
    0: "routing, smpp_server, smpp, routing.money, routing.numbering, routing.mcc,"
    "routing.abuse, routing.conversion, smpp.constants",
    1: "routing.records, smpp.schema smpp.declare, smpp.text smpp.gsm smpp.segments",
    2: "routing.rate_card routing.rate_rows routing.rate_changes, routing.throttle, routing.ledger,"
    "routing.breaker, routing.reply, routing.jobs,"
    "smpp.codec smpp.reader smpp.writer, smpp.receipts, smpp.window, smpp.timers, smpp.matrix",
    3: "routing.budget routing.route, routing.fates, routing.capacity, routing.guards,"
    "smpp.session smpp.happenings smpp.answers",
    4: "routing.standing events, smsc_receipts smsc_noise smsc_chance,"
    "smsc_octets smsc_invoice smsc_cdr",
    5: "routing.policy routing.answer routing.draft routing.release routing.settle"
    " routing.cards routing.attack routing.pace routing.ways routing.fees routing.budgets"
    " routing.closing routing.prices routing.called"
    " routing.corrections routing.correlate routing.orders,"
    "routing.reconcile, config_* numbering_plan, phrases",
    6: "routing.explain, config, vault, masking, backoff, quiet, recognise, store, compose",
    7: "turn rates",
    8: "store.sqlite store.sqlite_*, store.postgres store.postgres_*, esme esme_bind connect,"
    "alarms, logs log_fields, web web.* admin, smsc_simulator smsc_plan smsc_mailbox smsc_bind"
    " smsc_port smsc_faults smsc_crowd smsc_play smsc_pcap",
    9: "app house status",
    10: "cli cli.*",
    11: "__main__",
}
ENTRY_POINTS = {"routing", "smpp_server", "smpp_server.smpp"}  # packages that only hold others
ENTRY_POINTS |= {"smpp_server.cli", "smpp_server.__main__"}

# What comes from outside -> the modules that may import it, short names as above.
ONLY = {
    "smpplib": "smpp.constants tests.interop.*",
    "aiosmpplib": "tests.interop.*",
    "twisted": "esme esme_bind connect logs alarms web web.* smsc_bind smsc_port house app"
    " cli.stage tests.*",  # a stage runs simulator and server: no look at a running server
    "pydantic": "config config_* tests.*",
    "phonenumbers": "config config_* numbering_plan tests.*",
    "sqlite3": "store.sqlite store.sqlite_* tests.*",
    "psycopg": "store.postgres store.postgres_* tests.*",
    "time": "app __main__ cli cli.* tests.*",
    "random": "app tests.*",
    "secrets": "app tests.*",
}
# The simulator counts its invoice by its own code, so that no mistake is made on both sides.
_OWN_COUNT = "routing routing.* smpp.text smpp.gsm smpp.segments"
NEVER = dict.fromkeys(("smsc_octets", "smsc_invoice", "smsc_cdr"), _OWN_COUNT)
IMPURE = """asyncio logging multiprocessing os pathlib random secrets select selectors shutil
    signal socket sqlite3 ssl subprocess tempfile threading time uuid"""
PURE = sys.stdlib_module_names - set(IMPURE.split())
REAL = "*datetime.now *datetime.utcnow *datetime.today *date.today os.urandom os.getrandom uuid.*"
BANNED = re.compile("(manager|handler|processor|engine|util|helper)s?")
# Spelled in two parts, so that a search of tests/ for these words finds none.
EVASION = re.compile("(importor)?skip(if|test|unless)?|xfail|expectedfailure", re.I)
PRAGMA = re.compile(r"#\s*pragma: no " "(cover|branch)")


def name_of(path: Path) -> str:
    """smpp_server/store/__init__.py -> "smpp_server.store"."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    name_of(path): path
    for pattern in ("setup.py", "smpp_server/**/*.py", "routing/**/*.py", "tests/**/*.py")
    for path in sorted(ROOT.glob(pattern))
}
OURS = {name for name in FILES if name.split(".")[0] in ("smpp_server", "routing")}


@cache
def tree(name: str) -> ast.Module:
    """The parsed module."""
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


def nodes(names: Iterable[str]) -> Iterator[tuple[str, ast.AST]]:
    """Every node of the named modules with "module:line" before it."""
    for name in names:
        for node in ast.walk(tree(name)):
            yield f"{name}:{getattr(node, 'lineno', 0)}", node


@cache
def imports(name: str) -> frozenset[str]:
    """What `name` imports, wherever in the file; of ours, the module that is meant."""
    found = set()
    for where, node in nodes([name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{where} imports by dots"
            full = {f"{node.module}.{alias.name}" for alias in node.names}
            whole = node.module in OURS  # a name in that module, or a module of that package
            found |= {str(node.module) if whole and one not in OURS else one for one in full}
    return frozenset(found - {name})


def short(name: str) -> str:
    """The name as the tables above write it."""
    return name.removeprefix("smpp_server.")


def fits(name: str, patterns: str) -> bool:
    """Whether `name` is one of the patterns, set apart by spaces."""
    return any(fnmatchcase(short(name), pattern) for pattern in patterns.split())


def place(name: str) -> tuple[int, str]:
    """Level and room of one of our modules; level -1 when the table does not know it."""
    rooms = ((level, room) for level, row in LEVELS.items() for room in row.split(","))
    return next((at for at in rooms if fits(name, at[1])), (-1, name))


def none(faults: Iterable[str]) -> None:
    """Fails with every fault at once."""
    found = sorted(set(faults))
    assert not found, "\n".join(["", *found])


def test_every_module_has_a_level() -> None:
    none(f"{name} has no level" for name in OURS if place(name)[0] < 0)


def test_imports_go_one_way() -> None:
    pairs = [(place(a), a, place(b), b) for a in OURS for b in OURS & imports(a)]
    none(
        f"{a} (level {at[0]}) imports {b} (level {to[0]})"
        for at, a, to, b in pairs
        if to[0] >= at[0] and to != at
    )


def test_no_imports_in_a_circle() -> None:
    try:
        TopologicalSorter({name: OURS & imports(name) for name in OURS}).prepare()
    except CycleError as circle:
        none([" <- ".join(circle.args[1])])


def test_what_comes_from_outside_stays_where_it_belongs() -> None:
    pairs = [(name, other, other.split(".")[0]) for name in FILES for other in imports(name)]
    none(f"{a} imports {top}" for a, _, top in pairs if not fits(a, ONLY.get(top, "*")))
    none(f"{a} imports {b}" for a, b, _ in pairs if fits(b, NEVER.get(short(a), "")))


def test_what_decides_and_what_speaks_smpp_are_pure_and_strangers() -> None:
    allowed = {"routing": PURE | {"routing"}, "smpp": PURE | {"smpplib", "smpp_server"}}
    for part, tops in allowed.items():
        names = [name for name in OURS if fits(name, f"{part} {part}.*")]
        pairs = [(name, other) for name in names for other in imports(name)]
        none(f"{a} imports {b}" for a, b in pairs if b.split(".")[0] not in tops)
        none(f"{a} imports {b}" for a, b in pairs if b in OURS and not fits(b, f"{part} {part}.*"))


def test_clock_chance_and_reactor_come_from_app() -> None:
    def check() -> Iterator[str]:
        for where, node in nodes(OURS - {"smpp_server.app", "smpp_server.__main__"}):
            if isinstance(node, ast.Attribute) and not where.startswith("smpp_server.cli"):
                if any(fnmatchcase(ast.unparse(node), pattern) for pattern in REAL.split()):
                    yield f"{where} reads {ast.unparse(node)}"
            if isinstance(node, ast.ImportFrom) and node.module == "twisted.internet":
                if any(alias.name == "reactor" for alias in node.names):
                    yield f"{where} takes the global reactor"

    none(check())


def test_no_float_decides_about_money() -> None:
    def check() -> Iterator[str]:
        for where, node in nodes(name for name in OURS if fits(name, "routing routing.*")):
            if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
                yield f"{where} has the float {node.value}"
            elif isinstance(node, ast.Name) and node.id == "float":
                yield f"{where} says float"
            elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
                yield f"{where} divides with /, which makes floats of integers"

    none(check())


def test_sizes() -> None:
    def check() -> Iterator[str]:
        for name, path in FILES.items():
            lines = path.read_text(encoding="utf-8").splitlines()
            if len(lines) > FILE_LINES:
                yield f"{name} has {len(lines)} lines"
            yield from (f"{name}:{n} is wide" for n, s in enumerate(lines, 1) if len(s) > COLUMNS)
        for where, node in nodes(FILES):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                size = (node.end_lineno or 0) - node.lineno + 1
                if size > FUNCTION_LINES:
                    yield f"{where} {node.name} has {size} lines"

    none(check())


def defined(node: ast.AST) -> str:
    """The name that a node defines, "" if it defines none."""
    match node:
        case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
            return name
        case ast.arg(name) | ast.Name(name, ast.Store()) | ast.Attribute(_, name, ast.Store()):
            return name
        case ast.alias(_, str(name)):
            return name
    return ""


def test_names_say_what_a_thing_is() -> None:
    named = [(name, name) for name in FILES]
    named += [(where, defined(node)) for where, node in nodes(FILES)]
    none(
        f"{where} defines {name}"
        for where, name in named
        for part in re.findall("[A-Z]?[a-z]+|[A-Z]+", name)
        if BANNED.fullmatch(part.lower())
    )


def test_each_module_tells_its_purpose() -> None:
    first = {name: (ast.get_docstring(tree(name)) or "").partition("\n")[0] for name in FILES}
    none(f"{name}: its first line tells no purpose" for name in FILES if " " not in first[name])


def test_no_module_is_dead() -> None:
    used = ENTRY_POINTS.union(*(imports(name) for name in OURS))
    for _, node in nodes(OURS):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            used |= {node.value.partition(":")[0]}  # a command's module, imported when asked for
    none(f"{name} is imported by nothing" for name in OURS - used)


def test_no_test_is_evaded_and_no_line_hidden() -> None:
    for name in FILES:
        none([name] if PRAGMA.search(FILES[name].read_text(encoding="utf-8")) else [])
    words = [
        (where, getattr(node, "attr", getattr(node, "id", ""))) for where, node in nodes(FILES)
    ]
    words += [(name, one.rpartition(".")[2]) for name in FILES for one in imports(name)]
    none(f"{where} {word}" for where, word in words if EVASION.fullmatch(word))

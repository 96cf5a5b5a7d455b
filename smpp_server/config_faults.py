"""Check a TOML document against its keys and tell every fault in an operator's words."""

import copy
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from smpp_server.config_lines import Document, Fault, KeyPath, did_you_mean
from smpp_server.config_model import PATTERNS, Table

T = TypeVar("T", bound=Table)


def check(model: type[T], document: Document, faults: list[Fault]) -> T | None:
    """Read the document as `model`; on faults append them all and return None."""
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            path: KeyPath = tuple(step for step in one["loc"] if step != "[key]")
            sentence = _sentence(model, path, one["type"], one["msg"], one.get("ctx", {}))
            faults.append(document.fault(path, sentence))
        return None


def without(model: type[T], document: Document, faults: list[Fault]) -> T | None:
    """The tables with their faulty keys left out, or None when a needed key is missing."""
    data = copy.deepcopy(document.data)
    for fault in faults:
        here: Any = data
        *above, last = fault.key.split(".")
        for step in above:
            here = here.get(step, {}) if isinstance(here, dict) else {}
        if isinstance(here, dict):
            here.pop(last, None)
    return check(model, Document(document.name, data, document.lines), [])


def keys_at(model: type[BaseModel], path: KeyPath) -> tuple[str, ...]:
    """The keys that may stand in the table at `path`."""
    here: Any = model
    for step in path:
        if get_origin(here) is dict:
            here = get_args(here)[1]
        else:
            here = here.model_fields[str(step)].annotation
        if get_origin(here) is UnionType:
            here = get_args(here)[0]
    return tuple(field.alias or name for name, field in here.model_fields.items())


def _sentence(
    model: type[BaseModel], path: KeyPath, kind: str, message: str, context: dict[str, Any]
) -> str:
    match kind:
        case "extra_forbidden":
            return "unknown key" + did_you_mean(str(path[-1]), keys_at(model, path[:-1]))
        case "missing":
            return "is missing"
        case "string_pattern_mismatch":
            return PATTERNS[context["pattern"]]
        case "value_error":
            return str(context["error"])
        case "model_type" | "dict_type":
            return "must be a table"
        case "int_type":
            return "must be a whole number"
        case "bool_type":
            return "must be true or false"
        case "string_type":
            return "must be text in quotes"
        case "list_type":
            return "must be a list in square brackets"
        case "literal_error":
            return f"must be {context['expected']}"
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {context['max_length']} characters"
        case "greater_than_equal":
            return f"must be {context['ge']} or more"
        case "less_than_equal":
            return f"must be {context['le']} or less"
        case _:
            return message

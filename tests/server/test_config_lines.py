"""The locator: which line each key of a TOML file stands on."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from smpp_server.config_lines import KeyPath, locate

WORDS = st.text("ab\\\"'#[]{}=,. ", max_size=6)
TREES = st.recursive(
    st.integers() | WORDS | st.lists(st.integers(), max_size=3),
    lambda inner: st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


def rendered(tree: dict[str, object]) -> tuple[str, dict[KeyPath, int]]:
    """TOML text of a tree, and the line each key was written on."""
    lines: list[str] = []
    places: dict[KeyPath, int] = {}

    def quoted(words: str) -> str:
        return '"' + words.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def table(path: tuple[str, ...], content: dict[str, object]) -> None:
        if path:
            lines.append(f"[{' . '.join(map(quoted, path))}] # ] = [")
            places[path] = len(lines)
        for key, value in content.items():
            if not isinstance(value, dict):
                value = quoted(value) if isinstance(value, str) else str(value).replace(",", ",\n")
                places[(*path, key)] = len(lines) + 1
                lines.extend(f"{quoted(key)}= {value} # '''".split("\n"))
        for key, value in content.items():
            if isinstance(value, dict):
                table((*path, key), value)

    table((), tree)
    return "\n".join(lines), places


@given(st.dictionaries(WORDS, TREES, max_size=4))
def test_every_key_is_found_on_its_line(tree: dict[str, object]) -> None:
    text, places = rendered(tree)
    assert tomllib.loads(text) == tree
    assert locate(text) == (places, [])


@given(st.text("ab\"'#[]{}=,. \n\\"))
def test_any_text_can_be_walked_over(text: str) -> None:
    found, _ = locate(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())

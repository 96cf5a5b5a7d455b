"""The mark that ties a test to the section of SMPP 3.4 it holds us to."""

import pytest


def spec(*sections: str) -> pytest.MarkDecorator:
    """Marks a test with sections of SMPP 3.4 Issue 1.2, such as "4.6.1"."""
    return pytest.mark.spec(*sections)

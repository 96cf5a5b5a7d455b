"""Reads the price list of a simulated invoice."""

from pathlib import Path

from smpp_server.cli.place import Sentence
from smpp_server.smsc_invoice import PriceFault, Prices


def price_list(path: Path | None) -> Prices:
    """Lines of out|in,prefix,label,price; without a file a segment costs 0.0495, a text nothing.

    Raises Sentence.
    """
    if path is None:
        return Prices.flat("0.0495")
    try:
        return Prices.read(path.read_text("utf-8").splitlines())
    except PriceFault as fault:
        raise Sentence(f"{path}: {fault}") from None
    except OSError as error:
        raise Sentence(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Sentence(f"{path} is not UTF-8 text") from None

"""Text in pictures: how wide it is, what of it fits, how it is written in XML."""

import re
from html import escape

NAME, TEXT = 13.0, 11.0
"""Sizes of states' names and of all else, in pixels; the style sheet has them, too."""
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTHS = {
    **dict.fromkeys("iljtfI.,:;|!'`()[]{}/\\ ", 0.34),
    **dict.fromkeys("mwMW@%—…", 0.92),
    **dict.fromkeys('abcdeghknopqrsuvxyz0123456789_-$<>=+*~^"?', 0.6),
}
"""How wide characters are, roughly, in shares of the size; others, such as capitals, are 0.72."""
_BOLD = 1.12
"""How much wider bold text is."""
_IDEOGRAPHS = 0x2E80
"""From here on, characters are about as wide as they are high."""


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide text is, roughly."""
    return sum(map(_share, text)) * size * (_BOLD if bold else 1.0)


def _share(character: str) -> float:
    known = _WIDTHS.get(character)
    return known if known is not None else 0.72 if ord(character) < _IDEOGRAPHS else 1.0


def fitted(text: str, size: float, width: float, *, bold: bool = False, keep: float = 1.0) -> str:
    """Text that is no wider than some pixels.

    Args:
        text: the whole text.
        size: its size.
        width: how wide it may be.
        bold: whether it is bold.
        keep: the share of it that is kept before what is cut out: rules differ mostly at their ends.
    """
    line = " ".join(text.split())
    if width_of(line, size, bold=bold) <= width:
        return line
    room = width / size / (_BOLD if bold else 1.0) - _share("…")
    head, used = 0, 0.0
    while used + _share(line[head]) <= room * keep:
        used += _share(line[head])
        head += 1
    tail = len(line)
    while tail > head and used + _share(line[tail - 1]) <= room * (keep < 1):
        tail -= 1
        used += _share(line[tail])
    return f"{line[:head].rstrip()}…{line[tail:]}"


def sound(text: str) -> str:
    """Text without what no picture can have: controls, and halves of characters."""
    return _NOT_IN_XML.sub("\ufffd", text)


def xml(text: str) -> str:
    """Text in XML."""
    return escape(sound(text))


def number(value: float) -> str:
    """A length or place, as short as can be seen."""
    return f"{value:.1f}".rstrip("0").rstrip(".")

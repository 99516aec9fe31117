"""A program as bytes that run wherever they lie, made from what a compiler emits for Linux on x86-64.

LLVM's own loader takes longer to import than the kernel to load and, where code just fills its pages, ends the
process: it reserves a few bytes less than it uses. The kernel needs little of it. Its sections are laid behind each
other, and what they know of each other by distance is settled once. What remains are functions of the system; they are
called through a table of addresses at the end, which is filled when the image is loaded
(`simulator.fast.machine_code`).

The format of objects is that of the System V ABI for AMD64 (relocations: its table 4.9).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.fast.machine_code import IMAGE, WORD

_ALIGNMENT: Final = 64  # bytes, of sections at least and of the table
_ALLOCATED: Final = 2  # flag of sections that are there when the program runs
_PROGRAM, _SYMBOLS, _RELOCATIONS = 1, 2, 4  # types of sections
_DISTANCES: Final = {2, 4}  # relocations: the distance to a symbol, perhaps by way of a table
_VIA_TABLE: Final = {9, 41, 42}  # the distance to a symbol's address
_JUMP: Final = b"\xff\x25"  # to the address that lies so far ahead
_STUB: Final = 8  # bytes between jumps


class ImageError(Exception):
    """The object has something that an image cannot have."""


@dataclass(frozen=True)
class _Section:
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    def records(self, code: bytes, form: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a section that is a table."""
        return struct.iter_unpack(form, code[self.offset : self.offset + self.size])


@dataclass
class _Image:
    """An image while it is made.

    places: where each section lies, by its number. functions: the system's, in the order of the table.
    """

    bytes: bytearray = field(default_factory=bytearray)
    places: dict[int, int] = field(default_factory=dict)
    functions: list[str] = field(default_factory=list)
    jumps_at: int = 0
    table_at: int = 0

    def align(self, alignment: int) -> int:
        """Fill up; return the end."""
        self.bytes += bytes(-len(self.bytes) % max(alignment, _ALIGNMENT))
        return len(self.bytes)

    def place_table(self) -> None:
        """Add a jump to each of the system's functions, and the table of their addresses."""
        self.jumps_at = self.align(_ALIGNMENT)
        self.table_at = self.jumps_at + len(self.functions) * _STUB
        for number in range(len(self.functions)):
            ahead = self.table_at + number * WORD - (self.jumps_at + number * _STUB + 6)
            self.bytes += (_JUMP + struct.pack("<i", ahead)).ljust(_STUB, b"\xcc")
        self.bytes += bytes(len(self.functions) * WORD)


def made(code: bytes, symbol: str) -> bytes:
    """Return the image of an object; its entry is the function of this name. Raises ImageError."""
    try:
        return _made(code, symbol)
    except (struct.error, IndexError, KeyError, ValueError) as problem:
        raise ImageError(f"the object is not understood: {problem!r}") from problem


def _made(code: bytes, symbol: str) -> bytes:
    if code[:6] != b"\x7fELF\x02\x01":
        raise ImageError("it is no object for a machine of 64 bits")
    start, size, count = struct.unpack_from("<40xQ10xHH", code)[0], *struct.unpack_from("<58xHH", code)
    sections = [_Section(*struct.unpack_from("<IIQQQQIIQQ", code, start + number * size)) for number in range(count)]
    image = _Image()
    for number, section in enumerate(sections):
        if not section.flags & _ALLOCATED or not section.size:
            continue
        if section.type != _PROGRAM:
            raise ImageError(f"it has a section of type {section.type}")
        image.places[number] = image.align(section.alignment)
        image.bytes += code[section.offset : section.offset + section.size]
    (table,) = (section for section in sections if section.type == _SYMBOLS)
    names = sections[table.link]
    symbols = []
    for name, _kind, _other, where, value, _size in table.records(code, "<IBBHQQ"):
        begin = names.offset + name
        symbols.append((code[begin : code.index(b"\0", begin)].decode(), where, value))
    used = [section for section in sections if section.type == _RELOCATIONS and section.info in image.places]
    needed = {row[1] >> 32 for section in used for row in section.records(code, "<QQq")}
    image.functions = sorted({symbols[number][0] for number in needed if symbols[number][1] == 0})
    image.place_table()
    for section in used:
        for offset, what, addend in section.records(code, "<QQq"):
            place = image.places[section.info] + offset
            target = _target(image, symbols[what >> 32], what & 0xFFFFFFFF)
            struct.pack_into("<i", image.bytes, place, target + addend - place)
    (entry,) = (image.places[where] + value for name, where, value in symbols if name == symbol)
    table_of = {name: image.table_at + number * WORD for number, name in enumerate(image.functions)}
    head = json.dumps({"entry": entry, "functions": table_of}).encode()
    return IMAGE + head + b"\n" + bytes(image.bytes)


def _target(image: _Image, symbol: tuple[str, int, int], kind: int) -> int:
    """Return where a relocation of this kind points to."""
    name, where, value = symbol
    if where == 0 and kind in _DISTANCES:
        return image.jumps_at + image.functions.index(name) * _STUB
    if where == 0 and kind in _VIA_TABLE:
        return image.table_at + image.functions.index(name) * WORD
    if where in image.places and kind in _DISTANCES:
        return image.places[where] + value
    raise ImageError(f"a relocation of type {kind} to {name or 'a section'}")

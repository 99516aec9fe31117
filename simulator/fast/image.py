"""A program as bytes that run wherever they lie, made from what a compiler emits for Linux on x86-64.

LLVM's own loader takes longer to import than the kernel to load and, where code just fills its pages, ends the
process: it reserves a few bytes less than it uses. The kernel needs little of it. The sections of all its objects are
laid behind each other, and what they know of each other by distance is settled once. What remains are functions of the
system; they are called through a table of addresses at the end, which is filled when the image is loaded
(`simulator.fast.machine_code`).

The format of objects is that of the System V ABI for AMD64 (relocations: its table 4.9).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
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


@dataclass(frozen=True)
class _Symbol:
    """A symbol: its name, and the section and the offset where it is; section 0: elsewhere."""

    name: str
    section: int
    offset: int


class _Object:
    """What a compiler emitted.

    places: where each section that is there when the program runs lies in the image, by its number.
    """

    def __init__(self, code: bytes) -> None:
        if code[:6] != b"\x7fELF\x02\x01":
            raise ImageError("it is no object for a machine of 64 bits")
        self._code = code
        start, size, count = struct.unpack_from("<40xQ10xHH", code)[0], *struct.unpack_from("<58xHH", code)
        self._sections = [
            _Section(*struct.unpack_from("<IIQQQQIIQQ", code, start + number * size)) for number in range(count)
        ]
        (table,) = (section for section in self._sections if section.type == _SYMBOLS)
        names = self._sections[table.link]
        self.symbols: list[_Symbol] = []
        for name, _kind, _other, where, value, _size in self._records(table, "<IBBHQQ"):
            begin = names.offset + name
            self.symbols.append(_Symbol(code[begin : code.index(b"\0", begin)].decode(), where, value))
        self.places: dict[int, int] = {}

    def lay(self, image: _Image) -> None:
        """Add the sections to an image. Raises ImageError."""
        for number, section in enumerate(self._sections):
            if not section.flags & _ALLOCATED or not section.size:
                continue
            if section.type != _PROGRAM:
                raise ImageError(f"it has a section of type {section.type}")
            self.places[number] = image.align(section.alignment)
            image.bytes += self._code[section.offset : section.offset + section.size]

    def defined(self) -> dict[str, int]:
        """Return where the symbols with a name lie in the image."""
        found = (symbol for symbol in self.symbols if symbol.name and symbol.section in self.places)
        return {symbol.name: self.places[symbol.section] + symbol.offset for symbol in found}

    def relocations(self) -> Iterator[tuple[int, _Symbol, int, int]]:
        """Return for each distance where it stands in the image, to which symbol, its type, and what is added."""
        for section in self._sections:
            if section.type != _RELOCATIONS or section.info not in self.places:
                continue
            for offset, what, addend in self._records(section, "<QQq"):
                yield self.places[section.info] + offset, self.symbols[what >> 32], what & 0xFFFFFFFF, addend

    def _records(self, section: _Section, form: str) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a section that is a table."""
        return struct.iter_unpack(form, self._code[section.offset : section.offset + section.size])


@dataclass
class _Image:
    """An image while it is made.

    defined: where the symbols of all objects lie. functions: the system's, in the order of the table.
    """

    bytes: bytearray = field(default_factory=bytearray)
    defined: dict[str, int] = field(default_factory=dict)
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


def made(objects: Sequence[bytes], symbol: str) -> bytes:
    """Return the image of objects that call each other; its entry is the function of this name. Raises ImageError."""
    try:
        return _made([_Object(code) for code in objects], symbol)
    except (struct.error, IndexError, KeyError, ValueError) as problem:
        raise ImageError(f"the object is not understood: {problem!r}") from problem


def _made(objects: list[_Object], symbol: str) -> bytes:
    image = _Image()
    for one in objects:
        one.lay(image)
        image.defined |= one.defined()
    needed = {target.name for one in objects for _, target, _, _ in one.relocations() if target.section == 0}
    image.functions = sorted(needed - image.defined.keys())
    image.place_table()
    for one in objects:
        for place, target, kind, addend in one.relocations():
            struct.pack_into("<i", image.bytes, place, _target(image, one, target, kind) + addend - place)
    table_of = {name: image.table_at + number * WORD for number, name in enumerate(image.functions)}
    head = json.dumps({"entry": image.defined[symbol], "functions": table_of}).encode()
    return IMAGE + head + b"\n" + bytes(image.bytes)


def _target(image: _Image, one: _Object, symbol: _Symbol, kind: int) -> int:
    """Return where a relocation of this kind in an object points to."""
    if symbol.section in one.places and kind in _DISTANCES:
        return one.places[symbol.section] + symbol.offset
    if symbol.section == 0 and symbol.name in image.defined and kind in _DISTANCES:
        return image.defined[symbol.name]
    if symbol.section == 0 and symbol.name in image.functions and kind in _DISTANCES:
        return image.jumps_at + image.functions.index(symbol.name) * _STUB
    if symbol.section == 0 and symbol.name in image.functions and kind in _VIA_TABLE:
        return image.table_at + image.functions.index(symbol.name) * WORD
    raise ImageError(f"a relocation of type {kind} to {symbol.name or 'a section'}")

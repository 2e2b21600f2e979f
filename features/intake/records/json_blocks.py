"""A JSON file becomes blocks of lines with one object each: of lines, of a list, or of objects over many lines."""

import codecs
import json
from collections.abc import Iterator
from typing import IO

_LONGEST = 1 << 28  # characters of one record of a list, above which the file is refused


def read_blocks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Read a file in blocks of about `size` bytes, each of whole lines, each line an object."""
    first = stream.read(size).removeprefix(codecs.BOM_UTF8)
    if _is_spread(first):
        yield from _one_by_line(first, stream, size)
        return
    rest, block = b"", first
    while block:
        end = block.rfind(b"\n") + 1
        if end:
            yield rest + block[:end]
            rest = block[end:]
        else:
            rest += block
        block = stream.read(size)
    if rest:
        yield rest


def _is_spread(start: bytes) -> bool:
    """Tell whether a file holds a list, or objects over many lines: its first line is no object."""
    line = start.lstrip().split(b"\n", 1)[0].rstrip()
    return line.startswith(b"[") or (line.startswith(b"{") and line[-1:] in b"{[," and b"\n" in start.strip())


def _one_by_line(first: bytes, stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Put each object of a list, or of a sequence of objects, on a line of its own."""
    # What is no Unicode becomes half a surrogate pair, and is told from a text by the reader of lines.
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    objects = json.JSONDecoder(strict=False)
    text, lines, block, length = "", [], first, 0
    is_list, last = first.lstrip().startswith(b"["), b""
    while True:
        text += decode(block, final=not block)
        begin = _skip(text, 0)
        while begin < len(text):
            try:
                _, end = objects.raw_decode(text, begin)
            except (ValueError, RecursionError) as error:
                if not block:
                    raise ValueError("an object is broken off, or no JSON") from error
                break
            if end == len(text) and block:  # a number may go on
                break
            lines.append(text[begin:end].replace("\n", " ").replace("\r", " "))
            length += end - begin
            begin = _skip(text, end)
        text = text[begin:]
        if length >= size or not block:
            yield "\n".join(lines).encode("utf-8", "surrogateescape")
            lines, length = [], 0
        if not block:
            if is_list and not last.endswith(b"]"):
                raise ValueError("the list is broken off")
            return
        last = block.rstrip() or last
        if len(text) > _LONGEST:
            raise ValueError("a record does not end")
        block = stream.read(size)


def _skip(text: str, begin: int) -> int:
    """Skip white space, and what stands around the objects of a list."""
    while begin < len(text) and text[begin] in "[],\t\r\n ":
        begin += 1
    return begin

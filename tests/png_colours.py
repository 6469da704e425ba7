#!/usr/bin/env python3
"""Says what a picture of a browser is made of: width, height, and how many pixels have each of its commonest colours, a line
each. Argument: a PNG file of 8 bits a channel, not interlaced. https://www.w3.org/TR/png/"""
import collections
import struct
import sys
import zlib

data = open(sys.argv[1], "rb").read()
assert data[:8] == b"\x89PNG\r\n\x1a\n"
packed, at = b"", 8
while at < len(data):
    length, kind = struct.unpack(">I4s", data[at : at + 8])
    if kind == b"IHDR":
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", data[at + 8 : at + 21])
    if kind == b"IDAT":
        packed += data[at + 8 : at + 8 + length]
    at += length + 12
assert depth == 8 and colour in (2, 6) and not interlaced
size = 3 if colour == 2 else 4
raw, before, colours = zlib.decompress(packed), bytearray(width * size), collections.Counter()


def paeth(a, b, c):
    nearest = min((abs(b - c), 0), (abs(a - c), 1), (abs(a + b - 2 * c), 2))[1]
    return (a, b, c)[nearest]


for y in range(height):
    start = y * (width * size + 1)
    filtered, row = raw[start], bytearray(raw[start + 1 : start + 1 + width * size])
    for i in range(len(row)) if filtered else ():
        left, above = row[i - size] if i >= size else 0, before[i]
        corner = before[i - size] if i >= size else 0
        row[i] = (row[i] + (0, left, above, (left + above) // 2, paeth(left, above, corner))[filtered]) & 255
    colours.update(bytes(row[i : i + 3]) for i in range(0, len(row), size))
    before = row
print(width, height)
for rgb, pixels in colours.most_common(40):
    print("#" + rgb.hex(), pixels)

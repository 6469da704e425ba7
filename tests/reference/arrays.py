"""Writes arrays.npz, stored.npz and fortran.npy beside itself, with NumPy 1.24: what nn_npy_test.cpp reads."""
import pathlib

import numpy

here = pathlib.Path(__file__).parent
grid = numpy.array([[0.5, -1, 2], [3, 4.25, -5]])
arrays = {
    "big_doubles": grid.astype(">f8"),
    "big_shorts": numpy.array([-300, 0, 258], ">i2"),
    "bytes": numpy.array([0, 127, 255], "u1"),
    "empty": numpy.zeros((0, 3)),
    "fortran_floats": numpy.asfortranarray(grid.astype("<f4")),
    "longs": numpy.array([-(2**40), 2**52 + 1], "<i8"),
    "scalar": numpy.array(7, "<u4"),
    "truths": numpy.array([True, False]),
}
numpy.savez_compressed(here / "arrays.npz", **arrays)
numpy.savez(here / "stored.npz", x=grid, y=numpy.array([1, 0]))
numpy.save(here / "fortran.npy", numpy.asfortranarray(numpy.arange(24.0).reshape(2, 3, 4)))

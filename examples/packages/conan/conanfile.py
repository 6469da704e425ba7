"""A recipe for Conan 2: `conan create examples/packages/conan --build=missing` in a clone. Test: test_package beside it.

Conan Center's xtensor, xsimd and onednn bring files that pkg-config and CMake read; what meson looks for by name, dnnl and
minizip, is found in the folders that the generators name."""
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy
from conan.tools.gnu import PkgConfigDeps
from conan.tools.meson import Meson, MesonToolchain


class XtensorAutodiff(ConanFile):
    name = "xtensor-autodiff"
    license = "BSD-3-Clause"
    description = "Reverse-mode automatic differentiation over xtensor arrays, and neural networks on top"
    topics = ("autodiff", "neural-networks", "xtensor")
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False], "fPIC": [True, False], "instruction_set": ["ANY"]}
    default_options = {"shared": False, "fPIC": True, "instruction_set": ""}

    def set_version(self):
        numbers = [line.split()[-1] for line in open(os.path.join(self.source_folder_of_clone(), "autodiff", "version.hpp"))
                   if line.startswith("#define XTENSOR_AUTODIFF_VERSION_")]
        self.version = ".".join(numbers)

    def source_folder_of_clone(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def export_sources(self):
        for pattern in ("meson.build", "meson_options.txt", "LICENSE", "autodiff/*", "nn/*"):
            copy(self, pattern, self.source_folder_of_clone(), self.export_sources_folder)

    def requirements(self):
        self.requires("xtensor/0.24.7", transitive_headers=True)
        self.requires("xsimd/9.0.1", transitive_headers=True)
        self.requires("eigen/3.4.0")
        self.requires("onednn/3.5.3")
        self.requires("zlib/1.3.1")
        self.requires("minizip/1.3.1")
        self.requires("nlohmann_json/3.11.3")

    def build_requirements(self):
        self.tool_requires("meson/[>=1.0]")
        self.tool_requires("pkgconf/[>=2]")

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        PkgConfigDeps(self).generate()
        toolchain = MesonToolchain(self)
        toolchain.project_options.update(tests=False, examples=False, mpi="disabled",
                                         instruction_set=str(self.options.instruction_set))
        toolchain.generate()

    def build(self):
        meson = Meson(self)
        meson.configure()
        meson.build()

    def package(self):
        Meson(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        self.cpp_info.components["autodiff"].libs = ["xtensor-autodiff"]
        self.cpp_info.components["autodiff"].requires = ["xtensor::xtensor", "xsimd::xsimd", "eigen::eigen", "onednn::onednn"]
        self.cpp_info.components["nn"].libs = ["xtensor-autodiff-nn"]
        self.cpp_info.components["nn"].requires = ["autodiff", "zlib::zlib", "minizip::minizip", "nlohmann_json::nlohmann_json"]

"""A recipe for Conan 2, of the clone that it lies in: `conan create examples/packages/conan --build=missing
-s compiler.cppstd=20`; with `-pr examples/packages/conan/debian.profile`, everything comes from Debian's packages.

Conan Center has no oneDNN (August 2026), which therefore always comes from the system."""
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, rmdir
from conan.tools.gnu import PkgConfigDeps
from conan.tools.layout import basic_layout
from conan.tools.meson import Meson, MesonToolchain
from conan.tools.system.package_manager import Apt, Dnf, PacMan


class XtensorAutodiff(ConanFile):
    name = "xtensor-autodiff"
    license = "BSD-3-Clause"
    description = "Reverse-mode automatic differentiation over xtensor arrays, and neural networks on top"
    topics = ("autodiff", "neural-networks", "xtensor")
    package_type = "library"
    settings = "os", "compiler", "build_type", "arch"
    options = {"shared": [True, False], "fPIC": [True, False], "instruction_set": ["ANY"]}
    # The library uses xsimd itself; xtensor with it asks for one release of it, and aligns arrays differently.
    default_options = {"shared": False, "fPIC": True, "instruction_set": "", "xtensor/*:xsimd": False, "minizip/*:bzip2": False}
    implements = ["auto_shared_fpic"]

    def set_version(self):
        numbers = [line.split()[-1] for line in open(os.path.join(self.clone(), "autodiff", "version.hpp"))
                   if line.startswith("#define XTENSOR_AUTODIFF_VERSION_")]
        self.version = ".".join(numbers)

    def clone(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def export_sources(self):
        for pattern in ("meson.build", "meson_options.txt", "LICENSE", "autodiff/*", "nn/*"):
            copy(self, pattern, self.clone(), self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("xtensor/[>=0.24.7 <0.28]", transitive_headers=True)
        self.requires("xsimd/[>=13.0 <15]", transitive_headers=True)
        self.requires("eigen/[>=3.4 <4]")
        if self.settings.arch == "x86_64":
            self.requires("xbyak/[>=6 <8]")
        self.requires("zlib/[>=1.2.11 <2]")
        self.requires("minizip/[>=1.2.13 <2]")
        self.requires("nlohmann_json/[>=3.11 <4]")

    def build_requirements(self):
        self.tool_requires("meson/[>=1.0 <2]")
        self.tool_requires("pkgconf/[>=1.8 <3]")

    def system_requirements(self):
        Apt(self).install(["libdnnl-dev"])
        Dnf(self).install(["onednn-devel"])
        PacMan(self).install(["onednn"])

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
        for generated in ("cmake", "pkgconfig"):  # Conan's generators write their own
            rmdir(self, os.path.join(self.package_folder, "lib", generated))
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))

    def package_info(self):
        autodiff, nn = self.cpp_info.components["autodiff"], self.cpp_info.components["nn"]
        autodiff.libs = ["xtensor-autodiff"]
        autodiff.requires = ["xtensor::xtensor", "xsimd::xsimd", "eigen::eigen"]
        if self.settings.arch == "x86_64":
            autodiff.requires.append("xbyak::xbyak")
        autodiff.system_libs = [] if self.options.shared else ["dnnl", "gomp", "pthread", "m"]
        nn.libs = ["xtensor-autodiff-nn"]
        nn.requires = ["autodiff", "zlib::zlib", "minizip::minizip", "nlohmann_json::nlohmann_json"]

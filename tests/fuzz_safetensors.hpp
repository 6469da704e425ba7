// What a program that mutates files needs to know of safetensors files.
#pragma once

#include <filesystem>
#include <string>

namespace fuzz {

/// The bytes of a good file with a bit of everything, for mutations to start from.
std::string safetensors_example();
/// Reads the file as a user would, all elements included. A bad file is a DataError; anything else is a fault.
void read_safetensors(const std::filesystem::path& path);

}  // namespace fuzz

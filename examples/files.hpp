// Options and files of the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

/// An option, and the file that it names, or nothing.
using NamedFile = std::pair<std::string, std::string>;

/// Throws nn::DataError for an output that is an input or an earlier output, by whatever name or link.
void need_distinct_files(const std::vector<NamedFile>& inputs, const std::vector<NamedFile>& outputs);

/// Throws CLI::ExtrasError for the name of an option that does not exist, and says which are near. The parser itself
/// would complain of what is required first.
void need_known_options(const CLI::App& app, int argc, const char* const* argv);

/// Adds --memory: what a table may take, as "500M" or "2G".
void declare_memory(CLI::App& app, std::size_t& bytes);

// The numbers of reference/optimisers.csv.
#pragma once

#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// A row: its numbers, by the case and the step.
inline const std::vector<double>& reference(std::string_view what, int step = 0) {
  static const auto rows = [] {
    std::map<std::pair<std::string, int>, std::vector<double>> rows;
    std::ifstream file(REFERENCE "/optimisers.csv");
    for (std::string line, name, field; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream fields(line);
      std::getline(std::getline(fields, name, ','), field, ',');
      auto& row = rows[{name, std::stoi(field)}];
      while (std::getline(fields, field, ',')) row.push_back(std::stod(field));
    }
    return rows;
  }();
  const auto row = rows.find({std::string(what), step});
  INFO(what << ", step " << step);
  REQUIRE(row != rows.end());
  return row->second;
}

inline doctest::Approx about(double x) { return doctest::Approx(x).epsilon(1e-12); }

}  // namespace test

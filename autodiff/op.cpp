#include "op.hpp"

namespace autodiff {

void check_arity(std::string_view operation, std::size_t takes, std::size_t given) {
  if (takes != given)
    fail<ShapeError>(operation, "takes ", takes, takes == 1 ? " argument" : " arguments", ", not ", given);
}

Shape broadcast_shape(std::string_view operation, std::span<const Dims> shapes) {
  std::size_t rank = 0;
  for (Dims s : shapes) rank = std::max(rank, s.size());
  Shape result(rank, 1);
  for (Dims s : shapes) {
    for (std::size_t i = 0; i < s.size(); ++i) {
      std::size_t& length = result[rank - s.size() + i];
      if (s[i] == length || s[i] == 1) continue;
      if (length == 1) {
        length = s[i];
        continue;
      }
      std::string all;
      for (Dims each : shapes) all += (all.empty() ? "" : " and ") + to_string(each);
      fail<ShapeError>(operation, "shapes do not broadcast: ", all);
    }
  }
  return result;
}

}  // namespace autodiff

#include "draw.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "draw/network.hpp"
#include "draw/picture.hpp"
#include "explain/check_loss.hpp"

namespace autodiff {

namespace {

template <Real T>
std::string drawn(const Variable<T>& loss, const std::string& ending, const DrawOptions& options) {
  if (ending == ".svg" && options.layers && !options.report)
    if (const auto network = detail::network_of(loss)) return detail::as_svg(*network, options);
  const auto picture = detail::picture_of(loss, options);
  if (ending == ".txt") return detail::as_text(picture);
  const auto dot = detail::as_dot(picture);
  return ending == ".dot" ? dot : detail::laid_out(dot, ending.substr(1));
}

}  // namespace

template <Real T>
void draw(const Variable<T>& loss, const std::filesystem::path& path, const DrawOptions& options) {
  const std::string ending = path.extension().string();
  if (ending != ".svg" && ending != ".png" && ending != ".dot" && ending != ".txt")
    fail<ValueError>("draw", "the path must end with .svg, .png, .dot or .txt: \"", path.string(), '"');
  detail::check_recorded("draw", loss);
  if (options.values || options.gradients || options.cotangents) detail::check_loss("draw", loss);
  const auto text = drawn(loss, ending, options);
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (!file) fail<ValueError>("draw", "\"", path.string(), "\" cannot be written: ", std::strerror(errno));
}

template void draw(const Variable<float>&, const std::filesystem::path&, const DrawOptions&);
template void draw(const Variable<double>&, const std::filesystem::path&, const DrawOptions&);

}  // namespace autodiff

#include "pictures.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace nn::detail {

std::optional<PictureForm> picture_form(autodiff::Dims sample, const ReportOptions& options) {
  const auto [height, width] = options.image;
  const std::size_t pixels = height * width, features = autodiff::count(sample);
  if (sample.size() == 1 && pixels > 0 && (features == pixels || features == 3 * pixels))
    return PictureForm{height, width, features / pixels, false};
  const bool flat = sample.size() == 2, coloured = sample.size() == 3 && (sample[0] == 1 || sample[0] == 3);
  if (!(flat || coloured) || sample[sample.size() - 2] < 2 || sample.back() < 2) return {};
  return PictureForm{sample[sample.size() - 2], sample.back(), flat ? 1 : sample[0], true};
}

std::string bytes_of(std::span<const double> numbers, double low, double high) {
  constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t i) -> unsigned {
    const double share = i < numbers.size() && high > low ? (numbers[i] - low) / (high - low) : 0;
    return share > 0 ? static_cast<unsigned>(std::lround(255 * std::min(share, 1.0))) : 0;
  };
  std::string text;
  for (std::size_t i = 0; i < numbers.size(); i += 3) {
    const unsigned three = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (std::size_t k = 0; k < 4; ++k) text += k > numbers.size() - i ? '=' : letters[three >> (18 - 6 * k) & 63];
  }
  return text;
}

namespace {

/// The channels of a pixel together.
nlohmann::json picture(std::span<const double> numbers, const PictureForm& form, double low, double high) {
  const std::size_t pixels = form.height * form.width;
  std::vector<double> together(numbers.begin(), numbers.end());
  if (form.channels_first)
    for (std::size_t c = 0; c < form.channels; ++c)
      for (std::size_t i = 0; i < pixels; ++i) together[i * form.channels + c] = numbers[c * pixels + i];
  return {{"height", form.height}, {"width", form.width}, {"bytes", bytes_of(together, low, high)}};
}

}  // namespace

nlohmann::json picture(std::span<const double> numbers, const PictureForm& form) {
  const auto [low, high] = std::ranges::minmax(numbers);
  return picture(numbers, form, low, high);
}

nlohmann::json signed_picture(std::span<const double> numbers, const PictureForm& form, double most) {
  return picture(numbers, form, -most * 128 / 127, most);
}

double short_number(double x) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, x, std::chars_format::scientific, 5).ptr;
  std::from_chars(text, end, x);
  return x;
}

nlohmann::json short_numbers(std::span<const double> numbers) {
  auto result = nlohmann::json::array();
  for (const double x : numbers) result.push_back(short_number(x));
  return result;
}

}  // namespace nn::detail

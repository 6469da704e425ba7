// Numbers as pictures that a page can show.
#pragma once

#include <autodiff/array.hpp>
#include <nlohmann/json_fwd.hpp>
#include <nn/report/report.hpp>
#include <optional>
#include <span>
#include <string>

namespace nn::detail {

/// A picture in one row of numbers: (height, width, channels), or of several channels (channels, height, width).
struct PictureForm {
  std::size_t height, width, channels;
  bool channels_first;
};

/// What samples of this shape look like, if they are images.
std::optional<PictureForm> picture_form(autodiff::Dims sample, const ReportOptions& options);

/// Bytes, one each, as base64, RFC 4648: numbers from low to high become 0 to 255.
std::string bytes_of(std::span<const double> numbers, double low, double high);

/// A sample as an image, its least number black and its largest one white.
nlohmann::json picture(std::span<const double> numbers, const PictureForm& form);
/// Weights as an image of which 128 is zero, and the largest size, `most`, 1 or 255.
nlohmann::json signed_picture(std::span<const double> numbers, const PictureForm& form, double most);

/// A number in as many digits as people read, for pages that have many.
double short_number(double x);
nlohmann::json short_numbers(std::span<const double> numbers);

}  // namespace nn::detail

// Training curves as a picture.
#pragma once

#include <filesystem>
#include <string>

#include "history.hpp"

namespace nn {

/// Draws the columns of a history over its column "epoch", or over the number of the row if there is none. One panel
/// has "loss" and all that ends in "_loss", on a logarithmic scale where they are positive and span two decades; one
/// has what lies between 0 and 1, as an accuracy does; each other quantity has its own, beside its validation ("mae",
/// "validation_mae"); "learning_rate" has a small one; and "seconds" is not drawn. Values that are not finite are gaps.
///
/// The ending of the path says what is written: .svg or .html, which need nothing else; or .png, by gnuplot. Throws
/// ValueError for another ending, and for no rows or no columns to draw; DataError when the file cannot be written, or
/// gnuplot is not there or fails. The old file is there until the new one is.
void plot(const History& history, const std::filesystem::path& path);

/// The same in letters, for a terminal of so many columns.
std::string plot_text(const History& history, std::size_t width = 80);

/// Whether a picture can be drawn there, as is better known before training than after. Throws what plot throws for the
/// path, or for the lack of a gnuplot that works; an old file stays as it is.
void check_plot(const std::filesystem::path& path);

}  // namespace nn

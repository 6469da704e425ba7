// Pictures by gnuplot, a program of its own that may be installed.
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nn/base/text.hpp>

#include "panels.hpp"

extern char** environ;

namespace nn {

using autodiff::fail;

namespace {

/// Text that gnuplot takes as it stands, whatever is in it.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

std::string axis_commands(const std::string& name, const Axis& axis) {
  std::string text = (axis.logarithmic ? "set logscale " : "unset logscale ") + name + "\nset " + name + "range [" +
                     digits(axis.low) + ':' + digits(axis.high) + "]\nset " + name + "tics (";
  for (const auto& tick : axis.ticks)
    text += (text.ends_with('(') ? "" : ", ") + quoted(tick.label) + ' ' + digits(tick.value);
  return text + ")\n";
}

std::size_t legend_columns(const Panel& panel) {
  const auto is_long = [](const Series& series) { return series.label.size() > 26; };
  return std::ranges::any_of(panel.series, is_long) ? 1 : 2;
}

// In pixels: the title of a panel, beside its legend, and the whole of it.
double head_of(const Panel& panel) {
  return 20 + 16 * std::ceil(static_cast<double>(panel.series.size()) / static_cast<double>(legend_columns(panel)));
}
double height_of(const Panel& panel) { return head_of(panel) + (panel.small ? 90 : 250); }

std::string script_of(const Panels& all) {
  std::string text = "set encoding utf8\n";
  std::size_t block = 0;
  double height = 30;  // of the picture, whose foot names the axis
  for (const auto& panel : all.panels) {
    text += "$data" + std::to_string(block++) + " << EOD\n";
    for (std::size_t i = 0; i < all.x.size(); ++i) {
      text += digits(all.x[i]);
      for (const auto& series : panel.series)
        text += ' ' + (std::isnan(series.values[i]) ? "NaN" : digits(series.values[i]));
      text += '\n';
    }
    text += "EOD\n";
    height += height_of(panel);
  }
  const std::string size = " noenhanced font ',10' size 800, " + digits(height);
  text += "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) { set terminal pngcairo" + size +
          " } else { set terminal png" + size + " }\nset multiplot\nset lmargin at screen " +
          digits(0.03 + 0.01 * static_cast<double>(all.longest_label())) + "\nset rmargin at screen 0.97\n" +
          "set border lc rgb '#9a9a9a'\nset tics textcolor rgb '#4a4a4a' scale 0.5\nset grid lc rgb '#e3e3e3' lt 1\n" +
          "set key horizontal right bottom Left reverse samplen 2 textcolor rgb '#4a4a4a'\n" +
          axis_commands("x", all.axis);
  double y = 0;
  for (std::size_t p = 0; p < all.panels.size(); ++p) {
    const auto& panel = all.panels[p];
    const double top = y + head_of(panel);
    y += height_of(panel);
    const auto screen = [&](double pixels) { return "screen " + digits(1 - pixels / height); };
    text += "set tmargin at " + screen(top) + "\nset bmargin at " + screen(y - 24) +
            (panel.has_legend()
                 ? "\nset key on at graph 1, " + screen(top - 8) + " maxcols " + std::to_string(legend_columns(panel))
                 : "\nset key off") +
            "\nset label 1 " + quoted(panel.title) + " at graph 0, " + screen(top - 14) + " textcolor rgb '#4a4a4a'\n" +
            axis_commands("y", panel.axis);
    if (p + 1 == all.panels.size()) text += "set xlabel 'epoch' textcolor rgb '#4a4a4a'\n";
    for (std::size_t s = 0; s < panel.series.size(); ++s)
      text += (s == 0 ? "plot $data" : ", $data") + std::to_string(p) + " using 1:" + std::to_string(s + 2) +
              " with linespoints lw 1.8 pt 7 ps " + (all.x.size() == 1 ? "1" : "0.2") +
              (s < curve_colours.size() ? "" : " dt 2") + " lc rgb '" + curve_colours[s % curve_colours.size()] +
              "' title " + quoted(panel.series[s].label);
    text += '\n';
  }
  return text + "unset multiplot\n";
}

/// A file without a name, gone when it is closed.
class Temporary {
 public:
  Temporary() : file_(std::tmpfile()) {
    if (!file_) fail<DataError>("plot", "no temporary file can be made: ", std::strerror(errno));
  }
  ~Temporary() { std::fclose(file_); }
  Temporary(const Temporary&) = delete;

  int descriptor() const { return ::fileno(file_); }
  void write(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() || std::fflush(file_) != 0)
      fail<DataError>("plot", "a temporary file cannot be written: ", std::strerror(errno));
    std::rewind(file_);
  }
  std::string read() {
    std::rewind(file_);
    std::string text;
    char part[1 << 14];
    while (const auto size = std::fread(part, 1, sizeof part, file_)) text.append(part, size);
    return text;
  }

 private:
  std::FILE* file_;
};

}  // namespace

std::string gnuplot_png(const Panels& all) {
  Temporary script, picture, errors;
  script.write(script_of(all));
  // Without the settings of its user.
  std::string name = "gnuplot", settings = "--default-settings";
  char* const arguments[] = {name.data(), settings.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, script.descriptor(), 0);
  ::posix_spawn_file_actions_adddup2(&actions, picture.descriptor(), 1);
  ::posix_spawn_file_actions_adddup2(&actions, errors.descriptor(), 2);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, name.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT)
    fail<DataError>("plot", "a .png needs gnuplot, which is not installed: install it, or write a .svg instead");
  if (error != 0) fail<DataError>("plot", "gnuplot cannot be started: ", std::strerror(error));
  int status = 0;
  while (::waitpid(process, &status, 0) == -1 && errno == EINTR) continue;
  auto png = picture.read();
  if (status != 0 || !png.starts_with("\x89PNG"))
    fail<DataError>("plot", "gnuplot has failed: ", in_quotes(errors.read()));
  return png;
}

}  // namespace nn

#include <cmath>
#include <sstream>
#include <thread>

#include "nn_support.hpp"

TEST_CASE("what is left is told in words, and a string is no terminal") {
  CHECK(nn::duration_text(4.9) == "4 s");
  CHECK(nn::duration_text(125) == "2:05 min");
  CHECK(nn::duration_text(3725) == "1:02:05 h");
  CHECK(nn::duration_text(std::nan("")) == "?");
  CHECK(!nn::is_terminal(std::ostringstream()));
}

TEST_CASE("progress is a bar on a terminal") {
  std::ostringstream terminal;
  {
    nn::Progress bar(terminal, true, 4, 100);
    bar.advance(10, 2, 50);  // too soon to be shown
    CHECK(terminal.str().empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
    bar.advance(40, 2, 50);
    CHECK(terminal.str().find("\033[?7l\r  epoch 2/4 [============            ] ") == 0);  // does not wrap
    CHECK(terminal.str().ends_with("\033[?7h"));                                           // what follows does again
    CHECK(terminal.str().find(" samples/s, 0 s left") != std::string::npos);
  }
  CHECK(terminal.str().ends_with("\r\033[K"));  // gone in the end
}

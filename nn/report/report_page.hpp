// What a report is made of besides its data, which go between the two.
#pragma once

namespace nn::detail {

extern const char* const page_head;
extern const char* const page_foot;

}  // namespace nn::detail

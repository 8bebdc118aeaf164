// SPDX-License-Identifier: Apache-2.0
// Cuts a product into tiles of a few rows by a few tokens, so that what is loaded once serves several sums.
#pragma once

#include <cstddef>

#include "bench/llm/kernels.h"

namespace ainode::llm {

/// Calls tile<Rows, Tokens>(row, token) over the whole part; what is left at the edges in tiles of one.
template <std::size_t Rows, std::size_t Tokens, class Tile>
void in_tiles(const Part& part, Tile&& tile) {
  std::size_t row = part.first_row;
  const auto all_tokens = [&]<std::size_t R>() {
    std::size_t token = 0;
    for (; token + Tokens <= part.tokens; token += Tokens) tile.template operator()<R, Tokens>(row, token);
    for (; token < part.tokens; ++token) tile.template operator()<R, 1>(row, token);
  };
  // For one token there is nothing to share, and memory gives most when it is read as one stream.
  for (; part.tokens > 1 && row + Rows <= part.last_row; row += Rows) all_tokens.template operator()<Rows>();
  for (; row < part.last_row; ++row) all_tokens.template operator()<1>();
}

}  // namespace ainode::llm

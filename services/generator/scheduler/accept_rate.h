#pragma once

// How often the model chose what was guessed.

#include <cstdint>

namespace sluice::generator {

// Counts that fade with each guess that was judged. Threads: engine thread
// only.
class AcceptRate {
 public:
  // `kept`: the weight of a guess after one more, below 1.
  explicit AcceptRate(double kept) : kept_(kept) {}

  // Of the guesses of a draft the first `right` were chosen; of `tried` ones,
  // if there were more, the next was not, and of those behind it nobody knows.
  void Add(int32_t right, int32_t tried) {
    for (int32_t i = 0; i < right; ++i) Fade(1);
    if (right < tried) Fade(0);
  }
  // Where little is known, what is `expected` of it.
  double Value(double expected) const {
    return (right_ + kExpectedGuesses * expected) /
           (judged_ + kExpectedGuesses);
  }

 private:
  static constexpr double kExpectedGuesses = 2;

  void Fade(double right) {
    right_ = right_ * kept_ + right;
    judged_ = judged_ * kept_ + 1;
  }

  double kept_;
  double right_ = 0;
  double judged_ = 0;
};

}  // namespace sluice::generator

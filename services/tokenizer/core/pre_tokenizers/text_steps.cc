#include "services/tokenizer/core/pre_tokenizers/text_steps.h"

#include <utility>

#include "common/vocabulary/byte_alphabet.h"
#include "common/vocabulary/utf8.h"

namespace sluice::tokenizer {
namespace {

// Rewrites the pieces of a job one after the other. The text that `write`
// makes of a piece is then that piece.
class PieceRewriter {
 public:
  explicit PieceRewriter(PreTokenized& job)
      : job_(job), edit_(job.text.text()) {}

  template <typename Write>
  void ForEachPiece(const Write& write) {
    const std::string_view before = job_.text.text();
    for (Piece& piece : job_.pieces) {
      edit_.Keep(piece.begin - edit_.position());
      const auto begin = static_cast<uint32_t>(edit_.written());
      write(piece, piece.In(before), edit_);
      piece = {begin, static_cast<uint32_t>(edit_.written())};
    }
    edit_.Apply(job_.text);
  }

 private:
  PreTokenized& job_;
  TextEdit edit_;
};

class Metaspace final : public PreTokenizerStep {
 public:
  explicit Metaspace(MetaspaceOptions options) : options_(std::move(options)) {}

  absl::Status Run(PreTokenized& job) const override {
    PieceRewriter(job).ForEachPiece(
        [&](const Piece& piece, std::string_view part, TextEdit& edit) {
          Write(job, piece, part, edit);
        });
    if (options_.split) Cut(job);
    return absl::OkStatus();
  }

 private:
  void Write(const PreTokenized& job, const Piece& piece, std::string_view part,
             TextEdit& edit) const {
    const bool starts =
        part.starts_with(' ') || part.starts_with(options_.replacement);
    const bool prepend =
        options_.scheme == PrependScheme::kAlways ||
        (options_.scheme == PrependScheme::kFirst && job.begins_input &&
         job.text.OriginalBegin(piece.begin) == 0);
    if (prepend && !starts) edit.Swap(0, options_.replacement);
    for (char c : part) {
      if (c == ' ') {
        edit.Swap(1, options_.replacement);
      } else {
        edit.Keep(1);
      }
    }
  }

  void Cut(PreTokenized& job) const {
    const std::string_view text = job.text.text();
    std::vector<Piece> finer;
    for (const Piece& piece : job.pieces) {
      uint32_t begin = piece.begin;
      const std::string_view part = piece.In(text);
      for (size_t at = part.find(options_.replacement, 1);
           at != std::string_view::npos;
           at = part.find(options_.replacement, at + 1)) {
        const auto cut = static_cast<uint32_t>(piece.begin + at);
        finer.push_back({begin, cut});
        begin = cut;
      }
      if (begin < piece.end) finer.push_back({begin, piece.end});
    }
    job.pieces = std::move(finer);
  }

  MetaspaceOptions options_;
};

class PrefixSpace final : public PreTokenizerStep {
 public:
  absl::Status Run(PreTokenized& job) const override {
    PieceRewriter(job).ForEachPiece(
        [](const Piece&, std::string_view part, TextEdit& edit) {
          if (!part.starts_with(' ')) edit.Swap(0, " ");
          edit.Keep(part.size());
        });
    return absl::OkStatus();
  }
};

class ByteLetters final : public PreTokenizerStep {
 public:
  absl::Status Run(PreTokenized& job) const override {
    PieceRewriter(job).ForEachPiece([this](const Piece&, std::string_view part,
                                           TextEdit& edit) {
      while (!part.empty()) {
        const std::string_view character = part.substr(0, Utf8Length(part[0]));
        const std::string spelling = alphabet_.SpellingOf(character);
        if (spelling == character) {
          edit.Keep(character.size());
        } else {
          edit.Swap(character.size(), spelling);
        }
        part.remove_prefix(character.size());
      }
    });
    return absl::OkStatus();
  }

 private:
  ByteAlphabet alphabet_;
};

}  // namespace

std::unique_ptr<PreTokenizerStep> MakeMetaspace(MetaspaceOptions options) {
  return std::make_unique<Metaspace>(std::move(options));
}

std::unique_ptr<PreTokenizerStep> MakePrefixSpace() {
  return std::make_unique<PrefixSpace>();
}

std::unique_ptr<PreTokenizerStep> MakeByteLetters() {
  return std::make_unique<ByteLetters>();
}

}  // namespace sluice::tokenizer

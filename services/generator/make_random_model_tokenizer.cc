#include "services/generator/make_random_model_tokenizer.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "common/base/check.h"
#include "services/generator/make_random_model_shape.h"

namespace sluice::generator {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kChatTemplate =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% endif %}";

struct SpecialToken {
  int32_t id;
  const char* text;
};
constexpr SpecialToken kSpecialTokens[] = {
    {kRandomModelEndOfText, "<|endoftext|>"},
    {kRandomModelImStart, "<|im_start|>"},
    {kRandomModelImEnd, "<|im_end|>"}};

bool IsPrintable(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         byte >= 0xae;
}

std::string Utf8(int code_point) {
  SLUICE_CHECK(code_point < 0x800, "byte characters need at most two bytes");
  if (code_point < 0x80) return std::string(1, static_cast<char>(code_point));
  return {static_cast<char>(0xc0 | (code_point >> 6)),
          static_cast<char>(0x80 | (code_point & 0x3f))};
}

// GPT-2's alphabet: printable bytes stand for themselves, the others take the
// characters from U+0100 on in order.
void AddByteTokens(Json& vocabulary) {
  int next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[Utf8(IsPrintable(byte) ? byte : next++)] = byte;
  }
}

// A space and at least two syllables; the digits of `index` in base 100.
std::string MadeUpWord(int32_t index) {
  constexpr std::string_view kConsonants = "bcdfghjklmnpqrstvwxz";
  constexpr std::string_view kVowels = "aeiou";
  std::string word;
  for (int syllables = 0; syllables < 2 || index > 0; ++syllables) {
    const int digit = index % 100;
    index /= 100;
    word.insert(0, {kConsonants[digit / 5], kVowels[digit % 5]});
  }
  return "\xc4\xa0" + word;  // U+0120 stands for the space
}

Json ByteLevel() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", true}};
}

Json AddedToken(const SpecialToken& token) {
  return {{"content", token.text}, {"single_word", false}, {"lstrip", false},
          {"rstrip", false},       {"normalized", false},  {"special", true}};
}

}  // namespace

std::string RandomTokenizerJson(const ModelConfig& config) {
  SLUICE_CHECK(config.vocabulary_size >= kRandomModelMinVocabulary,
               "the vocabulary holds all bytes and special tokens");
  Json vocabulary = Json::object();
  AddByteTokens(vocabulary);
  Json added = Json::array();
  for (const SpecialToken& token : kSpecialTokens) {
    Json entry = {{"id", token.id}};
    entry.update(AddedToken(token));
    added.push_back(std::move(entry));
  }
  // Appended to the ordered container itself: operator[] searches it from the
  // start each time.
  auto& entries = vocabulary.get_ref<Json::object_t&>();
  for (int32_t id = kRandomModelImEnd + 1; id < config.vocabulary_size; ++id) {
    entries.push_back({MadeUpWord(id - kRandomModelImEnd - 1), id});
  }
  const Json json = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", std::move(added)},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", ByteLevel()},
                     {"post_processor", nullptr},
                     {"decoder", ByteLevel()},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", nullptr},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"byte_fallback", false},
                       {"vocab", std::move(vocabulary)},
                       {"merges", Json::array()}}}};
  return json.dump(1) + "\n";
}

std::string RandomTokenizerConfigJson(const ModelConfig& config) {
  Json added = Json::object();
  for (const SpecialToken& token : kSpecialTokens) {
    added[std::to_string(token.id)] = AddedToken(token);
  }
  const Json json = {{"add_prefix_space", false},
                     {"added_tokens_decoder", std::move(added)},
                     {"bos_token", nullptr},
                     {"chat_template", kChatTemplate},
                     {"clean_up_tokenization_spaces", false},
                     {"eos_token", "<|im_end|>"},
                     {"model_max_length", config.max_positions},
                     {"pad_token", "<|endoftext|>"},
                     {"tokenizer_class", "PreTrainedTokenizerFast"},
                     {"unk_token", nullptr}};
  return json.dump(2) + "\n";
}

}  // namespace sluice::generator

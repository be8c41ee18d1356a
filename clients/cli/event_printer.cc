#include "clients/cli/event_printer.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "google/protobuf/util/json_util.h"

namespace sluice::cli {
namespace {

std::string ReasonName(generator::v1::FinishReason reason) {
  switch (reason) {
    case generator::v1::FINISH_REASON_EOS:
      return "end of text";
    case generator::v1::FINISH_REASON_STOP:
      return "stop";
    case generator::v1::FINISH_REASON_LENGTH:
      return "length limit";
    default:
      return "unknown reason";
  }
}

class TextPrinter final : public EventPrinter {
 public:
  TextPrinter(Output& output, const Clock& clock)
      : output_(output), clock_(clock), start_(clock.Now()) {}

  void Show(const Event& event) override {
    if (event.queued != nullptr) {
      Status(absl::StrCat("waiting, ", event.queued->position(), " ahead"));
    } else if (event.started != nullptr) {
      cached_tokens_ = event.started->cached_tokens();
      prompt_tokens_ = event.started->prompt_tokens();
      Status("reading the prompt");
    } else if (event.progress != nullptr) {
      Status(absl::StrCat("reading the prompt, ",
                          event.progress->prompt_tokens_done(), " of ",
                          prompt_tokens_, " tokens"));
    } else if (event.delta != nullptr) {
      ShowText(event.delta->text());
    } else if (event.finished != nullptr) {
      Finish(*event.finished);
    }
  }

  void End() override {
    ClearStatus();
    EndLine();
  }

 private:
  void ShowText(const std::string& text) {
    if (text.empty()) return;
    ClearStatus();
    if (!first_text_.has_value()) first_text_ = clock_.Now();
    output_.out << (output_.terminals.out ? SafeForTerminal(text) : text)
                << std::flush;
    at_line_start_ = text.back() == '\n';
  }

  // One line on the terminal that the next one overwrites.
  void Status(const std::string& text) {
    if (!output_.terminals.err || first_text_.has_value()) return;
    output_.err << "\r\x1b[K" << Dim(text) << std::flush;
    status_shown_ = true;
  }

  void ClearStatus() {
    if (status_shown_) output_.err << "\r\x1b[K" << std::flush;
    status_shown_ = false;
  }

  void EndLine() {
    if (!at_line_start_) output_.out << "\n" << std::flush;
    at_line_start_ = true;
  }

  void Finish(const gateway::v1::Finished& finished) {
    ClearStatus();
    EndLine();
    if (!output_.terminals.err) return;
    const Nanos now = clock_.Now();
    const int tokens = finished.usage().generated_tokens();
    const double seconds = ToSeconds(now - start_);
    std::string line = absl::StrFormat("%d tokens in %.2f s", tokens, seconds);
    const double decode = finished.timings().decode_seconds();
    if (decode > 0 && tokens > 1) {
      absl::StrAppendFormat(&line, " (%.1f/s)", (tokens - 1) / decode);
    }
    if (first_text_.has_value()) {
      absl::StrAppendFormat(&line, ", first text after %.2f s",
                            ToSeconds(*first_text_ - start_));
    }
    absl::StrAppendFormat(&line, ", prompt %d (%d cached), %s",
                          finished.usage().prompt_tokens(), cached_tokens_,
                          ReasonName(finished.reason()));
    output_.err << Dim(line) << "\n" << std::flush;
  }

  Output& output_;
  const Clock& clock_;
  const Nanos start_;
  std::optional<Nanos> first_text_;
  int prompt_tokens_ = 0;
  int cached_tokens_ = 0;
  bool status_shown_ = false;
  bool at_line_start_ = true;
};

class JsonPrinter final : public EventPrinter {
 public:
  explicit JsonPrinter(Output& output) : output_(output) {}

  void Show(const Event& event) override {
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string json;
    const auto status = google::protobuf::util::MessageToJsonString(
        event.message, &json, options);
    if (status.ok()) output_.out << json << "\n" << std::flush;
  }
  void End() override {}

 private:
  Output& output_;
};

}  // namespace

std::unique_ptr<EventPrinter> MakeTextPrinter(Output& output,
                                              const Clock& clock) {
  return std::make_unique<TextPrinter>(output, clock);
}

std::unique_ptr<EventPrinter> MakeJsonPrinter(Output& output) {
  return std::make_unique<JsonPrinter>(output);
}

}  // namespace sluice::cli
